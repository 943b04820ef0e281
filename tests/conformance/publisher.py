"""A publisher after docs/PROTOCOL.md with nothing of epochd's: it signs what is right, and on request what is wrong.

Ed25519 is PyNaCl's. Every message a case sends is made here, so a case says only what is odd about it.
"""
import base64
import hashlib
import hmac
import json
import re
import socket
import time
from datetime import datetime, timezone

from nacl.signing import SigningKey

SOURCE = "config-manager"
COMMIT = "b8e1d04c6a2f9387510fedcba9876543210f1e2d"


def canonical(value):
    """RFC 8785, of what is made here: names are ASCII and numbers are integers."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(raw):
    return hashlib.sha256(raw).hexdigest()


def now(shift_s=0):
    moment = datetime.fromtimestamp(time.time() + shift_s, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Key:
    """An Ed25519 pair."""

    def __init__(self):
        self.secret = SigningKey.generate()
        self.public = bytes(self.secret.verify_key)
        self.id = sha256(self.public)[:16]

    @property
    def line(self):
        return f"epochd-ed25519-public:{self.id}:{base64.b64encode(self.public).decode()}\n"

    @property
    def entry(self):
        return {"id": self.id, "public": self.public.hex()}


class MacKey:
    def __init__(self):
        self.raw = bytes(SigningKey.generate())
        self.id = sha256(self.raw)[:16]

    @property
    def line(self):
        return f"epochd-hmac-sha256:{self.id}:{base64.b64encode(self.raw).decode()}\n"


def seal(body, key):
    """The signed message. `body` is an object, or bytes that shall be signed as they are."""
    raw = body if isinstance(body, bytes) else canonical(body)
    return raw[:-1] + b',"signature":"' + key.secret.sign(raw).signature.hex().encode() + b'"}'


def opened(raw):
    """The members of a signed message, to make another one of them."""
    body = json.loads(raw)
    del body["signature"]
    return body


def index_digest(services):
    buckets = [b""] * 256
    for name in sorted(services):
        line = f"{name} {services[name]['version']} {services[name]['sha256']}\n"
        buckets[hashlib.sha256(name.encode()).digest()[0]] += line.encode()
    return sha256(b"".join(hashlib.sha256(text).digest() for text in buckets))


class Epoch:
    """What one epoch published: the messages, and what is in force with it."""

    def __init__(self, number, generation, changed, messages, configs, head, index, keyset):
        self.number, self.generation, self.keyset, self.head, self.index = number, generation, keyset, head, index
        self.changed = changed      # {name: message} of what changed, tombstones too
        self.messages = messages    # {name: message} of everything in force
        self.configs = configs      # {name: configuration}

    def version(self, name):
        return json.loads(self.messages[name])["version"]

    def config_sha256(self, name):
        return sha256(canonical(self.configs[name]))


class Publisher:
    """Its state is what it last committed; copy.deepcopy of it is the publisher's evil twin."""

    def __init__(self, source=SOURCE):
        self.source, self.generation, self.number, self.sequence = source, 1, 0, int(time.time() * 1000)
        self.root, self.key = Key(), Key()
        self.messages, self.configs, self.head, self.index = {}, {}, None, None
        self.keyset = self.make_keyset()

    # one message

    def body(self, kind, **members):
        return {"type": kind, "format": 1, "source": self.source, "generation": self.generation, "key_id": self.key.id,
                "timestamp": now(), **members}

    def sign(self, kind, key=None, **members):
        return seal(self.body(kind, **members), key or self.key)

    def make_keyset(self, keys=None, root=None, **members):
        root = root or self.root
        entries = sorted((key.entry for key in keys or [self.key]), key=lambda entry: entry["id"])
        return self.sign("config.keyset", root, **{"key_id": root.id, "keys": entries, **members})

    def update(self, name, config, version=None, key=None, **members):
        number = self.number if version is None else version
        return self.sign("config.update", key, **{"service": name, "version": number, "config": config, "config_epoch": COMMIT,
                                                  "correlation_id": f"epoch-{number}", "schema": None, **members})

    def make_index(self, messages=None, **members):
        services = {name: {"sha256": sha256(raw), "version": json.loads(raw)["version"]}
                    for name, raw in (self.messages if messages is None else messages).items()}
        body = {"config_epoch": COMMIT, "epoch": self.number, "format": 1, "services": services, "source": self.source,
                "type": "config.index", **members}
        return canonical(body)

    def make_head(self, changed, parent, key=None, /, **members):
        return self.sign("config.epoch", key, **{
            "epoch": self.number, "config_epoch": COMMIT, "correlation_id": f"epoch-{self.number}", "parent": parent,
            "changed": changed, "services": len(self.messages), "index": index_digest(json.loads(self.index)["services"]),
            "offset": 0, **members})

    def parent(self):
        return self.head and {"epoch": opened(self.head)["epoch"], "sha256": sha256(self.head)}

    def keepalive(self, head=None, shift_s=0, **members):
        self.sequence += 1
        return self.sign("config.keepalive", **{"epoch": self.number, "head": sha256(head or self.head), "sequence": self.sequence,
                                                "ttl_s": 30, "timestamp": now(shift_s), **members})

    # one epoch

    def commit(self, changes, number=None, head=None, update=None):
        """The next epoch: {name: configuration, or None to remove it}. `head` and `update` add members to its messages."""
        self.number = number or self.number + 1
        changed = {}
        for name, config in changes.items():
            changed[name] = self.update(name, config, **(update or {}))
            if config is None:
                del self.messages[name], self.configs[name]
            else:
                self.messages[name], self.configs[name] = changed[name], config
        return self.finish(changed, **(head or {}))

    def finish(self, changed, /, **members):
        parent = self.parent()
        self.index = self.make_index()
        versions = {name: json.loads(raw)["version"] for name, raw in changed.items()}
        self.head = self.make_head(versions, parent, **members)
        return self.current(changed)

    def current(self, changed=None):
        return Epoch(self.number, self.generation, self.messages if changed is None else changed, dict(self.messages),
                     dict(self.configs), self.head, self.index, self.keyset)

    def rotate(self, number=None, keep=()):
        """New keys (and those of `keep`), everything signed anew; the epoch stays unless a number is given."""
        versions = {name: json.loads(raw)["version"] for name, raw in self.messages.items()}
        self.generation, self.key, self.number = self.generation + 1, Key(), number or self.number
        self.keyset = self.make_keyset([self.key, *keep])
        self.messages = {name: self.update(name, self.configs[name], number or version) for name, version in versions.items()}
        return self.finish(self.messages)

    # the snapshot

    def snapshot(self, key, mac=None, **members):
        payload = {"config_epoch": COMMIT, "epoch": self.number, "format": 1, "generation": self.generation,
                   "head": self.head.decode(), "host": re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname()),
                   "index": self.index.decode(), "journal": {"seq": 3, "sha256": "0" * 64}, "keyset": self.keyset.decode(),
                   "offset": 0, "services": {name: raw.decode() for name, raw in self.messages.items()}, "source": self.source,
                   "written_at": now(), **members}
        sealed = b'{"payload":' + canonical(payload) + b',"algorithm":"hmac-sha256","key_id":"' + key.id.encode() + b'"}'
        code = mac or hmac.new(key.raw, sealed, hashlib.sha256).hexdigest()
        return sealed[:-1] + b',"hmac":"' + code.encode() + b'"}\n'
