#!/usr/bin/python3
"""failpoints: death and failure at every failpoint of the sources, each time it is passed, in every phase.

    failpoints.py [--quick] [--phase NAME] [--point NAME]

The names are read from the sources; one that no phase passes is an error. A death is judged as kill_sweep's. A failure has to be
survived: the run goes on and converges by itself, or it says why it does not start and exits 3.
"""
import argparse
import re
import signal
import sys
import time

import libworld
from libphases import phases
from libworld import Bad, Stage, Sweep

ANCHOR = "etcd: 36 failpoints"
TIMES = 8       # so often a place is hit in one phase: @1 … @8
QUICK = {"recovery"}
REFUSED = 3     # exit code of a start that could not be
PAST = re.compile(r'FAILPOINT(?:_CAUSE|_PASS)?\("([a-z.-]+)"')


def names():
    found = [name for path in sorted((libworld.harness.ROOT / "src").rglob("*.c")) for name in PAST.findall(path.read_text())]
    assert len(found) == len(set(found)), "a name stands twice"
    return found


def one(phase, world, name, what, when):
    """True if the point was passed so often in this phase."""
    limit = phase.env.get("EPOCHD_FAIL", "")
    world.fail = {"EPOCHD_FAIL": ",".join(filter(None, (limit, f"{name}:{what}@{when}")))}
    run = phase.start(world)
    try:
        done = phase.drive(world, run)
        code = run.end(signal.SIGTERM if done else None)
    finally:
        run.abandon()
    said = any("failpoint" in str(event) for event in run.events) or code != 0
    if code not in ((0, -signal.SIGKILL) if what == "kill" else (0, REFUSED)):
        raise Bad(f"{name}:{what}@{when} ended with {code}: {run.events[-2:]}")
    phase.judge(world)
    return code == -signal.SIGKILL if what == "kill" else said


def sweep_phase(stage, phase, points, times, passed):
    began, tried = time.monotonic(), 0
    phase.program = libworld.EPOCHD_FAIL
    sweep = Sweep(stage, phase.prepare, libworld.QUICK_WORKERS if times == 1 else libworld.WORKERS)
    alive = list(points)
    for when in range(1, times + 1):
        hits = sweep.map(alive, lambda world, name, when=when: one(phase, world, name, "kill", when))
        hit = [name for name, result in zip(alive, hits) if result is not False]
        passed.update(hit)
        tried += len(hit) + len(sweep.map(hit, lambda world, name, when=when: one(phase, world, name, "err", when)))
        print(f"failpoints: {phase.name}: passed {when} times: {len(hit)}", file=sys.stderr, flush=True)
        alive = hit
    sweep.close()
    return {"what": phase.name, "points": tried, "bad": len(sweep.bad), "seconds": round(time.monotonic() - began, 1),
            "failpoints passed": len(passed & set(points))}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--phase")
    parser.add_argument("--point")
    options = parser.parse_args()
    if not libworld.EPOCHD_FAIL.exists():
        return libworld.skip("there is no build with failpoints: make failpoints")
    points = [options.point] if options.point else names()
    passed = set()
    chosen = [phase for phase in phases() if options.phase in (None, phase.name)]
    if options.quick:
        chosen = [phase for phase in chosen if phase.name in QUICK]
    with Stage() as stage:
        rows = [sweep_phase(stage, phase, points, 1 if options.quick else TIMES, passed) for phase in chosen]
    missing = sorted(set(points) - passed)
    if not options.quick and not options.phase:
        rows.append({"what": "failpoints of the sources that no phase passes", "points": len(points), "bad": len(missing), "seconds": 0})
        if missing:
            print(f"WRONG no phase passes {missing}", file=sys.stderr)
    return libworld.speak("kill -9 and failure at every failpoint", rows, ANCHOR, faults=[1, 2, 3, 5, 20, 21, 22, 75])



if __name__ == "__main__":
    sys.exit(main())
