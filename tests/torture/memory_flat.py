#!/usr/bin/python3
"""Memory, descriptors and mappings stay flat over ten thousand epochs while git gc replaces the packs, with the broker and without.

Commits are made in batches with git fast-import, as loose objects; the branch is moved to one after the other by renaming, each when
the one before is committed. After each batch git gc packs everything and takes the old packs away. What the daemon holds after the
first tenth, when every buffer has been used once, is what it may hold at the end: 5 % and one MiB more at most, four descriptors
more, and no mapping of a file that is gone but the packs of the batch at hand.
"""
import subprocess
import sys
import time
from pathlib import Path

import libbroker
from harness import Broker, Daemon, environment

SERVICES, BATCHES = 50, 20
GONE_MAX = 8  # mappings: the pack and the index of packs that the last gc replaced, until the next epoch


def make(repo, tip, count, batch):
    """So many commits on top of `tip`, one service each, no branch moved; their ids in order."""
    stream = []
    for n in range(1, count + 1):
        text = f"batch: {batch}\nnumber: {n}\n"
        stream.append(f"commit refs/heads/made\nmark :{n}\ncommitter Ada <ada@example.org> {1700000000 + batch * 10000 + n} +0000\n"
                      f"data 6\nchange\n" + (f"from {tip}\n" if n == 1 else "") +
                      f"M 100644 inline services/memory/service-{n % SERVICES:02}.yaml\ndata {len(text)}\n{text}\n")
    marks = Path(repo.path) / ".git/marks"
    repo.git("-c", "fastimport.unpackLimit=1000000", "fast-import", "--quiet", "--force", f"--export-marks={marks}", stdin="".join(stream))
    ids = dict(line.split() for line in marks.read_text().splitlines())
    return [ids[f":{n}"] for n in range(1, count + 1)]


def move(repo, commit):
    git = Path(repo.path) / ".git"
    (git / "moved").write_text(commit + "\n")
    (git / "moved").rename(git / "refs/heads/main")


def held(daemon):
    """Resident KiB, descriptors, mappings of files that are gone."""
    proc = Path(f"/proc/{daemon.process.pid}")
    rss = next(int(line.split()[1]) for line in open(proc / "status") if line.startswith("VmRSS:"))
    return rss, len(list((proc / "fd").iterdir())), sum("(deleted)" in line for line in open(proc / "maps"))


def run(what, folder, keep, epochs, broker, is_there):
    repo = libbroker.home(folder)
    daemon = keep(Daemon(folder / "epochd", repo, broker, **libbroker.FAST))
    daemon.committed(1)
    daemon.wait("tidied")  # what a start needed is no measure for what comes
    tip, samples, began = repo.head(), [], time.monotonic()
    for batch in range(BATCHES):
        for commit in make(repo, tip, epochs // BATCHES, batch):
            move(repo, commit)
            daemon.wait("epoch_committed", config_epoch=commit)
            daemon.lines = []
            tip = commit
        if is_there:
            daemon.wait("update_config_complete", config_epoch=tip)
        subprocess.run(["git", "-C", repo.path, "gc", "-q", "--prune=now"], env=environment(), check=True)
        samples.append(held(daemon))
        libbroker.say(f"memory_flat: {what}: {(batch + 1) * (epochs // BATCHES)} epochs, {samples[-1]}")
    settled = samples[max(1, BATCHES // 10) - 1]
    limit = settled[0] * 1.05 + 1024
    wrong = [f"{what}: {now} after batch {n}, {settled} in the beginning" for n, now in enumerate(samples)
             if n * 10 >= BATCHES and (now[0] > limit or now[1] > settled[1] + 4 or now[2] > GONE_MAX)]
    daemon.stop()
    row = {"what": what, "points": epochs, "bad": len(wrong), "seconds": round(time.monotonic() - began, 1),
           "settled_kib": settled[0], "end_kib": samples[-1][0], "descriptors": samples[-1][1], "gone_mappings": max(s[2] for s in samples)}
    return row, wrong


def body(folder, quick, count, keep):
    epochs = count or (100 if quick else 10000)
    broker = keep(Broker(folder / "broker"))
    rows, wrong = [], []
    for what, is_there in (("epochs with git gc, broker there", True), ("epochs with git gc, broker away", False)):
        if not is_there:
            broker.stop()
        row, bad = run(what, folder / what.split()[-1], keep, epochs, broker, is_there)
        rows.append(row)
        wrong += bad
    return rows, wrong


if __name__ == "__main__":
    sys.exit(libbroker.main(__doc__, body, "libgit2 with one handle and no reopening: 8 to 131 MB in 90 s of commits and gc", "memory over epochs",
                            [39]))
