"""Where output goes: to a terminal in colour, to a full disk, to a pipe that nobody reads."""
import os
import signal
import subprocess

import pytest
from harness import EPOCHCTL
from worlds import on_terminal


@pytest.mark.parametrize(("options", "environment", "is_colored"), [
    ([], {}, True), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True), ([], {"TERM": "dumb"}, False),
    (["--color", "never"], {}, False), (["--color=always"], {"NO_COLOR": "1"}, True)])
def test_color_is_for_terminals(world, options, environment, is_colored):
    assert ("\x1b[" in on_terminal(world, 120, *options, "log", plain=False, **environment)) == is_colored
    assert ("\x1b[" in world.ctl(*options, "log", **environment).stdout) == ("--color=always" in options)


PRINTING = [["help"], ["help", "show"], ["help", "repo-behind"], ["--version"], ["check"], ["check", "--json"], ["status"], ["status", "--json"],
            ["log"], ["show", "stt-worker"], ["show", "stt-worker", "--json"], ["verify", "lkg"], ["verify", "journal"], ["keys", "list"]]


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
