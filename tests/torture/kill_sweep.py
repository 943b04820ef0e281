#!/usr/bin/python3
"""kill_sweep: kill -9 at every system call, of both threads, in every phase of the daemon's life.

    kill_sweep.py [--quick] [--phase NAME]

A phase is run without a fault to count the calls of each thread, and then once for each call, ended before the kernel does it.
strace counts the same phase, so that the number of points is held against a number that is not ours. What follows each kill is
libworld's judgement: what lies there verifies, a plain start converges, and the history checker finds nothing.
"""
import argparse
import sys
import time

import libworld
from libphases import Compound, attempt, count, phases, strace_counts
from libworld import Bad, Stage, Sweep

ANCHOR = "SQLite: crash simulations in a loop; etcd: 36 failpoints; none publishes every system call"
QUICK = {"first start", "one epoch", "recovery", "journal rotation"}
QUICK_POINTS = 6  # of a phase and thread in the quick run, spread evenly
COUNTED_RUNS = 3
THROUGH = 3        # so many runs in a row that have no such call end a thread


def kill_at(phase, world, point):
    """True if it was killed there, False if the run has fewer calls."""
    thread, at, *pair = point
    code, report = attempt(phase, world, ["-t", str(thread), "-k", str(at)])
    if code != (-9 if report["hit"] else 0):
        raise Bad(f"it ended with {code}")
    is_hit = report["hit"]
    if pair:
        is_hit = phase.second(world, thread, at, *pair) and is_hit
    phase.judge(world)
    return is_hit


def spread(points, count):
    return points[::max(1, len(points) // count)]


def beyond(sweep, phase, most):
    """A run may have a few calls more than those that were counted: goes on until three in a row come through."""
    hits = 0
    for thread, calls in enumerate(most):
        through, at = 0, calls
        while through < THROUGH:
            at += 1
            hit = sweep.map([(thread, at)], lambda world, point: kill_at(phase, world, point))[0]
            through = 0 if hit else through + 1
            hits += hit is True
    return hits


def run_phase(stage, phase, quick):
    began = time.monotonic()
    sweep = Sweep(stage, phase.prepare, libworld.QUICK_WORKERS if quick else libworld.WORKERS)
    counted = sweep.map(range(1 if quick else COUNTED_RUNS), lambda world, _: [len(calls) for calls in count(phase, world)])
    strace = sweep.map(range(1 if quick else COUNTED_RUNS), lambda world, _: strace_counts(phase, world))
    if None in counted + strace:
        return {"what": phase.name, "points": 0, "bad": len(sweep.bad), "seconds": 0}
    threads = len(counted[0])
    if any(len(c) != threads for c in counted + strace):
        sweep.bad.append(("strace", f"sees {strace}, the tracer {counted}"))
        print(f"WRONG {phase.name}: {sweep.bad[-1]}", file=sys.stderr)
    # How messages fall together in one read differs from run to run: every call that any run had is tried.
    most, least = ([pick(c[thread] for c in counted + strace) for thread in range(threads)] for pick in (max, min))
    points = [[(thread, at) for at in range(1, calls + 1)] for thread, calls in enumerate(most)]
    points = [point for of_thread in points for point in (spread(of_thread, QUICK_POINTS) if quick else of_thread)]
    if isinstance(phase, Compound):
        points = [(*point, pair) for point in points for pair in range(1 if quick else phase.PAIRS)]
    print(f"kill_sweep: {phase.name}: {len(points)} points, calls by thread {counted}, strace {strace}", file=sys.stderr, flush=True)
    hits = sum(hit is True for hit in sweep.map(points, lambda world, point: kill_at(phase, world, point)))
    row = {"what": phase.name, "points": hits, "bad": 0, "seconds": 0}
    if not isinstance(phase, Compound):
        hits += 0 if quick else beyond(sweep, phase, most)
        seen = sorted({sum(c) for c in strace})
        row |= {"points": hits, "strace counts": f"{seen[0]} to {seen[-1]}" if len(seen) > 1 else str(seen[0])}
        if not quick and hits < sum(least):
            sweep.bad.append(("points", f"{hits} kills, but every run has {sum(least)} calls"))
            print(f"WRONG {phase.name}: {sweep.bad[-1]}", file=sys.stderr)
    sweep.close()
    return row | {"bad": len(sweep.bad), "seconds": round(time.monotonic() - began, 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--phase")
    options = parser.parse_args()
    if not libworld.TRACER.exists():
        return libworld.skip("the tracer is not built")
    every = [*phases(), Compound("two kills: in an epoch, and in the start after it", tip=2)]
    with Stage() as stage:
        rows = [run_phase(stage, phase, options.quick) for phase in every
                if options.phase in (None, phase.name) and (not options.quick or phase.name in QUICK)]
    return libworld.speak("kill -9 at every system call", rows, ANCHOR, faults=[1, 2, 3, 4, 5, 12, 75])


if __name__ == "__main__":
    sys.exit(main())
