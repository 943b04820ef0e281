#!/usr/bin/python3
"""The Python package over libepoch, in asyncio, as tests/conformance drives it."""
import asyncio
import hashlib
import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "src/python"))
import epoch  # noqa: E402


def say(event, **members):
    sys.stdout.write(json.dumps({"event": event, **members}) + "\n")
    sys.stdout.flush()


def digest(config):
    return hashlib.sha256(config.json.encode()).hexdigest()


class Driver:
    def __init__(self):
        env = {name.removeprefix("CONFORMANCE_").lower(): value for name, value in os.environ.items() if name.startswith("CONFORMANCE_")}
        self.refusals, self.told = {}, None
        self.client = epoch.open(*env["services"].split(","), url=env["broker"], prefix=env["prefix"], source=env["source"], root_file=env["roots"],
                                 cache=env["cache"], lkg_file=env.get("snapshot", ""), lkg_key_file=env.get("snapshot_key"),
                                 instance=env["instance"])
        self.client.on_change(self.on_change)
        self.client.on_status(self.on_status)
        self.client.on_alarm(lambda alarm: say("refused", code=alarm.code))
        self.input = b""

    def on_change(self, update):
        config = update.config
        if config.is_removed:
            say("removed", service=config.service)
            return
        if config.service in self.refusals:
            raise epoch.Refused(self.refusals.pop(config.service))
        say("applied", service=config.service, version=config.version, epoch=config.epoch, sha256=digest(config))

    def on_status(self, status):
        if (status.freshness, status.reason) != self.told:
            self.told = status.freshness, status.reason
            say("freshness", state=status.freshness, reason=status.reason)

    def say_state(self, event):
        status = self.client.status
        say(event, freshness=status.freshness, generation=status.generation, epoch=status.epoch,
            services={name: digest(config) for name, config in self.client.configs().items()})

    def command(self, line):
        """False at the end."""
        word, *rest = line.split(" ", 2)
        if word == "state":
            self.say_state("state")
        elif word == "refuse-next":
            self.refusals[rest[0]] = rest[1]
        return word != "quit"

    def read_commands(self, ended):
        got = os.read(0, 4096)
        self.input += got
        *lines, self.input = self.input.split(b"\n")
        if not got or not all([self.command(line.decode()) for line in lines]):
            ended.set()

    async def run(self):
        self.say_state("opened")
        ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(0, self.read_commands, ended)
        self.client.attach()
        await ended.wait()
        self.client.close()


if __name__ == "__main__":
    asyncio.run(Driver().run())
