"""The phases of the daemon's life that the sweeps break: how each begins, what is done in it, where it ends.

A phase is the same run every time, so that its K-th call is the same call. `attempt` makes one, with the tracer's arguments.
"""
import random
import signal
from dataclasses import dataclass, field

import libworld  # first: it finds the others
import checker
from harness import SOURCE
from libworld import Bad, Run

BROKEN = b'{"seq":99,"prev":"0123' + b"\0" * 4096  # what an append leaves that was cut


@dataclass
class Phase:
    """The branch ends at commit `tip` of `commits`; `env` and `program` are of the run that is broken, not of the start after it."""
    name: str
    tip: int
    commits: int = 3
    invalid: tuple = ()
    program: object = None
    env: dict = field(default_factory=dict)
    is_attached = False

    def prepare(self, world):
        world.history_of(self.commits, self.invalid)
        self.template(world)
        return world

    def template(self, world):
        """The state folder it begins with is made here, if it is not empty."""

    def start(self, world, tracer=(), wrapper=()):
        """Up to where the tracer counts from."""
        raise NotImplementedError

    def act(self, world, run):
        """What is done to it."""

    def is_done(self, world, run):
        return world.is_served(self.tip) and world.is_snapshotted(self.tip)

    def drive(self, world, run):
        """True when all is done that the phase is about; False if the process ended before."""
        self.act(world, run)
        return run.until(lambda: self.is_done(world, run))

    def judge(self, world):
        world.at(self.tip)
        world.judge(self.tip)


def first_epoch(world):
    world.fresh(number=1)
    run = Run(world)
    if not run.until(lambda: world.is_served(1) and world.is_snapshotted(1)) or run.end() != 0:
        raise Bad(f"no template: {run.events[-3:]}")


class FirstStart(Phase):
    def start(self, world, tracer=(), wrapper=()):
        world.fresh(number=1)
        return Run(world, tracer, self.program, self.env, wrapper)


class OneEpoch(Phase):
    """Begins with epoch 1 in force and served; then the tracer comes, and then the branch moves."""
    is_attached = True

    def template(self, world):
        first_epoch(world)
        world.keep("template")

    def start(self, world, tracer=(), wrapper=()):
        world.fresh(world.folder / "template", number=1)
        run = Run(world, program=self.program, env=self.env)
        if run.until(lambda: world.is_served(1)):
            run.attach(tracer, wrapper)
        return run

    def act(self, world, run):
        world.at(self.tip)


class Burst(OneEpoch):
    """A dozen moves of the branch as fast as a file can be replaced, one of them to a commit that is refused."""

    def act(self, world, run):
        for number in range(2, self.tip + 1):
            world.at(number)


class Rotation(OneEpoch):
    """The journal's file is full with the next epoch, and ends."""

    def is_done(self, world, run):
        """A change of files that failed comes again with the next epoch."""
        names = {path.name for path in world.state.iterdir()}
        is_over = run.said("journal_not_prepared") or ("journal.jsonl" in names and any(name.startswith("journal-") for name in names))
        return is_over and super().is_done(world, run)


class RefusalAndRemoval(OneEpoch):
    """A commit that is refused; then one that mends it and removes a service, whose topic is cleared in the end."""

    def prepare(self, world):
        world.history_of(2, invalid=(2,))
        world.commit({"services/s0.yaml": None, "services/s2.yaml": "service: s\nn: 3\n"}, "mend and remove")
        world.repository = checker.Repository.read(world.repo.path)
        self.template(world)
        return world

    def act(self, world, run):
        world.at(2)
        run.until(lambda: any(m.topic.endswith(f"/system/health/{SOURCE}") and b'"rejected"' in m.payload for m in world.carried()))
        world.at(3)

    def is_done(self, world, run):
        is_cleared = any(m.topic == f"{world.prefix}/system/config/s0" and not m.payload for m in world.carried())
        return is_cleared and super().is_done(world, run)


class Recovery(Phase):
    """Epoch 2 is in the journal, nobody has seen it, the snapshot is of epoch 1, and an append was cut in the middle."""

    def template(self, world):
        first_epoch(world)
        old = (world.state / "config.lkg.json").read_bytes()
        world.settings["EPOCHD_MQTT_URL"] = "off"
        world.at(2)
        run = Run(world)
        if not run.until(lambda: world.is_snapshotted(2)) or run.end() != 0:
            raise Bad(f"no template: {run.events[-3:]}")
        (world.state / "config.lkg.json").write_bytes(old)
        with (world.state / "journal.jsonl").open("ab") as journal:
            journal.write(BROKEN)
        world.keep("template")

    def start(self, world, tracer=(), wrapper=()):
        world.fresh(world.folder / "template", number=2)
        return Run(world, tracer, self.program, self.env, wrapper)


class Compound(OneEpoch):
    """Killed in an epoch, and the start after it killed too: a point is (thread, call, the start's call)."""
    SECOND_CALLS, PAIRS = 900, 5

    def second(self, world, thread, at, pair):
        """The second kill, on what the first one left; True if the start got that far."""
        kept = world.keep("killed")
        draw = random.Random(f"{thread} {at} {pair}").randrange(1, self.SECOND_CALLS)
        world.fresh(kept, number=self.tip)
        run = Run(world, ["-k", str(draw)])
        try:
            done = run.until(lambda: world.is_served(self.tip))
            run.end(signal.SIGTERM if done else None)
        finally:
            run.abandon()
        return run.report()["hit"]


def phases():
    rotating = {"program": libworld.EPOCHD_FAIL, "env": {"EPOCHD_FAIL": "journal.file-max:=4096"}}
    return [FirstStart("first start", tip=1), OneEpoch("one epoch", tip=2), Burst("a burst of 12", tip=13, commits=13, invalid=(7,)),
            RefusalAndRemoval("a refusal and a removal", tip=3), Recovery("recovery", tip=2), Rotation("journal rotation", tip=2, **rotating)]


# --- one run ------------------------------------------------------------------------------------------------------------


def attempt(phase, world, tracer, settle=None):
    """One run of the phase under the tracer: (exit code or minus the signal, the tracer's report)."""
    run = phase.start(world, tracer)
    try:
        done = phase.drive(world, run) if settle is None else settle(run)
        code = run.end(signal.SIGTERM if done else None)
    finally:
        run.abandon()
    return code, run.report()


def count(phase, world):
    """The calls of each thread in a run without a fault, by their numbers."""
    code, report = attempt(phase, world, ["-k", "0"])
    if code != 0:
        raise Bad(f"{phase.name} without a fault ended with {code}")
    phase.judge(world)
    return report["calls"]


def strace_counts(phase, world):
    """How many calls strace sees in the phase, by thread in the order of their making."""
    trace = world.folder / "strace"
    run = phase.start(world, wrapper=["strace", "-f", "-o", str(trace)])
    try:
        phase.drive(world, run)
        run.end()
    finally:
        run.abandon()
    threads = {}
    for line in trace.read_text(errors="replace").splitlines():
        thread, _, rest = line.partition(" ")
        if "resumed>" not in rest and not rest.lstrip().startswith(("+++", "---")):
            threads[int(thread)] = threads.get(int(thread), 0) + 1
    return [threads[thread] for thread in sorted(threads)]
