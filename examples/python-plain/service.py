#!/usr/bin/python3
"""A service with three settings that follow the repository while it runs.

    service.py mqtt://HOST[:PORT] root.pub CACHE-FOLDER [SERVICE]
"""
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

from epoch_plain import Client, Connection, read_roots


def main(broker, roots, cache, name="stt-worker"):
    def take(service, version, config):
        if config.get("silence_ms", 0) < 100:
            raise ValueError("silence_ms is below 100: the recorder cannot do that")
        print(f"{service} runs version {version}: {config}", flush=True)

    Path(cache).mkdir(parents=True, exist_ok=True)
    client = Client([name], read_roots(roots), cache)
    client.on_change = take
    client.on_refused = lambda code, reason: print(f"refused [{code}]: {reason}", file=sys.stderr, flush=True)
    client.open()
    if name in client.values:
        print(f"{name} starts from disk: {client.values[name]}", flush=True)

    url = urlsplit(broker)
    connection = Connection(client, url.hostname, url.port or 1883, instance="example")
    connection.start()
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        connection.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
