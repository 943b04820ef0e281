"""What the schema refuses is refused where it is made: by the verbs that write, and by check in every form."""
import json
import os

import pytest
from harness import Daemon, ctl
from layered import STT, at, layered

WORDS = "vad_threshold: 1.4 is above the maximum 1"


@pytest.fixture
def repo(tmp_path):
    repo = layered(tmp_path / "config")
    ctl("init", repo.path, check=0)
    return repo


def state(repo):
    return repo.head(), repo.git("status", "--porcelain").stdout, (repo.path / STT).read_text()


@pytest.mark.parametrize("args", [["--json"], []])
def test_set_is_refused_at_the_line_it_would_write(repo, args):
    before = state(repo)
    result = at(repo, "set", "stt-worker", "vad_threshold=1.4", *args, check=1)
    assert f"{STT}:8:16: {WORDS} [schema.maximum]" in result.stderr and "nothing was written" in result.stderr
    assert state(repo) == before
    if args:
        out = json.loads(result.stdout)
        assert (out["verdict"], out["code"], out["commit"]) == ("refused", "schema.maximum", None)
        assert [(f["file"], f["line"], f["column"]) for f in out["findings"]] == [(STT, 8, 16)]


def test_set_of_what_a_profile_lays_over_is_judged_without_it_too(repo):
    """The active profile hides the value; another one does not, and the day may come."""
    assert "schema.maximum" in at(repo, "set", "stt-worker", "vad_threshold=7", check=1).stderr


def test_set_of_a_kind_that_is_not_wanted_says_what_yaml_reads(repo):
    result = at(repo, "set", "stt-worker", "whisper_model=huge", check=1)
    assert "tiny.en" in result.stderr and "[schema.enum]" in result.stderr


def test_unset_of_what_is_required_is_refused(repo):
    repo.commit({"schemas/speech.yaml": "type: object\nrequired: [sample_rate]\n"})
    before = state(repo)
    result = at(repo, "unset", "stt-worker", "sample_rate", check=1)
    assert "sample_rate" in result.stderr and "[schema.required]" in result.stderr and state(repo) == before


def test_edit_is_refused_and_what_was_typed_is_kept(repo):
    before = state(repo)
    result = at(repo, "edit", "stt-worker", check=1, EDITOR="sed -i 's/^vad_threshold: .*/vad_threshold: 1.4/'")
    assert f"{STT}:8:16: {WORDS} [schema.maximum]" in result.stderr and "is kept in" in result.stderr
    assert state(repo) == before
    kept = result.stderr.split("is kept in ")[1].strip()
    assert "vad_threshold: 1.4" in open(kept, encoding="utf-8").read()
    os.unlink(kept)
    os.rmdir(os.path.dirname(kept))


def test_add_is_refused_at_the_line_of_the_file_that_it_would_make(repo, tmp_path):
    repo.commit({"schemas/ears.yaml": "type: object\nproperties: {rate: {type: integer}}\n"})
    (tmp_path / "ears.env").write_text("# a comment\nrate=fast\n")
    before = state(repo)
    result = at(repo, "add", "ears", "--from", tmp_path / "ears.env", check=1)
    assert "services/ears.yaml:3:7: rate: " in result.stderr and "[schema.type]" in result.stderr
    assert state(repo) == before and not (repo.path / "services/ears.yaml").exists()


def test_mv_and_rollback_are_judged_by_the_schema_that_is_now(repo):
    repo.commit({"schemas/gateway.yaml": "type: object\nrequired: [nothing-has-it]\n"})
    assert "[schema.required]" in at(repo, "mv", "router", "gateway", check=1).stderr
    repo.commit({STT: "vad_threshold: 0.1\n", "profiles/quiet/stt-worker.yaml": "{}\n",
                 "schemas/speech.yaml": "type: object\nproperties: {vad_threshold: {maximum: 0.2}}\n"})
    before = state(repo)
    result = ctl("-C", repo.path, "rollback", "HEAD~1", "--service", "stt-worker", check=1)
    assert f"{STT}:8:16: vad_threshold: 0.55 is above the maximum 0.2 [schema.maximum]" in result.stderr and state(repo) == before


def test_mv_notes_that_the_schema_stays_behind(repo):
    repo.commit({"schemas/router.yaml": "type: object\n"})
    result = at(repo, "mv", "router", "gateway", check=0)
    assert "note: schemas/router.yaml judged router, and gateway has no schema" in result.stderr
    assert "note" not in at(repo, "mv", "gateway", "brain/gateway", check=0).stderr


def test_the_hook_says_the_same_words(repo):
    repo.write({STT: "vad_threshold: 1.4\n"})
    result = repo.git("commit", "-qam", "too much", check=False)
    assert result.returncode != 0 and f"{STT}:1:16: {WORDS} [schema.maximum]" in result.stderr


def test_and_so_does_the_daemon(repo, tmp_path, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(2)
    repo.commit({STT: "vad_threshold: 1.4\n"})
    assert daemon.ctl("wait", check=1).stdout.strip().endswith("rejected [schema.maximum]")
    assert f"{STT}:1:16: {WORDS}" in daemon.ctl("log", "-n", "1", check=0).stdout


# --- check, in every form --------------------------------------------------------------------------------------------------


@pytest.fixture
def bad(repo):
    """One mistake in a profile that is not active, and one in a service."""
    repo.commit({STT: "# ears\nvad_threshold: 1.4\n", "profiles/night/stt-worker.yaml": "language: 5\n"})
    return repo


def checked(repo, form):
    return at(repo, "check", "HEAD", "--format", form, check=1).stdout


def test_text(bad):
    result = at(bad, "check", "HEAD", check=1)
    lines = (result.stdout + result.stderr).splitlines()
    assert f"{STT}:2:16: {WORDS} (under the profile night) [schema.maximum]" in lines
    assert any(line.startswith("profiles/night/stt-worker.yaml:1:11: language: ") and line.endswith("[schema.type]") for line in lines)


def test_a_mistake_that_every_profile_leaves_is_told_of_once(repo):
    repo.commit({STT: "vad_threshold: 0.5\nlanguage: 5\n", "profiles/night/stt-worker.yaml": "vad_threshold: 0.6\n",
                 "profiles/noon/stt-worker.yaml": "vad_threshold: 0.4\n"})
    assert [line.split(": ")[0] for line in at(repo, "check", "HEAD", check=1).stdout.splitlines() if "[schema.type]" in line] == [f"{STT}:2:11"]


def test_the_one_refusal_is_not_buried_by_warnings(repo):
    """Errors first; of warnings some, and how many more."""
    repo.write({"services/many.yaml": "".join(f"k{i}: no\n" for i in range(1200)), "services/z.yaml": "a: 1\na: 2\n"})
    lines = at(repo, "check", "--worktree", check=1).stdout.splitlines()
    assert lines[0].startswith("services/z.yaml:2:1: ") and lines[0].endswith("[yaml.duplicate-key]")
    assert len(lines) == 1 + 50 + 2 and "and 1150 more warnings" in lines
    assert lines[-1] == "refused: 1 error, 1200 warnings"


def test_a_file_that_is_too_large_is_told_in_the_same_words_before_and_after_the_commit(repo):
    repo.write({"services/large.yaml": "a: " + 2 * 1024 * 1024 * "x" + "\n"})
    before = at(repo, "check", "--worktree", check=1).stdout
    assert "services/large.yaml: the file has more than 1048576 bytes [limit.file]" in before
    repo.git("add", "-A")
    assert at(repo, "check", "--staged", check=1).stdout == before


def test_json(bad):
    told = json.loads(checked(bad, "json"))
    assert {(f["file"], f["line"], f["column"], f["code"], f["severity"]) for f in told["findings"]} == {
        (STT, 2, 16, "schema.maximum", "error"), ("profiles/night/stt-worker.yaml", 1, 11, "schema.type", "error")}


def test_sarif(bad):
    run_ = json.loads(checked(bad, "sarif"))["runs"][0]
    places = {(r["ruleId"], r["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
               r["locations"][0]["physicalLocation"]["region"]["startLine"]) for r in run_["results"]}
    assert places == {("schema.maximum", STT, 2), ("schema.type", "profiles/night/stt-worker.yaml", 1)}
    assert {rule["id"] for rule in run_["tool"]["driver"]["rules"]} == {"schema.maximum", "schema.type"}


def test_github(bad):
    assert f"::error file={STT},line=2,col=16,title=schema.maximum::{WORDS} (under the profile night)" in checked(bad, "github").splitlines()


def test_gitlab(bad):
    told = {(f["check_name"], f["location"]["path"]) for f in json.loads(checked(bad, "gitlab"))}
    assert told == {("schema.maximum", STT), ("schema.type", "profiles/night/stt-worker.yaml")}


# --- plan and diff -----------------------------------------------------------------------------------------------------------


def test_a_change_that_needs_a_restart_is_marked(repo):
    at(repo, "set", "stt-worker", "whisper_model=small.en", "silence_ms=600", check=0)
    text = at(repo, "diff", "HEAD~1", check=0).stdout
    assert '    /whisper_model: "base.en" → "small.en" (restart)\n' in text and "    /silence_ms: 700 → 600\n" in text
    assert text.splitlines()[-1] == "1 service of 6 changes: 1 updated; 1 needs a restart"
    told = json.loads(at(repo, "diff", "HEAD~1", "--json", check=0).stdout)
    assert told["restarts"] == 1 and [c.get("restart") for c in told["services"][0]["changes"]] == [None, True]
    assert '| `/whisper_model` | `"base.en"` | `"small.en"` (restart) |' in at(repo, "diff", "HEAD~1", "--format", "markdown", check=0).stdout


def test_what_a_base_a_schema_and_a_profile_touch_is_said(repo):
    repo.write({"bases/common.yaml": "log_level: debug\napi_key: x\n"})
    text = at(repo, "plan", check=0).stdout
    assert "bases/common.yaml touches llm-worker, memory-worker, router, stt-worker, tts-worker, wake-activation\n" in text
    assert "6 services of 6 change: 6 updated\n" in text
    repo.git("checkout", "-q", ".")
    repo.write({"schemas/speech.yaml": "type: object\n"})
    told = json.loads(at(repo, "plan", "--json", check=0).stdout)
    assert told["causes"] == [{"path": "schemas/speech.yaml", "services": ["stt-worker"]}] and told["profile"] is None
    assert [c["key"] for c in told["services"][0]["changes"]] == ["/language"], "its default is gone"
    repo.git("checkout", "-q", ".")
    repo.write({"profiles/night/tts-worker.yaml": "volume: 0.1\n"})
    assert at(repo, "plan", check=0).stdout == "no service changes\nprofiles/night touches tts-worker\n", "it is not active"
    assert "- profiles/night touches tts-worker\n" in at(repo, "plan", "--format", "markdown", check=0).stdout


def test_the_hook_says_what_is_behind_it(repo):
    repo.write({"epoch.yaml": (repo.path / "epoch.yaml").read_text().replace("quiet", "night")})
    told = repo.git("commit", "-qam", "night").stderr
    assert "valid; 2 services of 6 change: stt-worker, tts-worker" in told and "\n  profile: quiet → night\n" in told


def test_files_that_are_as_they_were_touch_nobody(repo):
    repo.write({"services/router.yaml": "level: debug\n"})
    assert "touches" not in at(repo, "plan", check=0).stdout


def test_no_plan_shows_a_secret(repo):
    repo.write({STT: "api_key: canary-one\n"})
    for args in (["plan"], ["plan", "--json"], ["plan", "--format", "markdown"]):
        result = at(repo, *args, check=0)
        assert "canary-one" not in result.stdout + result.stderr and "secret" in result.stdout, args
    told = repo.git("commit", "-qam", "secret").stderr
    assert "canary" not in told and "/api_key: (secret) → (secret)" in told
    result = at(repo, "set", "stt-worker", "api_key=canary-two", check=0)
    assert "canary" not in result.stdout + result.stderr



# --- and what it says of a service -----------------------------------------------------------------------------------------


def test_show_has_title_and_description_of_the_schema(repo, tmp_path, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo))
    daemon.snapshot(2)
    told = json.loads(daemon.ctl("show", "stt-worker", "--json", check=0).stdout)
    assert (told["title"], told["about"]) == ("Speech to text", "Hears what is said.")
    listed = {one["service"]: one["title"] for one in json.loads(daemon.ctl("show", "--json", check=0).stdout)}
    assert listed["stt-worker"] == "Speech to text" and listed["router"] is None
    told = json.loads(daemon.ctl("show", "stt-worker", "--at", "HEAD~1", "--json", check=0).stdout)
    assert told["title"] is None, "there was no schema then"
