#!/usr/bin/python3
"""memory_units: every allocation of our own code failing in its turn, once and from there on, module by module (F11).

    memory_units.py [--quick]

Runs the programs test_memory_* (tests/unit/malloc_sweep.h), which fail at the first crash, leak, wrong answer or half-made state,
and counts the points they tried. --quick leaves out the road and the start, which `make check` runs among the unit tests anyway.
"""
import argparse
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path


ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
GROUPS = ["model", "io", "verify", "config", "daemon"]
ANCHOR = "SQLite and curl run the same loop over their own code; libgit2 1.5.1: 96 crashes at 3,916 points (measured here)"


def run(group):
    began = time.monotonic()
    result = subprocess.run([BUILD / f"tests/unit/test_memory_{group}"], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            timeout=600, check=False)
    points = [int(number) for number in re.findall(r"^points .* (\d+)$", result.stdout, re.M)]
    failed = re.findall(r"^\[  FAILED  \] (f11__\w+)$", result.stdout, re.M)
    if result.returncode:
        print(f"{result.stdout}\nWRONG {group}: exit {result.returncode}, {', '.join(failed) or 'no test failed'}", file=sys.stderr)
    bad = len(set(failed)) or int(result.returncode != 0)
    return {"what": f"{group}: {len(points)} operations", "points": sum(points), "bad": bad,
            "seconds": round(time.monotonic() - began, 1)}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    rows = [run(group) for group in GROUPS if not parser.parse_args().quick or group != "daemon"]
    ok = not any(row["bad"] for row in rows)
    print(json.dumps({"figure": "malloc fails, own code", "faults": [11], "anchor": ANCHOR, "rows": rows, "ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
