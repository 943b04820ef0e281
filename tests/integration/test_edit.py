"""edit: what was saved is judged and committed, and what was typed is never lost."""
import os
import pty
import subprocess

import pytest
from harness import EPOCHCTL, environment
from writings import STT, TEXT, at, commented, text, untouched


@pytest.fixture
def repo(home):
    return commented(home)


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
