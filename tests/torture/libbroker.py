"""What the torture of broker and network shares: a scene, what must be true of it, and the line at the end."""
import argparse
import json
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "integration"))
import checker  # noqa: E402
import libhistory  # noqa: E402
from consumer import Consumer, Following  # noqa: E402
from harness import SOURCE, Repo, Subscriber  # noqa: E402

KEYS, HEAD, INDEX = f"system/keys/{SOURCE}", f"system/epoch/{SOURCE}", f"system/index/{SOURCE}"
FAST = {"EPOCHD_MQTT_BACKOFF_MIN_MS": "20", "EPOCHD_MQTT_BACKOFF_MAX_MS": "200", "EPOCHD_MQTT_HEARTBEAT_S": "1",
        "EPOCHD_REPOSITORY_POLL_S": "1"}


def say(text):
    print(text, file=sys.stderr, flush=True)


def percentile(numbers, share):
    ordered = sorted(numbers)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


class Ledger:
    """The journal as it grows: what may be on the broker, and what became of each commit."""

    def __init__(self, daemon):
        self.path, self.offset, self.lock = daemon.state / "journal.jsonl", 0, threading.Lock()
        self.known, self.force, self.kinds = set(), {}, {}

    def catch_up(self):
        """Reads the whole lines behind the last one. A journal that was rotated begins again, with a checkpoint."""
        with self.lock:
            try:
                with open(self.path, "rb") as file:
                    if file.seek(0, 2) < self.offset:
                        self.offset = 0
                    file.seek(self.offset)
                    text = file.read().split(b"\0", 1)[0]
            except FileNotFoundError:
                return
            end = text.rfind(b"\n") + 1
            self.offset += end
            for line in text[:end].splitlines():
                self._take(json.loads(line))

    def _take(self, record):
        if record["kind"] == "keyset":
            self._message(KEYS, record["keyset"])
        if record["kind"] == "committed":
            for name, message in record["services"].items():
                self._message(f"system/config/{name}", message)
            self._message(HEAD, record["head"])
        if record["kind"] in ("committed", "rejected"):
            self.kinds[record["commit"]] = record["kind"]
        for commit in record.get("commits", []):
            self.kinds.setdefault(commit, "superseded")

    def _message(self, topic, message):
        self.known.add((topic, message.encode()))
        self.force[topic] = message.encode()


class Capture:
    """What the broker carries, over all its lives; the journal is asked about every message of ours as it arrives (I7)."""

    def __init__(self, ledger):
        self.ledger, self.bad, self.carried, self._recorder = ledger, [], [], None

    def attach(self, port):
        self.detach()
        capture = self

        class Asking(libhistory.Recorder):
            def on_message(self, client, data, message):
                capture.judge(message.topic, message.payload)
                super().on_message(client, data, message)

        self._recorder = Asking(port)

    def detach(self):
        if self._recorder is not None:
            self._recorder.stop()
            self.carried += self._recorder.of()
            self._recorder = None

    def finish(self):
        """Detaches when all that the broker has taken until now arrived here: a subscriber beside it may have been quicker."""
        self._recorder.fence("")
        self.detach()

    def judge(self, topic, payload):
        if not payload or not topic.startswith((HEAD, KEYS, "system/config/")) or (topic, payload) in self.ledger.known:
            return
        self.ledger.catch_up()
        if (topic, payload) not in self.ledger.known:
            self.bad.append(f"{topic} carried what the journal does not hold: {payload[:120]}")

    stop = detach


def violations(daemon, repo, carried, **more):
    """What the history checker says of the whole run."""
    return [str(found) for found in checker.check(libhistory.history(repo.path, daemon.state, carried, **more))]


def unaccounted(repo, ledger):
    """Commits of the branch without a verdict (I4)."""
    ledger.catch_up()
    return [commit for commit in repo.git("rev-list", repo.branch).stdout.split() if commit not in ledger.kinds]


def retained(port):
    subscriber = Subscriber(port, "#")
    try:
        subscriber.publish("fence", b"here")
        subscriber.wait("fence")
        return {topic: payload for topic, payload, is_retained in subscriber.messages if is_retained}
    finally:
        subscriber.close()


def differs(ledger, port):
    """Topics on which the broker does not retain what the journal holds."""
    ledger.catch_up()
    found = retained(port)
    return sorted(topic for topic, payload in ledger.force.items() if found.get(topic) != payload)


def converge(ledger, port, seconds=60):
    """Seconds until everything in force is retained, byte for byte; the topics that are still wrong after `seconds`."""
    began = time.monotonic()
    while True:
        wrong = differs(ledger, port)
        took = time.monotonic() - began
        if not wrong or took > seconds:
            return took, wrong


def main(doc, body, anchor, figure, faults):
    """body(folder, quick, arguments, keep) -> (rows, list of what was wrong)."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--count", type=int, help="rounds, epochs or minutes instead of the usual number")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="epochd-torture-"))
    things, began = [], time.monotonic()
    try:
        rows, wrong = body(folder, options.quick, options.count, lambda thing: things.append(thing) or thing)
    finally:
        for thing in reversed(things):
            (getattr(thing, "stop", None) or thing.close)()
        shutil.rmtree(folder, ignore_errors=True)
    for line in wrong[:20]:
        say(f"WRONG {line}")
    is_ok = not wrong and not any(row["bad"] for row in rows)
    print(json.dumps({"figure": figure, "rows": rows, "anchor": anchor, "faults": faults, "ok": is_ok,
                      "seconds": round(time.monotonic() - began, 1)}))
    return 0 if is_ok else 1


@dataclass
class Growth:
    """Over a run, its first third left out: caches and the allocator have settled then."""
    kib: int
    descriptors: int
    wrong: list


def growth(usage, kib_allowed=1024):
    """Of samples (CPU seconds, resident KiB, descriptors): the least of the last third less the most of the middle one.

    What is held for a moment, a file that is being written, is in some samples; what leaks is in all that follow."""
    third = max(1, len(usage) // 3)
    middle, last = usage[-2 * third:-third] or usage[:1], usage[-third:]
    kib = min(sample[1] for sample in last) - max(sample[1] for sample in middle)
    descriptors = min(sample[2] for sample in last) - max(sample[2] for sample in middle)
    wrong = [f"resident memory grew by {kib} KiB"] if kib > kib_allowed else []
    return Growth(kib, descriptors, wrong + ([f"{descriptors} descriptors more"] if descriptors > 0 else []))


def usage_at_rest(daemon, epoch):
    """The daemon's usage once that epoch is published and in the snapshot, and both its connections stand."""
    daemon.status_when(lambda status: status["state"] == "ok" and status["published"] == status["snapshot"] == epoch)
    lines = daemon.said()
    silent = max((n for n, line in enumerate(lines) if line.get("event") == "acks_not_heard"), default=-1)
    daemon.lines = lines[silent + 1:]
    daemon.lines = [daemon.wait("acks_heard")]
    return daemon.usage()


def follow(daemon, folder, port):
    """The reference consumer, following everything."""
    return Following(Consumer((daemon.state / "keys/root.pub").read_text().splitlines(True), folder / "consumer.json"), port)


def observe(daemon, folder, broker, keep):
    """Who looks on: (what the daemon should have published, what the broker carried, a consumer of everything)."""
    ledger = Ledger(daemon)
    capture = keep(Capture(ledger))
    capture.attach(broker.port)
    return ledger, capture, keep(follow(daemon, folder, broker.port))


def home(folder):
    return Repo.home(folder / "config")
