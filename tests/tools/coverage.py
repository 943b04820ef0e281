#!/usr/bin/env python3
"""coverage: what of src/ ran, by floor, and file by file where a fault costs most.

    coverage.py [build folder]      default: build-coverage, as `make coverage` leaves it

Reads what gcov tells of every object (its JSON, no other tool). A branch is one way out of a condition, compiled without optimising.
A source that no program under test was linked with counts as never run.
"""
import json
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FLOORS = ["util", "model", "schema", "io", "verify", "config", "daemon", "client", "cli"]
CLOSELY = ("src/verify/", "src/io/snapshot", "src/io/journal")


class Ran:
    """How often each line and each branch of one source ran, over all objects that hold it."""

    def __init__(self):
        self.lines, self.branches = defaultdict(int), defaultdict(int)

    def add(self, line):
        self.lines[line["line_number"]] += line["count"]
        for at, branch in enumerate(line["branches"]):
            self.branches[line["line_number"], at] += branch["count"]

    def row(self):
        return [sum(1 for count in part.values() if count) for part in (self.lines, self.branches)], [len(self.lines), len(self.branches)]


def gcov(notes):
    result = subprocess.run(["gcov", "--json-format", "--stdout", "--branch-probabilities", notes], cwd=ROOT, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, check=True, text=True)
    return [json.loads(text) for text in result.stdout.splitlines() if text]


def collect(build):
    """{src/…: Ran}"""
    sources = defaultdict(Ran)
    for notes in sorted((build / "src").rglob("*.gcno")):
        for found in gcov(notes):
            for file in found["files"]:
                name = os.path.relpath(ROOT / file["file"], ROOT)
                if name.startswith("src/"):
                    for line in file["lines"]:
                        sources[name].add(line)
    return sources


def show(name, rans):
    rows = [ran.row() for ran in rans]
    cells = []
    for part in (0, 1):
        ran, there = sum(row[0][part] for row in rows), sum(row[1][part] for row in rows)
        cells.append(f"{100 * ran / there if there else 100:5.1f} % of {there:>6}")
    print(f"  {name:<32} {cells[0]}   {cells[1]}")


def main():
    sources = collect(ROOT / (sys.argv[1] if len(sys.argv) > 1 else "build-coverage"))
    if not any(count for ran in sources.values() for count in ran.lines.values()):
        print("coverage: nothing ran", file=sys.stderr)
        return 1
    print(f"  {'':<32} {'lines':>17}   {'branches':>17}")
    for floor in FLOORS:
        show(floor, [ran for name, ran in sources.items() if name.startswith(f"src/{floor}/")])
    show("all", sources.values())
    print()
    for name in sorted(name for name in sources if name.startswith(CLOSELY)):
        show(name, [sources[name]])
    return 0


if __name__ == "__main__":
    sys.exit(main())
