#!/usr/bin/python3
"""hostile_input: a mebibyte of each pattern that makes readers of YAML and JSON slow or large (F53), by the clock.

    hostile_input.py [--quick] [--table]

Runs build/tests/unit/test_bombs, which reads each in a process of its own. The time of a pattern is the CPU time of the fastest of
the runs, so that what else the machine does is left out; memory is the largest of all runs: what was asked of the allocator, and
what the process grew by. --table prints every pattern to stderr.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
MICROS_MAX, KIB_MAX = 50_000, 16 * 1024
ANCHOR = "libyaml 0.2.5 by itself: 54 s for 100 KB of `[` (measured here)"
WHAT = {"yaml": "YAML, 1 MiB of each pattern", "json": "JSON, 1 MiB of each pattern", "settings": "settings, 64 KiB of each pattern",
        "settings-too-large": "settings, 1 MiB"}


def measure(runs):
    """{reader: {pattern: (µs, KiB asked for, KiB of RSS)}}"""
    found = defaultdict(dict)
    for _ in range(runs):
        result = subprocess.run([BUILD / "tests/unit/test_bombs"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                timeout=300, check=False)
        if result.returncode:
            raise SystemExit(result.stdout)
        for reader, pattern, *numbers in re.findall(r"^bomb (\S+) (\S+) (\d+) (\d+) (-?\d+)$", result.stdout, re.M):
            micros, asked, rss = map(int, numbers)
            before = found[reader].get(pattern, (micros, asked, rss))
            found[reader][pattern] = (min(before[0], micros), max(before[1], asked), max(before[2], rss))
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    rows, began = [], time.monotonic()
    for reader, patterns in measure(2 if options.quick else 10).items():
        slowest = max(patterns, key=lambda pattern: patterns[pattern][0])
        largest = max(patterns, key=lambda pattern: patterns[pattern][2])
        limit = MICROS_MAX * (100 if options.quick else 1)  # a figure in the full run; here what is quadratic, which would be minutes
        bad = [pattern for pattern, (micros, asked, rss) in patterns.items() if micros >= limit or max(asked, rss) >= KIB_MAX]
        rows.append({"what": WHAT[reader], "points": len(patterns), "bad": len(bad),
                     "slowest": f"{slowest} {patterns[slowest][0] / 1000:.1f} ms", "largest": f"{largest} {patterns[largest][2] / 1024:.1f} MiB"})
        for pattern in bad if not options.table else patterns:
            micros, asked, rss = patterns[pattern]
            print(f"{'WRONG ' if pattern in bad else ''}{reader:<20} {pattern:<24} {micros / 1000:8.1f} ms {asked:8} KiB asked {rss:8} KiB RSS", file=sys.stderr)
    rows[0]["seconds"] = round(time.monotonic() - began, 1)
    ok = bool(rows) and not any(row["bad"] for row in rows)
    print(json.dumps({"figure": "hostile input", "faults": [53], "anchor": ANCHOR, "rows": rows, "ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
