"""add, mv, rm: services come, go and move, each in a commit; what cannot be taken over is refused at its place."""
import json
import tomllib

import pytest
import yaml
from writings import STT, TEXT, at, commented, text, untouched


@pytest.fixture
def repo(home):
    return commented(home)


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
    result = at(repo, "mv", "lamp", "other/light", check=3)
    assert result.stderr.endswith("epochctl: nothing was changed: git commit ended with 1 [git]\n")
    assert untouched(repo) == before and (repo.path / "services/alone/lamp.yaml").exists()
    assert not (repo.path / "services/other").exists()
