"""What the integration tests run: real git, real mosquitto, real epochd, each in a temporary folder, on a free loopback port, ended by pid.

Nothing here sleeps to wait: a daemon is awaited by its log (JSON lines), the broker and its messages by MQTT.
"""
import itertools
import json
import os
import queue
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.subscribeoptions import SubscribeOptions

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests/conformance"))
from ports import free_port  # noqa: E402

BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
EPOCHD, EPOCHCTL = BUILD / "epochd", BUILD / "epochctl"
MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
HOME = ROOT / "examples/home"
SOURCE = "config-manager"
PATIENCE_S = 60  # how long an event may take on a busy machine before the test says it never came
STUCK_S = 5 * PATIENCE_S  # a command that is still there is never coming back

GIT_ENV = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_TERMINAL_PROMPT": "0",
    "GIT_TEST_FSYNC": "0",  # nothing of git's here has to survive a power cut
    "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org",
}


def environment(**more):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "EPOCHD_")) or k == "EPOCHD_BUILD"}
    env.update({**GIT_ENV, "PATH": f"{BUILD}:{env['PATH']}", **more})
    return env


def watched(command, env):
    """The environment for it: LeakSanitizer cannot look at a process that is traced, or has become somebody else."""
    if "ASAN_OPTIONS" in env and Path(str(command[0])).name in ("strace", "setpriv", "prlimit", "unshare"):
        return {**env, "ASAN_OPTIONS": env["ASAN_OPTIONS"] + ":detect_leaks=0"}
    return env


def run(*command, check=None, stdin=None, cwd=None, wrapper=(), **env):
    """The finished process, its output as text. `env` is put over environment(); EPOCHD_CONFIG is none unless given."""
    words = [*map(str, wrapper), *map(str, command)]
    result = subprocess.run(words, env=watched(words, environment(**{"EPOCHD_CONFIG": "/dev/null", **env})), text=True, input=stdin,
                            cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=STUCK_S)
    if check is not None:
        assert result.returncode == check, (command, result.returncode, result.stdout, result.stderr)
    return result


# A process begins with the peak of whoever started it, and a test runner's is large: so a small one starts it, and tells.
MEASURE = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:], check=False).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
open(sys.argv[1], "w").write(f"{code} {usage.ru_utime + usage.ru_stime} {usage.ru_maxrss}")
"""


def measured(folder, *command):
    """(exit code, output, CPU seconds, peak KiB) of a command; `folder` is for the figures on their way."""
    figures = Path(folder) / "figures"
    result = run("/usr/bin/python3", "-S", "-c", MEASURE, figures, *command, check=0)
    code, seconds, peak = figures.read_text().split()
    return int(code), result.stdout + result.stderr, float(seconds), int(peak)


def remove(folder):
    """The whole folder, though somebody may still be writing into it."""
    while folder.exists():
        shutil.rmtree(folder, ignore_errors=True)


def ctl(*args, **options):
    """epochctl without a daemon's settings."""
    return run(EPOCHCTL, *args, **options)


STRANGER = 54321  # a user and a group that nobody is


def as_stranger(*groups):
    """A wrapper that runs a command as another user, who is in these groups besides; tests that need it need root."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("another user's rights can be tried by root alone, with setpriv")
    if not all(folder.stat().st_mode & stat.S_IXOTH for folder in EPOCHD.parents):
        pytest.skip(f"other users may not enter {ROOT}")
    more = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", *more, "--inh-caps=-all", "--bounding-set=-all"]


class Repo:
    """A repository and the git that works on it."""

    def __init__(self, path, bare=False, branch="main"):
        self.path, self.branch = Path(path), branch
        if not self.path.exists():
            args = ["git", "init", "-q", "-b", branch, str(self.path)] + (["--bare"] if bare else [])
            subprocess.run(args, check=True, env=environment())
        self._be_patient()

    def _be_patient(self):
        """Who commits is told what became of it as soon as it is known, but two seconds are not enough on every machine."""
        git = self.path if (self.path / "HEAD").is_file() else self.path / ".git"
        if (git / "config").is_file() and "[epochd]" not in (git / "config").read_text():
            with open(git / "config", "a") as file:
                file.write(f"[epochd]\n\twait = {PATIENCE_S}\n")

    def git(self, *args, check=True, stdin=None, **env):
        result = subprocess.run(["git", "-C", str(self.path), *args], env=environment(**env), text=True, input=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, timeout=STUCK_S)
        if check and result.returncode:
            raise AssertionError(f"git {' '.join(args)}: {result.stderr}")
        return result

    def write(self, files):
        for name, text in files.items():
            path = self.path / name
            if text is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode() if isinstance(text, str) else text)

    def commit(self, files=None, message="change", *options):
        """Writes the files (None removes), commits everything past the hooks, gives the commit id."""
        self.write(files or {})
        self.git("add", "-A")
        self.git("commit", "-q", "--no-verify", "--allow-empty", "-m", message, *options)
        return self.head()

    def head(self, rev="HEAD"):
        return self.git("rev-parse", rev).stdout.strip()

    def count(self, rev="HEAD"):
        return int(self.git("rev-list", "--count", rev).stdout)

    @classmethod
    def home(cls, path):
        repo = cls(path)
        shutil.copytree(HOME / "services", Path(path) / "services")  # without schemas: tests write into them what they like
        shutil.copy(HOME / "README.md", path)
        repo.commit(message="config: begin")
        return repo


class Broker:
    """A private mosquitto. `extra` is appended to its configuration."""

    def __init__(self, folder, extra="", port=None, listener=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self.listener = listener or f"{self.port} 127.0.0.1"
        self.extra, self.process = extra, None
        self.start()

    def start(self):
        user = "user root\n" if os.geteuid() == 0 else ""
        access = "" if "allow_anonymous" in self.extra else "allow_anonymous true\n"
        config = self.folder / "mosquitto.conf"
        config.write_text(f"listener {self.listener}\n{access}{user}persistence false\n{self.extra}\n")
        self.boot(config)

    def boot(self, config):
        self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for line in self.process.stdout:
            if line.rstrip().endswith("running"):
                break
        else:
            raise AssertionError(f"mosquitto did not start: {self.process.wait()}")
        # Its log must be drained, or the pipe fills up and it stops.
        threading.Thread(target=self._drain, args=(self.process.stdout,), daemon=True).start()

    @staticmethod
    def _drain(stream):
        for _ in stream:
            pass

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def kill(self, how=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_S)

    def stop(self):
        """mosquitto 2.0.11 now and then sleeps through the SIGTERM; nothing of it is kept."""
        try:
            self.process.terminate()
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()


class Subscriber:
    """paho, MQTT v5, QoS 1: everything that arrives, in order, with its retain flag."""

    def __init__(self, port, *topics, will_retain=True, username=None, password=None):
        self.messages, self._fences = [], itertools.count(1)
        self._news = threading.Condition()
        self.client = paho.Client(protocol=paho.MQTTv5)
        if username:
            self.client.username_pw_set(username, password)
        self._subscribed = threading.Event()
        self.client.on_message = self._on_message
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.is_whole = not topics or "#" in topics  # hears everything, and has since the beginning
        self.client.on_disconnect = self._on_disconnect
        self.client.connect("127.0.0.1", port, keepalive=60)
        self.client.loop_start()
        options = SubscribeOptions(qos=1, retainHandling=0 if will_retain else 2)
        self.client.subscribe([(topic, options) for topic in topics or ("#",)])
        assert self._subscribed.wait(PATIENCE_S)

    def _on_disconnect(self, *_):
        self.is_whole = False  # it comes back without its subscription

    def fence(self):
        """What the broker has taken before this, has arrived after it."""
        text = str(next(self._fences)).encode()
        self.publish(f"fence/{id(self)}", text)
        self.wait(f"fence/{id(self)}", lambda payload: payload == text)

    def _on_message(self, _client, _data, message):
        with self._news:
            self.messages.append((message.topic, message.payload, bool(message.retain)))
            self._news.notify_all()

    def wait(self, topic, accept=lambda payload: True, seconds=PATIENCE_S):
        """The payload of the first message, from the beginning, on `topic` that is accepted."""
        deadline = time.monotonic() + seconds
        at = 0
        with self._news:
            while True:
                for found, payload, _ in self.messages[at:]:
                    if found == topic and accept(payload):
                        return payload
                at = len(self.messages)
                left = deadline - time.monotonic()
                if left <= 0 or not self._news.wait(left):
                    raise AssertionError(f"nothing accepted on {topic}; seen: {[(t, p[:80]) for t, p, _ in self.messages[-8:]]}")

    def epoch(self, number, source=SOURCE):
        """Waits for the head of that epoch."""
        return self.wait(f"system/epoch/{source}", lambda p: p and json.loads(p)["epoch"] == number)

    def on(self, topic):
        """All that the broker has taken on it until now, where everything is heard; else what has come."""
        if self.is_whole:
            self.fence()
        return self.seen(topic)

    def seen(self, topic):
        """What has come until now; somebody else may have seen more."""
        with self._news:
            return [payload for found, payload, _ in self.messages if found == topic]

    def publish(self, topic, payload, retain=False):
        self.client.publish(topic, payload, qos=1, retain=retain).wait_for_publish()

    def close(self):
        self.client.disconnect()
        self.client.loop_stop()


class Daemon:
    """A running epochd; `wait` reads its log."""

    def __init__(self, folder, repo, broker=None, start=True, wrapper=(), **settings):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.state, self.run = self.folder / "state", self.folder / "run"
        self.settings = {
            "EPOCHD_REPOSITORY_PATH": str(getattr(repo, "path", repo)), "EPOCHD_STATE": str(self.state), "EPOCHD_RUN": str(self.run),
            "EPOCHD_MQTT_URL": broker.url if broker else "off", "EPOCHD_LOG_FORMAT": "json", "EPOCHD_LOG_LEVEL": "debug",
            "EPOCHD_MQTT_BACKOFF_MIN_MS": "50", "EPOCHD_MQTT_BACKOFF_MAX_MS": "400", "EPOCHD_CONFIG": "/dev/null",
        }
        self.settings.update(settings)
        self.wrapper, self.process, self.lines = list(wrapper), None, []
        if start:
            self.start()

    @property
    def env(self):
        return environment(**self.settings)

    def start(self, wait=True):
        self._queue = queue.Queue()
        self.lines = []
        words = [*map(str, self.wrapper), str(EPOCHD)]
        self.process = subprocess.Popen(words, env=watched(words, self.env), stderr=subprocess.PIPE, text=True)
        threading.Thread(target=self._read, args=(self.process.stderr, self._queue), daemon=True).start()
        if wait:
            self.wait("started")
        return self

    @staticmethod
    def _read(stream, lines):
        for line in stream:
            lines.put(line)
        lines.put(None)

    def wait(self, event, seconds=PATIENCE_S, **fields):
        """The first log line, from the start of this run, with that event and those fields; of a set any value will do."""
        deadline = time.monotonic() + seconds
        at = 0
        while True:
            while at < len(self.lines):
                line = self.lines[at]
                at += 1
                if line.get("event") == event and all(line.get(k) in v if isinstance(v, set) else line.get(k) == v for k, v in fields.items()):
                    return line
            try:
                text = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no log line {event} {fields}; last: {self.lines[-6:]}") from None
            if text is None:
                raise AssertionError(f"epochd ended ({self.process.wait()}) before {event} {fields}; last: {self.lines[-6:]}")
            self._keep(text)

    def said(self):
        """The log of this run so far."""
        while not self._queue.empty():
            text = self._queue.get()
            if text is None:
                self._queue.put(None)  # the end stays the end, for whoever waits next
                break
            self._keep(text)
        return list(self.lines)

    def _keep(self, text):
        self.lines.append(json.loads(text) if text.startswith("{") else {"event": "text", "text": text})

    def committed(self, epoch):
        return self.wait("epoch_committed", epoch=epoch)

    def published(self, epoch):
        return self.wait("update_config_complete", epoch=epoch)

    def snapshot(self, epoch):
        return self.wait("snapshot_written", epoch=epoch)

    def state_is(self, text):
        return self.wait("state", state=text)

    def hup(self):
        self.process.send_signal(signal.SIGHUP)

    def stop(self, how=signal.SIGTERM):
        if self.process is None or self.process.poll() is not None:
            return self.process and self.process.returncode
        self.process.send_signal(how)
        return self.process.wait(PATIENCE_S)

    def kill(self):
        return self.stop(signal.SIGKILL)

    def ctl(self, *args, **options):
        return ctl(*args, **{**self.settings, **options})

    def status(self):
        return json.loads(self.ctl("status", "--json").stdout)

    def status_when(self, accept, seconds=PATIENCE_S):
        """The first status that is accepted: status.json is a moment behind the log."""
        deadline = time.monotonic() + seconds
        while True:
            status = self.status()
            if accept(status):
                return status
            assert time.monotonic() < deadline, status

    def usage(self):
        """(CPU seconds so far, resident KiB, open descriptors)"""
        proc = Path(f"/proc/{self.process.pid}")
        fields = (proc / "stat").read_text().rsplit(")", 1)[1].split()
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        return seconds, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") // 1024, len(os.listdir(proc / "fd"))

    def journal(self):
        """The lines of the journal as they are, zeros of the preallocation cut."""
        text = (self.state / "journal.jsonl").read_bytes().split(b"\0", 1)[0]
        return [json.loads(line) for line in text.splitlines()]
