"""What a case plays on: a private mosquitto, the client under test, and what was seen of it. Nothing here sleeps to wait."""
import json
import os
import queue
import re
import shutil
import subprocess
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho

from ports import free_port
from publisher import MacKey, Publisher

MOSQUITTO = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
SERVICES = ("stt-worker", "tts-worker")


class Failed(Exception):
    """The client did not do what the case wants of it."""


def matches(topic_filter, topic):
    wanted, levels = topic_filter.split("/"), topic.split("/")
    if wanted[-1] == "#":
        return levels[: len(wanted) - 1] == wanted[:-1] or matches("/".join(wanted[:-1]), "/".join(levels[: len(wanted) - 1]))
    return len(wanted) == len(levels) and all(want in ("+", level) for want, level in zip(wanted, levels, strict=True))


class Broker:
    """A mosquitto of ours on a free port of the loopback. Its log tells who has subscribed to what."""

    SUBSCRIPTION = re.compile(r"^\d+: \t(\S+) \(QoS \d\)$")

    def __init__(self, folder, port=None):
        self.folder, self.port = Path(folder), port or free_port()
        self.subscriptions, self.news = [], threading.Condition()
        self.start()

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        config.write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest stderr\n{user}"
                          "max_queued_messages 0\n")
        self.process = subprocess.Popen([MOSQUITTO, "-v", "-c", str(config)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        errors="replace")
        for line in self.process.stdout:
            if line.rstrip().endswith("running"):
                break
        else:
            raise RuntimeError(f"mosquitto did not start: {self.process.wait()}")
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()

    def read(self, log):
        pending = []
        for line in log:
            found = self.SUBSCRIPTION.match(line)
            if found:
                pending.append(found[1])
            elif "Sending SUBACK" in line and pending:
                with self.news:
                    self.subscriptions += pending
                    self.news.notify_all()
                pending = []

    def wait_for(self, topics, since, patience_s):
        """Somebody has subscribed to all of the topics, after `since` subscriptions."""

        def all_of_them():
            return all(any(matches(one, topic) for one in self.subscriptions[since:]) for topic in topics)

        with self.news:
            if not self.news.wait_for(all_of_them, patience_s):
                missing = [topic for topic in topics if not any(matches(one, topic) for one in self.subscriptions[since:])]
                raise Failed(f"it did not subscribe to {', '.join(missing)}")

    def stop(self):
        self.process.kill()
        self.process.wait()


class Client:
    """The program under test: its events as they come, its commands."""

    def __init__(self, command, env, log):
        self.events, self.began = queue.Queue(), time.monotonic()
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, errors="replace")
        threading.Thread(target=self.read, args=(self.process.stdout,), daemon=True).start()

    def read(self, stdout):
        for line in stdout:
            try:
                self.events.put(json.loads(line))
            except ValueError:
                self.events.put({"event": "not-json", "line": line})
        self.events.put({"event": "ended"})

    def tell(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"it ended, exit {self.process.wait()}") from None

    def kill(self):
        self.process.kill()
        self.process.wait()


class Stage:
    """One case: a publisher, a client, a topic prefix of their own, and the record of what the client said.

    Effects (applied, removed) must be awaited one by one: one that no case expected fails it. Refusals are collected: each
    that is expected must come, and no other may.
    """

    def __init__(self, name, broker, command, folder, patience_s):
        self.broker, self.command, self.folder, self.patience_s = broker, command, Path(folder), patience_s
        self.prefix = name.replace(".", "-")
        self.cache = self.folder / "cache"
        self.cache.mkdir(parents=True)
        self.log = (self.folder / "client.log").open("w")
        self.publisher, self.mac = Publisher(), MacKey()
        self.roots, self.client, self.services = [self.publisher.root], None, SERVICES
        self.snapshot_file, self.snapshot_key = self.folder / "config.lkg.json", self.folder / "lkg.key"
        self.expected, self.tolerated, self.refusals, self.freshness_log = set(), set(), [], []
        self.answers, self.answer_news = {}, threading.Condition()
        self.mqtt = None
        self.connect()

    # the side of the broker

    def connect(self):
        self.mqtt = paho.Client(protocol=paho.MQTTv5)
        self.mqtt.on_message = self.on_answer
        subscribed = threading.Event()
        self.mqtt.on_subscribe = lambda *_: subscribed.set()
        self.mqtt.connect("127.0.0.1", self.broker.port)
        self.mqtt.loop_start()
        self.mqtt.subscribe(f"{self.prefix}/system/ack/#", 1)
        if not subscribed.wait(self.patience_s):
            raise RuntimeError("the broker does not answer")

    def on_answer(self, _mqtt, _data, message):
        with self.answer_news:
            self.answers[message.topic.removeprefix(f"{self.prefix}/system/ack/")] = message.payload
            self.answer_news.notify_all()

    def answer(self, service, accept):
        """The acknowledgement of that service, once it is as it should be."""
        topic = f"{service}/conformance"

        def is_there():
            payload = self.answers.get(topic)
            return payload is not None and accept(json.loads(payload) if payload else None)

        with self.answer_news:
            if not self.answer_news.wait_for(is_there, self.patience_s):
                raise Failed(f"no such acknowledgement on {topic}; the last: {self.answers.get(topic)}")

    def send(self, topic, payload, retain=True, qos=1):
        self.mqtt.publish(f"{self.prefix}/{topic}", payload, qos=qos, retain=retain).wait_for_publish()

    def topic(self, kind):
        return f"system/{kind}/{self.publisher.source}"

    def send_service(self, name, payload):
        self.send(f"system/config/{name}", payload)

    def send_head(self, payload):
        self.send(self.topic("epoch"), payload)

    def send_index(self, payload):
        self.send(self.topic("index"), payload)

    def send_keyset(self, payload):
        self.send(self.topic("keys"), payload)

    def send_keepalive(self, payload):
        self.send(self.topic("keepalive"), payload, retain=False, qos=0)

    def deliver(self, epoch, keyset=False):
        """As an honest publisher does: services, head, index."""
        if keyset:
            self.send_keyset(epoch.keyset)
        for name, raw in epoch.changed.items():
            self.send_service(name, raw)
            self.send("config/update", raw, retain=False)
        self.send_head(epoch.head)
        self.send_index(epoch.index)

    # the side of the client

    def topics(self):
        of_source = [self.topic(kind) for kind in ("keys", "epoch", "index", "keepalive")]
        return [f"{self.prefix}/{topic}" for topic in of_source + [f"system/config/{name}" for name in self.services]]

    def environment(self, port):
        (self.folder / "root.pub").write_text("".join(key.line for key in self.roots))
        settings = {"BROKER": f"mqtt://127.0.0.1:{port}", "PREFIX": self.prefix, "SOURCE": self.publisher.source,
                    "SERVICES": ",".join(self.services), "ROOTS": str(self.folder / "root.pub"), "CACHE": str(self.cache),
                    "INSTANCE": "conformance"}
        if self.snapshot_file.exists():
            self.snapshot_key.write_text(self.mac.line)
            self.snapshot_key.chmod(0o640)
            settings |= {"SNAPSHOT": str(self.snapshot_file), "SNAPSHOT_KEY": str(self.snapshot_key)}
        return {**os.environ, **{f"CONFORMANCE_{name}": value for name, value in settings.items()}}

    def start(self, with_broker=True):
        """Starts the client; gives what it knows from disk. With a broker it has subscribed when this returns."""
        since = len(self.broker.subscriptions)
        port = self.broker.port if with_broker else free_port()
        self.client = Client(self.command, self.environment(port), self.log)
        opened = self.next_event("opened")
        if with_broker:
            self.broker.wait_for(self.topics(), since, self.patience_s)
        return opened

    def begin(self, configs=None, number=1):
        """An honest beginning: epoch 1 of both services is retained, applied and acknowledged by nobody."""
        epoch = self.publisher.commit(configs or {name: {"value": 1} for name in self.services}, number)
        self.deliver(epoch, keyset=True)
        self.start()
        self.applied(epoch)
        return epoch

    def next_event(self, wanted=None):
        """The next effect, or the next event of that kind. What is only recorded is recorded on the way."""
        deadline = time.monotonic() + self.patience_s
        while True:
            try:
                event = self.client.events.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise Failed(f"nothing came where {wanted or 'an effect'} was expected") from None
            if self.record(event):
                continue
            if wanted and event["event"] != wanted:
                raise Failed(f"{event} came where {wanted} was expected")
            return event

    def record(self, event):
        kind = event.get("event")
        if kind == "refused":
            self.refusals.append(event["code"])
        elif kind == "freshness":
            self.freshness_log.append((event["state"], event.get("reason")))
        elif kind in ("ended", "not-json"):
            raise Failed(f"it said {event['line']!r}" if kind == "not-json" else f"it ended, exit {self.client.process.wait()}")
        return kind in ("refused", "freshness")

    def applied(self, epoch, *names):
        """Exactly these services (default: all that changed and are followed) are applied once, in any order."""
        missing = set(names or (name for name in epoch.changed if name in self.services and name in epoch.configs))
        while missing:
            event = self.next_event()
            name = event.get("service")
            if event["event"] != "applied" or name not in missing:
                raise Failed(f"{event} came where {', '.join(sorted(missing))} of epoch {epoch.number} should be applied")
            wanted = (epoch.number, epoch.version(name), epoch.config_sha256(name))
            found = (event["epoch"], event["version"], event["sha256"])
            if found != wanted:
                raise Failed(f"{name} was applied as (epoch, version, sha256) {found}, it should be {wanted}")
            missing.remove(name)

    def removed(self, name):
        event = self.next_event()
        if event["event"] != "removed" or event["service"] != name:
            raise Failed(f"{event} came where {name} should be removed")

    def refused(self, *codes):
        """Waits until each was told; until then nothing may have an effect."""
        self.expected |= set(codes)
        while not set(codes) <= set(self.refusals):
            deadline_event = self.wait_recorded(f"the refusal {', '.join(sorted(set(codes) - set(self.refusals)))}")
            if deadline_event:
                raise Failed(f"{deadline_event} came where {', '.join(codes)} should be refused")

    def tolerate(self, *codes):
        """These may be told, and need not be."""
        self.tolerated |= set(codes)

    def wait_recorded(self, what):
        try:
            event = self.client.events.get(timeout=self.patience_s)
        except queue.Empty:
            raise Failed(f"{what} did not come; told were {self.refusals} and {self.freshness_log}") from None
        return None if self.record(event) else event

    def fresh(self, state, reason=None, since=None):
        """Waits for that state, after `since` tellings (default: whatever was told)."""
        while True:
            told = self.freshness_log[since or 0:]
            if any(seen == state and reason in (None, why) for seen, why in told):
                return
            event = self.wait_recorded(f"freshness {state} {reason or ''}")
            if event:
                raise Failed(f"{event} came where freshness {state} was expected")

    def state(self):
        self.client.tell("state")
        return self.next_event("state")

    def runs(self, epoch, /, **state):
        """What the application runs with is what that epoch says, for every service that is followed."""
        told = self.state()
        wanted = {name: epoch.config_sha256(name) for name in self.services if name in epoch.configs}
        if told["services"] != wanted:
            raise Failed(f"it runs with {told['services']}, epoch {epoch.number} says {wanted}")
        for name, value in state.items():
            if told[name] != value:
                raise Failed(f"its {name} is {told[name]}, it should be {value}")

    def goes_on(self, **values):
        """The fence: the next honest epoch is applied, and nothing was before it."""
        number = self.publisher.number + 1
        epoch = self.publisher.commit({name: {"value": number, **values} for name in self.services})
        self.deliver(epoch)
        self.applied(epoch)
        return epoch

    def quit(self):
        self.client.tell("quit")
        while True:
            event = self.client.events.get(timeout=self.patience_s)
            if event["event"] == "ended":
                break
            if not self.record(event):
                raise Failed(f"{event} came at the end")
        if self.client.process.wait() != 0:
            raise Failed(f"exit {self.client.process.returncode}")
        self.client = None

    def finish(self):
        """A clean end, and no refusal that nobody expected."""
        if self.client:
            self.quit()
        unexpected = set(self.refusals) - self.expected - self.tolerated
        if unexpected:
            raise Failed(f"it refused with {', '.join(sorted(unexpected))}, which nothing gave reason for")

    def close(self):
        if self.client:
            self.client.kill()
        if self.mqtt:
            self.mqtt.disconnect()
            self.mqtt.loop_stop()
        self.log.close()

    def restart_broker(self):
        """Only where the case has a broker of its own. Waits until the client is back."""
        since = len(self.broker.subscriptions)
        self.mqtt.disconnect()
        self.mqtt.loop_stop()
        self.broker.stop()
        self.broker.start()
        self.connect()
        self.broker.wait_for(self.topics(), since, self.patience_s)
