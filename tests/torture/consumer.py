"""A consumer, after docs/PROTOCOL.md §8, and nothing of ours but the independent verifier: what a service would do.

It keeps on disk what it has applied (keyset, head, messages), never goes back, never applies half an epoch, and writes each
application down as one line of JSON for the history checker.

    consumer.py PORT CACHE LOG ROOT.PUB [PREFIX]       follows every service of the broker at 127.0.0.1:PORT until SIGTERM
"""
import hashlib
import json
import os
import signal
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))
import verify_independent as independent  # noqa: E402


def digest(raw):
    return hashlib.sha256(raw).hexdigest()


def claimed_generation(raw):
    """Read without trust: only to know what may be worth keeping until its keyset comes."""
    try:
        return int(json.loads(raw)["generation"])
    except (ValueError, KeyError, TypeError):
        return 0


class Consumer:
    """Fed with what arrives; `follows` None is every service."""

    def __init__(self, roots, cache=None, log=None, source="config-manager", prefix="", follows=None):
        self.roots, self.source, self.follows = independent.read_roots(roots), source, follows
        self.prefix = f"{prefix}/" if prefix else ""
        self.cache, self.log = cache and Path(cache), log and Path(log)
        self.keyset = self.keyset_raw = None
        self.applied = None      # members of the applied head, with "raw" and "sha256"
        self.services = {}       # applied: name → (version, raw)
        self.waiting = None      # a verified head above it
        self.held = {}           # name → (generation, version, digest, raw, is a tombstone): the highest verified one
        self.index = None        # services of the last index
        self.early = {}          # topic → message of a generation whose keyset is not here
        self.refused = []        # (code, topic)
        self.entries = []        # what the log says
        if self.cache and self.cache.exists():
            self.restore(json.loads(self.cache.read_text()))

    # --- what is on disk ---

    def restore(self, saved):
        """Verified like everything else; what was applied by an older generation stays applied."""
        self.take_keyset(saved["keyset"].encode())
        if saved["head"] is None:
            return
        raw = saved["head"].encode()
        self.applied = json.loads(raw) | {"raw": raw, "sha256": digest(raw)}
        self.services = {name: (version, text.encode()) for name, (version, text) in saved["services"].items()}

    def save(self):
        """Replaced as a whole and durably, before anybody is told."""
        if not self.cache:
            return
        head = self.applied and self.applied["raw"].decode()
        services = {name: [version, raw.decode()] for name, (version, raw) in self.services.items()}
        temporary = self.cache.with_suffix(".tmp")
        with temporary.open("w") as file:
            json.dump({"keyset": self.keyset_raw.decode(), "head": head, "services": services}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.cache)

    # --- what arrives ---

    def arrive(self, topic, payload):
        """True if an epoch was applied by it."""
        topic = topic.removeprefix(self.prefix)
        before = len(self.entries)
        try:
            self.dispatch(topic, payload)
        except independent.Refused as refused:
            self.refused.append((refused.code, topic))
            generation = self.keyset["generation"] if self.keyset else 0
            if claimed_generation(payload) > generation:
                self.early[topic] = payload
        self.try_to_apply()
        return len(self.entries) > before

    def dispatch(self, topic, payload):
        if not payload:
            return
        if topic == f"system/keys/{self.source}":
            self.take_keyset(payload)
        elif topic == f"system/epoch/{self.source}":
            self.take_head(payload)
        elif topic == f"system/index/{self.source}":
            self.take_index(payload)
        elif topic == "config/update" or topic.startswith("system/config/"):
            self.take_service(payload, None if topic == "config/update" else topic.removeprefix("system/config/"))

    def take_keyset(self, raw):
        keyset = independent.verify_keyset(raw, self.roots, self.source)
        if self.keyset is not None:
            if keyset["generation"] < self.keyset["generation"] or raw == self.keyset_raw:
                return
            if keyset["generation"] == self.keyset["generation"]:
                raise independent.Refused("equivocation", "another keyset of the same generation")
        self.keyset, self.keyset_raw = keyset, raw
        early, self.early = self.early, {}
        for topic, payload in early.items():
            self.arrive(self.prefix + topic, payload)

    def verify(self, raw, kind, service=None):
        if self.keyset is None:
            raise independent.Refused("wrong-generation", "there is no keyset yet")
        return independent.verify_message(raw, self.keyset, kind, self.source, service)

    def take_head(self, raw):
        head = self.verify(raw, "config.epoch") | {"raw": raw, "sha256": digest(raw)}
        for known in (self.applied, self.waiting):
            if known is None:
                continue
            order, at = (head["generation"], head["epoch"]), (known["generation"], known["epoch"])
            if order < at or head["sha256"] == known["sha256"]:
                return
            if order == at:
                raise independent.Refused("equivocation", f"another head of epoch {head['epoch']}")
        self.waiting = head

    def take_service(self, raw, name):
        update = self.verify(raw, "config.update", name)
        name, order = update["service"], (update["generation"], update["version"])
        if self.follows is not None and name not in self.follows:
            return
        held = self.held.get(name)
        if held and order == held[:2] and digest(raw) != held[2]:
            raise independent.Refused("equivocation", f"another {name} of version {update['version']}")
        if held is None or order > held[:2]:
            self.held[name] = (*order, digest(raw), raw, update["config"] is None)

    def take_index(self, raw):
        """Worth nothing by itself: the head's digest says whether it counts."""
        index = independent.parse(raw)
        independent.expect(index, {"type": "config.index", "services": dict})
        for entry in index["services"].values():
            independent.expect(entry, {"version": independent.INTEGER, "sha256": independent.HEX_64})
        self.index = {name: (entry["version"], entry["sha256"]) for name, entry in index["services"].items()}

    # --- completeness ---

    def follows_it(self, name):
        return self.follows is None or name in self.follows

    def by_changes(self, head):
        """The state of `head` out of the applied one and what changed; None while something is missing."""
        parent = head["parent"]
        if (self.applied is None or parent is None or parent["sha256"] != self.applied["sha256"] or head["changed"] is None or
                head["generation"] != self.applied["generation"]):
            return None
        state = dict(self.services)
        for name, version in head["changed"].items():
            if not self.follows_it(name):
                continue
            held = self.held.get(name)
            if held is None or held[:2] != (head["generation"], version):
                return None
            if held[4]:
                state.pop(name, None)
            else:
                state[name] = (version, held[3])
        return state

    def by_index(self, head):
        if self.index is None or independent.index_digest(self.index) != head["index"]:
            return None
        state = {}
        for name, (version, sha) in self.index.items():
            if not self.follows_it(name):
                continue
            held, own = self.held.get(name), self.services.get(name)
            if held and held[2] == sha:
                state[name] = (version, held[3])
            elif own and digest(own[1]) == sha:
                state[name] = own
            else:
                return None
        return state

    def try_to_apply(self):
        head = self.waiting
        if head is None or head["generation"] != self.keyset["generation"]:
            return
        state = self.by_changes(head)
        if state is None:
            state = self.by_index(head)
        if state is None:
            return
        self.applied, self.services, self.waiting = head, state, None
        self.save()
        self.write_down()

    def write_down(self):
        entry = {
            "generation": self.applied["generation"], "epoch": self.applied["epoch"], "head": self.applied["sha256"],
            "services": {name: {"version": version, "sha256": digest(raw)} for name, (version, raw) in self.services.items()},
            "follows": sorted(self.follows) if self.follows is not None else None,
        }
        self.entries.append(entry)
        if self.log:
            with self.log.open("a") as file:
                file.write(json.dumps(entry) + "\n")


class Following:
    """A Consumer on a real connection; `wait` is told of each application."""

    def __init__(self, consumer, port):
        import paho.mqtt.client as paho

        self.consumer, self.news = consumer, threading.Condition()
        self.client = paho.Client(protocol=paho.MQTTv5)
        self.client.on_connect = lambda client, *_: client.subscribe([(consumer.prefix + "system/#", 1), (consumer.prefix + "config/update", 1)])
        self.client.on_message = self.on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()

    def on_message(self, _client, _data, message):
        with self.news:
            if self.consumer.arrive(message.topic, message.payload):
                self.news.notify_all()

    def wait(self, epoch, seconds=60):
        with self.news:
            return self.news.wait_for(lambda: self.consumer.applied is not None and self.consumer.applied["epoch"] >= epoch, seconds)

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def main(arguments):
    port, cache, log, roots, *prefix = arguments
    consumer = Consumer(Path(roots).read_text().splitlines(True), cache, log, prefix=prefix[0] if prefix else "")
    following = Following(consumer, int(port))
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    following.stop()


if __name__ == "__main__":
    main(sys.argv[1:])
