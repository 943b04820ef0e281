"""Where output goes: to a terminal in colour, to a full disk, to a pipe that nobody reads."""
import json
import os
import re
import signal
import subprocess

import pytest
from harness import EPOCHCTL, ROOT, ctl
from layered import STT, at, layered
from worlds import on_terminal


@pytest.mark.parametrize(("options", "environment", "is_colored"), [
    ([], {}, True), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True), ([], {"TERM": "dumb"}, False),
    (["--color", "never"], {}, False), (["--color=always"], {"NO_COLOR": "1"}, True)])
def test_color_is_for_terminals(world, options, environment, is_colored):
    assert ("\x1b[" in on_terminal(world, 120, *options, "log", plain=False, **environment)) == is_colored
    assert ("\x1b[" in world.ctl(*options, "log", **environment).stdout) == ("--color=always" in options)


PRINTING = [["help"], ["help", "show"], ["help", "repo-behind"], ["--version"], ["check"], ["check", "--json"], ["status"], ["status", "--json"],
            ["log"], ["show", "stt-worker"], ["show", "stt-worker", "--json"], ["verify", "lkg"], ["verify", "journal"], ["keys", "list"]]


ASKS_THE_STATE = ["diff 1 2", "doctor", "log", "show", "show stt-worker", "verify lkg", "verify journal", "keys list"]
ASKS_THE_REPOSITORY = ["check", "plan HEAD~1", "explain stt-worker", "profile list", "profile show quiet", "schema env stt-worker",
                       f"schema validate schemas/speech.yaml {STT}"]
CONTENT = {"config", "value", "before", "after", "schema"}  # what stands inside is somebody's own


def members(value):
    for name, inside in value.items() if isinstance(value, dict) else [(None, inside) for inside in value] if isinstance(value, list) else []:
        yield from [name] if name else []
        yield from members(inside) if name not in CONTENT else []


def check_members(verb, printed):
    chapter = (ROOT / "docs/USING.md").read_text(encoding="utf-8").partition("## 10. For programs")[2]
    known = set(re.findall(r"[a-z_]+", ctl("help", verb, check=0).stdout)) | set(re.findall(r"`([a-z_]+)`", chapter))
    found = set(members(json.loads(printed)))
    assert found and found <= known, found - known


@pytest.mark.parametrize("command", ASKS_THE_STATE)
def test_what_is_printed_for_programs_is_documented(world, command):
    words = command.split()
    check_members(words[0], world.ctl(*words, "--json", cwd=world.repo.path).stdout)


@pytest.mark.parametrize("command", ASKS_THE_REPOSITORY)
def test_what_is_printed_for_programs_of_a_repository_is_documented(tmp_path, command):
    words = command.split()
    check_members(words[0], at(layered(tmp_path / "config"), *words, "--json", cwd=tmp_path / "config").stdout)


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_output_that_cannot_be_written_is_a_failure(world, args):
    with open("/dev/full", "wb") as full:
        result = subprocess.run([EPOCHCTL, *args], cwd=world.repo.path, env=world.daemon.env, stdout=full, stderr=subprocess.PIPE, text=True,
                                check=False)
    assert result.returncode == 3
    if args[0] != "status":
        assert result.stderr.endswith("cannot write to standard output: No space left on device [system]\n")


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_output_to_a_closed_pipe_ends_quietly_or_fails(world, args):
    for is_ignored in (False, True):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([EPOCHCTL, *args], cwd=world.repo.path, env=world.daemon.env, stdout=writer, stderr=subprocess.PIPE, text=True,
                                restore_signals=not is_ignored, check=False)
        os.close(writer)
        assert result.returncode == (3 if is_ignored else -signal.SIGPIPE)
        assert is_ignored or result.stderr == ""
