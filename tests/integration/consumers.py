"""Consumers as the daemon sees them: they acknowledge, refuse, vanish. They verify nothing: what a client believes is tested elsewhere."""
import json
import threading
import time

import paho.mqtt.client as mqtt
from harness import PATIENCE_S, SOURCE


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def ack(service, instance, epoch, version=None, status="applied", **more):
    """An unsigned acknowledgement, docs/PROTOCOL.md §5."""
    body = {"epoch": epoch, "format": 1, "freshness": "FRESH", "generation": 1, "instance": instance, "library": "test 1",
            "overridden": [], "reason": None, "restart_pending": [], "service": service, "source": SOURCE, "status": status,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime()), "type": "config.ack",
            "version": epoch if version is None else version}
    return canonical(body | more)


class Consumer:
    """One instance of a service. `answer(epoch, version)` gives what it acknowledges an epoch with, None: nothing."""

    def __init__(self, port, service, instance, answer=None, username=None, password=None):
        self.service, self.instance, self.answer = service, instance, answer
        self.topic = f"system/ack/{service}/{instance}"
        self.version, self.has_vanished = None, False
        self.connected = threading.Event()
        self.client = mqtt.Client(protocol=mqtt.MQTTv5)
        if username:
            self.client.username_pw_set(username, password)
        self.client.will_set(self.topic, b"", qos=1, retain=True)
        self.client.on_message = self._heard
        self.client.on_connect = lambda *_: self.connected.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.connected.wait(PATIENCE_S)
        if answer:
            self.client.subscribe([(f"system/config/{service}", mqtt.SubscribeOptions(qos=1)),
                                   (f"system/epoch/{SOURCE}", mqtt.SubscribeOptions(qos=1))])

    def _heard(self, _client, _data, message):
        if not message.payload:
            return
        body = json.loads(message.payload)
        if body["type"] == "config.update":
            self.version = body["version"]
        else:
            said = self.answer(self, body["epoch"])
            if said:
                self.client.publish(self.topic, said, qos=1, retain=True)

    def say(self, payload, topic=None):
        """Published, and the broker has it."""
        sent = self.client.publish(topic or self.topic, payload, qos=1, retain=True)
        sent.wait_for_publish(PATIENCE_S)
        assert sent.is_published()
        return self

    def acknowledge(self, epoch, version=None, status="applied", **more):
        return self.say(ack(self.service, self.instance, epoch, version, status, **more))

    def vanish(self):
        """The connection ends without a goodbye: the broker publishes the will."""
        self.client.loop_stop()
        self.client.socket().close()
        self.has_vanished = True

    def stop(self):
        if self.has_vanished:
            return
        self.client.disconnect()
        self.client.loop_stop()


def applies(consumer, epoch):
    return ack(consumer.service, consumer.instance, epoch, consumer.version)


def refuses(reason):
    return lambda consumer, epoch: ack(consumer.service, consumer.instance, epoch, consumer.version, "refused", reason=reason)
