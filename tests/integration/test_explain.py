"""explain: where each value comes from, who set it, and what it means."""
import json
import random
import time

import pytest
from consumers import Consumer
from harness import PATIENCE_S, Daemon, Repo
from layered import SCHEMA, SECRET, STT, TTS, at, layered


@pytest.fixture
def repo(tmp_path):
    return layered(tmp_path / "config")


def explained(repo, *args, **options):
    told = json.loads(at(repo, "explain", *args, "--json", check=0, **options).stdout)
    return {key["key"]: key for key in told["keys"]}


def test_each_value_has_its_layer_its_place_and_its_commit(repo):
    keys = explained(repo, "stt-worker")
    first, second = repo.head("HEAD~1"), repo.head()
    assert {k: (v["source"], v["file"], v["line"], v["commit"]) for k, v in keys.items() if k in ("/language", "/log_level", "/sample_rate", "/vad_threshold")} == {
        "/language": ("default", "schemas/speech.yaml", SCHEMA.splitlines().index("  language: {type: string, default: en, deprecated: true}") + 1, second),
        "/log_level": ("base", "bases/common.yaml", 1, second),
        "/sample_rate": ("file", STT, 12, first),
        "/vad_threshold": ("profile", "profiles/quiet/stt-worker.yaml", 1, second),
    }
    assert keys["/sample_rate"]["author"] == "Ada <ada@example.org>" and keys["/sample_rate"]["subject"] == "config: begin"
    assert keys["/vad_threshold"]["value"] == 0.7 and keys["/vad_threshold"]["column"] == 16


def test_a_key_is_told_with_all_its_layers_and_what_the_schema_says(repo):
    text = at(repo, "explain", "stt-worker", "vad_threshold", check=0).stdout
    for line in ("/vad_threshold: 0.7", "  from       profile  profiles/quiet/stt-worker.yaml:1", "  beneath    0.55  file services/audio/stt-worker.yaml:8",
                 "  beneath    0.5  default schemas/speech.yaml:11", "  variable   STT_VAD overrides it where it is set; it is not set here",
                 "  title      Voice detector threshold", "  about      How sure the voice detector has to be.", "  type       number, 0 to 1",
                 "  examples   0.4, 0.6", "  level      simple"):
        assert line in text.splitlines(), (line, text)
    assert f"  set by     {repo.head()[:12]}  " in text
    assert "one of tiny.en, base.en, small.en, medium.en" in at(repo, "explain", "stt-worker", "whisper_model", check=0).stdout
    assert "  restart  " in at(repo, "explain", "stt-worker", "whisper_model", check=0).stdout
    assert "  deprecated " in at(repo, "explain", "stt-worker", "language", check=0).stdout
    told = explained(repo, "stt-worker", "/vad_threshold")["/vad_threshold"]
    assert [(layer["source"], layer["value"]) for layer in told["layers"]] == [("default", 0.5), ("file", 0.55), ("profile", 0.7)]
    assert told["schema"]["minimum"] == 0 and told["schema"]["title"] == "Voice detector threshold"


def test_the_variable_that_overrides_it_is_told_and_whether_it_is_set(repo):
    told = explained(repo, "stt-worker", "vad_threshold")["/vad_threshold"]
    assert told["environment"] == {"is_set": False, "overridden_at": None, "value": None, "variable": "STT_VAD"}
    told = explained(repo, "stt-worker", "vad_threshold", STT_VAD="0.9")["/vad_threshold"]
    assert told["environment"] == {"is_set": True, "overridden_at": None, "value": "0.9", "variable": "STT_VAD"} and told["source"] == "profile"
    assert "STT_VAD is set here and overrides it: 0.9" in at(repo, "explain", "stt-worker", "vad_threshold", STT_VAD="0.9", check=0).stdout
    assert "profile, STT_VAD is set here" in at(repo, "explain", "stt-worker", STT_VAD="0.9", check=0).stdout


def test_what_is_secret_is_not_shown(repo):
    repo.commit({STT: f"api_key: {SECRET}2\nsample_rate: 1\n", "profiles/quiet/stt-worker.yaml": f"api_key: {SECRET}3\n"})
    for args in (["stt-worker"], ["stt-worker", "api_key"], ["stt-worker", "--json"], ["stt-worker", "api_key", "--json"]):
        result = at(repo, "explain", *args, check=0, STT_KEY=f"{SECRET}4")
        assert SECRET not in result.stdout + result.stderr, args
    told = explained(repo, "stt-worker", "api_key", STT_KEY="x")["/api_key"]
    assert told["secret"] is True and told["value"] is None and told["environment"] == {"is_set": True, "overridden_at": None, "value": None, "variable": "STT_KEY"}
    assert "(secret)" in at(repo, "explain", "stt-worker", "api_key", check=0).stdout


def test_a_secret_within_a_list_or_a_mapping_is_shown_nowhere(repo):
    repo.commit({"epoch.yaml": None,
                 "schemas/lamp.yaml": "properties:\n  users: {items: {properties: {token: {x-secret: true}}}}\n"
                                      "  tls: {properties: {key: {x-secret: true}}}\n  pin: {x-secret: true, enum: [canary0, x]}\n",
                 "services/lamp.yaml": "users: [{token: canary1}]\ntls: {port: 1, key: canary2}\npin: x\n"})
    repo.write({"services/lamp.yaml": "users: [{token: canary3}, {token: canary4}]\ntls: 5\npin: x\n"})
    for args in (["plan"], ["plan", "--json"], ["plan", "--format", "markdown"], ["explain", "lamp"], ["explain", "lamp", "users"],
                 ["explain", "lamp", "pin"], ["explain", "lamp", "--json"], ["explain", "lamp", "--at", "HEAD"]):
        result = at(repo, *args, check=0)
        assert "canary" not in result.stdout + result.stderr, (args, result.stdout)
    assert "/users: (secret) → (secret)" in at(repo, "plan").stdout and "/tls: (secret) → (secret)" in at(repo, "plan").stdout
    repo.write({"services/lamp.yaml": "users: []\npin: x\n"})
    result = at(repo, "plan")
    assert "canary" not in result.stdout and "/tls: (secret) removed" in result.stdout


def test_edits_are_not_committed_yet(repo):
    repo.write({"profiles/quiet/stt-worker.yaml": "# new\nvad_threshold: 0.8\nextra: 1\n"})
    keys = explained(repo, "stt-worker")
    assert [(keys[k]["value"], keys[k]["line"], keys[k]["blame"], keys[k]["commit"]) for k in ("/vad_threshold", "/extra")] == [
        (0.8, 2, "uncommitted", None), (1, 3, "uncommitted", None)]
    assert "not committed" in at(repo, "explain", "stt-worker", "extra", check=0).stdout
    assert explained(repo, "stt-worker", "--at", "HEAD")["/vad_threshold"]["value"] == 0.7


def test_the_line_is_right_after_merges_and_moves(repo):
    text = (repo.path / STT).read_text()
    repo.git("checkout", "-q", "-b", "side")
    side = repo.commit({STT: text.replace("sample_rate: 16000", "sample_rate: 8000")}, "slower")
    repo.git("checkout", "-q", "main")
    main = repo.commit({STT: "# one more line above\n" + text.replace("silence_ms: 700", "silence_ms: 600")}, "shorter")
    repo.git("merge", "-q", "--no-edit", "side")
    keys = explained(repo, "stt-worker")
    assert (keys["/sample_rate"]["commit"], keys["/silence_ms"]["commit"]) == (side, main)
    assert keys["/padding_ms"]["commit"] == repo.head(f"{main}~2")
    repo.git("mv", STT, "services/stt-worker.yaml")
    repo.commit(message="moved")
    keys = explained(repo, "stt-worker")
    assert keys["/sample_rate"]["commit"] == side and keys["/sample_rate"]["file"] == "services/stt-worker.yaml"


def test_it_agrees_with_git_blame_on_a_random_history(tmp_path):
    repo, lots = Repo(tmp_path / "config"), random.Random(4711)
    values = {f"k{i:02}": 0 for i in range(20)}
    for n in range(40):
        for name in lots.sample(sorted(values), 3):
            values[name] = n
        if n % 7 == 3:
            repo.git("checkout", "-q", "-b", f"b{n}", "HEAD~1")
        order = sorted(values) if n % 5 else sorted(values, key=lambda k: values[k])
        repo.commit({"services/x.yaml": "".join(f"{k}: {values[k]}\n" for k in order)}, f"n{n}")
        if n % 7 == 3:
            repo.git("checkout", "-q", "main")
            how = ["-s", "ours"] if n % 2 else ["-X", "theirs"]
            repo.git("merge", "-q", *how, "--no-edit", f"b{n}")
    blame = [line.split()[0] for line in repo.git("blame", "-s", "-l", "--root", "HEAD", "--", "services/x.yaml").stdout.splitlines()]
    for key in explained(repo, "x").values():
        assert key["commit"] == blame[key["line"] - 1], key


def test_another_profile_or_none(repo):
    assert explained(repo, "tts-worker", "--profile", "night")["/volume"]["source"] == "profile"
    assert "/volume" not in explained(repo, "tts-worker")
    assert explained(repo, "stt-worker", "--profile", "-")["/vad_threshold"]["source"] == "file"


def test_a_part_and_a_list(repo):
    repo.commit({TTS: "voice:\n  name: amy\n  speed: 1.0\nwords: [a,\n  b]\n"})
    assert sorted(explained(repo, "tts-worker", "voice")) == ["/voice/name", "/voice/speed"]
    late = repo.commit({TTS: "voice:\n  name: amy\n  speed: 1.0\nwords: [a,\n  c]\n"}, "c")
    told = explained(repo, "tts-worker", "words")["/words"]
    assert told["value"] == ["a", "c"] and told["commit"] == late, "the newest of its lines counts"


@pytest.mark.parametrize("args, words", [
    (["stt-wroker"], "there is no service 'stt-wroker'; did you mean \"stt-worker\"? [no-service]"),
    (["stt-worker", "vad_treshold"], 'there is no key /vad_treshold; did you mean "/vad_threshold"? [no-key]'),
    (["stt-worker", "zzz"], "there is no key /zzz [no-key]"),
    (["stt-worker", "--profile", "nihgt"], "there is no profile 'nihgt'; did you mean \"night\"? [no-profile]"),
    (["NO"], "cannot be the name of a service"),
    (["stt-worker", "a..b"], "a name between dots is empty"),
])
def test_a_name_that_there_is_not(repo, args, words):
    result = at(repo, "explain", *args)
    assert words in result.stderr and result.returncode in (2, 3), result


def test_a_key_that_only_the_schema_knows(repo):
    repo.commit({"schemas/speech.yaml": SCHEMA + "  beam_width: {type: integer, minimum: 1}\n"})
    text = at(repo, "explain", "stt-worker", "beam_width", check=0).stdout
    assert text.splitlines()[:2] == ["/beam_width: -", "  from       nothing sets it"] and "integer, at least 1" in text


def test_what_is_not_valid_is_found(repo):
    repo.write({STT: "a: 1\na: 2\n"})
    result = at(repo, "explain", "stt-worker", check=1)
    assert f"{STT}:2:1: key 'a' stands twice" in result.stderr and result.stdout == ""


def test_an_epoch_by_its_number(repo, tmp_path, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(2)
    repo.commit({"profiles/quiet/stt-worker.yaml": "vad_threshold: 0.9\n"})
    daemon.published(3)
    told = json.loads(daemon.ctl("-C", repo.path, "explain", "stt-worker", "vad_threshold", "--at", "2", "--json", check=0).stdout)
    assert told["keys"][0]["value"] == 0.7 and told["commit"] == repo.head("HEAD~1")


def test_which_consumers_said_that_their_environment_overrides_it(repo, tmp_path, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(2)
    for instance, pointers in (("box", ["/vad_threshold"]), ("pi3", ["/vad_threshold", "/api_key"]), ("pi4", [])):
        ends(Consumer(broker.port, "stt-worker", instance)).acknowledge(2, overridden=pointers)
    wait = time.monotonic() + PATIENCE_S
    while daemon.ctl("status", check=0).stdout.count("stt-worker@") < 3:
        assert time.monotonic() < wait, daemon.ctl("status").stdout
    told = json.loads(daemon.ctl("-C", repo.path, "explain", "stt-worker", "vad_threshold", "--json", check=0).stdout)["keys"][0]
    assert told["environment"]["overridden_at"] == "box, pi3"
    assert "  overridden box, pi3\n" in daemon.ctl("-C", repo.path, "explain", "stt-worker", "vad_threshold", check=0).stdout
    assert "base, overridden at pi3" in daemon.ctl("-C", repo.path, "explain", "stt-worker", check=0).stdout
    other = layered(tmp_path / "other")
    assert "overridden" not in daemon.ctl("-C", other.path, "explain", "stt-worker", check=0).stdout, "another repository's service"


def test_in_a_bare_repository_it_is_the_branch(repo, tmp_path):
    repo.git("clone", "-q", "--bare", str(repo.path), str(tmp_path / "bare.git"))
    assert explained(Repo(tmp_path / "bare.git"), "stt-worker")["/vad_threshold"]["value"] == 0.7


def test_a_shallow_clone_says_where_it_ends(repo, tmp_path):
    repo.commit({STT: (repo.path / STT).read_text() + "late: 1\n"})
    repo.git("clone", "-q", "--depth", "1", f"file://{repo.path}", str(tmp_path / "shallow"))
    keys = explained(Repo(tmp_path / "shallow"), "stt-worker")
    assert (keys["/sample_rate"]["blame"], keys["/sample_rate"]["author"]) == ("at-or-before", None)
    assert keys["/sample_rate"]["commit"] == repo.head()
    assert f"<={repo.head()[:12]}" in at(Repo(tmp_path / "shallow"), "explain", "stt-worker", check=0).stdout


def test_before_the_first_commit_nothing_is_blamed(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.write({"services/x.yaml": "a: 1\n"})
    assert explained(repo, "x")["/a"]["blame"] is None


def test_it_finds_one_where_there_are_many(tmp_path):
    """2,000 services of one base and one schema, and 30 commits to look through."""
    repo = layered(tmp_path / "config")
    repo.commit({f"services/many/s-{i:04}.yaml": "a: 1\n" for i in range(2000)})
    for n in range(30):
        repo.commit({f"services/many/s-{n:04}.yaml": f"a: {n + 2}\n"})
    assert explained(repo, "s-1999")["/a"]["value"] == 1
