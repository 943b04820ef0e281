#!/usr/bin/env python3
"""check: runs the tests and counts them.

    check.py [house] [unit] [fuzz] [interop] [integration] [torture]      default: all of them
    check.py threads                                                      what has threads, for the thread sanitizer

Names every failed and every skipped test, lists how many tests prove each fault of tests/faults.txt (none is a failure), and ends with one line:
N passed, N failed, N skipped. The programs are looked for in $EPOCHD_BUILD (default: build).
"""
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

import faults

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/torture"))
import run as torture_run  # noqa: E402
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
THREADED = ["test_catalog", "test_client_threads", "test_later", "test_mqtt_refused", "test_snapshotter"]
UNIT_SECONDS, PYTEST_SECONDS = 900, 5400  # an end to what hangs, no measure of speed
WHY_MAX = 300
AT_ONCE = 3  # what runs real daemons waits more than it computes: three on two cores
WORKERS = ["-n", str(AT_ONCE), "--dist", "loadgroup"] if find_spec("xdist") else []


class Count:
    def __init__(self):
        self.began = time.monotonic()
        self.passed, self.failed, self.skipped = 0, [], []
        self.faults = faults.Proofs(ROOT / "tests/faults.txt")

    def add(self, name, passed, failed, skipped):
        """`passed` is a number, or the names, which may carry faults."""
        if not isinstance(passed, int):
            for test in passed:
                self.faults.passed(faults.numbers(test))
            passed = len(passed)
        for test in skipped:
            self.faults.skipped(faults.numbers(test))
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        seconds, self.began = time.monotonic() - self.began, time.monotonic()
        print(f"  {name:<28} {passed:>5} passed, {len(failed)} failed, {len(skipped)} skipped"
              + (f"  ({seconds:.0f} s)" if seconds >= 1 else ""), flush=True)


def told(name, why):
    """One line: the summary at the end may be all that is seen of a run elsewhere."""
    lines = [line.strip() for line in why.splitlines() if line.strip()]
    return f"{name}: {lines[0][:WHY_MAX]}" if lines else name


def run(command, seconds):
    """The finished process; one that hangs is ended, and its exit code says so."""
    try:
        return subprocess.run(command, cwd=ROOT, timeout=seconds, text=True, errors="replace", stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False)
    except subprocess.TimeoutExpired as late:
        return subprocess.CompletedProcess(command, -1, (late.stdout or b"").decode(errors="replace"))


def house(count):
    result = run([sys.executable, "tests/tools/house.py"], 60)
    failed = ["house"] if result.returncode else []
    if failed:
        print(result.stdout)
    count.add("house", 1 - len(failed), failed, [])


def failure_of(test, output):
    """What a cmocka program says of a failed test: the values and the line, from between its RUN and its FAILED."""
    ran = re.search(rf"^\[ RUN      \] {re.escape(test)}\n(.*?)^\[  FAILED  \]", output, re.M | re.S)
    return " ".join(re.sub(r"\[ +(ERROR|LINE) +\] ---", " ", ran[1]).split()) if ran else ""


def unit_program(count, program):
    """One cmocka program: passed is what it ran, less what it names as failed or skipped."""
    result = run([str(program)], UNIT_SECONDS)
    output, code = result.stdout, result.returncode
    ran = sum(int(n) for n in re.findall(r"^\[==========\].*?(\d+) test\(s\) run\.", output, re.M))
    passed = re.findall(r"^\[       OK \] (\w+)$", output, re.M)
    skipped = sorted(set(re.findall(r"^\[  SKIPPED \] (\w+)$", output, re.M)))
    failed = sorted(set(re.findall(r"^\[  FAILED  \] (\w+)$", output, re.M)))
    if code != 0 and not failed:
        failed = [f"{program.name} (exit {code})"]
    if ran == 0 and not failed:
        failed = [f"{program.name} ran nothing"]
    if failed:
        print(output)
    count.add(program.name, passed, [told(name, failure_of(name, output)) for name in failed], skipped)


def unit(count):
    programs = sorted(p for p in (BUILD / "tests/unit").glob("test_*") if p.suffix == "")
    if not programs:
        count.add("unit", 0, ["unit: nothing was built"], [])
    for program in programs:
        unit_program(count, program)


def threads(count):
    for name in THREADED:
        unit_program(count, BUILD / "tests/unit" / name)


def fuzz(count):
    for program in sorted(p for p in (BUILD / "tests/fuzz").glob("replay_*") if p.suffix == ""):
        name = program.name.removeprefix("replay_")
        result = run([str(program), str(ROOT / "tests/fuzz/corpus" / name)], UNIT_SECONDS)
        if result.returncode:
            print(result.stdout)
        failed = [f"corpus {name}"] if result.returncode else []
        count.add(f"corpus {name}", 1 - len(failed), failed, [])


def pytest(count, folder):
    with tempfile.NamedTemporaryFile(suffix=".xml") as report:
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", *WORKERS, f"--junitxml={report.name}",
                   f"tests/{folder}"]
        result = run(command, PYTEST_SECONDS)
        passed, failed, skipped = [], [], []
        try:
            cases = list(ElementTree.parse(report.name).getroot().iter("testcase"))
        except ElementTree.ParseError:
            cases = []
        for case in cases:
            name = f"{case.get('classname', '').split('.')[-1]}::{case.get('name')}"
            skip = case.find("skipped")
            if skip is not None:
                skipped.append(f"{name}: {skip.get('message')}")
            elif (wrong := next((case.find(kind) for kind in ("failure", "error") if case.find(kind) is not None), None)) is not None:
                failed.append(told(name, wrong.get("message") or wrong.text or ""))
            else:
                passed.append(name)
    if not cases or (result.returncode not in (0, 5) and not failed):
        failed.append(f"{folder}: pytest exit {result.returncode}")
    if failed:
        print(result.stdout)
    count.add(folder, passed, failed, skipped)


def torture(count):
    """The small subset of each figure; what it says is shown where it fails."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda path: torture_run.run(path, quick=True, quiet=True), torture_run.programs()))
    for outcome in outcomes:
        name, verdict = f"torture {outcome.name}", outcome.verdict
        if outcome.output:
            print(outcome.output)
        failed = [f"{name}: {outcome.why}"] if verdict == torture_run.FAILED else []
        skipped = [f"{name}: {outcome.why}"] if verdict == torture_run.SKIPPED else []
        if verdict == torture_run.PASSED:
            count.faults.passed(outcome.faults)
        elif verdict == torture_run.SKIPPED:
            count.faults.skipped(outcome.faults)
        count.add(name, 1 - len(failed) - len(skipped), failed, skipped)


STAGES = {
    "house": house,
    "unit": unit,
    "fuzz": fuzz,
    "interop": lambda count: pytest(count, "interop"),
    "integration": lambda count: pytest(count, "integration"),
    "torture": torture,
    "threads": threads,
}
ALL = [stage for stage in STAGES if stage != "threads"]


def main():
    wanted = sys.argv[1:] or ALL
    unknown = [stage for stage in wanted if stage not in STAGES]
    if unknown:
        print(f"check: there is no stage {unknown[0]}; {', '.join(STAGES)}")
        return 2
    count = Count()
    for stage in wanted:
        STAGES[stage](count)
    if wanted == ALL:
        print(count.faults.table())
        count.failed += [f"F{number}: no test proves it" for number in count.faults.missing()]
    for name in count.skipped:
        print(f"SKIPPED {name}")
    for name in count.failed:
        print(f"FAILED {name}")
    print(f"{count.passed} passed, {len(count.failed)} failed, {len(count.skipped)} skipped")
    return 1 if count.failed or count.passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
