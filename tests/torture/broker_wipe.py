#!/usr/bin/python3
"""The broker is killed and comes back with nothing, again and again, while commits come.

Each round makes one to four commits, kills mosquitto (it keeps nothing on disk) at a drawn moment among them, starts it again and
waits until every topic is retained again byte for byte as the journal holds it. A subscriber asks the journal about each message the
moment it arrives: nothing may be published before it is journaled. A consumer follows; at the end it is at the head, and the history
checker finds every invariant kept and every commit accounted for.
"""
import random
import signal
import sys
import threading
import time

import libbroker
from harness import Broker, Daemon


def commit_some(repo, numbers):
    for n in numbers:
        repo.commit({"services/router.yaml": f"round: {n}\n", f"services/extra-{n % 5}.yaml": f"n: {n}\n"}, f"round {n}")


def body(folder, quick, count, keep):
    rounds = count or (8 if quick else 200)
    draw = random.Random(7)
    broker = keep(Broker(folder / "broker"))
    repo = libbroker.home(folder)
    daemon = keep(Daemon(folder / "epochd", repo, broker, **libbroker.FAST))
    daemon.published(1)
    ledger, capture, following = libbroker.observe(daemon, folder, broker, keep)
    wrong, times, commits, began = [], [], 1, time.monotonic()
    for number in range(rounds):
        some = draw.randint(1, 4)
        committer = threading.Thread(target=commit_some, args=(repo, range(commits, commits + some)))
        committer.start()
        committer.join(draw.random() * 0.04 * some)
        capture.detach()
        broker.kill(signal.SIGKILL)
        commits += some
        if draw.random() < 0.5:
            committer.join()
        broker.start()
        capture.attach(broker.port)
        committer.join()
        last = repo.count()
        daemon.wait("epoch_committed", epoch=last)
        took, still = libbroker.converge(ledger, broker.port)
        times.append(took)
        wrong += [f"round {number}: {topic} is not what is in force" for topic in still]
        daemon.lines = [line for line in daemon.lines if line.get("epoch") == last]
        if number % 20 == 19:
            libbroker.say(f"broker_wipe: {number + 1} rounds, p50 {libbroker.percentile(times, .5) * 1000:.0f} ms")
    daemon.published(last)
    if not following.wait(last):
        wrong.append(f"the consumer did not reach epoch {last}")
    following.stop()
    capture.finish()
    lost = libbroker.unaccounted(repo, ledger)
    found = libbroker.violations(daemon, repo, capture.carried, applied={"consumer": following.consumer.entries}, live={"consumer"})
    wrong += [f"commit {commit} has no verdict" for commit in lost] + capture.bad + found
    daemon.ctl("verify", "journal", check=0)
    seconds = round(time.monotonic() - began, 1)
    return [
        {"what": "kill -9 of the broker, its store wiped: everything retained again byte for byte", "points": rounds,
         "bad": len([line for line in wrong if line.startswith("round")]), "seconds": seconds,
         "p50_ms": round(libbroker.percentile(times, .5) * 1000), "p99_ms": round(libbroker.percentile(times, .99) * 1000)},
        {"what": "commits made meanwhile, each with its verdict", "points": commits, "bad": len(lost)},
        {"what": "messages carried, each journaled before it arrived", "points": len(capture.carried), "bad": len(capture.bad)},
        {"what": "history checker I0 to I10 over the run", "points": len(capture.carried), "bad": len(found)},
    ], wrong


if __name__ == "__main__":
    sys.exit(libbroker.main(__doc__, body, "NATS lost 14.1 % of acknowledged messages on power loss", "broker killed and wiped",
                            [60, 61, 62]))
