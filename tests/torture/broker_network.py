#!/usr/bin/python3
"""A bad network between daemon and broker: each fault comes while commits are made, lasts a while, and ends; then all must converge.

The network is a TCP proxy (tests/integration/proxy.py). A round is one fault: commits before, during and after it; once it is healed,
the broker must retain what the journal holds, byte for byte, within a minute. Memory and descriptors of the daemon are read after
every round. The broker keeps its store, so what arrives late from an old connection would be seen.
"""
import random
import struct
import sys
import threading
import time

import libbroker
import proxy
from harness import Broker, Daemon

PATIENCE_S = 60


def acks(network, change):
    """`change`(packet id) gives the bytes that the daemon gets instead of a PUBACK."""
    def spoil(direction, kind, _flags, body, _whole):
        if direction == "down" and kind == proxy.PUBACK:
            return change(struct.unpack_from(">H", body)[0])
        return None
    network.spoil = spoil


def flap(network):
    network.refuses = True
    network.reset_all()


def half_open(network, direction):
    network.frozen = {direction}


def set_members(**members):
    return lambda network: [setattr(network, name, value) for name, value in members.items()]


FAULTS = {
    "2 s of delay": set_members(delay_s=2.0),
    "1 byte a second": set_members(rate=1),
    "every byte on its own": set_members(piece=1),
    "half-open: nothing reaches the broker": lambda network: half_open(network, "up"),
    "half-open: nothing comes back": lambda network: half_open(network, "down"),
    "half-open: both ways": set_members(frozen={"up", "down"}),
    "reset in the middle of a packet": set_members(reset_after=700),
    "flapping: accepted and closed": flap,
    "PUBACKs withheld": lambda network: acks(network, lambda mid: b""),
    "PUBACKs doubled": lambda network: acks(network, lambda mid: proxy.puback(mid) * 2),
    "PUBACKs for messages nobody sent": lambda network: acks(network, lambda mid: proxy.puback(mid ^ 0x4000)),
    "PUBACKs that refuse": lambda network: acks(network, lambda mid: proxy.puback(mid, 0x97)),
    "PUBACKs malformed": lambda network: acks(network, lambda mid: b"\x40\x01\x00"),
    "answers of 256 MB": lambda network: acks(network, lambda mid: b"\x30\xff\xff\xff\x7f"),
    "PUBRECs instead of PUBACKs": lambda network: acks(network, lambda mid: proxy.packet(proxy.PUBREC, struct.pack(">H", mid))),
}


LONG = {"PUBACKs withheld", "PUBACKs for messages nobody sent"}  # three seconds each; tests/integration/test_broker.py has them too


class Committer:
    """Commits one after another until it is told to stop."""

    def __init__(self, repo, first):
        self.repo, self.number, self.over = repo, first, threading.Event()
        self.thread = threading.Thread(target=self._work)
        self.thread.start()

    def _work(self):
        while not self.over.is_set():
            self.repo.commit({"services/router.yaml": f"round: {self.number}\n"}, f"round {self.number}")
            self.number += 1
            self.over.wait(0.2)

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.number


def one_round(scene, name, usage, seconds):
    """(seconds to converge after the fault, what was wrong); the daemon's usage afterwards goes into `usage`."""
    daemon, network, broker, ledger, repo = scene
    committer = Committer(repo, repo.count())
    try:
        FAULTS[name](network)
        time.sleep(seconds)  # the fault lasts that long: this is not a wait for something
    finally:
        committer.stop()
    began = time.monotonic()
    network.heal()
    daemon.hup()
    last = repo.count()
    daemon.wait("epoch_committed", PATIENCE_S, epoch=last)
    _, wrong = libbroker.converge(ledger, broker.port, PATIENCE_S)
    daemon.status_when(lambda status: status["state"] == "ok" and status["published"] == last, PATIENCE_S)
    took = time.monotonic() - began
    usage.append(libbroker.usage_at_rest(daemon, last))
    return took, [f"{name}: {topic} is not what is in force" for topic in wrong]


def body(folder, quick, count, keep):
    rounds = count or (1 if quick else 8)
    draw = random.Random(11)
    broker = keep(Broker(folder / "broker"))
    network = keep(proxy.Proxy(broker.port))
    repo = libbroker.home(folder)
    daemon = keep(Daemon(folder / "epochd", repo, network, **libbroker.FAST))
    daemon.published(1)
    ledger, capture, following = libbroker.observe(daemon, folder, broker, keep)
    scene, wrong, rows, usage, began = (daemon, network, broker, ledger, repo), [], [], [], time.monotonic()
    for name in [fault for fault in FAULTS if not quick or fault not in LONG]:
        times, bad, before = [], [], time.monotonic()
        for _ in range(rounds):
            took, found = one_round(scene, name, usage, 0.5 if quick else 1 + draw.random() * 7)
            times.append(took)
            bad += found
        libbroker.say(f"broker_network: {name}: converged in {max(times):.2f} s at most")
        rows.append({"what": name, "points": rounds, "bad": len(bad), "seconds": round(time.monotonic() - before, 1),
                     "worst_s": round(max(times), 2)})
        wrong += bad
    following.wait(repo.count())
    following.stop()
    capture.finish()
    found = libbroker.violations(daemon, repo, capture.carried, applied={"consumer": following.consumer.entries}, live={"consumer"})
    lost = libbroker.unaccounted(repo, ledger)
    wrong += capture.bad + found + [f"commit {commit} has no verdict" for commit in lost]
    rows.append({"what": "commits, each with its verdict; history checker I0 to I10", "points": repo.count(), "bad": len(lost) + len(found)})
    growth = libbroker.growth(usage)
    cpu = round(usage[-1][0] / (time.monotonic() - began) * 100, 1)
    rows.append({"what": "memory and descriptors after each round", "points": len(usage), "bad": len(growth.wrong),
                 "kib": growth.kib, "descriptors": growth.descriptors, "cpu_percent": cpu})
    return rows, wrong + growth.wrong


if __name__ == "__main__":
    sys.exit(libbroker.main(__doc__, body, "etcd and NATS are tested so by Jepsen; neither publishes such a table", "a bad network",
                            [61, 64, 66, 69, 70]))
