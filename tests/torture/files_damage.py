#!/usr/bin/python3
"""files_damage: every bit flipped, every length cut, zeros from every byte on, in what a daemon wrote and published (F24 F26 F27).

    files_damage.py [--quick]

Runs a daemon through epochs that were published, overtaken and rejected, and gives its journal, its snapshot, its keyset and its
messages to build/tests/torture/damage, which damages each in every way and asks our own readers. --quick tries every 61st.
"""
import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/torture"), str(ROOT / "tests/integration")]

from harness import BUILD, SOURCE, Broker, Daemon, Repo, Subscriber  # noqa: E402
from libworld import memory_folder  # noqa: E402

FAULTS = [24, 26, 27]
STRIDE_QUICK = 61  # shares no factor with 8: every bit of a byte has its turn


def live(folder, ends):
    """A daemon's life in short: {kind: file}, and its keys."""
    repo = Repo(folder / "config")
    repo.commit({f"services/{name}.yaml": f"name: {name}\nn: 1\n" for name in ("ears", "brain")}, "begin")
    broker = Broker(folder / "broker")
    ends.append(broker.stop)
    daemon = Daemon(folder / "epochd", repo, broker)
    ends.append(daemon.stop)
    subscriber = Subscriber(broker.port)
    ends.append(subscriber.close)
    daemon.published(1)
    repo.commit({"services/ears.yaml": "n: [\n"}, "broken")
    daemon.wait("epoch_rejected")
    daemon.stop()
    for n in (2, 3):
        repo.commit({"services/ears.yaml": f"name: ears\nn: {n}\n"}, "while it is away")
    daemon.start()
    head = subscriber.epoch(repo.count())
    daemon.snapshot(repo.count())
    messages = {
        "update": subscriber.wait("system/config/brain"),
        "head": head,
        "keyset": subscriber.wait(f"system/keys/{SOURCE}"),
        "keepalive": subscriber.wait(f"system/keepalive/{SOURCE}"),
    }
    daemon.stop()
    kinds = {line["kind"] for line in daemon.journal()}
    assert kinds >= {"baseline", "committed", "published", "rejected", "superseded"}, kinds
    for kind, message in messages.items():
        (folder / kind).write_bytes(message)
    files = {kind: folder / kind for kind in messages}
    return {"journal": daemon.state / "journal.jsonl", "lkg": daemon.state / "config.lkg.json", **files}, daemon.state / "keys"


def damage(kind, file, keys, stride):
    began = time.monotonic()
    result = subprocess.run([BUILD / "tests/torture/damage", kind, keys, SOURCE, file, str(stride)], stdout=subprocess.PIPE, text=True,
                            cwd=file.parent, timeout=3600, check=True)
    found = json.loads(result.stdout)
    if found["bad"]:
        print(f"WRONG {kind}: {found['bad']} wrong, the first: {found['first']}", file=sys.stderr)
    row = {"what": kind, "points": sum(found[how] for how in ("flipped", "cut", "zeroed", "extended")), "bad": found["bad"],
           "seconds": round(time.monotonic() - began, 1), "bytes": found["bytes"], "flipped": found["flipped"], "cut": found["cut"]}
    return {**row, "lines": found["lines"], "set_aside": found["set_aside"]} if kind == "journal" else row


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    stride = STRIDE_QUICK if parser.parse_args().quick else 1
    folder, ends = Path(memory_folder()), []
    try:
        files, keys = live(folder, ends)
        rows = [damage(kind, file, keys, stride) for kind, file in files.items()]
    finally:
        for end in reversed(ends):
            end()
        shutil.rmtree(folder, ignore_errors=True)
    ok = not any(row["bad"] for row in rows)
    print(json.dumps({"figure": "damaged files", "faults": FAULTS, "anchor": "none published", "rows": rows, "ok": ok}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
