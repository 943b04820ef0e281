"""Recording a run for the history checker: a subscriber that writes down all that the broker carries, and what lies on disk."""
import itertools
import threading
import time

import checker


class Recorder:
    """Everything on the broker in order of arrival, below a prefix or at all. One recorder serves many runs, each with its prefix."""

    def __init__(self, port):
        import paho.mqtt.client as paho
        from paho.mqtt.subscribeoptions import SubscribeOptions

        self.news, self.messages = threading.Condition(), {}
        self._subscribed, self.fences = threading.Event(), itertools.count(1)
        self.client = paho.Client(protocol=paho.MQTTv5)
        self.client.max_inflight_messages_set(1000)
        self.client.on_message = self.on_message
        # retainAsPublished: the flag as the daemon set it, also on what arrives live.
        self.client.on_connect = lambda client, *_: client.subscribe([("#", SubscribeOptions(qos=1, retainAsPublished=True))])
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.connect("127.0.0.1", port, keepalive=60)
        self.client.loop_start()
        if not self._subscribed.wait(60):
            raise TimeoutError("the recorder could not subscribe")

    def on_message(self, _client, _data, message):
        first, _, rest = message.topic.partition("/")
        prefix = "" if first in ("system", "config") else first
        with self.news:
            self.messages.setdefault(prefix, []).append(checker.Carried(message.topic, message.payload, bool(message.retain)))
            self.news.notify_all()

    def of(self, prefix=""):
        with self.news:
            return list(self.messages.get(prefix, []))

    def forget(self, prefix):
        with self.news:
            self.messages.pop(prefix, None)

    def fence(self, prefix):
        """What the broker has taken before this, has arrived after it."""
        topic, text = f"{prefix}/fence", str(next(self.fences)).encode()
        self.client.publish(topic, text, qos=1)
        if not self.wait(prefix, lambda message: (message.topic, message.payload) == (topic, text)):
            raise TimeoutError("the broker does not answer")

    def wait(self, prefix, accept, seconds=60):
        """Until a message of that prefix is accepted; False when none came."""
        deadline, at = time.monotonic() + seconds, 0
        with self.news:
            while True:
                messages = self.messages.get(prefix, [])
                for message in messages[at:]:
                    if accept(message):
                        return True
                at = len(messages)
                left = deadline - time.monotonic()
                if left <= 0 or not self.news.wait(left):
                    return False

    def stop(self):
        self.client.disconnect()
        self.client.loop_stop()


def history(repository, state, carried=(), keys=None, **more):
    """What lies on disk, with what was recorded, as the checker wants it."""
    keys = keys or state / "keys"
    return checker.History(
        repository=repository if isinstance(repository, checker.Repository) else checker.Repository.read(repository),
        journal=checker.journal_files(state), journal_key=(keys / "journal.key").read_text(),
        roots=(keys / "root.pub").read_text().splitlines(True), carried=list(carried), canaries=checker.secrets(keys), **more)
