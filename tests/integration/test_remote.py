"""epochctl -H: the verb on another host, through ssh; first through one that only notes what it was given, then through a real one."""
import getpass
import os
import shutil
import subprocess
import sys

import pytest
from harness import EPOCHCTL, PATIENCE_S, ctl, environment, free_port, run

HARD = "it's $HOME `id` \"x\"\\ ;&|<> *?\t~ ü"


@pytest.fixture
def noting_ssh(tmp_path):
    """An `ssh` that notes its words and ends as told."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "ssh").write_text(f"#!{sys.executable}\nimport os, sys\nopen({str(tmp_path / 'words')!r}, 'w').write('\\0'.join(sys.argv[1:]))\n"
                                "print('from there')\nsys.exit(int(os.environ.get('SSH_ENDS', '0')))\n")
    (folder / "ssh").chmod(0o755)
    return {"PATH": f"{folder}:{environment()['PATH']}", "words": lambda: (tmp_path / "words").read_text().split("\0")}


def test_ssh_is_given_one_quoted_line(noting_ssh):
    words = noting_ssh.pop("words")
    assert ctl("-H", "ada@elsewhere", "-C", "/srv/a b", "--config", "c.yaml", "--color", "never", "show", HARD, "--json", check=0, **noting_ssh).stdout == "from there\n"
    *before, line = words()
    assert before == ["-x", "-T", "--", "ada@elsewhere"]
    there = subprocess.run(["sh", "-c", f"epochctl() {{ printf '%s\\0' \"$@\"; }}; {line}"], stdout=subprocess.PIPE, text=True, check=True).stdout
    assert there.split("\0")[:-1] == ["-C", "/srv/a b", "--config", "c.yaml", "--color", "never", "show", HARD, "--json"]


@pytest.mark.parametrize(("ends", "code"), [(0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (126, 3), (130, 3), (255, 3)])
def test_it_ends_as_the_verb_ended_there(noting_ssh, ends, code):
    noting_ssh.pop("words")
    ctl("-H", "elsewhere", "status", check=code, SSH_ENDS=str(ends), **noting_ssh)


def test_a_host_without_epochctl_is_told_so(noting_ssh):
    noting_ssh.pop("words")
    assert "on elsewhere the shell finds no epochctl: install it there" in ctl("-H", "elsewhere", "status", check=3, SSH_ENDS="127", **noting_ssh).stderr


def test_nothing_of_this_host_is_read_before(noting_ssh, tmp_path):
    """Neither the folder nor the settings need to be here, and a verb that only the other one knows is its business."""
    noting_ssh.pop("words")
    (tmp_path / "bad.yaml").write_text("nonsense: {\n")
    ctl("-C", "/not/here", "-H", "elsewhere", "status", check=0, EPOCHD_CONFIG=str(tmp_path / "bad.yaml"), **noting_ssh)
    ctl("-H", "elsewhere", "brand-new-verb", check=0, **noting_ssh)


@pytest.mark.parametrize("host", ["", "-oProxyCommand=touch x"])
def test_a_host_is_no_option_of_ssh(noting_ssh, tmp_path, host):
    noting_ssh.pop("words")
    assert "-H takes [user@]host" in ctl("-H", host, "status", check=2, **noting_ssh).stderr
    assert not (tmp_path / "words").exists()


def test_without_ssh_it_says_so(tmp_path):
    assert "ssh" in ctl("-H", "elsewhere", "status", check=3, PATH=str(tmp_path)).stderr


def test_a_verb_over_a_real_ssh(sshd, daemon):
    env = sshd(**{name: value for name, value in daemon.settings.items() if value})
    host = f"{getpass.getuser()}@127.0.0.1"
    there = run(EPOCHCTL, "-H", host, "status", "--json", check=0, **env)
    assert '"running":true' in there.stdout and daemon.settings["EPOCHD_REPOSITORY_PATH"] in there.stdout
    assert run(EPOCHCTL, "-H", host, "show", "stt-worker", check=0, **env).stdout == daemon.ctl("show", "stt-worker", check=0).stdout
    daemon.stop()
    run(EPOCHCTL, "-H", host, "status", check=3, **env)
    missing = run(EPOCHCTL, "-H", host, "show", HARD, check=2, **env).stderr
    assert HARD.replace("\t", "\\x09") in missing


def test_a_host_that_is_not_there(sshd):
    env = sshd()
    assert run(EPOCHCTL, "-H", "nobody-at-all@127.0.0.1", "status", check=3, **env).stderr.count("epochctl") == 0
