"""set and unset: the bytes of a value, and no other."""
import subprocess

import pytest
import yaml
from harness import EPOCHCTL, environment, run
from writings import STT, TEXT, at, commented, text, untouched


@pytest.fixture
def repo(home):
    return commented(home)


def test_set_changes_the_bytes_of_the_values_and_commits_that_file(repo):
    result = at(repo, "set", "stt-worker", "audio.rate=8000", "/model=large v2", "audio.gain=0.50", check=0)
    assert text(repo) == TEXT.replace("16000", "8000").replace("base ", "large v2 ").replace("'hw:0'\n", "'hw:0'\n    gain: 0.50\n")
    assert result.stdout.splitlines()[:4] == ["~ stt-worker", "    /audio/gain: 0.5 added", "    /audio/rate: 16000 → 8000",
                                              '    /model: "base" → "large v2"']
    assert repo.git("log", "-1", "--format=%an <%ae>|%cn|%s").stdout == "Ada <ada@example.org>|Ada|stt-worker: set /audio/rate, /model, /audio/gain\n"
    assert repo.git("show", "--stat", "--format=", "HEAD").stdout.splitlines()[0].split()[0] == STT
    assert repo.git("status", "--porcelain").stdout == ""


def test_git_writes_into_this_repository_whatever_the_environment_says(repo, tmp_path):
    """What `git rev-parse --local-env-vars` tells of places; GIT_CONFIG_… is the caller's, as GIT_SSH_COMMAND is."""
    other = tmp_path / "other"
    run("git", "init", "-q", other, check=0)
    names = [name for name in run("git", "rev-parse", "--local-env-vars", check=0).stdout.split() if not name.startswith("GIT_CONFIG")]
    for rate, name in enumerate(names, 1):
        at(repo, "set", "stt-worker", f"audio.rate={rate}", check=0, **{name: str(other / ".git")})
        assert f"rate: {rate}\n" in text(repo), name
    assert run("git", "-C", other, "rev-parse", "-q", "--verify", "HEAD").returncode == 1


def test_unset_takes_the_line_and_leaves_the_comments(repo):
    at(repo, "unset", "stt-worker", "/audio/device", check=0)
    assert text(repo) == TEXT.replace("    device: 'hw:0'\n", "")
    at(repo, "unset", "stt-worker", "audio.rate", check=0)
    assert text(repo) == "# Ears.\nmodel: base   # small is faster\n\naudio: {}\n# The end.\n"


def test_what_set_writes_means_the_same_to_a_reader_of_yaml_1_1(repo):
    values = ["no", "on", "012", "1:30", "1_000", "2026-11-21", "0o17", "0x1f", "1e3", "1.5e9", "5e-324", "-0.5", "~", "null", "true", "=",
              "<<", "- a", "a: b", "a #b", "", " x", "x ", "\\", "'", '"', "\t", "é\u2028", "...", "0.60", "100000000000000000000000"]
    at(repo, "set", "stt-worker", "--string", *(f"v{i}={value}" for i, value in enumerate(values)), check=0)
    read = yaml.safe_load(text(repo))  # PyYAML reads YAML 1.1
    assert [read[f"v{i}"] for i in range(len(values))] == values
    numbers = {"a": 0.6, "b": 1e300, "c": 5e-324, "d": 31, "e": 15, "f": -2.5e-7, "g": 1000.0}
    typed = {"d": "0x1f", "e": "0o17", "g": "1e3"}
    at(repo, "set", "stt-worker", *(f"{name}={typed.get(name, value)}" for name, value in numbers.items()), check=0)
    read = yaml.safe_load(text(repo))
    assert {name: read[name] for name in numbers} == numbers


def test_a_value_can_be_long_text_from_standard_input(repo):
    at(repo, "set", "stt-worker", "prompt=-", stdin="You are\n  ears: yes #1\n", check=0)
    assert text(repo) == TEXT.replace("# The end", "prompt: |-\n  You are\n    ears: yes #1\n# The end")


def test_a_value_can_be_json_and_a_path_can_stand_alone(repo):
    at(repo, "set", "stt-worker", "--json-value", "words", '["a", {"b": null}]', check=0)
    assert "words: [a, {b: null}]\n" in text(repo)


def test_a_string_that_becomes_a_number_is_noted(repo):
    assert "/model was a string and becomes an integer" in at(repo, "set", "stt-worker", "model=5", check=0).stderr


def test_what_is_so_already_is_no_commit(repo):
    before = untouched(repo)
    assert at(repo, "set", "stt-worker", "audio.rate=16e3", check=0).stdout == "it is so already; nothing was written\n"
    assert untouched(repo) == before


def test_changes_that_take_each_other_back_are_no_commit(repo):
    before = repo.head()
    assert at(repo, "set", "stt-worker", "model=large", "model=base", check=0).stdout == "it is so already; nothing was written\n"
    assert repo.head() == before


def test_a_warning_is_told_once(repo):
    """By the verb; git's hook, which sees the same, is silent then."""
    repo.write({STT: TEXT + "beep: no\n"})
    repo.git("commit", "-q", "--no-verify", "-am", "beep")
    assert at(repo, "set", "stt-worker", "model=large", check=0).stderr.count("[yaml.ambiguous]") == 1


def test_verbs_at_the_same_moment_all_commit(repo):
    """git's locks do not wait: without a turn for each of them, none of several may come through."""
    keys = [f"key{i}" for i in range(5)]
    verbs = [subprocess.Popen([EPOCHCTL, "-C", repo.path, "set", "stt-worker", f"{key}=1"], env=environment(EPOCHD_CONFIG="/dev/null"),
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for key in keys]
    said = [verb.communicate()[0] for verb in verbs]
    assert [verb.returncode for verb in verbs] == [0] * len(keys), said
    assert all(f"\n{key}: 1\n" in text(repo) for key in keys) and repo.git("status", "--porcelain").stdout == ""


def test_a_dry_run_judges_and_writes_nothing_not_even_objects(repo):
    before, objects = untouched(repo), sorted(repo.path.glob(".git/objects/??/*"))
    result = at(repo, "set", "stt-worker", "audio.rate=1", "--dry-run", check=0)
    assert result.stdout == "~ stt-worker\n    /audio/rate: 16000 → 1\n1 service of 6 changes: 1 updated\ndry run: nothing was written\n"
    assert untouched(repo) == before and sorted(repo.path.glob(".git/objects/??/*")) == objects


@pytest.mark.parametrize("args, code, words", [
    (["stt-worker", "model.x=1"], 1, "/model is a single value and holds no names; set it to {} first [edit.refused]\nWhat to do: epochctl edit stt-worker"),
    (["stt-worker", "nothing"], 2, "'nothing' has no =VALUE"),
    (["stt-worker", "=1"], 2, "the path is empty"),
    (["stt-worker", "a..b=1"], 2, "a name between dots is empty"),
    (["stt-worker", "a="], 2, "the value is empty"),
    (["stt-worker", "a=[1"], 2, "is missing"),
    (["stt-worker", "a=-", "b=-"], 2, "only one value can come from standard input"),
    (["stt-wroker", "a=1"], 2, "there is no service 'stt-wroker'; did you mean \"stt-worker\"?"),
    (["Stt", "a=1"], 2, "cannot be the name of a service"),
    (["stt-worker", "a=1", "--expect", "x"], 2, "--expect is a version"),
    (["stt-worker", "a=1", "--string", "--json-value"], 2, ""),
    (["stt-worker"], 2, ""),
])
def test_set_refuses_what_it_cannot_do_and_says_why(repo, args, code, words):
    before = untouched(repo)
    result = at(repo, "set", *args, stdin="x\n")
    assert (result.returncode, words in result.stderr) == (code, True), result.stderr
    assert untouched(repo) == before


def test_unset_of_nothing_is_refused(repo):
    assert "there is nothing at /nix" in at(repo, "unset", "stt-worker", "nix", check=2).stderr


def test_a_value_that_an_alias_shares_is_refused(repo):
    repo.commit({STT: "a: &x 1\nb: *x\n"})
    result = at(repo, "set", "stt-worker", "a=2", check=1)
    assert f"{STT}:1:4: /a: the value has the anchor &x, and other places of the file use it [edit.refused]" in result.stderr


def test_a_file_with_edits_of_ones_own_is_refused_by_name_and_others_are_left_alone(repo):
    repo.write({STT: TEXT + "mine: 1\n"})
    before = untouched(repo)
    assert f"{STT}: there are edits that are not committed [repo.dirty]" in at(repo, "set", "stt-worker", "model=x", check=1).stderr
    repo.git("add", "-A")
    assert at(repo, "set", "stt-worker", "model=x", check=1)
    repo.git("reset", "-q")
    assert untouched(repo) == before
    at(repo, "set", "router", "level=debug", check=0)
    assert repo.git("status", "--porcelain").stdout == f" M {STT}\n" and "mine" not in text(repo)


def test_what_is_staged_elsewhere_stays_staged(repo):
    repo.write({STT: TEXT + "mine: 1\n"})
    repo.git("add", STT)
    at(repo, "set", "router", "level=debug", check=0)
    assert repo.git("status", "--porcelain").stdout == f"M  {STT}\n"


def test_a_commit_that_a_hook_refuses_leaves_everything_as_it_was(repo):
    hook = repo.path / ".git/hooks/commit-msg"
    hook.write_text("#!/bin/sh\necho no >&2; exit 1\n")
    hook.chmod(0o755)
    before = untouched(repo)
    result = at(repo, "set", "stt-worker", "model=x", check=3)
    assert "no\n" in result.stderr and "git" in result.stderr
    assert untouched(repo) == before


@pytest.mark.parametrize("key", ["INT", "QUIT"])
def test_ctrl_c_while_a_hook_runs_leaves_everything_as_it_was(repo, key):
    hook = repo.path / ".git/hooks/commit-msg"
    hook.write_text(f"#!/bin/sh\nkill -{key} 0; exit 1\n")
    hook.chmod(0o755)
    before = untouched(repo)
    result = at(repo, "set", "stt-worker", "audio.rate=8000", wrapper=["setsid", "--wait"])
    assert "git commit ended with" in result.stderr and untouched(repo) == before


def test_an_invalid_tip_can_be_mended_and_a_change_beside_it_is_refused(repo):
    repo.commit({"services/bad.yaml": "a: 1\na: 2\n"})
    before = untouched(repo)
    result = at(repo, "set", "router", "level=debug", check=1)
    assert "services/bad.yaml:2:1:" in result.stderr and "epochd would refuse this; nothing was written" in result.stderr
    assert untouched(repo) == before


def test_a_detached_head_is_refused(repo):
    repo.git("checkout", "-q", "--detach")
    assert "HEAD is detached" in at(repo, "set", "router", "level=debug", check=2).stderr


def test_without_an_identity_it_says_the_two_lines_to_type(repo):
    empty = {name: None for name in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL")}
    env = {k: v for k, v in environment(EPOCHD_CONFIG="/dev/null").items() if k not in empty}
    result = subprocess.run([EPOCHCTL, "-C", repo.path, "set", "router", "level=debug"], env=env, text=True, stderr=subprocess.PIPE, check=False)
    assert result.returncode == 3
    assert result.stderr.splitlines()[-2:] == ['  git config --global user.name "Your Name"', "  git config --global user.email you@example.org"]
