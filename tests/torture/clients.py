#!/usr/bin/python3
"""Every client there is, through every case of tests/conformance; and every flaw through the cases that must see it.

libepoch, the Python package over it, the Python client that uses nothing of ours, and the one in JavaScript where node and its mqtt
are there (tests/integration/test_node.py puts it into the build folder).
"""
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import libbroker  # finds harness
from harness import BUILD, ROOT

CONFORMANCE = ROOT / "tests/conformance"
sys.path.insert(0, str(CONFORMANCE))
AT_ONCE, PATIENCE_S, FLAW_PATIENCE_S = 3, 60, 4


def clients():
    """{name: (command, groups it does not claim)}"""
    found = {
        "libepoch": ([str(BUILD / "tests/conformance/driver")], ()),
        "Python package": ([str(CONFORMANCE / "driver.py")], ()),
        "python-plain": ([str(ROOT / "examples/python-plain/conformance.py")], ()),
    }
    node = BUILD / "node"
    if shutil.which("node") and (node / "node_modules/mqtt").exists():
        shutil.copytree(ROOT / "examples/node", node, dirs_exist_ok=True)
        found["JavaScript"] = (["node", str(node / "conformance.js")], ("snapshot", "acknowledge"))
    return found


def play_all(runner, cases, command, broker, folder):
    """What one client's cases left on the broker is not the next one's: each client has topics of its own."""
    def play(case):
        return runner.play(case, command, broker, folder / case.name, PATIENCE_S, prefix=f"{folder.name}-{case.name}")

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(play, cases))


def play_flaws(runner, by_name, broker, folder):
    """{(flaw, case): the case saw it}"""
    listed = subprocess.run([CONFORMANCE / "broken.py", "--list"], text=True, stdout=subprocess.PIPE, check=True).stdout
    pairs = [(flaw, case) for flaw, *cases in map(str.split, listed.splitlines()) for case in cases]

    def play(pair):
        flaw, name = pair
        return runner.play(by_name[name], [str(CONFORMANCE / "broken.py"), flaw], broker, folder / flaw / name, FLAW_PATIENCE_S,
                           prefix=f"{flaw}-{name}").why is not None

    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        return dict(zip(pairs, pool.map(play, pairs), strict=True))


def body(folder, quick, _count, keep):
    if not quick:
        os.environ["CONFORMANCE_FULL"] = "1"
    os.environ["EPOCH_LIBRARY"] = str(BUILD / "libepoch.so.0")
    import runner  # only now: it reads CONFORMANCE_FULL
    from stage import Broker

    broker = keep(Broker(folder / "broker"))
    rows, wrong = [], []
    for name, (command, without) in clients().items():
        cases = [case for case in runner.CASES if case.group not in without and (not quick or case.name.startswith("order.c"))]
        began = time.monotonic()
        results = play_all(runner, cases, command, broker, folder / name.replace(" ", "-"))
        failed = [f"{name}: {result.case.name}: {result.why}" for result in results if result.why is not None]
        rows.append({"what": f"hostile broker against {name}", "points": len(cases), "bad": len(failed), "seconds": round(time.monotonic() - began, 1)})
        wrong += failed
        libbroker.say(f"clients: {name}: {len(cases)} cases, {len(failed)} bad")
    if not quick:
        seen = play_flaws(runner, {case.name: case for case in runner.CASES}, broker, folder / "flaws")
        unseen = [f"{flaw} is not seen by {name}" for (flaw, name), is_seen in seen.items() if not is_seen]
        rows.append({"what": "a client with one check taken out, seen by the case for it", "points": len(seen), "bad": len(unseen)})
        wrong += unseen
    return rows, wrong


if __name__ == "__main__":
    sys.exit(libbroker.main(__doc__, body, "tuf-conformance and sigstore-conformance do this for their clients", "other people's clients",
                            [67, 69, 71, 76, 77, 80]))
