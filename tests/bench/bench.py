#!/usr/bin/python3
"""bench: the speed of epochd, stage by stage and end to end, beside what people use today, in the same rounds.

    bench.py [--quick] [--out FILE]      prints the table and writes it (default build/bench.md)

What is compared is measured in turn, round after round, because machines change their speed: figures are medians over all
rounds, ratios are medians of the ratio of each round. A figure is never a test: the exit code says that measuring worked.
"""
import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).parent))
import figures  # noqa: E402
from world import BENCH, ROOT, RUN, SBIN, ENV, Process, Repo, World, await_port, config, free_port, have, measure  # noqa: E402

FULL = {"rounds": 4, "count": 50, "sizes": [10, 100, 1000, 10000], "shapes": [False, True], "fill": 10000}
QUICK = {"rounds": 3, "count": 25, "sizes": [100, 10000], "shapes": [False], "fill": 1000}
GAPS = (20, 1)


class Rounds:
    """Lists of microseconds by name and gap, a list a round."""

    def __init__(self):
        self.lists = defaultdict(list)

    def add(self, name, gap, samples):
        self.lists[name, gap].append(samples)

    def has(self, name, gap=20):
        return (name, gap) in self.lists

    def median(self, name, gap=20):
        return statistics.median(us for samples in self.lists[name, gap] for us in samples)

    def p99(self, name, gap=20):
        every = sorted(us for samples in self.lists[name, gap] for us in samples)
        return every[min(len(every) - 1, int(len(every) * 0.99))]

    def each(self, name, gap=20):
        return [statistics.median(samples) for samples in self.lists[name, gap]]

    def ratio(self, name, other, gap=20):
        return statistics.median(a / b for a, b in zip(self.each(name, gap), self.each(other, gap)))


class Peers:
    """What is installed of etcd, Redis and the tools of the shell sidecar; missing ones are named."""

    def __init__(self, folder, fill):
        self.folder, self.processes, self.missing, self.etcd, self.redis = Path(folder), [], [], None, None
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        if have("etcd"):
            self.etcd, peer = free_port(), free_port()
            self.etcd_process = self.run(["etcd", "--data-dir", self.folder / "etcd", "--listen-client-urls", f"http://127.0.0.1:{self.etcd}",
                                          "--advertise-client-urls", f"http://127.0.0.1:{self.etcd}", "--listen-peer-urls",
                                          f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
                                          "--initial-cluster", f"default=http://127.0.0.1:{peer}"], quiet)
            await_port(self.etcd)
            self.await_leader()
            measure("etcd", port=self.etcd, fill=fill)
        else:
            self.missing.append("etcd (apt-get install etcd-server)")
        if have("redis-server"):
            self.redis = free_port()
            self.run(["redis-server", "--port", self.redis, "--bind", "127.0.0.1", "--dir", self.folder, "--appendonly", "yes",
                      "--appendfsync", "always", "--save", ""], quiet)
            await_port(self.redis)
        else:
            self.missing.append("Redis (apt-get install redis-server)")
        self.shell = bool(have("inotifywait") and have("mosquitto_pub"))
        if not self.shell:
            self.missing.append("the shell sidecar's tools (apt-get install inotify-tools mosquitto-clients)")

    def await_leader(self):
        """The port is open before the one-member cluster has elected; a put then fails."""
        end = time.monotonic() + 30
        while subprocess.run([BENCH, "etcd", "--port", str(self.etcd), "--count", "1"], env=ENV, capture_output=True).returncode:
            assert time.monotonic() < end, "etcd has no leader"

    def run(self, command, options):
        process = Process([have(command[0]), *command[1:]], **options)
        self.processes.append(process)
        return process

    def stop(self):
        for process in self.processes:
            process.stop()


class Sidecar:
    """The shell sidecar over its own repository; CPU of it and all it ran, when it has ended."""

    def __init__(self, folder, port, services):
        self.repo, self.port = Repo(Path(folder), services, False), port
        self.commits = 0

    def road(self, commits, gap, services):
        script = subprocess.Popen([ROOT / "tests/bench/sidecar.sh", self.repo.path, str(self.port)], env=ENV, start_new_session=True,
                                  stderr=subprocess.PIPE, text=True)
        try:
            assert any("Watches established" in line for line in script.stderr), "inotifywait does not watch"
            lists = measure("road", git_dir=self.repo.path, commits=self.repo.listed(commits), port=self.port, gap=gap,
                            services=services, plain=1)
        finally:
            # inotifywait ends the loop, the shell ends by itself and is charged with all it waited for
            subprocess.run(["pkill", "-s", str(script.pid), "-x", "inotifywait"], check=False)
            usage = os.wait4(script.pid, 0)[2]
            script.returncode = 0
            script.stderr.close()
        return lists, (usage.ru_utime + usage.ru_stime) * 1e6 / len(commits)


def measure_stages(rounds, world, commits, scratch, gap, count):
    """What the road is made of, each done as directly as it can be."""
    (scratch / "refs/heads").mkdir(parents=True, exist_ok=True)
    (scratch / "service.yaml").write_text(config("service-00001", 1))
    found = {
        **measure("inotify", dir=scratch, gap=gap, count=count),
        **measure("tree", git_dir=world.repo.path, commits=world.repo.listed(commits), gap=gap),
        **measure("yaml", file=scratch / "service.yaml", gap=gap, count=count),
        **measure("ed25519", gap=gap, count=count),
        **measure("publish", port=world.broker.port, gap=gap, count=count),
    }
    before_append = sum(statistics.median(found[part]) for part in ["tree", "yaml", "sign", "sign"])
    found.update(measure("append", dir=scratch, gap=gap, count=count, size=2200, lead=int(before_append)))
    for name, samples in found.items():
        rounds.add(name, gap, samples)
    for name, parts in figures.SUMS.items():
        rounds.add(name, gap, [sum(statistics.median(found[part]) for part in parts)])


def measure_round(rounds, worlds, apart, peers, sidecar, scratch, plan):
    base = next(world for world in worlds if world.services == 100)
    for gap in GAPS:
        lists = apart.one(plan["count"], gap)
        rounds.add(figures.APART, gap, lists["value"])
        rounds.add(f"{figures.APART}, whole", gap, lists["whole"])
        for world in worlds:
            commits = world.repo.make([[world.services // 2]] * plan["count"])
            lists = world.road(commits, gap)
            rounds.add(f"epochd {world.name}", gap, lists["value"])
            rounds.add(f"epochd {world.name}, whole", gap, lists["whole"])
            if world is base:
                measure_stages(rounds, world, commits, scratch, gap, plan["count"])
        if peers.etcd:
            rounds.add("etcd", gap, measure("etcd", port=peers.etcd, gap=gap, count=plan["count"])["etcd"])
        if peers.redis:
            rounds.add("Redis", gap, measure("redis", port=peers.redis, gap=gap, count=plan["count"])["redis"])
    if sidecar:
        lists, cpu = sidecar.road(sidecar.repo.make([[50]] * 10), 20, 1)
        rounds.add("shell", 20, lists["value"])
        rounds.add("shell cpu", 20, [cpu])
        lists, _ = sidecar.road(sidecar.repo.make([range(100)]), 20, 100)
        rounds.add("shell 100", 20, lists["whole"])


def describe(plan, quick):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    commit = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], text=True, capture_output=True).stdout.strip()
    load = os.getloadavg()[0]
    return (f"epochd {commit}, {time.strftime('%Y-%m-%d', time.gmtime())}, {os.cpu_count()} × {cpu}, Linux {platform.release()}, "
            f"load {load:.1f} at the end. {plan['rounds']} rounds of {plan['count']} events, in turn; µs unless said; "
            f"`make bench{' QUICK=1' if quick else ''}`.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", default=ROOT / "build/bench.md", type=Path)
    args = parser.parse_args()
    plan = QUICK if args.quick else FULL
    rounds, worlds, peers, apart = Rounds(), [], None, None
    with tempfile.TemporaryDirectory(prefix="epochd-bench-") as name:
        folder = Path(name)
        try:
            for size in plan["sizes"]:
                for flat in plan["shapes"]:
                    print(f"bench: {size} services {'flat' if flat else 'in folders'}", file=sys.stderr)
                    worlds.append(World(folder / f"{size}-{flat}", size, flat))
            apart = World(folder / "apart", 100, repo_in=RUN)
            peers = Peers(folder, plan["fill"])
            sidecar = Sidecar(folder / "sidecar.git", worlds[0].broker.port, 100) if peers.shell else None
            for number in range(plan["rounds"]):
                print(f"bench: round {number + 1} of {plan['rounds']}", file=sys.stderr)
                measure_round(rounds, worlds, apart, peers, sidecar, folder / "scratch", plan)
                figures.measure_round(rounds, worlds, folder / "scratch", plan)
            figures.measure_once(rounds, worlds, peers, folder, plan)
        finally:
            for thing in [*worlds, apart, peers]:
                if thing:
                    thing.stop()
        text = figures.report(rounds, worlds, peers, describe(plan, args.quick))
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(text)
    print(text)


if __name__ == "__main__":
    main()
