#!/usr/bin/python3
"""error_sweep: every system call fails once, with every error and cut short, in every phase of the daemon's life.

    error_sweep.py [--quick] [--phase NAME] [--only CALL]

The calls are those after main begins, in the order of the run without a fault. A failure has to be survived: no signal, no hang; the
run goes on and converges by itself, or it says why it does not start and exits 3 (1 for its settings). Then a plain start converges,
and the history checker finds nothing: a failed sync that was believed to have worked would show there.

Not tried: calls that return no error, and those by which the C library and the kernel manage memory and threads (UNTOUCHED).
"""
import argparse
import collections
import signal
import sys
import time

import libworld
from libphases import count, phases
from libworld import Bad, Stage, Sweep

ANCHOR = "SQLite: I/O error simulations in a loop over its VFS"
ERRORS = libworld.error_numbers("EIO", "ENOSPC", "EINTR", "EMFILE", "EDQUOT")
SHORT = {"read", "write", "pread64", "pwrite64"}
UNTOUCHED = {
    "exit", "exit_group", "rt_sigreturn", "getpid", "gettid", "getuid", "geteuid", "getgid", "getegid", "umask",  # return no error
    "brk", "mmap", "munmap", "mprotect", "madvise", "futex", "set_robust_list", "rseq", "rt_sigprocmask",  # memory and threads
}
QUICK_POINTS = 25
QUICK = {"one epoch", "recovery"}
STARTED = {0, 1, 3}
# Without epoll there is no loop: it says so, and the service manager starts it again. libsodium aborts rather than give weak keys.
ENDS = {"epoll_wait": {0, 3}, "getrandom": {0, 3, -signal.SIGABRT}}


def fail_at(phase, world, point):
    """What came of it: the exit code."""
    thread, at, call, error = point
    order = ["-s"] if error == "short" else ["-e", str(ERRORS[error])]
    tracer = ["-a", str(world.folder / "epochd.yaml")] if not phase.is_attached else []
    run = phase.start(world, [*tracer, "-t", str(thread), "-k", str(at), *order])
    stuck, code = None, None
    try:
        done = phase.drive(world, run)
        code = run.end(signal.SIGTERM if done else None)
    except Bad as cause:
        stuck = cause
        if run.process.poll() is None:
            run.kill()
    finally:
        run.abandon()
    report = run.report()
    calls = report["calls"][thread]  # a run may have a call more or less than the one that was counted
    call = libworld.CALLS[calls[at - 1]] if at <= len(calls) else "nothing"
    if not report["hit"] or call in UNTOUCHED:
        return None
    if stuck:
        raise Bad(f"{call} {error}: {stuck}")
    if code not in ENDS.get(call, STARTED) or (code != 0 and run.said("started") and call not in ENDS):
        raise Bad(f"{call} {error}: ended with {code}: {run.events[-3:]}")
    if code > 0 and not run.said("not_started") and not run.said("failed") and not run.said("text"):
        raise Bad(f"{call} {error}: ended with {code} and did not say why")
    try:
        phase.judge(world)
    except Bad as cause:
        raise Bad(f"after {call} {error} and exit {code}: {cause}") from cause
    return code


def points_of(calls, names):
    for thread, numbers in enumerate(calls):
        for at, number in enumerate(numbers, 1):
            call = names.get(number, str(number))
            if call in UNTOUCHED:
                continue
            for error in [*ERRORS, *(["short"] if call in SHORT else [])]:
                yield thread, at, call, error


def calls_after_main(phase, world):
    """Of a run without a fault; for an attached phase that is count()."""
    if phase.is_attached:
        return count(phase, world)
    run = phase.start(world, ["-a", str(world.folder / "epochd.yaml"), "-k", "0"])
    try:
        done = phase.drive(world, run)
        if run.end(signal.SIGTERM if done else None) != 0:
            raise Bad(f"{phase.name} without a fault failed")
    finally:
        run.abandon()
    return run.report()["calls"]


def run_phase(stage, phase, quick, only):
    began = time.monotonic()
    sweep = Sweep(stage, phase.prepare, libworld.QUICK_WORKERS if quick else libworld.WORKERS)
    calls = sweep.map([0], lambda world, _: calls_after_main(phase, world))[0]
    points = [] if calls is None else [p for p in points_of(calls, libworld.CALLS) if only in (None, p[2])]
    if quick:
        points = points[::max(1, len(points) // QUICK_POINTS)]
    print(f"error_sweep: {phase.name}: {len(points)} points", file=sys.stderr, flush=True)
    codes = collections.Counter(sweep.map(points, lambda world, point: fail_at(phase, world, point)))
    sweep.close()
    refused = codes[1] + codes[3]
    tried = sum(codes.values()) - codes[None] + len(sweep.bad)
    return {"what": phase.name, "points": tried, "bad": len(sweep.bad), "seconds": round(time.monotonic() - began, 1),
            "ended with exit 1 or 3": refused}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--phase")
    parser.add_argument("--only", metavar="CALL")
    options = parser.parse_args()
    if not libworld.TRACER.exists():
        return libworld.skip("the tracer is not built")
    with Stage() as stage:
        rows = [run_phase(stage, phase, options.quick, options.only) for phase in phases()
                if options.phase in (None, phase.name) and (not options.quick or phase.name in QUICK)]
    return libworld.speak("every system call fails once", rows, ANCHOR, faults=[7, 13, 16, 17, 18, 20, 21, 22, 75])


if __name__ == "__main__":
    sys.exit(main())
