"""What would change and what did, by service and key; and what is wrong, in the forms that pipelines read."""
import json
import re

import pytest

from harness import EPOCHCTL, ctl, run

STT, ROUTER = "services/audio/stt-worker.yaml", "services/router.yaml"
TEXT = """+ new
    /list: [1,2]
    /port: 80
- router
~ stt-worker
    /vad_threshold: 0.55 → 0.6
3 services of 7 change: 1 created, 1 updated, 1 deleted
"""


@pytest.fixture
def edited(home):
    """One service changed by a key, one new, one gone; nothing committed."""
    stt = (home.path / STT).read_text().replace("vad_threshold: 0.55", "vad_threshold: 0.6")
    home.write({STT: stt, "services/new.yaml": "port: 80\nlist: [1, 2]\n", ROUTER: None})
    return home


def here(repo, *args, check=0, **env):
    return ctl("-C", repo.path, *args, check=check, **env)


# --- plan and diff ------------------------------------------------------------------------------------------------------------


def test_the_files_as_they_are_against_what_is_committed(edited):
    assert here(edited, "plan").stdout == TEXT
    assert here(edited, "plan", "--staged").stdout == "no service changes\n"
    edited.git("add", "-A")
    assert here(edited, "plan", "--staged").stdout == TEXT


def test_a_branch_against_the_one_that_is_served(edited):
    edited.git("switch", "-qc", "side")
    edited.commit()
    edited.git("switch", "-q", "main")
    assert here(edited, "plan").stdout == "no service changes\n" and here(edited, "plan", "side").stdout == TEXT


def test_two_commits(edited):
    first, second = edited.head(), edited.commit()
    assert here(edited, "diff", first, second).stdout == here(edited, "diff", "HEAD~1").stdout == TEXT
    assert "1 created, 1 updated, 1 deleted" in here(edited, "diff", second, first).stdout
    for dots in (f"{first}..{second}", f"{first}..", "HEAD~1..HEAD"):
        assert here(edited, "diff", dots).stdout == TEXT
    for wrong in (["..HEAD"], ["HEAD~1...HEAD"], ["HEAD~1..HEAD", "HEAD"]):
        assert "two epochs, as A B or A..B" in here(edited, "diff", *wrong, check=2).stderr


def test_two_epochs_by_their_numbers(edited, daemon):
    edited.commit()
    daemon.published(2)
    assert daemon.ctl("-C", edited.path, "diff", "1", "2", check=0).stdout == TEXT


def test_an_epoch_and_the_files_as_they_are(edited):
    text = ctl("diff", "HEAD", "--worktree", cwd=edited.path, check=0).stdout
    assert text == ctl("plan", cwd=edited.path, check=0).stdout and "no service changes" not in text
    assert "no service changes\n" == ctl("diff", "HEAD", cwd=edited.path, check=0).stdout
    for args in (["HEAD", "HEAD", "--worktree"], ["HEAD..HEAD", "--worktree"]):
        assert "one epoch to compare the files with" in ctl("diff", *args, cwd=edited.path, check=2).stderr
    edited.git("clone", "-q", "--bare", str(edited.path), str(edited.path.parent / "bare.git"))
    assert "has no files to compare with" in ctl("diff", "HEAD", "--worktree", cwd=edited.path.parent / "bare.git").stderr


def test_without_an_epoch_it_is_what_was_edited_since_the_last_commit(edited, tmp_path):
    assert here(edited, "diff").stdout == here(edited, "diff", "HEAD", "--worktree").stdout != "no service changes\n"
    edited.git("clone", "-q", "--bare", ".", tmp_path / "bare.git")
    told = run(EPOCHCTL, "-C", tmp_path / "bare.git", "diff", check=2).stderr
    assert "a bare repository has no files to compare with: epochctl diff A B compares two epochs" in told
    edited.git("init", "-q", tmp_path / "fresh")
    assert "git commit makes the first [repo.rev]" in run(EPOCHCTL, "-C", tmp_path / "fresh", "diff", check=3).stderr


def test_a_bare_repository_has_no_files_to_check(home, tmp_path):
    home.git("clone", "-q", "--bare", ".", tmp_path / "bare.git")
    for what in ("--worktree", "--staged"):
        told = run(EPOCHCTL, "-C", tmp_path / "bare.git", "check", what, check=2)
        assert told.stdout == "" and "a bare repository has only commits: epochctl check REV" in told.stderr
    assert run(EPOCHCTL, "-C", tmp_path / "bare.git", "check", check=0).stdout == "ok: 6 services, 0 warnings\n"


def test_json_is_for_programs(edited):
    plan = json.loads(here(edited, "plan", "--json").stdout)
    assert (plan["created"], plan["updated"], plan["deleted"], plan["total"]) == (1, 1, 1, 6)
    services = {service["service"]: service for service in plan["services"]}
    assert services["stt-worker"] == {"action": "updated", "service": "stt-worker",
                                      "changes": [{"key": "/vad_threshold", "before": 0.55, "after": 0.6}]}
    assert services["router"] == {"action": "deleted", "changes": [], "service": "router"}
    assert services["new"]["changes"] == [{"after": [1, 2], "key": "/list"}, {"after": 80, "key": "/port"}]


def test_markdown_is_a_table_that_no_value_breaks(home):
    home.write({"services/new.yaml": 'text: "a|b`c"\n"x|y": 1\n'})
    told = here(home, "plan", "--format", "markdown").stdout
    assert "| `/text` |  | `\"a\\|b'c\"` |" in told and "| `/x\\|y` |  | `1` |" in told
    assert here(home, "diff", "HEAD", "--format", "markdown").stdout == "**no service changes**\n"


def test_a_removed_key_and_a_long_value(home):
    home.write({"services/new.yaml": "a: 1\nlong: x\n"})
    home.commit()
    home.write({"services/new.yaml": "long: " + "y" * 1000 + "\n"})
    told = here(home, "plan").stdout
    assert "    /a: 1 removed\n" in told and re.search(r'    /long: "x" → "y{50,70}…\n', told)


def test_what_a_terminal_would_obey_is_not_printed(home):
    home.write({"services/new.yaml": '"a\\e[31m": "\\u202Eb"\n'})
    assert "\x1b" not in here(home, "plan").stdout and "\u202e" not in here(home, "plan").stdout


def test_what_is_refused_has_no_plan(home):
    home.write({STT: "a: 1\na: 2\n"})
    refused = here(home, "plan", check=1)
    assert refused.stdout == "" and f"{STT}:2:1: " in refused.stderr and "there is nothing to plan" in refused.stderr
    told = json.loads(here(home, "plan", "--json", check=1).stdout)
    assert told["errors"] == 1 and [(f["code"], f["file"], f["line"]) for f in told["findings"]] == [("yaml.duplicate-key", STT, 2)]
    home.commit()
    assert "is not a valid configuration: epochctl check HEAD" in here(home, "diff", "HEAD", "HEAD~1", check=3).stderr
    assert here(home, "diff", "HEAD~1", "HEAD", check=1).stdout == ""
    # what is in force is the commit below, and a mended file is compared with that
    home.git("checkout", "-q", "HEAD~1", "--", STT)
    assert here(home, "plan").stdout == "no service changes\n"


@pytest.mark.parametrize("args", [["plan", "HEAD", "--staged"], ["plan", "a", "b"], ["diff", "a..b", "--worktree"], ["diff", "a", "b", "c"], ["plan", "--format", "xml"]])
def test_a_wrong_command_line_is_told(home, args):
    assert "usage: epochctl" in here(home, *args, check=2).stderr


# --- check's forms ------------------------------------------------------------------------------------------------------------

BAD = "a: 1\na: 2\nb: no\n"


@pytest.fixture
def bad(home):
    home.write({STT: BAD})
    return home


def test_sarif_has_what_the_standard_requires(bad):
    report = json.loads(here(bad, "check", "--worktree", "--format", "sarif", check=1).stdout)
    assert report["version"] == "2.1.0" and report["$schema"].endswith("sarif-2.1.0.json")
    (run,) = report["runs"]
    driver = run["tool"]["driver"]
    assert driver["name"] == "epochctl" and run["columnKind"] == "unicodeCodePoints"
    rules = {rule["id"]: rule for rule in driver["rules"]}
    assert len(rules) == len(driver["rules"])
    levels = {}
    for result in run["results"]:
        assert result["ruleId"] in rules and result["message"]["text"] and rules[result["ruleId"]]["shortDescription"]["text"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == STT
        levels[result["ruleId"]] = (result["level"], place["region"])
    assert levels["yaml.duplicate-key"] == ("error", {"startLine": 2, "startColumn": 1})
    assert levels["yaml.ambiguous"] == ("warning", {"startLine": 3, "startColumn": 4})


def test_a_uri_is_encoded(home):
    home.write({"services/ä b.yaml": "a: 1\n"})
    report = json.loads(here(home, "check", "--worktree", "--format", "sarif", check=1).stdout)
    assert report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "services/%C3%A4%20b.yaml"


def test_github_reads_commands(bad):
    lines = here(bad, "check", "--worktree", "--format", "github", check=1).stdout.splitlines()
    assert lines[0] == f"::error file={STT},line=2,col=1,title=yaml.duplicate-key::key 'a' stands twice: first at 1:1"
    assert lines[1].startswith(f"::warning file={STT},line=3,col=4,title=yaml.ambiguous::")


def test_a_command_of_github_cannot_be_broken_out_of(home):
    home.write({"services/a,b%0A::error.yaml": "a: 1\n"})
    (line,) = here(home, "check", "--worktree", "--format", "github", check=1).stdout.splitlines()
    assert line.startswith("::error file=services/a%2Cb%250A%3A%3Aerror.yaml,title=layout.")


def test_gitlab_reads_a_quality_report(bad):
    report = json.loads(here(bad, "check", "--worktree", "--format", "gitlab", check=1).stdout)
    assert [(one["check_name"], one["severity"], one["location"]) for one in report] == [
        ("yaml.duplicate-key", "major", {"path": STT, "lines": {"begin": 2}}),
        ("yaml.ambiguous", "minor", {"path": STT, "lines": {"begin": 3}})]
    bad.write({STT: "# moved down\n" + BAD})
    moved = json.loads(here(bad, "check", "--worktree", "--format", "gitlab", check=1).stdout)
    assert moved[1]["fingerprint"] == report[1]["fingerprint"] and len({one["fingerprint"] for one in report}) == 2


@pytest.mark.parametrize("form, empty", [("gitlab", "[]\n"), ("github", "")])
def test_nothing_found_is_a_report_too(home, form, empty):
    assert here(home, "check", "--format", form).stdout == empty


def test_a_range_is_judged_as_if_it_were_pushed(home):
    first = home.head()
    home.commit({f"services/{'audio/' if '-' in name and name != 'router' else ''}{name}.yaml": None
                 for name in ("stt-worker", "tts-worker", "wake-activation")})
    assert "[guard.mass-removal]" in here(home, "check", f"{first}..HEAD", check=1).stdout
    here(home, "check", "HEAD")
    home.git("commit", "-q", "--amend", "-m", "fewer", "-m", "Epoch-Allow: mass-removal")
    here(home, "check", f"{first}..")


@pytest.mark.parametrize("revision", ["..HEAD", "a...b", "x" * 600, "HEAD --worktree"])
def test_a_range_that_is_none_is_told(home, revision):
    assert "usage: epochctl check" in here(home, "check", *revision.split(), check=2).stderr
