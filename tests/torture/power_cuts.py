#!/usr/bin/python3
"""power_cuts: the power goes off while commits are made and published, and nothing that was seen is lost.

    power_cuts.py [--quick] [--cuts N] [--seed N]

A daemon works on a disk whose power is cut again and again (disks.py), while git commits without a pause and a subscriber keeps
everything that the broker carried. Of each cut a second daemon is started on what the disk had, with a broker that knows nothing:

  - what anybody had seen, and what the log had called committed, is in the journal, byte for byte; the chain of the journal holds
  - the keys are those that were published; the snapshot verifies, or is not there
  - that epoch or a higher one is served, the same epoch never with other bytes
  - where git has lost commits: HOLD(repo-behind), or repo-unreadable where it left empty objects; still serving. When the commits
    are pushed again, or the repository is cloned again, it goes on

What the copy models is in disks.py: an honest device.
"""
import argparse
import json
import random
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/integration"), str(ROOT / "tests/interop")]

import disks  # noqa: E402
from harness import SOURCE, Broker, Daemon, Repo, Subscriber, ctl  # noqa: E402
from verify_independent import Refused, verify_journal  # noqa: E402

HEAD, KEYSET = f"system/epoch/{SOURCE}", f"system/keys/{SOURCE}"
CUTS_OF_A_DISK = 20  # then a new one: the history stays short enough to be checked as a whole each time
ANCHOR = ("git with its default settings lost 3 of 3 commits, with core.fsync=all 1 of 3, at a cut right after `git commit` "
          "(measured here); NATS JetStream 14.1 % of acknowledged messages (Jepsen)")


class DurableRepo(Repo):
    """As people have it: git syncs what its settings say, which the other tests switch off."""

    def git(self, *args, **options):
        return super().git(*args, **{"GIT_TEST_FSYNC": "1", **options})

    @classmethod
    def begin(cls, path, is_init):
        repo = cls(path)
        if is_init:
            ctl("init", str(path), check=0)
        for key, value in {"gc.auto": "0", "receive.denyCurrentBranch": "ignore"}.items():
            repo.git("config", key, value)
        repo.commit({f"services/s{n}.yaml": f"round: 0\nname: service {n}\n" for n in range(6)}, "begin")
        return repo


class Committer:
    """Commits without a pause, until it is closed. `returned` is the last commit that git said is made."""

    def __init__(self, repo, dice):
        self.repo, self.dice, self.returned, self.failure = repo, dice, repo.head(), None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self):
        n = 0
        try:
            while not self._end.wait(self.dice.uniform(0, 0.03)):
                n += 1
                names = self.dice.sample(range(6), self.dice.randrange(1, 4))
                self.returned = self.repo.commit({f"services/s{name}.yaml": f"round: {n}\n" for name in names}, f"round {n}")
        except (AssertionError, OSError) as failure:
            self.failure = failure

    def close(self):
        self._end.set()
        self._thread.join()
        if self.failure:
            raise self.failure


class Seen:
    """What the world knows at one moment: every message the broker carried, and every epoch the log called committed."""

    def __init__(self, subscriber, daemon, returned=None):
        messages = list(subscriber.messages)
        self.returned = returned
        self.heads, self.updates, self.keysets = {}, set(), set()
        self.clashes = []
        for topic, payload, _ in messages:
            if topic == HEAD and payload:
                epoch = json.loads(payload)["epoch"]
                if self.heads.setdefault(epoch, payload) != payload:
                    self.clashes.append(f"epoch {epoch} was published with two heads")
            elif topic.startswith(("config/update", "system/config/")) and payload:
                self.updates.add(payload)
            elif topic == KEYSET and payload:
                self.keysets.add(payload)
        self.committed = {line["epoch"] for line in daemon.said() if line.get("event") == "epoch_committed"}


class Journal:
    def __init__(self, state):
        self.lines, self.torn = verify_journal(state / "journal.jsonl", (state / "keys/journal.key").read_text())
        epochs = [line for line in self.lines if line["kind"] == "committed"]
        self.heads = {line["epoch"]: line["head"].encode() for line in epochs}
        self.updates = {message.encode() for line in epochs for message in line["services"].values()}
        self.commit = epochs[-1]["commit"] if epochs else None
        self.last = epochs[-1]["epoch"] if epochs else 0


class Autopsy:
    """One cut disk: what is on it, and what a daemon makes of it. `bad` says what is wrong."""

    def __init__(self, cut, seen, keys, repo):
        self.cut, self.seen, self.keys, self.repo = cut, seen, keys, repo
        self.state = cut.folder / "epochd/state"
        self.bad, self.lost, self.git_lost, self.git_state = list(seen.clashes), set(), False, "whole"
        self.journal = None

    def expect(self, right, sentence):
        if not right:
            self.bad.append(sentence)

    def look_at_the_disk(self):
        for name, content in self.keys.items():
            self.expect((self.state / "keys" / name).read_bytes() == content, f"key {name} is another one")
        if (self.state / "config.lkg.json").exists():
            verdict = ctl("verify", "lkg", str(self.state / "config.lkg.json"), EPOCHD_STATE=str(self.state))
            self.expect(verdict.returncode == 0, f"snapshot: {verdict.stdout}{verdict.stderr}")
        self.journal = Journal(self.state)
        self.lost = {epoch for epoch, head in self.seen.heads.items() if self.journal.heads.get(epoch) != head}
        self.lost |= self.seen.committed - self.journal.heads.keys()
        self.expect(not self.lost, f"epochs {sorted(self.lost)} were seen or called committed, and are not in the journal")
        self.expect(self.seen.updates <= self.journal.updates, "an update was seen and is not in the journal")

    def look_at_git(self):
        """What git still has, asked before the daemon is."""
        tip = self.repo.git("rev-parse", "--verify", "main^{commit}", check=False)
        self.git_lost = self.repo.git("merge-base", "--is-ancestor", self.seen.returned, "main", check=False).returncode != 0
        if tip.returncode or self.repo.git("rev-list", "--objects", "main", check=False).returncode:
            self.git_state = "damaged"
        elif self.journal.commit and self.repo.git("merge-base", "--is-ancestor", self.journal.commit, "main", check=False).returncode:
            self.git_state = "behind"

    def start_again(self, broker, subscriber):
        daemon = Daemon(self.cut.folder / "epochd", self.repo, broker, EPOCHD_REPOSITORY_POLL_S="1")
        try:
            self._watch(daemon, subscriber)
        except AssertionError as failure:
            raise self._with_log(failure, daemon) from failure
        finally:
            daemon.kill()

    def _with_log(self, failure, daemon):
        told = [line for line in daemon.said() if line.get("level") in ("warn", "error")]
        return AssertionError(f"{failure}; git is {self.git_state}; the daemon says {told}")

    def _watch(self, daemon, subscriber):
        first = json.loads(subscriber.wait(HEAD, bool))
        self.expect(first["epoch"] >= max(self.journal.last, *self.seen.heads, 0), f"it serves epoch {first['epoch']}")
        expected = {"whole": ("ok",), "behind": ("hold:repo-behind",),
                    "damaged": ("hold:repo-unreadable", "hold:ref-unreadable", "hold:ref-missing", "hold:repo-behind", "ok")}[self.git_state]
        status = daemon.status_when(lambda s: s["state"] != "initializing" and s["epoch"] is not None)
        self.expect(status["state"] in expected, f"git is {self.git_state}, the daemon says {status['state']}")
        if status["state"] != "ok":
            self.expect(first["epoch"] == self.journal.last, f"in {status['state']} it serves epoch {first['epoch']}")
        again = Seen(subscriber, daemon)
        for epoch, head in again.heads.items():
            self.expect(self.journal.heads.get(epoch, head) == head, f"epoch {epoch} is served with other bytes")

    def bring_back(self, live, broker, subscriber):
        """Somebody has a clone: commits are pushed again, a damaged repository is cloned again, and the daemon goes on by itself."""
        daemon = Daemon(self.cut.folder / "epochd", self.repo, broker, EPOCHD_REPOSITORY_POLL_S="1")
        try:
            tip = live.head("main")
            for lock in (self.repo.path / ".git").rglob("*.lock"):
                lock.unlink()  # of a git that died with the machine
            if self.git_state == "damaged":
                clone = DurableRepo(self.cut.folder / "clone")
                clone.git("pull", "-q", str(live.path), tip)
                self.repo.path.rename(self.cut.folder / "damaged")
                clone.path.rename(self.repo.path)
            else:
                live.git("push", "-q", str(self.repo.path), f"{tip}:main")
            head = json.loads(subscriber.wait(HEAD, lambda p: p and json.loads(p)["config_epoch"] == tip))
            self.expect(head["epoch"] >= self.journal.last, "it went back")
            daemon.status_when(lambda s: s["state"] == "ok" and s["config_epoch"] == tip)
        except AssertionError as failure:
            raise self._with_log(failure, daemon) from failure
        finally:
            daemon.kill()


class Lab:
    """One kind of disk: what lies on it, and how git syncs."""

    def __init__(self, store, what, is_init, is_state_alone, dice):
        self.store, self.what, self.is_init, self.is_state_alone, self.dice = store, what, is_init, is_state_alone, dice
        self.row = {"what": what, "points": 0, "bad": 0, "epochs_lost": 0, "git_lost_commits_at": 0, "repo_behind": 0, "git_damaged": 0,
                    "torn_lines": 0, "epochs_seen": 0}

    def run(self, cuts):
        began = time.monotonic()
        while self.row["points"] < cuts:
            self.one_disk(min(CUTS_OF_A_DISK, cuts - self.row["points"]))
        self.row["seconds"] = round(time.monotonic() - began, 1)
        return self.row

    def one_disk(self, cuts):
        with tempfile.TemporaryDirectory(prefix="epochd-power-") as scratch:
            things = []
            keep = lambda thing: things.append(thing) or thing  # noqa: E731
            try:
                disk = keep(disks.Cuttable(self.store, "live"))
                home = Path(scratch) if self.is_state_alone else disk.folder
                repo = DurableRepo.begin(home / "config", self.is_init)
                broker = keep(Broker(Path(scratch) / "broker"))
                subscriber = keep(Subscriber(broker.port))
                daemon = keep(Daemon(disk.folder / "epochd", repo, broker))
                subscriber.epoch(repo.count())
                disk.sync()  # the repository's own files, which nobody would lose on an older disk
                committer = keep(Committer(repo, self.dice))
                keys = {path.name: path.read_bytes() for path in (daemon.state / "keys").iterdir()}
                pause = threading.Event()
                for _ in range(cuts):
                    pause.wait(self.dice.uniform(0.05, 0.25))
                    self.one_cut(disk, repo, subscriber, daemon, committer, keys)
                self.row["epochs_seen"] += len(Seen(subscriber, daemon).heads)
            finally:
                for thing in reversed(things):
                    (getattr(thing, "stop", None) or thing.close)()

    def one_cut(self, disk, repo, subscriber, daemon, committer, keys):
        seen = Seen(subscriber, daemon, committer.returned)
        cut = disk.cut("cut")
        try:
            there = repo if self.is_state_alone else DurableRepo(cut.folder / "config")
            autopsy = Autopsy(cut, seen, keys, there)
            self.examine(autopsy, repo)
        finally:
            cut.close()
        row = self.row
        row["points"] += 1
        row["bad"] += bool(autopsy.bad)
        row["epochs_lost"] += len(autopsy.lost)
        row["git_lost_commits_at"] += autopsy.git_lost
        row["repo_behind"] += autopsy.git_state == "behind"
        row["git_damaged"] += autopsy.git_state == "damaged"
        row["torn_lines"] += autopsy.journal is not None and autopsy.journal.torn > 0
        print(f"{'WRONG ' if autopsy.bad else ''}power_cuts: {self.what}: cut {row['points']}, git {autopsy.git_state}, "
              f"{'; '.join(autopsy.bad) or 'fine'}", file=sys.stderr, flush=True)

    @staticmethod
    def examine(autopsy, live):
        with tempfile.TemporaryDirectory(prefix="epochd-power-") as scratch:
            try:
                autopsy.look_at_the_disk()
                autopsy.look_at_git()
                broker = Broker(scratch)
                subscriber = Subscriber(broker.port)
                try:
                    autopsy.start_again(broker, subscriber)
                    if autopsy.git_state != "whole":
                        autopsy.bring_back(live, broker, subscriber)
                finally:
                    subscriber.close()
                    broker.stop()
            except (AssertionError, OSError, Refused) as failure:
                autopsy.bad.append(str(failure))


def first_start(store, cuts, dice):
    """The power goes off while the keys and the first epoch are made."""
    row = {"what": "state alone, in the first 150 ms", "points": 0, "bad": 0, "keys_were_published": 0}
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="epochd-power-") as scratch:
        repo = DurableRepo.begin(Path(scratch) / "config", False)
        for n in range(cuts):
            bad = one_first_start(store, repo, Path(scratch) / str(n), dice.uniform(0, 0.15), row)
            row["points"] += 1
            row["bad"] += bool(bad)
            print(f"{'WRONG ' if bad else ''}power_cuts: first start {n + 1}: {bad or 'fine'}", file=sys.stderr, flush=True)
            shutil.rmtree(Path(scratch) / str(n))
    row["seconds"] = round(time.monotonic() - began, 1)
    return row


def one_first_start(store, repo, folder, moment, row):
    things = []
    keep = lambda thing: things.append(thing) or thing  # noqa: E731
    try:
        disk = keep(disks.Cuttable(store, "live", mib=64))
        brokers = [keep(Broker(folder / name)) for name in ("before", "after")]
        before, after = [keep(Subscriber(broker.port)) for broker in brokers]
        daemon = keep(Daemon(disk.folder / "epochd", repo, brokers[0], start=False))
        daemon.start(wait=False)
        threading.Event().wait(moment)
        seen = Seen(before, daemon)
        cut = keep(disk.cut("cut"))
        daemon.kill()
        again = keep(Daemon(cut.folder / "epochd", repo, brokers[1]))
        head = after.epoch(1)
        row["keys_were_published"] += bool(seen.keysets)
        if not all(seen.heads[epoch] == head for epoch in seen.heads):
            return "the first epoch has other bytes now"
        if seen.keysets and not seen.keysets & Seen(after, again).keysets:
            return "the keys that were published are not those of now"
        return "the published head has no keyset" if seen.heads and not seen.keysets else ""
    except (AssertionError, OSError) as failure:
        return str(failure)
    finally:
        for thing in reversed(things):
            (getattr(thing, "stop", None) or thing.close)()


def main():
    parser = argparse.ArgumentParser(prog="power_cuts", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a few cuts of each kind")
    parser.add_argument("--cuts", type=int, help="how many in all (default 200)")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    options = parser.parse_args()
    reason = disks.why_not()
    if reason:
        print(json.dumps({"skipped": f"NO POWER WAS CUT: {reason}", "faults": [23, 33]}))
        return 2
    cuts = options.cuts or (8 if options.quick else 200)
    dice = random.Random(options.seed)
    print(f"power_cuts: seed {options.seed}", file=sys.stderr)
    store = disks.Store()
    try:
        kinds = [("repository and state, git's default settings", False, False), ("repository and state, settings of epochctl init", True, False),
                 ("state alone", False, True)]
        rows = [Lab(store, *kind, dice).run(max(cuts // 4, 1)) for kind in kinds]
        rows.append(first_start(store, cuts - sum(row["points"] for row in rows), dice))
    finally:
        store.close()
    ok = all(row["bad"] == 0 for row in rows)
    print(json.dumps({"figure": "power cuts while committing", "faults": [23, 33, 75], "anchor": ANCHOR, "ok": ok, "rows": rows}))
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
