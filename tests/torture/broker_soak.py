#!/usr/bin/python3
"""Soak: commits without end, git gc between them, a broker that comes and goes behind a network that flaps; nothing grows.

    broker_soak.py [--quick] [--count MINUTES]      10 minutes, 0.1 of them with --quick

The daemon's memory and descriptors are sampled after each round; the last third of the run is compared with the middle one. Each
round ends when everything is retained again. At the end the history checker judges the run.
"""
import random
import sys
import time

import libbroker
import proxy
from harness import Broker, Daemon


def trouble(draw, network, broker):
    """One of the things that happen to a broker."""
    choice = draw.randrange(5)
    if choice == 0:
        broker.kill()
    elif choice == 1:
        network.reset_all()
    elif choice == 2:
        network.refuses = True
        network.reset_all()
    elif choice == 3:
        network.reset_after = draw.randrange(1, 5000)
    return choice


def body(folder, quick, count, keep):
    seconds = 8 if quick else 60 * (count or 10)
    draw = random.Random(13)
    broker = keep(Broker(folder / "broker"))
    network = keep(proxy.Proxy(broker.port))
    repo = libbroker.home(folder)
    daemon = keep(Daemon(folder / "epochd", repo, network, **libbroker.FAST | {"EPOCHD_LOG_LEVEL": "info"}))
    daemon.published(1)
    ledger = libbroker.Ledger(daemon)
    capture = keep(libbroker.Capture(ledger))
    capture.attach(broker.port)
    usage, wrong, times, commits, rounds, began = [], [], [], 1, 0, time.monotonic()
    while time.monotonic() - began < seconds:
        rounds += 1
        what = trouble(draw, network, broker)
        for _ in range(draw.randint(1, 6)):
            commits += 1
            repo.commit({"services/router.yaml": f"round: {commits}\n", f"services/soak-{commits % 20}.yaml": f"n: {commits}\n"}, "soak")
        if rounds % 10 == 0:
            repo.git("gc", "-q", "--prune=now")
        network.heal()
        if what == 0:
            capture.detach()
            broker.start()
            capture.attach(broker.port)
        last = repo.count()
        daemon.wait("epoch_committed", epoch=last)
        took, still = libbroker.converge(ledger, broker.port)
        times.append(took)
        wrong += [f"round {rounds}: {topic} is not what is in force" for topic in still]
        usage.append(libbroker.usage_at_rest(daemon, last))
        if rounds % 100 == 0:
            libbroker.say(f"broker_soak: {(time.monotonic() - began) / 60:.1f} minutes, {commits} commits, {usage[-1][1]} KiB, "
                          f"{usage[-1][2]} descriptors")
    capture.finish()
    growth = libbroker.growth(usage, 512)
    lost = libbroker.unaccounted(repo, ledger)
    found = libbroker.violations(daemon, repo, capture.carried)
    wrong += growth.wrong + capture.bad + found + [f"commit {commit} has no verdict" for commit in lost]
    return [
        {"what": "rounds of commits, gc and trouble, each converging", "points": rounds, "bad": len([w for w in wrong if w.startswith("round")]),
         "seconds": round(time.monotonic() - began, 1), "p99_ms": round(libbroker.percentile(times, .99) * 1000)},
        {"what": "memory and descriptors, last third less the middle one", "points": len(usage), "bad": len(growth.wrong), "kib": growth.kib,
         "descriptors": growth.descriptors, "resident_kib": usage[-1][1]},
        {"what": "commits, each with its verdict; history checker I0 to I10", "points": commits, "bad": len(lost) + len(found)},
    ], wrong


if __name__ == "__main__":
    sys.exit(libbroker.main(__doc__, body, "none published that compares: soak tests elsewhere look for crashes", "soak with a flapping broker",
                            [39, 61, 62, 66]))
