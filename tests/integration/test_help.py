"""epochctl help, usage errors, and the settings that verbs are given."""
import json
import re

import pytest
from harness import ROOT, ctl

VERBS = [verb.replace("_", "-") for verb in re.findall(r"&verb_(\w+),", (ROOT / "src/cli/verbs.c").read_text()) if verb != "complete"]


def codes():
    return re.findall(r'^CODE\(\w+, "([^"]+)", CODE_\w+, "((?:[^"\\]|\\.)+)", "((?:[^"\\]|\\.)+)"\)$', (ROOT / "src/model/codes.def").read_text(),
                      re.M)


def test_help_explains_every_code():
    table = codes()
    assert len(table) == (ROOT / "src/model/codes.def").read_text().count("\nCODE(")
    for name, meaning, remedy in table:
        if name in VERBS:
            continue  # what is typed is more often the verb
        text = ctl("help", name, check=0).stdout
        assert text.startswith(f"{name}: ") and meaning.replace('\\"', '"') in text and "What to do: " + remedy.replace('\\"', '"') in text


def states():
    """The columns of each row of the table of states."""
    table = (ROOT / "src/model/states.def").read_text()
    return [re.findall(r'"((?:[^"\\]|\\.)*)"', row)
            for row in re.findall(r'^(?:HOLD|DEGRADED|PLAIN)\((\w+, (?:"(?:[^"\\]|\\.)*"[,\s]*)+)\)$', table, re.M)]


def test_help_of_a_state_tells_when_it_comes_what_is_served_how_it_ends_and_what_to_type():
    assert len(states()) > 20
    for name, meaning, comes, served, ends, remedy in states():
        text = ctl("help", name, check=0).stdout
        assert text.startswith(f"{name}: ")
        for words in (meaning, f"Comes:  {comes}", f"Served: {served}", f"Ends:   {ends}", f"What to do: {remedy}"):
            assert words + "\n" in text


@pytest.mark.parametrize("name", ["ok", "committed", "published", "superseded", "rejected"])
def test_help_explains_every_verdict_and_the_state_that_is_well(name):
    assert ctl("help", name, check=0).stdout.startswith(f"{name}: nothing is wrong with epochd\n")


def test_help_explains_every_code_of_the_protocol():
    chapter = (ROOT / "docs/PROTOCOL.md").read_text(encoding="utf-8").partition("**Codes.**")[2].partition("\n## ")[0]
    names = [name for row in re.findall(r"^\| (`.*?) \|", chapter, re.M) for name in re.findall(r"`([^`]+)`", row)]
    assert len(names) > 15
    for name in names:
        ctl("help", name, check=0)


@pytest.mark.parametrize("name, shown", [("repo-behind", "hold:repo-behind"), ("paused", "hold:paused"), ("poll-only", "degraded:poll-only")])
def test_help_takes_a_state_as_status_and_the_log_print_it(name, shown):
    assert ctl("help", shown, check=0).stdout == ctl("help", name, check=0).stdout


@pytest.mark.parametrize("name", ["hold:poll-only", "degraded:paused", "hold:ok", "degraded:rejected", "hold:", "degraded:yaml.nul", "hold:hold:paused"])
def test_help_knows_no_state_that_is_never_printed(name):
    assert f"there is no verb or code '{name}'" in ctl("help", name, check=2).stderr


def test_help_explains_every_verb():
    overview = ctl("help", check=0).stdout
    verbs = overview.split("\n\n")[1]
    assert [line.split()[0] for line in verbs.splitlines()] == VERBS
    for verb in VERBS:
        text = ctl("help", verb, check=0).stdout
        assert re.match(rf"usage: epochctl {verb}\s", text) and text == ctl(verb, "--help", check=0).stdout == ctl(verb, "-h", check=0).stdout
    assert ctl("--help", check=0).stdout == ctl("-h", check=0).stdout == overview
    assert ctl(check=2).stdout == overview
    assert re.fullmatch(r"epochctl \d+\.\d+\.\d+\n", ctl("--version", check=0).stdout)


@pytest.mark.parametrize(("args", "words"), [
    (["nothing"], "there is no verb 'nothing'; epochctl help lists them"),
    (["--nothing"], "unrecognized option '--nothing'"),
    (["-C"], "option requires an argument -- 'C'"),
    (["help", "nothing"], "there is no verb or code 'nothing'"),
    (["init", "a", "b"], "'b' is one argument too many"),
    (["init", "--nothing"], "epochctl: init: unrecognized option '--nothing'"),
    (["check", "a", "b"], "'b' is one argument too many"),
    (["check", "a", "--staged"], "one revision, or --staged, or --worktree"),
    (["check", "--worktree", "--staged"], "either --staged or --worktree"),
    (["check", "--format", "xml"], "--format: 'xml' is not text, json, sarif, github or gitlab"),
    (["stauts"], "there is no verb 'stauts'; did you mean \"status\"?"),
    (["frobnicate"], "there is no verb 'frobnicate'; epochctl help lists them"),
    (["\x1b[31m"], "there is no verb '\\x1b[31m'"),
    (["help", "rolback"], "there is no verb or code 'rolback'; did you mean \"rollback\"?"),
    (["help", "yaml.bomb"], "there is no verb or code 'yaml.bomb'; did you mean \"yaml.bom\"?"),
    (["check", "--format"], "epochctl: check: option '--format' requires an argument"),
    (["check", "--nothing"], "epochctl: check: unrecognized option '--nothing'"),
    (["status", "x"], "'x' is one argument too many"),
    (["status", "-x"], "epochctl: status: invalid option -- 'x'"),
    (["log", "a", "b"], "'b' is one argument too many"),
    (["log", "-n"], "epochctl: log: option requires an argument -- 'n'"),
    (["edit"], "SERVICE is missing"),
    (["show", "a", "b"], "'b' is one argument too many"),
    (["show", "a", "--at"], "requires an argument"),
    (["verify"], "say lkg, journal or message"),
    (["verify", "nothing"], "'nothing' is not lkg, journal or message"),
    (["verify", "lkg", "a", "b"], "'b' is one argument too many"),
    (["keys"], "say init or list"),
    (["keys", "nothing"], "'nothing' is not init or list"),
    (["hook"], "say pre-commit, pre-merge-commit, pre-receive, post-commit, post-merge, post-rewrite or post-receive"),
], ids=" ".join)
def test_usage_errors(args, words):
    result = ctl(*args, check=2)
    assert words in result.stderr and result.stdout == ""
    if args[0] in VERBS:
        assert result.stderr.splitlines()[-1].startswith(f"usage: epochctl {args[0]} ")


def test_settings_that_are_wrong_are_named_by_place(tmp_path):
    (tmp_path / "epochd.yaml").write_text("state: /x\nrepositroy: {}\n")
    for verb in (["status"], ["log"], ["show", "a"], ["verify", "lkg"], ["keys", "list"]):
        result = ctl("--config", "epochd.yaml", *verb, cwd=tmp_path, check=3)
        assert re.search(r"^epochctl: .*epochd.yaml:2:1: .*\[settings\]$", result.stderr, re.M), result.stderr


def test_a_settings_file_and_a_folder_to_begin_in(world, tmp_path):
    (tmp_path / "epochd.yaml").write_text(f'repository: {{path: "{world.repo.path}"}}\nstate: "{world.daemon.state}"\n')
    assert len(json.loads(ctl("--config", tmp_path / "epochd.yaml", "log", "--json", check=0).stdout)) == 8
    assert len(json.loads(ctl("-C", tmp_path, "--config", "epochd.yaml", "log", "--json", check=0).stdout)) == 8
    assert len(json.loads(ctl("log", "--json", EPOCHD_CONFIG=str(tmp_path / "epochd.yaml"), check=0).stdout)) == 8
