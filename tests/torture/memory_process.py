#!/usr/bin/python3
"""memory_process: the whole of epochd with one allocation failing, libraries and all: once, and from there on (F11).

    memory_process.py [--quick] [--points N]

libgit2 is not safe against it and may take the process down with it. What is promised is crash-only: whatever became of the
process, the next start finds a state that is whole and goes on. Of each point, after kill -9:

  - the journal verifies, and every epoch that was committed before is in it; the snapshot verifies or is not there
  - a start with memory serves the tip of the branch, and no number was given twice
  - keys that were made stay what they are

Phases: a first start (keys), one more epoch, a start on what is there. The points of a phase are spread evenly over all of its
allocations. Crashes are counted apart, by the library they happened in.
"""
import argparse
import json
import mmap
import shutil
import struct
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))

from harness import BUILD, Daemon, Repo, ctl  # noqa: E402

SHIM = BUILD / "tests/torture/failing_malloc.so"
ANCHOR = "libgit2 alone: 96 crashes at 3,916 points (measured here); SQLite and curl run the same loop over their own code"
LAYOUT = struct.Struct("<qqqq64s")  # struct control of failing_malloc.c
SETTLE_S = 60


class Control:
    """The file that the daemon maps."""

    def __init__(self, path):
        self.path = path
        path.write_bytes(bytes(LAYOUT.size))
        with path.open("r+b") as file:
            self.memory = mmap.mmap(file.fileno(), LAYOUT.size)

    def read(self):
        return LAYOUT.unpack(self.memory[:LAYOUT.size])

    def arm(self, at, sticky):
        self.memory[8:32] = struct.pack("<qqq", at, int(sticky), 0)

    @property
    def asked(self):
        return self.read()[0]

    @property
    def refused(self):
        return self.read()[3]

    @property
    def library(self):
        return self.read()[4].rstrip(b"\0").decode()


class World:
    """A repository, and a state folder that every point begins with."""

    def __init__(self, folder):
        self.folder = folder
        self.repo = Repo.home(folder / "config")
        self.base = folder / "base"
        daemon = Daemon(folder / "first", self.repo)
        daemon.snapshot(1)
        daemon.stop()
        shutil.copytree(daemon.folder, self.base)
        self.number = 0

    def daemon(self, with_state):
        self.number += 1
        folder = self.folder / f"d{self.number}"
        if with_state:
            shutil.copytree(self.base, folder)
        return Daemon(folder, self.repo, start=False)


def until(accept, process):
    """Waits for it, or for the end of the process; False if neither came.

    A daemon that may lose any allocation cannot be trusted to tell that it is done: its files are looked at."""
    deadline = time.monotonic() + SETTLE_S
    while time.monotonic() < deadline:
        if accept():
            return True
        if process.poll() is not None:
            return True
        time.sleep(0.002)
    return False


def committed(daemon):
    """What the journal says was committed: {epoch: commit}, from the bytes."""
    path = daemon.state / "journal.jsonl"
    if not path.exists():
        return {}
    found = {}
    for line in path.read_bytes().split(b"\0", 1)[0].split(b"\n")[:-1]:
        record = json.loads(line)
        if record["kind"] == "committed":
            assert record["epoch"] not in found, f"epoch {record['epoch']} twice"
            found[record["epoch"]] = record["commit"]
    return found


def keys(daemon):
    folder = daemon.state / "keys"
    return {path.name: path.read_bytes() for path in folder.glob("*.key")} if folder.exists() else {}


def judge(world, daemon):
    """A start with memory: None, or what is wrong."""
    before, keys_before = committed(daemon), keys(daemon)
    tip = world.repo.head("main")
    try:
        daemon.start()
        daemon.status_when(lambda status: status.get("config_epoch") == tip and status["state"] == "ok", SETTLE_S)
        daemon.stop()
        after = committed(daemon)
    except (AssertionError, json.JSONDecodeError) as wrong:
        return str(wrong)[:300]
    finally:
        daemon.kill()
    if any(after.get(epoch) != commit for epoch, commit in before.items()):
        return f"committed before {before}, after {after}"
    if any(keys(daemon).get(name) != key for name, key in keys_before.items()):
        return "a key is another one"
    for what in ("journal", "lkg"):
        result = ctl("verify", what, **daemon.settings)
        if result.returncode:
            return result.stdout + result.stderr
    return None


def start(daemon, control):
    daemon.settings.update(LD_PRELOAD=str(SHIM), FAILING_MALLOC=str(control.path))
    daemon.start(wait=False)
    for name in ("LD_PRELOAD", "FAILING_MALLOC"):
        del daemon.settings[name]


class Phase:
    def __init__(self, world, name, with_state, commits):
        self.world, self.name, self.with_state, self.commits = world, name, with_state, commits

    def attempt(self, at, sticky):
        """One run with the at-th allocation of the phase failing (0: none). (allocations, refused, library it died in, daemon)"""
        daemon = self.world.daemon(self.with_state)
        control = Control(self.world.folder / f"control{self.world.number}")
        begin = 0
        if not self.commits:
            control.arm(at, sticky)
        start(daemon, control)
        try:
            if self.commits:
                until(lambda: daemon.run.joinpath("status.json").exists(), daemon.process)
                daemon.wait("started")
                begin = control.asked
                control.arm(begin + at if at else 0, sticky)
                tip = self.world.repo.commit({"services/router.yaml": f"n: {self.world.number}\n"})
                daemon.hup()
            else:
                tip = self.world.repo.head("main")
            status = daemon.run / "status.json"

            def is_over():
                if at and control.refused and sticky:
                    return True
                return status.exists() and tip in status.read_text(errors="replace") and "\"ok\"" in status.read_text(errors="replace")

            until(is_over, daemon.process)
            daemon.process.poll()
        finally:
            daemon.kill()
        crashed = daemon.process.returncode in (-11, -6, -7)
        return control.asked - begin, control.refused, (control.library or "unknown") if crashed else None, daemon


def sweep(phase, points, sticky, rows, crashes):
    began = time.monotonic()
    total = phase.attempt(0, False)[0]
    step = max(1, total // points)
    bad, tried, died = [], 0, 0
    for at in range(1, total + 1, step):
        _, refused, library, daemon = phase.attempt(at, sticky)
        tried += refused > 0
        if library:
            died += 1
            crashes[library] += 1
        wrong = judge(phase.world, daemon)
        if wrong:
            bad.append((at, wrong))
            print(f"WRONG {phase.name}, allocation {at}{' and on' if sticky else ''}: {wrong}", file=sys.stderr)
        shutil.rmtree(daemon.folder, ignore_errors=True)
    what = f"{phase.name}, {'from there on' if sticky else 'once'}"
    print(f"{what}: {tried} of {total} allocations, {died} crashes, {len(bad)} bad", file=sys.stderr)
    rows.append({"what": what, "points": tried, "bad": len(bad), "seconds": round(time.monotonic() - began, 1),
                 "allocations": total, "process_died": died})


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--points", type=int, default=400, help="of each phase and kind")
    options = parser.parse_args()
    points = 3 if options.quick else options.points
    rows, crashes = [], Counter()
    with tempfile.TemporaryDirectory(prefix="epochd-memory-") as folder:
        world = World(Path(folder))
        phases = [Phase(world, "first start", False, False), Phase(world, "one epoch", True, True), Phase(world, "start", True, False)]
        for phase in phases:
            for sticky in (False, True):
                sweep(phase, points, sticky, rows, crashes)
    ok = not any(row["bad"] for row in rows)
    if crashes:
        print(f"died in: {dict(crashes)}", file=sys.stderr)
    print(json.dumps({"figure": "malloc fails, whole process", "faults": [11], "anchor": ANCHOR, "rows": rows, "ok": ok,
                      "died_in": dict(crashes)}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
