"""What epochd leaves behind after a while, for tests that read it, damage a copy of it, or show it on a terminal."""
import base64
import fcntl
import hashlib
import hmac
import json
import os
import pty
import re
import struct
import subprocess
import termios

from harness import EPOCHCTL, SOURCE, Broker, Daemon, Repo, Subscriber

STT = "services/audio/stt-worker.yaml"
MEMORY = "services/brain/memory-worker.yaml"
BAD = "a: 1\nb: 2\na: 3\n"


class World:
    """What epochd leaves behind after a while: every kind of verdict in its journal, a snapshot, its keys, and what it published.

      1  the six services           published
      2  stt-worker changes         published
      -  stt-worker is invalid      rejected
      -  a commit while epochd was away, and
      5  the one on top of it       published
      6  two while the broker was away:
      7  the first is overtaken     published
      8  memory-worker goes         published
    """

    def __init__(self, folder):
        broker = Broker(folder / "broker")
        self.repo = Repo.home(folder / "config")
        self.daemon = Daemon(folder / "epochd", self.repo, broker, EPOCHD_MQTT_HEARTBEAT_S="1")
        self.commits = {1: self.repo.head()}
        try:
            self.live(broker)
            self.late = Subscriber(broker.port)
            self.late.epoch(8)
            self.keepalive = self.late.wait(f"system/keepalive/{SOURCE}")
            self.keyset = self.late.wait(f"system/keys/{SOURCE}")
            self.update = self.late.wait("system/config/stt-worker", lambda p: json.loads(p)["version"] == 7)
            self.head = self.late.epoch(8)
            self.tombstone = next(json.loads(line["services"]["memory-worker"]) and line["services"]["memory-worker"].encode()
                                  for line in self.daemon.journal() if line["kind"] == "committed" and line["epoch"] == 8)
        finally:
            self.daemon.stop()
            broker.stop()
        self.late.close()

    def live(self, broker):
        repo, daemon = self.repo, self.daemon
        daemon.published(1)
        self.commits[2] = repo.commit({STT: "rate: 2\n"}, "stt-worker: two")
        daemon.published(2)
        self.bad = repo.commit({STT: BAD}, "stt-worker: broken")
        daemon.wait("epoch_rejected")
        daemon.stop()
        self.superseded = repo.commit({STT: "rate: 4\n"}, "stt-worker: four")
        self.commits[5] = repo.commit({STT: "rate: 5\n"}, "stt-worker: five")
        daemon.start()
        daemon.published(5)
        broker.kill()
        daemon.wait("state", state="degraded:broker-away")
        self.commits[6] = repo.commit({STT: "rate: 6\n"}, "stt-worker: six")
        daemon.committed(6)
        self.commits[7] = repo.commit({STT: "rate: 7\n"}, "stt-worker: seven")
        daemon.committed(7)
        broker.start()
        daemon.published(7)
        self.commits[8] = repo.commit({MEMORY: None}, "memory-worker: not any more")
        daemon.published(8)
        daemon.snapshot(8)

    @property
    def keys(self):
        return self.daemon.state / "keys"

    def ctl(self, *args, **options):
        return self.daemon.ctl(*args, **options)


def in_copy(world, copy, *args, **options):
    return world.ctl(*args, **{"EPOCHD_STATE": str(copy), "EPOCHD_KEYS": str(copy / "keys"), **options})


def on_terminal(world, columns, *args, plain=True, **env):
    """What epochctl says on a terminal that is so wide; without its colours, if `plain`."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([EPOCHCTL, *args], env={**world.daemon.env, "TERM": "xterm", **env}, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 65536)
        except OSError:  # EIO: the other end is closed
            break
    process.wait()
    os.close(ours)
    text = text.decode().replace("\r\n", "\n")
    return re.sub(r"\x1b\[[\d;]*m", "", text) if plain else text


class Ended:
    """A process that is ended with its test."""

    def __init__(self, process):
        self.process = process

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def key_of(path):
    """The raw bytes of a key file."""
    return base64.b64decode(path.read_text().strip().split(":")[2])


def hold_lock(state, pid):
    """What a daemon that has just begun looks like: its lock. Held until the file is closed."""
    file = open(state / "lock", "r+", encoding="ascii")
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    file.write(f"{pid:<10}\n")
    file.flush()
    return file


def seal_line(state, members, before):
    """A line of the journal as epochd would write it."""
    key = key_of(state / "keys/journal.key")
    head = {"seq": before["seq"] + 1, "prev": hashlib.sha256(before["text"]).hexdigest(), "time": "2026-01-02T03:04:05.678Z", **members}
    body = json.dumps(head, separators=(",", ":")).encode()
    mac = hmac.new(key, body, hashlib.sha256).hexdigest()
    key_id = hashlib.sha256(key).hexdigest()[:16]
    body = body[:-1] + f',"key_id":"{key_id}"}}'.encode()
    mac = hmac.new(key, body, hashlib.sha256).hexdigest()
    return body[:-1] + f',"hmac":"{mac}"}}'.encode()


def rotate(state):
    """What a change of files leaves: the old one under the number of its last line, a checkpoint in the new one."""
    old = (state / "journal.jsonl").read_bytes().rstrip(b"\0")
    last = old.splitlines()[-1]
    seq = json.loads(last)["seq"]
    name = f"journal-{seq}.jsonl"
    (state / "journal.jsonl").rename(state / name)
    line = seal_line(state, {"kind": "checkpoint", "file": name}, {"seq": seq, "text": last})
    (state / "journal.jsonl").write_bytes(line + b"\n")
    return name


def damage(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def reseal(state, change):
    """Changes the payload of the snapshot as somebody could who has stolen its HMAC key."""
    path, key = state / "config.lkg.json", key_of(state / "keys/lkg.key")
    body = path.read_bytes()
    tail = re.search(rb',"hmac":"[0-9a-f]{64}"\}\s*$', body)
    body = change(body[:tail.start()] + b"}")
    path.write_bytes(body[:-1] + b',"hmac":"' + hmac.new(key, body, hashlib.sha256).hexdigest().encode() + b'"}')


def replacing(old, new):
    def change(body):
        assert old in body
        return body.replace(old, new)
    return change


def message(world, name):
    return getattr(world, name).decode()
