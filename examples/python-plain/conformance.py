#!/usr/bin/python3
"""The client of epoch_plain.py as tests/conformance drives it: settings from the environment, commands in, events out."""
import hashlib
import json
import os
import sys
import threading
from urllib.parse import urlsplit

from epoch_plain import Client, Connection, canonical, read_roots

TICK_S = 0.1


class Driver:
    def __init__(self, env, client_type=Client):
        self.refusals = {}  # service → the reason to refuse its next configuration with
        self.client = client_type(env["SERVICES"].split(","), read_roots(env["ROOTS"]), env["CACHE"], env["SOURCE"],
                                  env.get("SNAPSHOT"), env.get("SNAPSHOT_KEY"))
        self.client.on_change = self.on_change
        self.client.on_removed = lambda service: self.say("removed", service=service)
        self.client.on_refused = lambda code, reason: self.say("refused", code=code, reason=reason)
        self.client.open()
        url = urlsplit(env["BROKER"])
        self.connection = Connection(self.client, url.hostname, url.port, env.get("PREFIX", ""), env.get("INSTANCE"))
        self.told = None

    @staticmethod
    def say(event, **members):
        print(json.dumps({"event": event, **members}), flush=True)

    @staticmethod
    def sha256(config):
        return hashlib.sha256(canonical(config).encode()).hexdigest()

    def on_change(self, service, version, config):
        if service in self.refusals:
            raise ValueError(self.refusals.pop(service))
        self.say("applied", service=service, version=version, epoch=self.client.head["epoch"], sha256=self.sha256(config))

    def state(self, event):
        head = self.client.head or {"generation": 0, "epoch": 0}
        self.say(event, freshness=self.client.freshness()[0], generation=head["generation"], epoch=head["epoch"],
                 services={name: self.sha256(config) for name, config in self.client.values.items()})

    def command(self, line):
        word, *rest = line.split(None, 2)
        with self.connection.lock:
            if word == "state":
                self.state("state")
            elif word == "refuse-next":
                self.refusals[rest[0]] = rest[1].strip()
        return word != "quit"

    def tell_freshness(self):
        with self.connection.lock:
            state, reason = self.client.freshness()
            if (state, reason) != self.told:
                self.told = state, reason
                self.say("freshness", state=state, reason=reason)

    def run(self):
        self.state("opened")
        self.connection.start()
        ended = threading.Event()

        def watch():
            while not ended.wait(TICK_S):
                self.tell_freshness()

        threading.Thread(target=watch, daemon=True).start()
        for line in sys.stdin:
            if not self.command(line):
                break
        ended.set()
        self.connection.stop()


def settings():
    return {name.removeprefix("CONFORMANCE_"): value for name, value in os.environ.items() if name.startswith("CONFORMANCE_")}


if __name__ == "__main__":
    Driver(settings()).run()
