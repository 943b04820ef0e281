#!/usr/bin/python3
"""The broker is away for thousands of epochs: memory stays flat, journal and snapshot go on, and when it comes it gets the state, no backlog.

Commits are made by git fast-import, so that git is not what is measured; each is taken as an epoch of its own. Then the broker
starts, and what it carries is counted: one assertion, whatever came before. Half of the run has a broker that is not there at all,
half one that accepts and closes.
"""
import subprocess
import sys
import time

import libbroker
import proxy
from harness import Broker, Daemon, environment, free_port

SAMPLES = 60


class Importer:
    """One `git fast-import` that makes a commit a time; `progress` tells that the branch stands at it."""

    def __init__(self, repo):
        self.process = subprocess.Popen(["git", "-C", str(repo.path), "fast-import", "--quiet", "--force"], env=environment(), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.first = repo.head()

    def commit(self, n):
        text, message = f"round: {n}\n", f"round {n}"
        parent = f"from {self.first}\n" if self.first else ""
        self.first = None
        self.process.stdin.write(
            f"commit refs/heads/main\ncommitter Ada <ada@example.org> {1700000000 + n} +0000\ndata {len(message)}\n{message}\n{parent}"
            f"M 100644 inline services/router.yaml\ndata {len(text)}\n{text}\ncheckpoint\nprogress {n}\n")
        self.process.stdin.flush()
        while self.process.stdout.readline().strip() != f"progress {n}":
            pass

    def stop(self):
        self.process.stdin.close()
        self.process.wait(30)


def body(folder, quick, count, keep):
    epochs = count or (300 if quick else 10000)
    repo = libbroker.home(folder)
    network = proxy.Proxy(free_port())
    network.refuses = True
    keep(network)
    daemon = keep(Daemon(folder / "epochd", repo, network, **libbroker.FAST | {"EPOCHD_LOG_LEVEL": "info"}))
    importer = keep(Importer(repo))
    daemon.committed(1)
    usage, began = [], time.monotonic()
    for n in range(2, epochs + 1):
        if n == epochs // 2:
            network.stop()  # from here on nobody listens at all
        importer.commit(n)
        daemon.committed(n)
        daemon.lines.clear()
        if n % max(1, epochs // SAMPLES) == 0:
            usage.append(daemon.usage())
        if n % 1000 == 0:
            libbroker.say(f"broker_away: {n} epochs, {usage[-1][1]} KiB")
    seconds = time.monotonic() - began
    importer.stop()
    growth = libbroker.growth(usage)
    daemon.status_when(lambda status: status["snapshot"] == epochs)
    ledger = libbroker.Ledger(daemon)
    capture = keep(libbroker.Capture(ledger))
    # The broker comes, behind the port that the daemon knows.
    broker = keep(Broker(folder / "broker", port=network.port))
    capture.attach(broker.port)
    daemon.published(epochs)
    _, still = libbroker.converge(ledger, broker.port)
    capture.finish()
    config = [message for message in capture.carried if message.topic.startswith(("config/", "system/config/"))]
    services = len([topic for topic in ledger.force if topic.startswith("system/config/")])
    flood = max(0, len(config) - 2 * services)  # retained and announced, once each
    found = libbroker.violations(daemon, repo, capture.carried)
    lost = libbroker.unaccounted(repo, ledger)
    wrong = growth.wrong + found + capture.bad + [f"{topic} is not what is in force" for topic in still]
    wrong += [f"commit {commit} has no verdict" for commit in lost] + ([f"{len(config)} messages of services: a backlog"] if flood else [])
    return [
        {"what": "epochs committed with the broker away, memory and descriptors flat", "points": epochs, "bad": len(growth.wrong),
         "seconds": round(seconds, 1), "kib": growth.kib, "descriptors": growth.descriptors, "resident_kib": usage[-1][1]},
        {"what": "messages of services when it came: the latest state alone", "points": len(config), "bad": flood, "services": services},
        {"what": "commits, each with its verdict; history checker I0 to I10", "points": epochs, "bad": len(lost) + len(found)},
    ], wrong


if __name__ == "__main__":
    sys.exit(libbroker.main(__doc__, body, "libmosquitto itself queues without a cap: 22.8 MB for 20,000 messages of 1 KiB",
                            "the broker is away", [60]))
