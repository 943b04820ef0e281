#!/usr/bin/python3
"""random_kills: kill -9 at random moments while commits come, and the history checker over all of it at the end.

    random_kills.py [--quick] [--kills N] [--commits N] [--seed S]

A consumer follows from the beginning to the end, another is killed now and then and goes on from its cache. Commits come while the
daemon runs, starts and is dead; some are refused, some remove a service, some bring it back.
"""
import argparse
import json
import random
import signal
import subprocess
import sys
import time

import libworld  # first: it finds the others
import checker
from consumer import Consumer, Following
from harness import environment
from libhistory import history
from libworld import Bad, Run, Stage, World

ANCHOR = "etcd: robustness tests, --count=100"
SERVICES = 4
CONSUMER_DIES_EVERY = 25  # kills of the daemon
FULL, QUICK = (1000, 10000), (12, 120)


def commits_of(world, count):
    """A line of commits, made in one go: about one in forty is refused, one in thirty removes a service or brings it back."""
    stream = []
    for n in range(1, count + 1):
        service, lines = n % SERVICES, f"n: {n}\n"
        if n % 40 == 13:
            lines = f"n: [{n}\n"
        elif n % 40 == 14:
            service = (n - 1) % SERVICES  # what was broken is mended
        change = f"M 100644 inline services/s{service}.yaml\ndata {len(lines)}\n{lines}\n"
        if n == 1:
            change = "".join(f"M 100644 inline services/s{s}.yaml\ndata 5\nn: 0\n\n" for s in range(SERVICES))
        if n % 60 == 20:
            change += "D services/extra.yaml\n"
        elif n % 60 == 50:
            change += "M 100644 inline services/extra.yaml\ndata 5\nn: 0\n\n"
        stream.append(f"commit refs/heads/main\ncommitter Ada <ada@example.org> {1700000000 + n} +0000\ndata 1\nx\n{change}")
    subprocess.run(["git", "-C", str(world.repo.path), "fast-import", "--quiet"], input="".join(stream), text=True, env=environment(), check=True)
    world.repository = checker.Repository.read(world.repo.path)
    world.commits = world.repository.branch
    assert len(world.commits) == count and (count - 13) % 40 != 0, "the last commit must be a good one"


class Mortal:
    """A consumer in a process of its own, that can be killed."""

    def __init__(self, world):
        self.world, self.log = world, world.folder / "mortal.log"
        self.process, self.deaths = None, 0

    def start(self):
        program = [sys.executable, str(libworld.HERE / "consumer.py"), str(self.world.stage.broker.port), str(self.world.folder / "mortal.cache"),
                   str(self.log), str(self.world.keys / "root.pub"), self.world.prefix]
        self.process = subprocess.Popen(program)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.deaths += 1

    def entries(self):
        """A line that was cut by a kill was not written down."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.endswith("}")] if self.log.exists() else []

    def wait(self, epoch):
        """Killed at random itself, its log is all it tells: looked at until the epoch is there."""
        deadline = time.monotonic() + libworld.PATIENCE_S
        while not (self.entries() and self.entries()[-1]["epoch"] >= epoch):
            if time.monotonic() > deadline:
                raise Bad(f"the mortal consumer stays at {self.entries()[-1:]}")
            time.sleep(0.05)


def life(world, draw, first, last):
    """One life of the daemon: the commits first+1 … last come in it and after it. Every other one is not killed while it starts.

    The sleeps are the random moments themselves; nothing is waited for."""
    length, is_starting = draw.uniform(0.0, 0.2), draw.random() < 0.5
    moments = sorted([(draw.uniform(0, 1.3 * length), n) for n in range(last - first)] + [(length, None)])
    run = Run(world)
    if not is_starting and not run.until(lambda: run.said("started")):
        raise Bad(f"it did not start: {run.events[-3:]}")
    began, number = time.monotonic(), first
    for moment, what in moments:
        time.sleep(max(0.0, moment - (time.monotonic() - began)))
        if what is None:
            run.end(signal.SIGKILL)
        else:
            number += 1
            world.at(number)
    run.abandon()


def begin(world):
    world.fresh(number=1)
    run = Run(world)
    if not run.until(lambda: world.is_served(1)) or run.end() != 0:
        raise Bad("it did not start")
    following = Following(Consumer((world.keys / "root.pub").read_text().splitlines(True), prefix=world.prefix), world.stage.broker.port)
    mortal = Mortal(world)
    mortal.start()
    return following, mortal


def torture(world, kills, commits, seed):
    draw = random.Random(seed)
    commits_of(world, commits)
    following, mortal = begin(world)
    try:
        number = 1
        for kill in range(1, kills + 1):
            until = 1 + (commits - 1) * kill // kills
            life(world, draw, number, until)
            number = until
            if kill % CONSUMER_DIES_EVERY == 0:
                mortal.kill()
                mortal.start()
            if kill % 100 == 0:
                print(f"random_kills: {kill} kills, commit {number}", file=sys.stderr, flush=True)
        world.converge(commits)
        world.check_files()
        epoch = world.read_snapshot()["epoch"]
        if not following.wait(epoch):
            raise Bad(f"the consumer stays at {following.consumer.entries[-1:]}")
        mortal.wait(epoch)
        world.stage.recorder.fence(world.prefix)
        run = history(world.repository, world.state, world.carried(), prefix=world.prefix, live={"living", "mortal"},
                      applied={"living": following.consumer.entries, "mortal": mortal.entries()})
    finally:
        following.stop()
        mortal.kill()
    return run, mortal.deaths - 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--commits", type=int)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    default = QUICK if options.quick else FULL
    kills, commits = options.kills or default[0], options.commits or default[1]
    began = time.monotonic()
    print(f"random_kills: --seed {options.seed}", file=sys.stderr)
    with Stage() as stage:
        violations = []
        try:
            world = World(stage, "world")
            run, deaths = torture(world, kills, commits, options.seed)
            violations = checker.check(run)
        except Bad as cause:
            print(f"WRONG {cause}", file=sys.stderr)
            return libworld.speak("random kill -9", [{"what": "it did not converge", "points": kills, "bad": 1, "seconds": 0}], ANCHOR)
        for violation in violations[:20]:
            print(f"WRONG {violation}", file=sys.stderr)
        kinds = [json.loads(line)["kind"] for data in run.journal for line in data.rstrip(b"\0").splitlines()]
        row = {"what": "kill -9 while committing", "points": kills, "bad": len(violations), "seconds": round(time.monotonic() - began, 1),
               "commits": commits, "unaccounted": sum(v.invariant == "I4" for v in violations), "epochs": kinds.count("committed"),
               "rejected": kinds.count("rejected"), "messages": len(run.carried), "applied": sum(map(len, run.applied.values())),
               "consumer killed": deaths}
    return libworld.speak("random kill -9", [row], ANCHOR, faults=[1, 2, 3, 41, 43, 67, 69])


if __name__ == "__main__":
    sys.exit(main())
