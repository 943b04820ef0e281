"""The verbs that write: a commit that somebody with an editor and git could have made, judged first; or nothing at all."""
import json
import os
import pty
import subprocess
import tomllib

import pytest
import yaml
from harness import EPOCHCTL, STRANGER, Daemon, Repo, as_stranger, ctl, environment, run

STT = "services/audio/stt-worker.yaml"
TEXT = """\
# Ears.
model: base   # small is faster

audio:
    rate: 16000
    device: 'hw:0'
# The end.
"""


@pytest.fixture
def repo(home):
    """The six services, of which stt-worker has comments; hooks are installed."""
    home.commit({STT: TEXT}, "stt")
    ctl("init", home.path, check=0)
    return home


@pytest.fixture
def bare(repo, tmp_path):
    path = tmp_path / "bare.git"
    repo.git("clone", "-q", "--bare", str(repo.path), str(path))
    return Repo(path)


def at(repo, *args, check=None, **options):
    return run(EPOCHCTL, "-C", repo.path, *args, check=check, **options)


def text(repo, path=STT, rev="HEAD"):
    return repo.git("show", f"{rev}:{path}").stdout


def untouched(repo):
    """What must be the same when a verb has refused."""
    return repo.head(), repo.git("status", "--porcelain").stdout, [(p, p.read_bytes()) for p in sorted(repo.path.glob("services/**/*.yaml"))]


# --- set, unset ----------------------------------------------------------------------------------------------------------


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


# --- add -----------------------------------------------------------------------------------------------------------------

ENV = r"""
# of the old program
export PORT=8080   # where
NAME=two words
EMPTY=
QUOTED="a # b\n$X \"c\""
SINGLE='$X \n'
YES=yes
ON=true
OCTAL=012
RATIO=-0.50
URL=http://h:1/#top
MULTI="one
two"
"""
ENV_VALUES = {"PORT": 8080, "NAME": "two words", "EMPTY": "", "QUOTED": 'a # b\n$X "c"', "SINGLE": "$X \\n", "YES": "yes", "ON": True,
              "OCTAL": "012", "RATIO": -0.5, "URL": "http://h:1/#top", "MULTI": "one\ntwo"}

TOML = r'''
# comment
title = "TOML \u00e9 \U0001F600 # no"
a.b."c d" = 1_000
a.b.e = -0.0
[server]   # table
ports = [ 8000, # first
  8001, ]
hex = 0xFF
bits = 0b1010
ratio = 6.5e-1
"quoted key" = 'raw \n'
[server.limits]
on = true
text = """
one \
   two
"three"""""
[[jobs]]
name = "x"
opts = {retry = 3, back.off = [1, [2]], none = {}}
[[jobs]]
name = "y"
[jobs.more]
z = "tab\t"
[a2]
[a2.b]
x = +1
''' + "raw = '''\nraw''line\n'''\n"


def add(repo, tmp_path, name, content, *args, check=0):
    path = tmp_path / name
    path.write_text(content)
    return at(repo, "add", "lamp", "--from", path, *args, check=check)


def test_add_makes_an_empty_service(repo):
    assert at(repo, "add", "lamp", "--folder", "home/light", check=0).stdout.startswith("+ lamp\n")
    assert text(repo, "services/home/light/lamp.yaml") == "{}\n" and repo.git("status", "--porcelain").stdout == ""
    at(repo, "set", "lamp", "level=3", check=0)
    assert text(repo, "services/home/light/lamp.yaml") == "level: 3\n"
    at(repo, "add", "home/light/candle", check=0)
    assert text(repo, "services/home/light/candle.yaml") == "{}\n"
    assert repo.git("log", "-1", "--format=%s").stdout == "candle: add\n"


def test_add_takes_over_a_dotenv_file_with_its_keys_and_order(repo, tmp_path):
    add(repo, tmp_path, "old.env", ENV)
    written = text(repo, "services/lamp.yaml")
    assert {str(key): value for key, value in yaml.safe_load(written).items()} == ENV_VALUES
    assert list(yaml.safe_load(written)) == list(ENV_VALUES)
    assert written.startswith("# From old.env.\nPORT: 8080\n") and "MULTI: |-\n  one\n  two\n" in written


def test_add_takes_over_a_toml_file(repo, tmp_path):
    add(repo, tmp_path, "old.toml", TOML)
    assert yaml.safe_load(text(repo, "services/lamp.yaml")) == tomllib.loads(TOML)


def test_add_takes_over_json_and_yaml(repo, tmp_path):
    value = {"z": [1, {"no": "no", "e": []}, [[2], "x: y"]], "a": {"b": {"c": None}}, "t": "one\n\ntwo\n", "": 1e-7}
    add(repo, tmp_path, "old.json", json.dumps(value))
    written = text(repo, "services/lamp.yaml")
    assert yaml.safe_load(written) == value and list(yaml.safe_load(written)) == list(value)
    at(repo, "rm", "lamp", check=0)
    add(repo, tmp_path, "old.yaml", "# mine\na: 1\n")
    assert text(repo, "services/lamp.yaml") == "# mine\na: 1\n"


REFUSED_FILES = [
    ("x.env", "A\n", "x.env:1:2: a line is NAME=value"),
    ("x.env", "\nA='1\n", "x.env:2:3: the quote is not closed"),
    ("x.env", 'A="1" 2\n', "x.env:1:7: something stands behind the closing quote"),
    ("x.env", "A=1\nA=2\n", "key 'A' stands twice"),
    ("x.json", "[1]", "is an array, and a service is an object"),
    ("x.json", "{", "x.json:1:2: the end of the text instead of a name in quotes [import]"),
    ("x.ini", "", "ends in none of .env, .json, .toml and .yaml"),
    ("x.yaml", "a: 1\na: 2\n", "services/lamp.yaml:2:1: key 'a' stands twice"),
    ("x.toml", "a = 1979-05-27", "x.toml:1:5: a date or time"),
    ("x.toml", "a = 07:32:00", "a date or time"),
    ("x.toml", "a = inf", "an infinity"),
    ("x.toml", "a = +nan", "an infinity"),
    ("x.toml", "a = 9007199254740993", "cannot carry exactly"),
    ("x.toml", "a = 1\na = 2", "x.toml:2:1: the key is there already"),
    ("x.toml", "[a]\n[a]", "the table is there already"),
    ("x.toml", "a = {b = 1}\n[a.c]", "no table, or is finished"),
    ("x.toml", "a.b = 1\n[a]", "the table is there already"),
    ("x.toml", "[a]\n[[a]]", "no list of tables"),
    ("x.toml", "a = [1", "a ',' or ']' is missing"),
    ("x.toml", "a = {b = 1,}", "no ',' stands before a '}'"),
    ("x.toml", 'a = "b', "the quote is not closed"),
    ("x.toml", 'a = "\\q"', "\\ is followed by"),
    ("x.toml", 'a = "\\ud800"', "no such character"),
    ("x.toml", "a = 01", "no value of TOML"),
    ("x.toml", "a = 1__0", "no value of TOML"),
    ("x.toml", "a = b", "no value of TOML"),
    ("x.toml", "a = 1 b = 2", "something stands behind the value"),
    ("x.toml", "= 1", "a key is letters"),
    ("x.toml", "a 1", "a '=' is missing"),
    ("x.toml", "[a", "a ']' is missing"),
    ("x.toml", "a = " + "[" * 100, "nest too deep"),
    ("x.toml", "\xff", "UTF-8"),
    ("x.toml", "\xef\xbb\xbfa = 1", "1:1: a byte order mark"),
    ("x.env", "\xef\xbb\xbfA=1", "1:1: a byte order mark"),
    ("x.json", "\xef\xbb\xbf{}", "1:1: a byte order mark"),
]


def test_add_refuses_what_it_cannot_take_over_at_its_place(repo, tmp_path):
    before = untouched(repo)
    for name, content, words in REFUSED_FILES:
        path = tmp_path / name
        path.write_bytes(content.encode("latin-1"))
        result = at(repo, "add", "lamp", "--from", path)
        assert result.returncode in (1, 2, 3) and words in result.stderr, (content, result.stderr)
    assert untouched(repo) == before


@pytest.mark.parametrize("args, words", [
    (["stt-worker"], f"there is a service 'stt-worker' already: {STT}"),
    (["Lamp"], "cannot be the name of a service"),
    (["lamp", "--from", "/nonexistent.env"], "cannot open '/nonexistent.env'"),
    (["lamp", "--folder", "../x"], "'../x' is no place below services/"),
    (["lamp", "--folder", "/x"], "'/x' is no place below services/"),
    (["../lamp"], "'../lamp' is no place below services/"),
    (["a//lamp"], "'a//lamp' is no place below services/"),
    (["home/lamp", "--folder", "home"], "names a folder, and so does --folder"),
    (["lamp", "--folder", "a/b/c/d"], "[layout.depth]"),
])
def test_add_refuses(repo, args, words):
    before = untouched(repo)
    result = at(repo, "add", *args)
    assert result.returncode in (1, 2, 3) and words in result.stderr, result.stderr
    assert untouched(repo) == before


# --- mv, rm --------------------------------------------------------------------------------------------------------------


def files(repo, rev="HEAD"):
    return repo.git("ls-tree", "-r", "--name-only", rev).stdout.split()


def test_mv_renames_the_file_and_what_profiles_lay_over_it(repo):
    repo.commit({"profiles/quiet/stt-worker.yaml": "model: null\n"})
    result = at(repo, "mv", "stt-worker", "ears", check=0)
    assert result.stdout.startswith("+ ears\n    /audio") and "- stt-worker\n2 services of 7 change: 1 created, 1 deleted\n" in result.stdout
    assert {"services/audio/ears.yaml", "profiles/quiet/ears.yaml"} <= set(files(repo)) and not [f for f in files(repo) if "stt-worker" in f]
    assert text(repo, "services/audio/ears.yaml") == TEXT
    assert repo.git("status", "--porcelain").stdout == "" and repo.git("log", "-1", "--format=%s").stdout == "stt-worker: move to ears\n"


def test_mv_to_another_folder_changes_no_service(repo):
    assert at(repo, "mv", "stt-worker", "home/ears/stt-worker", check=0).stdout.startswith("no service changes\n")
    assert "services/home/ears/stt-worker.yaml" in files(repo)
    assert at(repo, "mv", "stt-worker", "brain/", check=0).stdout.startswith("no service changes\n")
    assert "services/brain/stt-worker.yaml" in files(repo)


@pytest.mark.parametrize("args, words", [
    (["stt-worker", "router"], "there is a service 'router' already: services/router.yaml"),
    (["stt-worker", "stt-worker"], "it is there already"),
    (["stt-worker", "Ears"], "cannot be the name of a service"),
    (["stt-worker", "a/../ears"], "'a/../ears' is no place below services/"),
    (["stt-worker", "audio/"], "it is there already"),
    (["stt-worker", "../x/"], "'../x' is no place below services/"),
    (["stt-worker", "/"], "cannot be the name of a service"),
    (["stt-worker", ""], "cannot be the name of a service"),
    (["nobody", "ears"], "there is no service 'nobody'"),
])
def test_mv_refuses(repo, args, words):
    before = untouched(repo)
    assert words in at(repo, "mv", *args, check=2).stderr
    assert untouched(repo) == before


def test_mv_to_a_folder_that_nests_too_deep_is_refused_by_the_judge(repo):
    before = untouched(repo)
    assert "[layout.depth]" in at(repo, "mv", "stt-worker", "a/b/c/d/stt-worker", check=1).stderr
    assert untouched(repo) == before


def test_rm_removes_services_and_many_only_when_it_is_said(repo):
    assert at(repo, "rm", "stt-worker", check=0).stdout.startswith("- stt-worker\n")
    assert not (repo.path / STT).exists() and repo.git("status", "--porcelain").stdout == ""
    before = untouched(repo)
    rest = sorted(path.stem for path in repo.path.glob("services/**/*.yaml"))
    result = at(repo, "rm", *rest, check=1)
    assert "[guard.mass-removal]" in result.stderr and untouched(repo) == before
    assert result.stderr.endswith("What to do: if it is meant, the same with --allow-mass-removal\n")
    at(repo, "rm", *rest, "--allow-mass-removal", check=0)
    assert not [f for f in files(repo) if f.startswith("services/")]
    assert repo.git("log", "-1", "--format=%(trailers:key=Epoch-Allow,valueonly)").stdout.strip() == "mass-removal"


def test_rm_refuses_what_is_not_there_and_edits(repo):
    before = untouched(repo)
    assert "is named twice" in at(repo, "rm", "router", "router", check=2).stderr
    for verb in (["rm", "router", "nobody"], ["mv", "nobody", "new"], ["unset", "nobody", "a"]):
        assert at(repo, *verb, check=2).stderr == "epochctl: there is no service 'nobody' [no-service]\n"
    assert untouched(repo) == before
    repo.write({STT: TEXT + "mine: 1\n"})
    assert "[repo.dirty]" in at(repo, "rm", "stt-worker", check=1).stderr and (repo.path / STT).read_text().endswith("mine: 1\n")


def test_a_removal_that_a_hook_refuses_puts_the_folder_back(repo):
    repo.commit({"services/alone/lamp.yaml": "on: true\n"})
    hook = repo.path / ".git/hooks/commit-msg"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    before = untouched(repo)
    at(repo, "mv", "lamp", "other/light", check=3)
    assert untouched(repo) == before and (repo.path / "services/alone/lamp.yaml").exists()


# --- edit ----------------------------------------------------------------------------------------------------------------


@pytest.fixture
def editor(tmp_path):
    """Makes an EDITOR out of a shell line, in which $1 is the file."""
    def make(line):
        path = tmp_path / "my editor"
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)
        return {"EDITOR": f"'{path}' --wait", "VISUAL": "", "TMPDIR": "/tmp"}
    return make


def edit(repo, editor, line, *args, check=None, **options):
    return at(repo, "edit", "stt-worker", *args, check=check, **editor(f"shift; {line}"), **options)


def test_edit_commits_what_was_saved(repo, editor):
    result = edit(repo, editor, "sed -i s/16000/8000/ \"$1\"; case $1 in */stt-worker.yaml) ;; *) exit 1;; esac", "-m", "slower", check=0)
    assert "/audio/rate: 16000 → 8000" in result.stdout
    assert text(repo) == TEXT.replace("16000", "8000") and repo.git("log", "-1", "--format=%s").stdout == "slower\n"


def test_edit_left_unchanged_is_no_commit(repo, editor):
    before = untouched(repo)
    assert edit(repo, editor, ":", check=0).stdout == "unchanged; nothing was written\n"
    assert untouched(repo) == before


def kept(result):
    name = result.stderr.splitlines()[-1].removeprefix("epochctl: what you typed is kept in ")
    with open(name, encoding="utf-8") as file:
        found = file.read()
    os.unlink(name)
    os.rmdir(os.path.dirname(name))
    return found


def test_edit_with_findings_keeps_the_copy_and_names_it(repo, editor):
    before = untouched(repo)
    result = edit(repo, editor, "echo 'model: again' >> \"$1\"", check=1)
    assert f"{STT}:8:1: key 'model' stands twice: first at 2:1 [yaml.duplicate-key]" in result.stderr
    assert kept(result) == TEXT + "model: again\n" and untouched(repo) == before


def test_edit_loses_neither_side_when_somebody_else_commits_meanwhile(repo, editor):
    result = edit(repo, editor, f"echo 'mine: 1' >> \"$1\"; cd {repo.path} && echo 'theirs: 1' >> {STT} && git commit -q --no-verify -am theirs", check=1)
    assert f"somebody else has committed {STT} meanwhile [repo.stale]" in result.stderr
    assert kept(result) == TEXT + "mine: 1\n" and text(repo) == TEXT + "theirs: 1\n"


def test_edit_ends_with_an_editor_that_fails(repo, editor):
    before = untouched(repo)
    assert "the editor ended with 3; nothing was written" in edit(repo, editor, "echo x >> \"$1\"; exit 3", check=3).stderr
    assert untouched(repo) == before


@pytest.mark.parametrize("key", ["INT", "QUIT"])
def test_ctrl_c_is_the_editors(repo, editor, key):
    """A terminal sends it to everybody in the foreground."""
    result = edit(repo, editor, f"trap : {key}; kill -{key} 0; sed -i s/16000/8000/ \"$1\"", check=0, wrapper=["setsid", "--wait"])
    assert "/audio/rate: 16000 → 8000" in result.stdout


def test_edit_works_in_the_folder_of_tmpdir(repo, editor, tmp_path):
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    env = editor(f"shift; case $1 in {folder}/*) sed -i s/16000/8000/ \"$1\";; esac") | {"TMPDIR": str(folder)}
    assert "/audio/rate: 16000 → 8000" in at(repo, "edit", "stt-worker", check=0, **env).stdout
    assert list(folder.iterdir()) == []


def test_edit_refuses_a_file_with_edits_before_anybody_works_on_it(repo, editor, tmp_path):
    repo.write({STT: TEXT + "mine: 1\n"})
    assert "[repo.dirty]" in edit(repo, editor, f"touch {tmp_path}/opened", check=1).stderr
    assert not (tmp_path / "opened").exists()


class Typist:
    """Somebody at a terminal, on which edit is run."""

    def __init__(self, repo, **env):
        self.ours, theirs = pty.openpty()
        self.process = subprocess.Popen([EPOCHCTL, "-C", repo.path, "edit", "stt-worker"], stdin=theirs, stdout=theirs, stderr=theirs,
                                        env=environment(EPOCHD_CONFIG="/dev/null", **env))
        os.close(theirs)

    def read(self, end=None):
        """What is shown up to `end`; without it, until the program ends."""
        shown = b""
        while end is None or end not in shown.decode(errors="replace"):
            try:
                part = os.read(self.ours, 4096)
            except OSError:  # EIO: nobody has the other end open any more
                part = b""
            if not part:
                assert end is None, shown
                break
            shown += part
        return shown.decode().replace("\r\n", "\n")

    def type(self, text):
        os.write(self.ours, text.encode())

    def end(self):
        shown = self.read()
        os.close(self.ours)
        return shown, self.process.wait()


TURNS = """turn=$(cat {turn} 2>/dev/null); echo "x$turn" >{turn}
case $turn in
'') echo 'model: again' >>"$1";;
*) {then};;
esac"""


def test_edit_on_a_terminal_can_be_gone_on_with_after_findings(repo, editor, tmp_path):
    turns = TURNS.format(turn=tmp_path / "turn", then="sed -i -e '/again/d' -e s/16000/8000/ \"$1\"")
    typist = Typist(repo, **editor(f"shift; {turns}"))
    assert "[yaml.duplicate-key]" in typist.read("Edit again? [Y/n] ")
    typist.type("\n")
    shown, code = typist.end()
    assert code == 0 and "/audio/rate: 16000 → 8000" in shown and text(repo) == TEXT.replace("16000", "8000")


@pytest.mark.parametrize("answer", ["n\n", "\x04"], ids=["no", "ctrl-d"])
def test_edit_on_a_terminal_can_be_given_up_and_what_was_typed_is_kept(repo, editor, answer):
    before = untouched(repo)
    typist = Typist(repo, **editor("shift; echo 'model: again' >>\"$1\""))
    typist.read("Edit again? [Y/n] ")
    typist.type(answer)
    shown, code = typist.end()
    assert code == 1 and untouched(repo) == before
    assert kept(subprocess.CompletedProcess([], code, stderr=shown)) == TEXT + "model: again\n"


def test_what_was_typed_is_kept_when_the_editor_fails_the_second_time(repo, editor, tmp_path):
    typist = Typist(repo, **editor(f"shift; {TURNS.format(turn=tmp_path / 'turn', then='exit 3')}"))
    typist.read("Edit again? [Y/n] ")
    typist.type("y\n")
    shown, code = typist.end()
    assert code == 3 and "the editor ended with 3" in shown
    assert kept(subprocess.CompletedProcess([], code, stderr=shown)) == TEXT + "model: again\n"


# --- what git is in the middle of -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("doing", ["merge", "cherry-pick", "rebase"])
def test_nothing_is_written_in_the_middle_of(repo, doing):
    repo.git("switch", "-q", "-c", "side")
    repo.commit({STT: TEXT + "a: 1\n"})
    repo.git("switch", "-q", "main")
    repo.commit({STT: TEXT + "a: 2\n"})
    assert repo.git(doing, "side", check=False).returncode != 0
    before = untouched(repo)
    for verb in (["set", "router", "a=1"], ["add", "new"], ["rm", "router"], ["mv", "router", "r2"], ["edit", "router"], ["rollback", "HEAD~1"]):
        refused = at(repo, *verb, check=1, EDITOR="false")
        assert f"a {doing} is in progress: git {doing} --continue, or git {doing} --abort [repo.dirty]" in refused.stderr
    assert untouched(repo) == before


# --- bare repositories ---------------------------------------------------------------------------------------------------


def test_a_bare_repository_is_written_on_its_tip(bare):
    tip = bare.head("main")
    at(bare, "set", "stt-worker", "model=large", "-m", "stt: larger\n\nBecause.", check=0)
    assert text(bare, rev="main") == TEXT.replace("base ", "large ")
    assert bare.head("main^") == tip
    assert bare.git("log", "-1", "--format=%an|%B", "main").stdout.rstrip() == "Ada|stt: larger\n\nBecause."
    assert bare.git("fsck", "--strict").returncode == 0


def test_the_first_commit_of_a_bare_repository_is_pushed(tmp_path):
    ctl("init", "--bare", tmp_path / "new.git", check=0)
    assert "branch main has no commit yet: git push brings the first" in at(Repo(tmp_path / "new.git"), "add", "lamp", check=2).stderr


def test_a_branch_that_git_holds_is_not_written(bare):
    lock = bare.path / "refs/heads/main.lock"
    lock.write_text("")
    result = at(bare, "set", "stt-worker", "model=large", check=3)
    assert "cannot move the branch" in result.stderr and text(bare, rev="main") == TEXT


def test_push_is_for_work_trees(bare, repo):
    assert "--push is for work trees" in at(bare, "set", "router", "level=debug", "--push", check=2).stderr
    repo.git("remote", "add", "origin", str(bare.path))
    repo.git("push", "-q", "-u", "origin", "main")
    at(repo, "set", "router", "level=debug", "--push", check=0)
    assert bare.head("main") == repo.head()


def test_a_push_that_can_go_nowhere_is_refused_before_the_commit(repo):
    before = untouched(repo)
    assert "there is nowhere to push to, and nothing was written" in at(repo, "set", "router", "level=debug", "--push", check=2).stderr
    assert untouched(repo) == before


def test_a_push_that_fails_says_that_the_commit_is_there(repo, tmp_path):
    repo.git("remote", "add", "origin", str(tmp_path / "nothing"))
    result = at(repo, "set", "router", "level=debug", "--push", check=3)
    assert f"committed as {repo.head()[:12]}, and not pushed" in result.stderr
    assert "router: set /level" in repo.git("log", "-1", "--format=%s").stdout


# --- root and somebody else's repository -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["work tree", "bare"])
def test_root_acts_as_the_owner(repo, open_folder, kind):
    as_stranger()  # skips where we are not root
    path = open_folder / "config"
    repo.git("clone", "-q", *(["--bare"] if kind == "bare" else []), str(repo.path), str(path))
    hook = path / ("hooks" if kind == "bare" else ".git/hooks") / "post-commit"
    hook.write_text(f"#!/bin/sh\nid -u > {open_folder}/uid\n")
    hook.chmod(0o755)
    open_folder.chmod(0o777)
    subprocess.run(["chown", "-R", f"{STRANGER}:{STRANGER}", str(path)], check=True)
    at(Repo(path), "set", "stt-worker", "model=large", check=0)
    others = subprocess.run(["find", str(path), "!", "-uid", str(STRANGER)], text=True, stdout=subprocess.PIPE, check=True).stdout
    assert others == ""
    if kind == "work tree":
        assert (open_folder / "uid").read_text() == f"{STRANGER}\n", "hooks run with the owner's rights"
        assert (path / STT).read_text() == TEXT.replace("base ", "large ")
    log = run("git", "-c", f"safe.directory={path}", "-C", path, "log", "-1", "--format=%an|%s", "main", wrapper=as_stranger())
    assert log.stdout == "Ada|stt-worker: set /model\n"


# --- with a daemon -------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path, repo, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(2)
    daemon.snapshot(2)
    return daemon


def test_it_says_what_became_of_the_commit(served, repo):
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1].startswith(f"{repo.head()[:12]}  epoch 3 published: stt-worker (")


def test_it_says_that_another_branch_is_served(served, repo):
    repo.git("checkout", "-q", "-b", "try")
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1] == f"{repo.head()[:12]}  this is branch try; epochd serves main"


def test_it_says_that_the_broker_is_away(served, repo, broker):
    broker.kill()
    served.state_is("degraded:broker-away")
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1].endswith("epoch 3 committed, broker away: stt-worker")


def test_it_says_that_epochd_does_not_run(served, repo):
    served.stop()
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1].endswith("epochd is not running: systemctl start epochd")


def test_on_a_laptop_it_says_that_a_push_is_what_is_missing(repo):
    repo.git("remote", "add", "origin", "host:config.git")
    result = at(repo, "set", "router", "level=debug", check=0, EPOCHD_STATE="/nonexistent", EPOCHD_RUN="/nonexistent")
    assert result.stdout.splitlines()[-1].endswith("epochd does not run here; git push takes it to where it does")


def test_the_wait_is_the_repositorys(served, repo):
    repo.git("config", "epochd.wait", "soon")
    assert "epochd.wait is 'soon'" in served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=3).stderr


def test_expect_is_a_lock_in_the_words_everybody_knows(served, repo):
    before = untouched(repo)
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", "--expect", "1", check=1)
    assert result.stderr == "epochctl: Version mismatch: expected 1, current is 2 [version-mismatch]\n"
    assert untouched(repo) == before
    served.ctl("-C", repo.path, "set", "stt-worker", "model=large", "--expect", "2", check=0)
    served.snapshot(3)
    assert "current is 3" in served.ctl("-C", repo.path, "set", "stt-worker", "model=x", "--expect", "2", check=1).stderr
    served.ctl("-C", repo.path, "set", "router", "level=debug", "--expect", "2", check=0)


def test_expect_sees_commits_that_are_not_in_force_yet(served, repo):
    served.stop()
    repo.commit({STT: TEXT.replace("base", "other")})
    assert "expected 2, current is 3" in served.ctl("-C", repo.path, "set", "stt-worker", "model=x", "--expect", "2", check=1).stderr
    served.ctl("-C", repo.path, "set", "router", "level=debug", "--expect", "2", check=0)
