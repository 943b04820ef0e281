"""profile: which there are, what they change, switching, keeping what is so now as one."""
import json

import pytest
import yaml
from harness import Daemon, ctl
from layered import RULES, SECRET, STT, TTS, at, layered


@pytest.fixture
def repo(tmp_path):
    repo = layered(tmp_path / "config")
    ctl("init", repo.path, check=0)
    return repo


def text(repo, path, rev="HEAD"):
    return repo.git("show", f"{rev}:{path}").stdout


def effective(repo, service):
    told = json.loads(at(repo, "explain", service, "--json", check=0).stdout)
    return {key["key"]: key["value"] for key in told["keys"]}


def test_list_says_which_is_active_and_whom_they_change(repo):
    assert at(repo, "profile", "list", check=0).stdout == "night\t-\ttts-worker\nquiet\tactive\tstt-worker\n"
    assert json.loads(at(repo, "profile", "list", "--json", check=0).stdout) == [
        {"active": False, "profile": "night", "services": ["tts-worker"]}, {"active": True, "profile": "quiet", "services": ["stt-worker"]}]


def test_list_of_none(home):
    result = at(home, "profile", "list", check=0)
    assert result.stdout == "" and "there is no profile yet" in result.stderr
    assert at(home, "profile", "list", "--json", check=0).stdout == "[]\n"


def test_show_says_what_it_changes(repo):
    assert at(repo, "profile", "show", "quiet", check=0).stdout == "~ stt-worker\n    /vad_threshold: 0.55 → 0.7\n1 service of 6 changes: 1 updated\n"


def test_diff_says_what_would_change(repo):
    wanted = "~ stt-worker\n    /vad_threshold: 0.7 → 0.55\n~ tts-worker\n    /volume: 0.2 added\n2 services of 6 change: 2 updated\n"
    assert at(repo, "profile", "diff", "night", check=0).stdout == wanted
    assert at(repo, "profile", "diff", "quiet", "night", check=0).stdout == wanted
    assert at(repo, "profile", "diff", "--none", check=0).stdout.splitlines()[1] == "    /vad_threshold: 0.7 → 0.55"
    told = json.loads(at(repo, "profile", "diff", "night", "--json", check=0).stdout)
    assert [service["service"] for service in told["services"]] == ["stt-worker", "tts-worker"]
    assert at(repo, "profile", "diff", "quiet", check=0).stdout == "no service changes\n"


def test_use_changes_that_line_of_epoch_yaml_and_is_a_commit(repo):
    result = at(repo, "profile", "use", "night", check=0)
    assert text(repo, "epoch.yaml") == RULES.replace("quiet", "night")
    assert "profile: quiet → night\n" in result.stdout and "/volume: 0.2 added" in result.stdout
    assert repo.git("log", "-1", "--format=%s").stdout == "profile: use night\n" and repo.git("status", "--porcelain").stdout == ""
    assert at(repo, "profile", "use", "night", check=0).stdout == "it is so already; nothing was written\n"
    out = json.loads(at(repo, "profile", "use", "--none", "--json", check=0).stdout)
    assert out["plan"]["profile"] == {"after": None, "before": "night"} and out["services"] == ["tts-worker"]
    assert text(repo, "epoch.yaml") == RULES.replace("profile: quiet\n", "")


def test_use_makes_epoch_yaml_where_there_is_none(home):
    home.commit({"profiles/quiet/stt-worker.yaml": "volume: 1\n"})
    at(home, "profile", "use", "quiet", check=0)
    assert text(home, "epoch.yaml") == "profile: quiet\n"


def test_use_is_published_as_an_epoch(repo, tmp_path, broker, ends, subscriber):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(2)
    result = daemon.ctl("-C", repo.path, "profile", "use", "night", check=0)
    assert "epoch 3 published: stt-worker, tts-worker" in result.stdout
    subscriber.epoch(3)
    assert json.loads(subscriber.on("system/config/tts-worker")[-1])["config"]["volume"] == 0.2


def test_use_of_one_that_is_not_valid_is_refused(repo):
    repo.commit({"profiles/quiet/stt-worker.yaml": "vad_threshold: 0.9\n"})
    before = repo.head()
    repo.git("rm", "-q", "-r", "profiles/night")
    repo.commit({"profiles/night/stt-worker.yaml": "vad_threshold: 3\n"}, "bad")
    result = at(repo, "profile", "use", "night", check=1)
    assert "profiles/night/stt-worker.yaml:1:16: vad_threshold: 3 is above the maximum 1 [schema.maximum]" in result.stderr
    assert repo.head("HEAD~1") == before


@pytest.mark.parametrize("args, rc, words", [
    (["use", "nihgt"], 2, "there is no profile 'nihgt'; did you mean \"night\"? [no-profile]"),
    (["show", "zzz"], 2, "there is no profile 'zzz' [no-profile]"),
    (["diff", "quiet", "nihgt"], 2, 'did you mean "night"?'),
    (["save", "Bad"], 2, "'Bad' cannot be the name of a profile"),
    (["save", "loud", "stt-wroker"], 2, 'did you mean "stt-worker"?'),
    (["use"], 2, "usage: epochctl profile"),
    (["show"], 2, "usage: epochctl profile"),
    (["show", "quiet", "night"], 2, "usage: epochctl profile"),
    (["use", "quiet", "--none"], 2, "usage: epochctl profile"),
    (["list", "quiet"], 2, "usage: epochctl profile"),
    (["drop", "quiet"], 2, ""),
])
def test_a_wrong_command_line_is_told(repo, args, rc, words):
    before = repo.head()
    result = at(repo, "profile", *args)
    assert (result.returncode, words in result.stderr) == (rc, True), result
    assert repo.head() == before


def test_save_keeps_what_is_so_now(repo):
    service = (repo.path / STT).read_text()
    repo.write({STT: service.replace("silence_ms: 700", "silence_ms: 300").replace("padding_ms: 240\n", "") + "deep:\n  a: 1\n  b: [null, {}]\n"})
    now = effective(repo, "stt-worker")
    result = at(repo, "profile", "save", "loud", check=0)
    assert yaml.safe_load(text(repo, "profiles/loud/stt-worker.yaml")) == {
        "vad_threshold": 0.7, "silence_ms": 300, "padding_ms": None, "deep": {"a": 1, "b": [None, {}]}}
    assert "profiles/loud touches stt-worker" in result.stdout
    assert repo.git("status", "--porcelain").stdout == f" M {STT}\n", "the edits stay"
    repo.git("checkout", "-q", STT)
    at(repo, "profile", "use", "loud", check=0)
    assert effective(repo, "stt-worker") == now, "used, it is what was saved"


def test_save_replaces_for_the_services_that_are_named(repo):
    repo.write({TTS: "volume: 0.5\n"})
    at(repo, "profile", "save", "night", check=0)
    files = repo.git("ls-tree", "-r", "--name-only", "HEAD", "profiles/night").stdout.split()
    assert files == ["profiles/night/stt-worker.yaml", "profiles/night/tts-worker.yaml"], "the active profile's changes too"
    assert yaml.safe_load(text(repo, "profiles/night/tts-worker.yaml"))["volume"] == 0.5
    repo.git("checkout", "-q", TTS)
    at(repo, "profile", "save", "night", "tts-worker", "stt-worker", check=0)
    assert repo.git("ls-tree", "-r", "--name-only", "HEAD", "profiles/night").stdout.split() == ["profiles/night/stt-worker.yaml"]


def test_save_of_nothing_and_of_null_is_refused(repo):
    at(repo, "profile", "use", "--none", check=0)
    assert "nothing is otherwise" in at(repo, "profile", "save", "loud", check=1).stderr
    repo.write({TTS: "volume: null\n"})
    assert "tts-worker: volume is null or holds one, and in a profile null takes a value away [edit.refused]" in at(repo, "profile", "save", "loud", check=1).stderr
    repo.write({TTS: "a: 1\na: 2\n"})
    assert "is not valid as it is" in at(repo, "profile", "save", "loud", check=1).stderr


def test_a_service_that_is_new_cannot_be_saved(repo):
    repo.write({"services/lamp.yaml": "a: 1\n"})
    assert "not committed yet: there is no service 'lamp'" in at(repo, "profile", "save", "loud", check=2).stderr


def test_no_secret_is_shown(repo):
    repo.commit({"profiles/night/stt-worker.yaml": f"api_key: {SECRET}5\n"})
    for args in (["show", "night"], ["diff", "night"], ["diff", "night", "--json"], ["use", "night"]):
        result = at(repo, "profile", *args, check=0)
        assert SECRET not in result.stdout + result.stderr, args


# --- set in a profile ----------------------------------------------------------------------------------------------------


def test_set_says_which_line_of_the_active_profile_hides_a_value(repo):
    told = at(repo, "set", "stt-worker", "vad_threshold=0.6", check=0)
    assert "no service changes" in told.stdout
    assert told.stderr.startswith("epochctl: note: /vad_threshold is what the active profile quiet says at profiles/quiet/stt-worker.yaml:1:16\n"
                                  "What to do: epochctl set --profile quiet stt-worker '/vad_threshold=…'\n")
    same = at(repo, "set", "stt-worker", "vad_threshold=0.6", check=0)
    assert same.stdout == "it is so already; nothing was written\n" and "the active profile quiet says" in same.stderr
    assert "note:" not in at(repo, "set", "tts-worker", "volume=0.3", check=0).stderr  # the one that hides it is not active


def test_set_changes_what_a_profile_says(repo):
    told = at(repo, "set", "--profile", "quiet", "stt-worker", "vad_threshold=0.8", check=0)
    assert "    /vad_threshold: 0.7 → 0.8\n" in told.stdout and text(repo, "profiles/quiet/stt-worker.yaml") == "vad_threshold: 0.8\n"
    assert repo.git("log", "-1", "--format=%s").stdout == "stt-worker: set /vad_threshold in the profile quiet\n"
    at(repo, "set", "--profile", "quiet", "tts-worker", "volume=0.1", check=0)  # a patch that was not there
    assert text(repo, "profiles/quiet/tts-worker.yaml") == "volume: 0.1\n" and effective(repo, "tts-worker")["/volume"] == 0.1
    at(repo, "unset", "--profile", "quiet", "tts-worker", "volume", check=0)
    assert text(repo, "profiles/quiet/tts-worker.yaml") == "{}\n"
    assert "there is no profile 'quit'; did you mean \"quiet\"?" in at(repo, "set", "--profile", "quit", "stt-worker", "a=1").stderr
