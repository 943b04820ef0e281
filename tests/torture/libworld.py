"""Worlds to break epochd in: a repository with commits to come, a state folder to begin with, runs under the tracer, and the judgement.

A world lies on a tmpfs: what kill -9 leaves is what the kernel has, and no disk is waited for. All worlds share one broker and one
recorder; each run has a topic prefix of its own, so that it meets an empty broker. The judgement after a fault is always the same:
what lies there verifies, a plain start converges with no human, and the history checker finds nothing.
"""
import concurrent.futures
import errno
import itertools
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "integration"), str(HERE.parent / "interop")]
import checker  # noqa: E402
import harness  # noqa: E402
import verify_independent as independent  # noqa: E402
from libhistory import Recorder, history  # noqa: E402

TRACER = harness.BUILD / "tests/torture/tracer"
EPOCHD_FAIL = harness.ROOT / "build-fail/epochd"
PATIENCE_S = 60       # for what must come; the sweep calls it a hang when it does not
WORKERS = 4 * (os.cpu_count() or 1)  # a run waits for timers more than it computes
QUICK_WORKERS = 3
KEY_FILES = {"root.key", "root.pub", "signing.key", "journal.key", "lkg.key", "keyset.json"}
STATE_FILES = re.compile(r"journal(-\d+)?\.jsonl|journal\.jsonl\.next|journal-torn-\d+|config\.lkg\.json|lock|keys|requests")
LEFTOVER = re.compile(r"\..+\.tmp-\d+")


class Bad(Exception):
    """What a point showed to be wrong."""


def call_names():
    """The number of a system call → its name, as the header of this machine says: other architectures' may lie beside it."""
    macros = subprocess.run(["cc", "-E", "-dM", "-x", "c", "-include", "asm/unistd.h", "/dev/null"], text=True, capture_output=True, check=True)
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)\n", macros.stdout)}


CALLS = call_names()


def memory_folder():
    shm = Path("/dev/shm")
    return tempfile.mkdtemp(prefix="epochd-torture-", dir=shm if os.access(shm, os.W_OK) else None)


class Stage:
    """The folder, the broker and the recorder that the worlds of a program share."""

    def __init__(self):
        self.folder = Path(memory_folder())
        self.broker = harness.Broker(self.folder / "broker", extra="max_inflight_messages 0\nmax_queued_messages 0\nset_tcp_nodelay true")
        self.recorder = Recorder(self.broker.port)
        self.numbers = itertools.count(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.recorder.stop()
        self.broker.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Run:
    """epochd, perhaps under the tracer, and its log as it comes. `events` are what it said so far."""

    def __init__(self, world, tracer=(), program=None, env=None, wrapper=()):
        self.world, self.events, self.buffer = world, [], b""
        self.out = world.folder / "trace.json"
        self.out.unlink(missing_ok=True)
        # -D: strace stands aside, and the child is epochd itself.
        before = [*wrapper[:1], "-D", *wrapper[1:]] if wrapper else [str(TRACER), "-o", str(self.out), *tracer, "--"] if tracer else []
        self.process = subprocess.Popen([*before, str(program or harness.EPOCHD)], env=harness.environment(**{**world.settings, **(env or {}), **world.fail}),
                                        stderr=subprocess.PIPE)
        self.tracer, self.is_traced = None, bool(tracer)

    def attach(self, tracer=(), wrapper=()):
        """From here on the tracer counts, or strace; without either the run goes on as it is."""
        if not tracer and not wrapper:
            return
        command = [*wrapper] if wrapper else [str(TRACER), "-o", str(self.out), *tracer]
        self.tracer = subprocess.Popen([*command, "-p", str(self.process.pid)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if not any(line == b"ready\n" or b"attached" in line for line in iter(self.tracer.stdout.readline, b"")):
            raise Bad("the tracer could not attach")

    def lines(self, seconds):
        """Reads what is there, waiting at most so long; False at the end of the log."""
        ready, _, _ = select.select([self.process.stderr], [], [], seconds)
        if not ready:
            return True
        data = os.read(self.process.stderr.fileno(), 65536)
        self.buffer += data
        self.world.said += data
        *whole, self.buffer = self.buffer.split(b"\n")
        self.events += [json.loads(line) if line.startswith(b"{") else {"event": "text", "text": line.decode(errors="replace")} for line in whole]
        return bool(data)

    def said(self, event, **fields):
        return any(e.get("event") == event and all(e.get(k) == v for k, v in fields.items()) for e in self.events)

    def until(self, is_done, seconds=PATIENCE_S):
        """Until the world is so: True. False if the process ended first. The log is no witness: its write may be what fails."""
        deadline = time.monotonic() + seconds
        while not is_done():
            if time.monotonic() >= deadline:
                raise Bad(f"not done in {seconds} s; said last: {self.events[-4:]}")
            if not self.lines(0.005):
                return False
        return True

    def end(self, how=signal.SIGTERM, seconds=PATIENCE_S):
        """Its exit code, or minus the signal. Ended by force when it does not end."""
        if how is not None and self.process.poll() is None:
            self.process.send_signal(how)
        deadline = time.monotonic() + seconds
        while self.lines(max(0.0, deadline - time.monotonic())):
            if time.monotonic() >= deadline:
                self.kill()
                raise Bad(f"it did not end in {seconds} s; said last: {self.events[-4:]}")
        code = self.process.wait(seconds)
        if self.tracer:
            self.tracer.communicate(timeout=seconds)
        self.process.stderr.close()
        if self.out.exists():
            ended = self.report()
            return ended["exit"] if ended["exit"] >= 0 else -ended["signal"]
        return code

    def kill(self):
        """kill -9 for epochd itself: the tracer still reports."""
        self.process.send_signal(signal.SIGKILL if self.tracer or not self.is_traced else signal.SIGINT)
        self.process.wait(PATIENCE_S)
        if self.tracer:
            self.tracer.communicate(timeout=PATIENCE_S)

    def report(self):
        return json.loads(self.out.read_text())

    def abandon(self):
        for process in (self.process, self.tracer):
            if process and process.poll() is None:
                process.kill()
                process.wait()


class World:
    """One place for one run at a time."""

    def __init__(self, stage, name):
        self.stage, self.folder = stage, stage.folder / name
        self.folder.mkdir()
        self.repo = harness.Repo(self.folder / "config")
        self.commits, self.services = [], 3
        self.state, self.keys = self.folder / "state", self.folder / "state/keys"
        (self.folder / "epochd.yaml").write_text("log: {level: debug}\n")
        self.repository = None
        self.prefix = None
        self.settings, self.fail, self.said = {}, {}, b""

    def commit(self, files, message="change"):
        self.commits.append(self.repo.commit(files, message))

    def history_of(self, count, invalid=()):
        """`count` commits, each touching a service; those in `invalid` cannot be read."""
        self.commit({f"services/s{n}.yaml": f"service: s{n}\nn: 1\n" for n in range(self.services)}, "begin")
        for n in range(2, count + 1):
            self.commit({f"services/s{n % self.services}.yaml": "n: [\n" if n in invalid else f"service: s\nn: {n}\n"}, f"change {n}")
        self.repository = checker.Repository.read(self.repo.path)
        return self

    def at(self, number):
        """Moves the branch to the n-th commit, as git does: a new file over the old one. A count is an epoch."""
        ref = self.repo.path / ".git/refs/heads/main"
        new = ref.with_suffix(".lock")
        new.write_text(self.commits[number - 1] + "\n")
        new.replace(ref)

    def branch_at(self, number):
        known = self.repository
        return checker.Repository(self.commits[:number], known.known, known.parents)

    def fresh(self, template=None, number=1, broker=True, **settings):
        """An empty place, or one with that state folder, the branch at that commit, and an empty broker."""
        for folder in (self.state, self.folder / "run"):
            shutil.rmtree(folder, ignore_errors=True)
        if template is not None:
            shutil.copytree(template, self.state, symlinks=True)
        if self.prefix:
            self.stage.recorder.forget(self.prefix)
        self.prefix, self.said = f"p{next(self.stage.numbers)}", b""
        self.settings = {
            "EPOCHD_REPOSITORY_PATH": str(self.repo.path), "EPOCHD_REPOSITORY_POLL_S": "1", "EPOCHD_STATE": str(self.state),
            "EPOCHD_RUN": str(self.folder / "run"), "EPOCHD_CONFIG": str(self.folder / "epochd.yaml"), "EPOCHD_LOG_FORMAT": "json",
            "EPOCHD_MQTT_URL": self.stage.broker.url if broker else "off", "EPOCHD_MQTT_PREFIX": self.prefix,
            "EPOCHD_MQTT_BACKOFF_MIN_MS": "50", "EPOCHD_MQTT_BACKOFF_MAX_MS": "100", **settings}
        self.at(number)
        return self

    def keep(self, name):
        """The state folder as it lies there, to begin others with."""
        copy = self.folder / name
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.state, copy, symlinks=True)
        return copy

    # --- judging ---

    def key_bytes(self):
        return {path.name: path.read_bytes() for path in self.keys.iterdir() if path.name in KEY_FILES} if self.keys.is_dir() else {}

    def check_files(self, is_running_down=False):
        """What a fault left: no torn file under a final name, nothing that nobody knows."""
        if not self.state.is_dir():
            return
        for path in self.state.iterdir():
            if not STATE_FILES.fullmatch(path.name) and not LEFTOVER.fullmatch(path.name):
                raise Bad(f"{path.name} lies in the state folder")
        for name, data in self.key_bytes().items():
            if not data.endswith(b"\n" if name != "keyset.json" else b'"}'):
                raise Bad(f"{name} is torn")
        if not (self.keys / "keyset.json").exists():
            return
        try:
            key = independent.read_key((self.keys / "journal.key").read_text(), "hmac-sha256")
            for data in checker.journal_files(self.state):
                independent.journal_lines(data, key)
            if (self.state / "config.lkg.json").exists():
                return self.read_snapshot()
        except independent.Refused as refused:
            raise Bad(f"after the fault: {refused}") from refused

    def read_snapshot(self):
        roots = (self.keys / "root.pub").read_text().splitlines(True)
        return independent.verify_snapshot(self.state / "config.lkg.json", (self.keys / "lkg.key").read_text(), roots)

    def converge(self, number, program=None, env=None):
        """A plain start ends at the n-th commit: broker, snapshot, journal."""
        self.stage.recorder.fence(self.prefix)
        before = len(self.stage.recorder.of(self.prefix))
        run = Run(self, program=program, env=env)
        try:
            good = run.until(lambda: self.is_served(number, before) if self.has_broker() else run.said("started"))
            code = run.end()
        finally:
            run.abandon()
        if not good or code != 0:
            raise Bad(f"the start after it ended with {code}: {run.events[-3:]}")

    def has_broker(self):
        return self.settings["EPOCHD_MQTT_URL"] != "off"

    def carried(self, since=0):
        return self.stage.recorder.of(self.prefix)[since:]

    def is_served(self, number, since=0):
        """The index goes out when everything of its epoch was acknowledged."""
        topic, commit = f"{self.prefix}/system/index/{harness.SOURCE}", self.commits[number - 1].encode()
        return any(m.topic == topic and commit in m.payload for m in self.carried(since))

    def is_snapshotted(self, number):
        """Its first member names the commit."""
        try:
            with (self.state / "config.lkg.json").open("rb") as file:
                return self.commits[number - 1].encode() in file.read(100)
        except FileNotFoundError:
            return False

    def judge(self, number, program=None, env=None, quiet=True):
        """After a fault: everything that was promised, with the branch at the n-th commit."""
        self.fail = {}
        self.check_files()
        before = self.key_bytes()
        self.converge(number, program, env)
        after = self.key_bytes()
        for name, data in before.items():
            if after[name] != data:
                raise Bad(f"{name} was changed")
        if set(after) != KEY_FILES:
            raise Bad(f"keys are missing: {KEY_FILES - set(after)}")
        self.check_files()
        snapshot = self.read_snapshot()
        if snapshot["config_epoch"] != self.commits[number - 1]:
            raise Bad(f"the snapshot is of epoch {snapshot['epoch']}")
        self.stage.recorder.fence(self.prefix)
        violations = checker.check(history(self.branch_at(number), self.state, self.carried(), prefix=self.prefix, broker=self.has_broker(),
                                           quiet=quiet, outputs={"the log": self.said, "the snapshot": (self.state / "config.lkg.json").read_bytes()}))
        if violations:
            raise Bad("; ".join(map(str, violations[:3])))


# --- many points -------------------------------------------------------------------------------------------------------


class Sweep:
    """Points tried in parallel, each in a world of its own, and what became of them."""

    def __init__(self, stage, make_world, workers=WORKERS):
        self.worlds = [make_world(World(stage, f"world-{n}-{next(stage.numbers)}")) for n in range(workers)]
        self.free = list(self.worlds)
        self.lock = threading.Lock()
        self.pool = concurrent.futures.ThreadPoolExecutor(workers)
        self.bad = []

    def one(self, point, what):
        with self.lock:
            world = self.free.pop()
        try:
            return what(world, point)
        except (Bad, harness.subprocess.TimeoutExpired, OSError, AssertionError, independent.Refused) as cause:
            kept = world.folder.parent / f"bad-{len(self.bad)}"
            if world.state.is_dir() and not kept.exists():
                shutil.copytree(world.state, kept, symlinks=True)
            with self.lock:
                self.bad.append((point, cause))
            print(f"WRONG at {point}: {cause}", file=sys.stderr, flush=True)
            return None
        finally:
            with self.lock:
                self.free.append(world)

    def map(self, points, what):
        """The results in order; None for a bad one."""
        return list(self.pool.map(lambda point: self.one(point, what), points))

    def close(self):
        self.pool.shutdown()


def error_numbers(*names):
    return {name: getattr(errno, name) for name in names}


def speak(figure, rows, anchor, faults=(), **more):
    """The last line of a program, and its exit code."""
    ok = bool(rows) and all(row["bad"] == 0 and row["points"] > 0 for row in rows)
    print(json.dumps({"figure": figure, "faults": list(faults), "anchor": anchor, "rows": rows, "ok": ok, **more}), flush=True)
    return 0 if ok else 1


def skip(why):
    print(json.dumps({"skipped": why}), flush=True)
    return 2
