"""examples/scene.sh: what `make run` shows is true, and nothing of it is left behind.

What the scene received and wrote is verified by tests/interop/verify_independent.py, which shares nothing with epochd.
"""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from harness import BUILD, PATIENCE_S, ROOT, Repo, environment, run

sys.path.insert(0, str(ROOT / "tests/interop"))
from verify_independent import read_roots, verify_journal, verify_keyset, verify_message, verify_snapshot  # noqa: E402

SCENE = ["bash", str(ROOT / "examples/scene.sh")]
STT = "services/audio/stt-worker.yaml"


def session_of(pid):
    """The session a process belongs to, None where it has ended."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return None


def left_of(session):
    return [pid for pid in os.listdir("/proc") if pid.isdigit() and session_of(pid) == session]


def play(tmp_path, cwd=ROOT, **env):
    """Runs the scene without a terminal, in a session of its own."""
    scratch = tmp_path / "scratch folder"
    scratch.mkdir(exist_ok=True)
    with subprocess.Popen(SCENE, cwd=cwd, env=environment(**{"EPOCHD_BUILD": str(BUILD), "TMPDIR": str(scratch), **env}), text=True,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True) as process:
        text = process.communicate(timeout=4 * PATIENCE_S)[0]
    assert left_of(process.pid) == []
    assert list(scratch.iterdir()) == []
    return process.returncode, text


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    """The folder in which the scene was played, and its text."""
    folder = tmp_path_factory.mktemp("scene")
    code, text = play(folder, EPOCHD_SCENE_DIR=str(folder / "kept"), EPOCHD_MQTT_URL="mqtt://nowhere:1", GIT_DIR="/nowhere")
    assert code == 0, text
    return folder / "kept", text


def keyset_of(folder):
    roots = read_roots(open(folder / "state/keys/root.pub", encoding="ascii"))
    return verify_keyset((folder / "state/keys/keyset.json").read_bytes(), roots, "config-manager")


def received(folder, name):
    return (folder / name).read_bytes().removesuffix(b"\n")


def test_what_arrived_was_signed_by_the_keyset(scene):
    folder, _ = scene
    repo, keyset = Repo(folder / "config"), keyset_of(folder)
    update = verify_message(received(folder, "update.json"), keyset, "config.update", "config-manager", "stt-worker")
    assert update["version"] == 2 and update["config"]["vad_threshold"] == 0.6
    assert update["config_epoch"] == repo.head("main~3")
    head = verify_message(received(folder, "head.json"), keyset, "config.epoch", "config-manager")
    assert (head["epoch"], head["changed"], head["config_epoch"]) == (2, {"stt-worker": 2}, update["config_epoch"])
    assert head["correlation_id"] == update["correlation_id"]


def test_the_snapshot_and_the_journal_that_are_left_verify(scene):
    folder, _ = scene
    keys = folder / "state/keys"
    lines, torn = verify_journal(folder / "state/journal.jsonl", (keys / "journal.key").read_text())
    assert torn == 0
    assert [line["epoch"] for line in lines if line["kind"] == "committed"] == [1, 2, 4, 5]
    assert [line["epoch"] for line in lines if line["kind"] == "published"] == [1, 2, 4, 5]
    assert [line["code"] for line in lines if line["kind"] == "rejected"] == ["schema.maximum"]
    snapshot = verify_snapshot(folder / "state/config.lkg.json", (keys / "lkg.key").read_text(), open(keys / "root.pub", encoding="ascii"))
    assert snapshot["epoch"] in (4, 5) and len(snapshot["services"]) == 6, "the last one may have been on its way"
    assert received(folder, "last.json") == next(line["head"].encode() for line in lines if line.get("epoch") == 4)


def test_the_mistake_is_shown_by_place_and_the_last_good_epoch_stays(scene):
    folder, text = scene
    lines = (ROOT / "examples/home" / STT).read_text().splitlines()
    place, other = (next(n for n, line in enumerate(lines, 1) if line.startswith(key)) for key in ("vad_threshold:", "silence_ms:"))
    finding = f"{STT}:{place}:16: vad_threshold: 1.4 is above the maximum 1 [schema.maximum]"
    assert text.count(finding) == 3, "by the hook before, by the one after, and in status"
    assert f'{STT}:{other}:1: "silense_ms" is not known here; did you mean "silence_ms"? [schema.additionalProperties]' in text
    assert "epochd: this commit would be refused" in text
    forced = text[text.index("6. Forced past the hook"):text.index("7. A revert")]
    assert "  epoch      2  " in forced and "  serving    6 services" in forced
    assert re.search(r"^-\t[0-9a-f]{12}\t.*\trejected \[schema.maximum\]\t", forced, re.M)
    health = json.loads((folder / "rejected.json").read_text())["data"]
    assert (health["event"], health["ok"], health["epoch"]) == ("rejected", False, 2)
    assert (health["findings"][0]["file"], health["findings"][0]["line"], health["findings"][0]["column"]) == (STT, place, 16)
    last = verify_message(received(folder, "last.json"), keyset_of(folder), "config.epoch", "config-manager")
    assert (last["epoch"], last["parent"]["epoch"], last["changed"]) == (4, 2, {})


def test_switching_the_profile_is_an_epoch_of_the_services_it_changes(scene):
    folder, text = scene
    head = verify_message(received(folder, "quiet.json"), keyset_of(folder), "config.epoch", "config-manager")
    assert (head["epoch"], head["parent"]["epoch"], head["changed"]) == (5, 4, {"tts-worker": 5, "wake-activation": 5})
    assert "profiles/quiet/tts-worker.yaml:2" in text[text.index("8. Switching"):]


def test_every_chapter_is_shown(scene):
    _, text = scene
    assert re.findall(r"^(\d)\. ", text, re.M) == list("12345678")
    assert text.count("verified: ") == 3 and "NOT served" not in text and "NOT verified" not in text
    assert "Now you" not in text


def test_a_scene_is_not_played_over_another(scene, tmp_path):
    folder, _ = scene
    code, text = play(tmp_path, EPOCHD_SCENE_DIR=str(folder))
    assert code == 1 and f"scene: there is a scene in {folder} already" in text


def test_a_scene_may_be_played_from_anywhere_under_a_name_that_needs_care(tmp_path):
    name = "it's, {a} \"scene\": #1"
    code, text = play(tmp_path, cwd=tmp_path, EPOCHD_SCENE_DIR=name)
    assert code == 0, text
    assert verify_keyset((tmp_path / name / "state/keys/keyset.json").read_bytes(),
                         read_roots(open(tmp_path / name / "state/keys/root.pub", encoding="ascii")))


def test_a_scene_that_fails_says_so_and_leaves_nothing(tmp_path):
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mosquitto").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/mosquitto").chmod(0o755)
    code, text = play(tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")
    assert code == 1 and "scene: no free port for mosquitto in 10 tries" in text


NO_HOSTS = """#!/bin/sh
case " $* " in *" -h 127.0.0.1 "*) exec {real} "$@" ;; esac
echo 'Unable to connect (Lookup error.).' >&2
exit 1
"""


def play_with(tmp_path, subscriber):
    """The scene with this in place of mosquitto_sub."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mosquitto_sub").write_text(subscriber)
    (tmp_path / "bin/mosquitto_sub").chmod(0o755)
    return play(tmp_path, PATH=f"{tmp_path}/bin:{os.environ['PATH']}")


def test_a_host_that_does_not_know_localhost_sees_the_scene_too(tmp_path):
    code, text = play_with(tmp_path, NO_HOSTS.format(real=shutil.which("mosquitto_sub")))
    assert code == 0 and re.findall(r"^(\d)\. ", text, re.M) == list("12345678"), text


def test_a_subscriber_that_ends_is_not_waited_for_and_what_it_said_is_shown(tmp_path):
    code, text = play_with(tmp_path, NO_HOSTS.replace("127.0.0.1", "nowhere"))
    assert code == 1 and "Lookup error" in text and "did not come within" not in text, text


class Terminal:
    """The scene on a terminal of its own, as somebody at the keyboard has it."""

    def __init__(self, **env):
        self.keyboard, screen = pty.openpty()
        self.text = ""
        self.process = subprocess.Popen(SCENE, cwd=ROOT, env=environment(EPOCHD_BUILD=str(BUILD), TERM="dumb", **env), stdin=screen,
                                        stdout=screen, stderr=screen, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(screen)

    def wait(self, pattern):
        """The first match of `pattern` on the screen."""
        deadline = time.monotonic() + PATIENCE_S
        while (found := re.search(pattern, self.text)) is None:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.keyboard], [], [], left)[0], self.text
            self.text += self.read()
        return found

    def read(self):
        try:
            return os.read(self.keyboard, 65536).decode().replace("\r\n", "\n")
        except OSError as closed:  # EIO: nobody has the terminal open any more
            raise AssertionError(f"the scene ended: {self.text}") from closed

    def close(self):
        """Ends it, if it is still there, with everything that belongs to it."""
        for pid in left_of(self.process.pid):
            os.kill(int(pid), signal.SIGKILL)
        self.process.wait(PATIENCE_S)
        os.close(self.keyboard)


def test_on_a_terminal_it_stays_until_ctrl_c_and_leaves_nothing(tmp_path, ends):
    scratch = tmp_path / "scratch folder"
    scratch.mkdir()
    terminal = ends(Terminal(TMPDIR=str(scratch)))
    terminal.wait("Now you: in another terminal")
    terminal.wait("system/health/config-manager .*\n")
    folder = Path(terminal.wait(r'EPOCHD_CONFIG="(.*)/epochd.yaml"')[1])
    assert folder.parent == scratch and (folder / "state/journal.jsonl").is_file()
    typed = re.search(r'^  (cd ".*)$', terminal.text, re.M)[1]
    run("sh", "-c", typed, EDITOR="sed -i 1iagain:\\x201", check=0)
    arrived = terminal.wait(r"config/update (\{.*\})\n")
    update = verify_message(arrived[1].encode(), keyset_of(folder), "config.update", "config-manager", "router")
    assert update["version"] == 6 and update["config"]["again"] == 1
    assert len(left_of(terminal.process.pid)) >= 4, "the shell, epochd, mosquitto, the subscriber"
    os.write(terminal.keyboard, b"\x03")
    assert terminal.process.wait(PATIENCE_S) == 0
    assert left_of(terminal.process.pid) == []
    assert not folder.exists() and list(scratch.iterdir()) == []
