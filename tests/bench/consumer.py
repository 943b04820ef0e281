#!/usr/bin/env python3
"""What libepoch costs a service, in rounds, beside what it is compared with in the same round.

    consumer.py [--quick] [--out FILE]     prints a table, and appends it to FILE; a figure is the median of its rounds
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/integration"))
from harness import Broker  # noqa: E402

BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
PROGRAM, BENCH = BUILD / "tests/bench/consumer", BUILD / "tests/bench/bench"


def run(*words, program=PROGRAM):
    return json.loads(subprocess.run([str(word) for word in (program, *words)], check=True, text=True, stdout=subprocess.PIPE).stdout)


def one_round(figures, fleet, subscribers):
    def add(found):
        for name, value in found.items():
            figures.setdefault(name, []).append(value)

    for base, suffix in ((None, ""), ("/dev/shm" if os.path.isdir("/dev/shm") else None, "_memory")):
        for verb in ("open", "apply"):
            folder = tempfile.mkdtemp(prefix="epoch-bench-", dir=base)
            try:
                add({name + suffix: value for name, value in run(verb, folder).items()})
            finally:
                shutil.rmtree(folder)
    add(run("get"))
    add(run("fleet", fleet))
    add({f"ack_{name}": statistics.median(values) for name, values in run("acks", "--consumers", fleet, program=BENCH).items()})
    folder = tempfile.mkdtemp(prefix="epoch-bench-")
    broker = Broker(folder)
    try:
        add(run("fanout", broker.port, subscribers))
    finally:
        broker.stop()
        shutil.rmtree(folder)


def main():
    quick = "--quick" in sys.argv
    fleet, subscribers, rounds = (2000, 200, 1) if quick else (10000, 1000, 3)
    figures = {}
    for _ in range(rounds):
        one_round(figures, fleet, subscribers)
    m = {name: statistics.median(values) for name, values in figures.items() if values}
    rows = [
        ("open from a snapshot of 100 services", f"{m['open_snapshot_100'] / 1000:.1f} ms ({m['open_snapshot_100_memory'] / 1000:.1f} in memory)", "≤ 5 ms",
         m["open_snapshot_100_memory"] <= 5000),
        ("open from its own cache", f"{m['open_cache'] / 1000:.1f} ms ({m['open_cache_memory'] / 1000:.1f} in memory)", "", True),
        ("a getter", f"{m['get_ns']:.0f} ns, {m['get_heap_bytes']:.0f} bytes of heap", "no allocation", m["get_heap_bytes"] == 0),
        ("applied after the head's arrival, synced", f"{m['apply_head']:.0f} µs; the same bytes synced alone {m['raw_sync']:.0f} µs; in memory "
         f"{m['apply_head_memory']:.0f} µs", "≤ 1 ms beside the disk's own", m["apply_head"] - m["raw_sync"] <= 1000),
        (f"12: fan-out, last of {subscribers}, applied against received", f"{m['fanout_applied'] / m['fanout_bare']:.2f} × "
         f"({m['fanout_applied'] / 1000:.1f} against {m['fanout_bare'] / 1000:.1f} ms)", "≤ 1.2 ×", m["fanout_applied"] <= 1.2 * m["fanout_bare"]),
        (f"13: {fleet} services taken, against as many signatures verified", f"{m['ratio'] * 100:.0f} % ({m['fleet'] / 1000:.0f} ms; verify "
         f"{m['verify']:.0f} µs)", "≤ 20 %", m["ratio"] <= 0.2),
        (f"the daemon hears an acknowledgement of one of {fleet} consumers", f"{m['ack_take']:.1f} µs; an epoch that changes one service "
         f"{m['ack_epoch']:.2f} µs more", "", True),
    ]
    lines = ["", "## libepoch", "", "| figure | measured | target | |", "|---|---|---|---|"]
    lines += [f"| {name} | {measured} | {target} | {'met' if met else '**missed**'} |" for name, measured, target, met in rows]
    print("\n".join(lines))
    if "--out" in sys.argv:
        with open(sys.argv[sys.argv.index("--out") + 1], "a", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
