"""The figures that are not a road: bursts, snapshot, start, memory, idling, the command line; and the table of targets."""
import statistics
import subprocess
import sys
import time
from pathlib import Path

from world import BENCH, ENV, EPOCHCTL, Daemon, measure

IDLE_S = 15
APART = "epochd 100 in folders, repository in memory"
STAGES = ["inotify", "tree", "yaml", "sign", "hmac", "append", "append beside git", "publish", "verify"]
# What the road cannot be faster than: with git's rename on the same disk, without it, and without what etcd does not do.
SUMS = {
    "sum of stages": ["inotify", "tree", "yaml", "sign", "sign", "hmac", "append beside git", "publish", "verify"],
    "the same with append alone": ["inotify", "tree", "yaml", "sign", "sign", "hmac", "append", "publish", "verify"],
    "inotify, append alone, publish": ["inotify", "append", "publish"],
}


def find(worlds, services, flat=False):
    return next(w for w in worlds if w.services == services and w.repo.flat == flat)


def say(text):
    print(f"bench: {text}", file=sys.stderr)


# --- in every round ---------------------------------------------------------------------------------------------------


def measure_burst(rounds, world, count):
    """Several services in one commit: until the last of them and the head are there. And the daemon's CPU over `count` single ones,
    many enough to have their share of the snapshots that a stream of commits has."""
    rounds.add("epochd 5 at once", 20, world.road(world.repo.make([range(5)] * 10), 50, 5, "system/config/#")["whole"])
    before = world.daemon.cpu_us()
    world.one(count, 20)
    rounds.add("epochd cpu", 20, [(world.daemon.cpu_us() - before) / count])
    rounds.add("epochd 100 at once", 20, world.road(world.repo.make([range(100)]), 50, 100, "system/config/#")["whole"])


def measure_push(rounds, world):
    """A thousand commits that arrive as one against one that arrives alone."""
    one = world.repo.make([[1]] * 3)
    rounds.add("push of 1", 20, world.road(one, 50, topic=f"system/config/{world.repo.name(1)}")["whole"])
    many = world.repo.make([[1]] * 1000, keep_loose=False)
    rounds.add("push of 1,000", 20, world.road(many[-1:], 50, topic=f"system/config/{world.repo.name(1)}")["whole"])


def measure_without_snapshot(rounds, world, count):
    """The worker thread alone is held, so that no snapshot is written meanwhile."""
    worker = max(int(task.name) for task in Path(f"/proc/{world.daemon.pid}/task").iterdir())
    held = subprocess.Popen([BENCH, "freeze", "--thread", str(worker)], env=ENV, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        if held.stdout.readline() == "frozen\n":
            rounds.add("snapshot off", 20, world.one(count, 20)["value"])
            rounds.add("snapshot on", 20, [])
    finally:
        held.stdin.close()
        held.wait()
    rounds.lists["snapshot on", 20][-1] = world.one(count, 20)["value"]


def measure_round(rounds, worlds, scratch, plan):
    hundred, most = find(worlds, 100), find(worlds, max(w.services for w in worlds))
    measure_burst(rounds, hundred, plan["count"])
    measure_push(rounds, hundred)
    measure_without_snapshot(rounds, most, plan["count"])
    for world in (hundred, most):
        measure_starts(rounds, world, scratch)


def measure_starts(rounds, world, scratch):
    """A first start, its snapshot, and a restart, without a broker; beside reading every blob once and writing the same bytes."""
    name, tree = world.name, world.repo.git("rev-parse", "main:services")
    rounds.add(f"blobs {name}", 20, measure("blobs", git_dir=world.repo.path, tree=tree)["blobs"])
    folder = world.folder / f"start-{len(rounds.lists[f'first start {name}', 20])}"
    for what in ("first start", "restart"):
        daemon = Daemon(folder, world.repo, EPOCHD_LOG_LEVEL="debug")
        try:
            when, _ = daemon.wait("started")
            rounds.add(f"{what} {name}", 20, [(when - daemon.started_at) * 1e6])
            if what == "first start":
                rounds.add(f"snapshot {name}", 20, [daemon.wait("snapshot_written")[1]["micros"]])
                raw = measure("snapshot", file=daemon.state / "config.lkg.json", dir=scratch, count=3)
                rounds.add(f"snapshot {name}, raw", 20, raw["snapshot"])
        finally:
            daemon.stop()


# --- once ---------------------------------------------------------------------------------------------------------------


def measure_idle(rounds, world):
    """Waits of all threads that ended, a second, with nothing to do."""
    before = world.daemon.status("voluntary_ctxt_switches")
    time.sleep(IDLE_S)  # what is measured is that nothing happens
    rounds.add("idle wakeups", 20, [(world.daemon.status("voluntary_ctxt_switches") - before) / IDLE_S])


def measure_separate(rounds, world):
    """As many commits as git makes, one after the other, on the other core."""
    count, repo = 1000, world.repo
    tree, before = repo.git("rev-parse", "main^{tree}"), len(world.daemon.said("epoch_committed"))
    script = f"p=$(git rev-parse main); for i in $(seq {count}); do c=$(git commit-tree -p $p -m $i {tree}) && git update-ref refs/heads/main $c; p=$c; done"
    start = time.monotonic()
    subprocess.run(["sh", "-c", script], cwd=repo.path, check=True, env=world.daemon.env)
    committed = time.monotonic()
    repo.tip = repo.git("rev-parse", "main")
    when, _ = world.daemon.wait("update_config_complete", config_epoch=repo.tip)
    news = world.daemon.said("epoch_committed")[before:]
    rounds.add("separate commits, each", 20, [(committed - start) * 1e6 / count])
    rounds.add("separate commits, behind", 20, [max(0.0, when - committed) * 1e6])
    rounds.add("separate verdicts", 20, [sum(1 + said["superseded"] for said in news)])


def measure_verbs(rounds, world):
    verbs = {"check": ["-C", world.repo.path, "check", "main"], "status": ["status"], "show": ["show", world.repo.name(1)]}
    for verb, args in verbs.items():
        for _ in range(5):
            start = time.monotonic()
            subprocess.run([EPOCHCTL, *map(str, args)], env=world.daemon.env, stdout=subprocess.DEVNULL, check=True)
            rounds.add(f"epochctl {verb}, {world.name}", 20, [(time.monotonic() - start) * 1e6])


def measure_once(rounds, worlds, peers, folder, plan):
    hundred, most = find(worlds, 100), find(worlds, max(w.services for w in worlds))
    say("memory, idling, the command line")
    for world in (hundred, most):
        rounds.add(f"memory {world.name}", 20, [world.daemon.status("VmRSS")])
        rounds.add(f"peak {world.name}", 20, [world.daemon.status("VmHWM")])
    if peers.etcd:
        rounds.add("etcd memory", 20, [peers.etcd_process.status("VmRSS")])
    measure_idle(rounds, hundred)
    for world in (hundred, most):
        measure_verbs(rounds, world)
    measure_separate(rounds, hundred)


# --- the report ---------------------------------------------------------------------------------------------------------


def targets(rounds, worlds, peers):
    """(number, what, figure, target, met) of everything that was measured."""
    hundred, most = find(worlds, 100).name, find(worlds, max(w.services for w in worlds)).name
    one, many = f"epochd {hundred}", f"epochd {most}"
    rows = []

    def add(number, what, figure, unit, limit, at_least=False):
        met = figure >= limit if at_least else figure <= limit
        rows.append((number, what, f"{figure:.2f} {unit}".strip(), f"{'≥' if at_least else '≤'} {limit:g} {unit}".strip(), met))

    def ms(name):
        return rounds.median(name) / 1000

    if peers.etcd:
        add(1, "end to end against etcd put → watch, 20 ms gap", rounds.ratio(one, "etcd"), "×", 1.0)
        add(1, "the same, 1 ms gap", rounds.ratio(one, "etcd", 1), "×", 1.3)
        add(1, "with the repository in memory, 20 ms gap", rounds.ratio(APART, "etcd"), "×", 1.0)
        add(1, "the same, 1 ms gap", rounds.ratio(APART, "etcd", 1), "×", 1.3)
    add(2, "end to end against the sum of its stages, 20 ms gap", rounds.ratio(one, "sum of stages"), "×", 1.25)
    add(3, f"{most} against {hundred}", rounds.ratio(many, one), "×", 1.3)
    if rounds.has("snapshot off"):
        add(4, "with the snapshot against without", rounds.ratio("snapshot on", "snapshot off"), "×", 1.1)
    add(4, "a snapshot against HMAC and write of the same bytes", rounds.ratio(f"snapshot {most}", f"snapshot {most}, raw"), "×", 1.5)
    if peers.shell:
        add(5, "the shell sidecar against it, one change", rounds.ratio("shell", one), "×", 5, True)
        add(5, "the same, 100 changes", rounds.ratio("shell 100", "epochd 100 at once"), "×", 15, True)
        add(5, "the same, CPU a commit", rounds.ratio("shell cpu", "epochd cpu"), "×", 10, True)
    add(7, "p99 against p50, 20 ms gap", rounds.p99(one) / rounds.median(one), "×", 2)
    add(7, "five services at once, the whole of it", ms("epochd 5 at once"), "ms", 5)
    add(8, "1,000 commits in one push against one", rounds.ratio("push of 1,000", "push of 1"), "×", 2)
    add(8, "1,000 separate commits: verdicts", rounds.median("separate verdicts"), "", 1000, True)
    add(8, "1,000 separate commits: behind the last", ms("separate commits, behind"), "ms", 50)
    add(9, f"first start, {most}, against reading its blobs", rounds.ratio(f"first start {most}", f"blobs {most}"), "×", 6)
    add(9, f"restart, {most}, against reading its blobs", rounds.ratio(f"restart {most}", f"blobs {most}"), "×", 2)
    add(9, f"restart, {hundred}", ms(f"restart {hundred}"), "ms", 30)
    add(10, "wakeups a second, idle (keepalive and poll make 0.3 to 0.8)", rounds.median("idle wakeups"), "", 0.8)
    add(11, f"memory, {hundred}", rounds.median(f"memory {hundred}") / 1024, "MiB", 10)
    add(11, f"memory, {most}", rounds.median(f"memory {most}") / 1024, "MiB", 24)
    if peers.etcd:
        add(11, "the same against etcd", rounds.median(f"memory {most}") / rounds.median("etcd memory"), "×", 0.5)
    add(14, f"epochctl check, {most}", ms(f"epochctl check, {most}") / 1000, "s", 2)
    for name in (hundred, most):
        add(14, f"epochctl status, {name}", ms(f"epochctl status, {name}"), "ms", 20)
        add(14, f"epochctl show, {name}", ms(f"epochctl show, {name}"), "ms", 20)
    return rows


def report(rounds, worlds, peers, description):
    lines = ["# Benchmarks", "", description, "", "## Targets", "", "| # | figure | measured | target | |", "|---|---|---|---|---|"]
    lines += [f"| {number} | {what} | {figure} | {target} | {'met' if met else '**missed**'} |"
              for number, what, figure, target, met in targets(rounds, worlds, peers)]
    lines += ["", "## End to end, one service of 430 bytes", "", "| | p50, 20 ms gap | p99 | p50, 1 ms gap | p99 |", "|---|---|---|---|---|"]
    names = [name for world in worlds for name in (f"epochd {world.name}", f"epochd {world.name}, whole")]
    names += [APART, f"{APART}, whole"]
    for name in [*names, "etcd", "Redis", "publish", "shell"]:
        if rounds.has(name):
            fast = f"{rounds.median(name, 1):.0f} | {rounds.p99(name, 1):.0f}" if rounds.has(name, 1) else "| "
            shown = "bare mosquitto" if name == "publish" else name
            lines.append(f"| {shown} | {rounds.median(name):.0f} | {rounds.p99(name):.0f} | {fast} |")
    lines += ["", "## Stages", "", "| | p50, 20 ms gap | p99 | p50, 1 ms gap | p99 |", "|---|---|---|---|---|"]
    for name in [*STAGES, *SUMS]:
        lines.append(f"| {name} | {rounds.median(name):.0f} | {rounds.p99(name):.0f} | {rounds.median(name, 1):.0f} | {rounds.p99(name, 1):.0f} |")
    if peers.etcd:
        lines += ["", "## The floor of target 1: sums of raw stages against etcd", "", "| | 20 ms gap | 1 ms gap |", "|---|---|---|"]
        lines += [f"| {name} | {rounds.ratio(name, 'etcd'):.2f} × | {rounds.ratio(name, 'etcd', 1):.2f} × |" for name in SUMS]
    lines += ["", "## Everything else", "", "| figure | median |", "|---|---|"]
    shown = {*names, "etcd", "Redis", "shell", *STAGES, *SUMS}
    for name, gap in rounds.lists:
        if gap == 20 and name not in shown:
            values = [statistics.median(samples) for samples in rounds.lists[name, gap] if samples]
            lines.append(f"| {name} | {statistics.median(values):,.1f} |")
    if peers.missing:
        lines += ["", "Not compared: " + ", ".join(peers.missing) + "."]
    return "\n".join(lines) + "\n"
