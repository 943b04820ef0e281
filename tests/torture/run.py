#!/usr/bin/env python3
"""torture: runs the programs beside it, the heavy figures, and prints one table of them.

    run.py [--quick] [NAME…]        default: all; a NAME may be a pattern such as broker_*

tests/torture/README.md says what a program is and what it prints. The table goes to stdout and, of a full run, to
$EPOCHD_BUILD/torture.md; what the programs say meanwhile goes to stderr. Ends with: N passed, N failed, N skipped.
"""
import argparse
import datetime
import fnmatch
import json
import os
import platform
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
FULL_SECONDS, QUICK_SECONDS, FAREWELL_SECONDS = 7200, 600, 30  # an end to what hangs, no measure of speed
REASON_MAX = 200
PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass
class Outcome:
    name: str
    verdict: str
    why: str = ""
    figure: dict = field(default_factory=dict)
    output: str = ""  # what a failed quick run said, where nobody saw it

    @property
    def faults(self):
        return [int(number) for number in self.figure.get("faults", [])]


def programs(patterns=()):
    """The executable files but this one. A script that says #! and may not be executed was forgotten: that is an error."""
    found = []
    for path in sorted(HERE.glob("*.py")):
        if path.name == "run.py":
            continue
        if os.access(path, os.X_OK):
            found.append(path)
        elif path.read_bytes().startswith(b"#!"):
            raise SystemExit(f"torture: {path.name} begins with #! but is not executable: chmod +x, or make it a module")
    if not patterns:
        return found
    chosen = [path for path in found if any(fnmatch.fnmatch(path.stem, pattern) for pattern in patterns)]
    for pattern in patterns:
        if not any(fnmatch.fnmatch(path.stem, pattern) for path in found):
            raise SystemExit(f"torture: there is no {pattern}; {', '.join(path.stem for path in found)}")
    return chosen


def finish(process, seconds):
    """(stdout, stderr, whether it had to be ended). SIGINT first: its `finally` ends what it started."""
    try:
        return *process.communicate(timeout=seconds), False
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as cause:
        os.killpg(process.pid, signal.SIGINT)
        try:
            output = process.communicate(timeout=FAREWELL_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            output = process.communicate()
        if isinstance(cause, KeyboardInterrupt):
            raise
        return *output, True


def judge(name, code, stdout):
    """The contract of README.md, in one place."""
    try:
        figure = json.loads(stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        return Outcome(name, FAILED, f"exit {code} and no JSON line at the end")
    if code == 2 and figure.get("skipped"):
        return Outcome(name, SKIPPED, figure["skipped"], figure)
    rows = figure.get("rows") or []
    if not figure.get("figure") or not rows or any({"what", "points", "bad"} - set(row) for row in rows):
        return Outcome(name, FAILED, f"exit {code}; figure, rows, or what, points, bad of a row are missing", figure)
    bad = [row["what"] for row in rows if row["bad"]]
    if code != 0 or figure.get("ok") is not True or bad:
        return Outcome(name, FAILED, f"exit {code}, ok {figure.get('ok')}, bad: {'; '.join(bad) or 'none'}", figure)
    if not all(row["points"] for row in rows):
        return Outcome(name, FAILED, "a row without a single point proves nothing", figure)
    return Outcome(name, PASSED, "", figure)


def reason(said):
    """What a failed program said was wrong, in a line; what it said last, if it said nothing of that kind."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " | ".join(line[:REASON_MAX] for line in [line for line in lines if line.startswith("WRONG ")][:2] or lines[-1:])


def run(path, quick=False, quiet=False):
    """One program to its end, in a process group of its own."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, str(path)] + (["--quick"] if quick else []), cwd=ROOT, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE if quiet else None, process_group=0)
    output, said, is_late = finish(process, QUICK_SECONDS if quick else FULL_SECONDS)
    seconds = round(time.monotonic() - began, 1)
    outcome = Outcome(path.stem, FAILED, f"not done after {seconds:.0f} s") if is_late else judge(path.stem, process.returncode, output)
    outcome.figure.setdefault("seconds", seconds)
    if outcome.verdict == FAILED and quiet:
        outcome.output, outcome.why = said + output, f"{outcome.why} | {reason(said)}"
    return outcome


def command_output(*command):
    return subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False).stdout.strip()


def machine():
    cpu = [line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    debian = Path("/etc/debian_version")
    system = f"Debian {debian.read_text().strip()}, " if debian.exists() else ""
    return f"{system}Linux {platform.release()}, {os.cpu_count()} × {cpu[0] if cpu else platform.machine()}"


def cell(value):
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value).replace("|", "\\|").replace("\n", " ")


def table_rows(outcome):
    if outcome.verdict == SKIPPED:
        yield [outcome.name, f"skipped: {outcome.why}", "–", "–", "–", outcome.figure.get("anchor", "")]
        return
    anchor = outcome.figure.get("anchor", "")
    for row in outcome.figure.get("rows") or [{"what": f"FAILED: {outcome.why}", "points": "–", "bad": "–"}]:
        more = [f"{key.replace('_', ' ')} {cell(value)}" for key, value in row.items() if key not in ("what", "points", "bad", "seconds")]
        what = row["what"] + (f" ({', '.join(more)})" if more else "")
        yield [outcome.figure.get("figure", outcome.name), what, row["points"], row["bad"], row.get("seconds", ""), anchor]
        anchor = ""


def table(outcomes, quick, seconds):
    commit = command_output("git", "describe", "--always", "--dirty") or "unknown"
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    command = "make torture" + (" QUICK=1" if quick else "")
    lines = [f"`{command}`, {today}, commit {commit}, {machine()}, {seconds / 60:.0f} minutes.", "",
             "| figure | what | points | bad | s | what others publish |", "|---|---|--:|--:|--:|---|"]
    lines += ["| " + " | ".join(map(cell, row)) + " |" for outcome in outcomes for row in table_rows(outcome)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(prog="torture", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="the small subset of each, as make check does")
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it, and so would the programs
    began, outcomes = time.monotonic(), []
    for path in programs(options.names):
        print(f"torture: {path.stem}", file=sys.stderr, flush=True)
        outcomes.append(run(path, options.quick))
        print(f"torture: {path.stem} {outcomes[-1].verdict} {outcomes[-1].why}".rstrip(), file=sys.stderr, flush=True)
    text = table(outcomes, options.quick, time.monotonic() - began)
    print(text)
    if not options.quick:
        BUILD.mkdir(exist_ok=True)
        (BUILD / "torture.md").write_text(text)
    for verdict in (SKIPPED, FAILED):
        for outcome in outcomes:
            if outcome.verdict == verdict:
                print(f"{verdict.upper()} {outcome.name}: {outcome.why}")
    count = {verdict: sum(outcome.verdict == verdict for outcome in outcomes) for verdict in (PASSED, FAILED, SKIPPED)}
    print(", ".join(f"{number} {verdict}" for verdict, number in count.items()))
    return 1 if count[FAILED] or not count[PASSED] else 0


if __name__ == "__main__":
    sys.exit(main())
