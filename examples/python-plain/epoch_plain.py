"""A client of epochd in one file: paho for MQTT, PyNaCl for Ed25519, and nothing of epochd's.

It is docs/PROTOCOL.md §4 to §8 and §10 in the order in which a client does it, written to be read and to be copied:
verify the bytes, keep what verifies, apply an epoch when all of it is here, never go back, know how old the knowledge is.
It refuses by raising Refused with the stable code; nothing that arrives is believed before that.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import socket
import threading
import time
from datetime import datetime, timezone
from pathlib import Path

import paho.mqtt.client as paho
from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

FORMAT = 1
INTEGER_MAX = 2**53 - 1
MESSAGE_MAX, CONFIG_MAX, INDEX_MAX, SNAPSHOT_MAX = 320 * 1024, 256 * 1024, 4 * 1024 * 1024, 256 * 1024 * 1024
PACKET_MAX = INDEX_MAX + 1024
CHANGED_MAX = 1000
DEPTH_MAX = 65
KEYSET_MAX = 8
CLOCK_SLACK_S = 30

NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
HEX = {n: re.compile(r"[0-9a-f]{%d}" % n) for n in (16, 40, 64)}
CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
NUMBER = range(INTEGER_MAX + 1)
OBJECT_OR_NULL = (dict, type(None))


class Refused(Exception):
    def __init__(self, code, reason):
        super().__init__(reason)
        self.code = code


# --- canonical JSON (§3) --------------------------------------------------------------------------------------------


def number(value):
    """As ECMAScript prints it: repr() finds the same digits, only where the point goes is another rule."""
    if isinstance(value, int):
        if abs(value) > INTEGER_MAX:
            raise ValueError("an integer beyond 2^53-1")
        return str(value)
    mantissa, _, power = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    digits = (whole + fraction).lstrip("0")
    exponent = int(power or 0) + len(digits) - len(fraction)  # the value is 0.digits × 10^exponent
    digits = digits.rstrip("0")
    sign = "-" if value < 0 else ""
    if not digits:
        return "0"
    if len(digits) <= exponent <= 21:
        return sign + digits.ljust(exponent, "0")
    if 0 < exponent <= 21:
        return f"{sign}{digits[:exponent]}.{digits[exponent:]}"
    if -6 < exponent <= 0:
        return f"{sign}0.{'0' * -exponent}{digits}"
    point = "." if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{point}{digits[1:]}e{exponent - 1:+d}"


def canonical(value, depth=0):
    """The one spelling of a value; what has none raises ValueError."""
    if depth > DEPTH_MAX:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{canonical(name)}:{canonical(value[name], depth + 1)}" for name in names) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item, depth + 1) for item in value) + "]"
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a string holds NUL")
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return number(value)
    return {None: "null", True: "true", False: "false"}[value]


def parse(raw, code="message-form"):
    """A canonical object. A name that stands twice, white space, another order: the text is not what it should be."""
    try:
        value = json.loads(raw.decode())
        if canonical(value).encode() != raw:
            raise ValueError("not in canonical form")
    except (ValueError, RecursionError) as error:
        raise Refused(code, f"not canonical JSON: {error}") from error
    return value


def expect(members, forms, code="message-form"):
    """Every name of `forms` is a member in its form: an expression, a range of integers, types, or the value itself."""
    if not isinstance(members, dict):
        raise Refused(code, "not an object")
    for name, form in forms.items():
        value = members.get(name)
        if isinstance(form, re.Pattern):
            good = isinstance(value, str) and form.fullmatch(value)
        elif isinstance(form, range):
            good = type(value) is int and value in form
        elif isinstance(form, (type, tuple)):
            good = name in members and isinstance(value, form)
        else:
            good = type(value) is type(form) and value == form
        if not good:
            raise Refused(code, f"member {name} is missing or not in its form")


# --- signed messages (§4 to §6) -------------------------------------------------------------------------------------

UPDATE, HEAD, KEEPALIVE, KEYSET = "config.update", "config.epoch", "config.keepalive", "config.keyset"
FORMS = {
    UPDATE: {"service": NAME, "version": NUMBER, "config": OBJECT_OR_NULL, "config_epoch": HEX[40],
             "correlation_id": CORRELATION_ID, "schema": (str, type(None))},
    HEAD: {"epoch": NUMBER, "config_epoch": HEX[40], "correlation_id": CORRELATION_ID, "parent": OBJECT_OR_NULL,
           "changed": OBJECT_OR_NULL, "services": NUMBER, "index": HEX[64], "offset": NUMBER},
    KEEPALIVE: {"epoch": NUMBER, "head": HEX[64], "sequence": NUMBER, "ttl_s": NUMBER},
    KEYSET: {"keys": list},
}


def digest(raw):
    return hashlib.sha256(raw).hexdigest()


def key_id(raw):
    return digest(raw)[:16]


def read_key(line, kind):
    """The 32 bytes of `epochd-<kind>:<key id>:<base64>`."""
    name, said, text = line.strip().split(":")
    raw = base64.b64decode(text, validate=True)
    if name != f"epochd-{kind}" or key_id(raw) != said or len(raw) != 32:
        raise Refused("key-file", f"not a key of the kind {kind}")
    return raw


def read_roots(path):
    """root.pub: {key id: the 32 bytes}, one line a pinned root."""
    return {key_id(raw): raw for raw in (read_key(line, "ed25519-public") for line in Path(path).read_text().splitlines())}


def cut_tail(raw, name, digits, code):
    tail = re.fullmatch(rb'(.*),"%s":"([0-9a-f]{%d})"\}' % (name, digits), raw, re.DOTALL)
    if not tail:
        raise Refused(code, f"it does not end in a {name.decode()}")
    return tail[1] + b"}", bytes.fromhex(tail[2].decode())


def signer_of(signed, signature, keys):
    """The id of the key that made it, before a byte is parsed."""
    for name, public in keys.items():
        try:
            VerifyKey(public).verify(signed, signature)
            return name
        except CryptoError:
            continue
    raise Refused("bad-signature", "no key that counts made the signature")


def open_signed(raw, keys):
    """Size, tail, signature; only then the parser. Gives the members."""
    if len(raw) > MESSAGE_MAX:
        raise Refused("message-too-large", f"more than {MESSAGE_MAX} bytes")
    signed, signature = cut_tail(raw, b"signature", 128, "message-form")
    signer = signer_of(signed, signature, keys)
    body = parse(signed)
    expect(body, {"format": range(1, INTEGER_MAX + 1)})
    if body["format"] > FORMAT:
        raise Refused("format-newer", f"format {body['format']}, this program knows {FORMAT}")
    expect(body, {"type": str, "source": NAME, "generation": NUMBER, "key_id": HEX[16], "timestamp": TIMESTAMP})
    if body["key_id"] != signer:
        raise Refused("bad-key-id", "key_id is not the key that signed")
    return body


def verify(raw, keyset, kind, source, service=None):
    """A message of the publisher's, signed by a key of the keyset in force."""
    body = open_signed(raw, keyset["public"])
    if body["type"] != kind:
        raise Refused("wrong-type", f"a {body['type']}, not a {kind}")
    expect(body, FORMS[kind])
    if body.get("schema") is not None:
        expect(body, {"schema": HEX[64]})
    if body.get("parent") is not None:
        expect(body["parent"], {"epoch": NUMBER, "sha256": HEX[64]})
    if body.get("changed") is not None:
        expect(body["changed"], dict.fromkeys(body["changed"], NUMBER))
        if len(body["changed"]) > CHANGED_MAX or not all(map(NAME.fullmatch, body["changed"])):
            raise Refused("message-form", "what changed are not names of services, or too many")
    if body.get("config") is not None and len(canonical(body["config"]).encode()) > CONFIG_MAX:
        raise Refused("message-form", f"a configuration of more than {CONFIG_MAX} bytes")
    if body["source"] != source:
        raise Refused("wrong-source", f"from {body['source']}, not from {source}")
    if service is not None and body["service"] != service:
        raise Refused("wrong-service", f"for {body['service']}, not for {service}")
    if body["generation"] != keyset["generation"]:
        raise Refused("wrong-generation", f"generation {body['generation']}, the keyset's is {keyset['generation']}")
    return body


def verify_keyset(raw, roots, source):
    """A keyset counts if a pinned root signed it. `public` is added: {key id: the 32 bytes}."""
    try:
        body = open_signed(raw, roots)
        expect(body, {"type": KEYSET, "keys": list})
        for key in body["keys"]:
            expect(key, {"id": HEX[16], "public": HEX[64]})
        public = {key["id"]: bytes.fromhex(key["public"]) for key in body["keys"]}
        if not 1 <= len(body["keys"]) <= KEYSET_MAX or [key["id"] for key in body["keys"]] != sorted(public):
            raise Refused("message-form", "its keys are not 1 to 8, sorted, each once")
        if any(key_id(raw) != name for name, raw in public.items()) or set(public) & set(roots):
            raise Refused("message-form", "a key is not that of its id, or is a root")
    except Refused as refused:
        if refused.code in ("message-too-large", "format-newer"):
            raise
        raise Refused("keyset-refused", str(refused)) from refused
    if body["source"] != source:
        raise Refused("wrong-source", f"from {body['source']}, not from {source}")
    return body | {"public": public, "raw": raw}


def index_digest(services):
    """§7: 256 buckets by the first byte of SHA-256 of the name; what the head's `index` binds."""
    buckets = [b""] * 256
    for name in sorted(services):
        line = f"{name} {services[name]['version']} {services[name]['sha256']}\n"
        buckets[hashlib.sha256(name.encode()).digest()[0]] += line.encode()
    return digest(b"".join(hashlib.sha256(text).digest() for text in buckets))


def read_index(raw):
    """{name: {version, sha256}}. Nobody signed it: it counts for a head that binds it, and for no other."""
    if len(raw) > INDEX_MAX:
        raise Refused("message-too-large", f"an index of more than {INDEX_MAX} bytes")
    index = parse(raw)
    expect(index, {"type": "config.index", "services": dict})
    for name, entry in index["services"].items():
        expect({"name": name} | entry if isinstance(entry, dict) else None, {"name": NAME, "version": NUMBER, "sha256": HEX[64]})
    return index["services"]


# --- the snapshot of the publisher on this host (§10) ---------------------------------------------------------------


def host_name():
    return re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())


def check_snapshot_mac(sealed, mac, key):
    if not hmac.compare_digest(hmac.new(key, sealed, hashlib.sha256).digest(), mac):
        raise Refused("lkg-bad-mac", "the HMAC is wrong")


def read_snapshot(path, key):
    """The payload, after the first check: nobody without the HMAC key wrote it, and it was written here."""
    raw = Path(path).read_bytes()
    if len(raw) > SNAPSHOT_MAX:
        raise Refused("lkg-form", "too large")
    sealed, mac = cut_tail(raw.removesuffix(b"\n"), b"hmac", 64, "lkg-form")
    check_snapshot_mac(sealed, mac, key)
    try:
        whole = json.loads(sealed)
    except (ValueError, RecursionError) as error:
        raise Refused("lkg-form", "not JSON") from error
    expect(whole, {"payload": dict, "algorithm": "hmac-sha256", "key_id": key_id(key)}, "lkg-form")
    payload = whole["payload"]
    expect(payload, {"format": range(1, INTEGER_MAX + 1)}, "lkg-form")
    if payload["format"] > FORMAT:
        raise Refused("format-newer", f"format {payload['format']}, this program knows {FORMAT}")
    expect(payload, {"epoch": NUMBER, "generation": NUMBER, "config_epoch": HEX[40], "offset": NUMBER, "source": str, "host": str,
                     "keyset": str, "head": str, "index": str, "services": dict}, "lkg-form")
    expect(payload["services"], dict.fromkeys(payload["services"], str), "lkg-form")
    return payload


def verify_snapshot(payload, roots, source, host):
    """The second check: whoever has the HMAC key still cannot sign. Gives keyset, head and {name: message}."""
    if payload["host"] != host or payload["source"] != source:
        raise Refused("lkg-wrong-host", f"it was written on {payload['host']} for {payload['source']}")
    try:
        keyset = verify_keyset(payload["keyset"].encode(), roots, source)
        head = verify(payload["head"].encode(), keyset, HEAD, source)
        index = read_index(payload["index"].encode())
    except Refused as refused:
        raise refused if refused.code == "format-newer" else Refused("lkg-bad-sig", str(refused)) from refused
    messages = {name: text.encode() for name, text in payload["services"].items()}
    is_its = all(payload[member] == head[member] for member in ("epoch", "generation", "config_epoch", "offset"))
    if not is_its or index_digest(index) != head["index"] or {n: digest(m) for n, m in messages.items()} != {
            n: entry["sha256"] for n, entry in index.items()}:
        raise Refused("lkg-bad-sig", "what it holds is not what its head binds")
    return keyset, head, messages


# --- order, completeness, freshness (§8) ----------------------------------------------------------------------------


def boot_s():
    return time.clock_gettime(time.CLOCK_BOOTTIME)  # counts suspend, and nobody sets it


def age_of(timestamp):
    written = datetime.strptime(timestamp, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc)
    return abs(time.time() - written.timestamp())


class Client:
    """What a consumer knows. Fed by `arrive`; tells through the four functions given, always in the same thread as `arrive`.

    on_change(service, version, config)  the configuration changed; raise anything to refuse it: the one before stays
    on_removed(service)                  it is no longer configured; its last values stay
    on_refused(code, reason)             something that arrived was refused
    on_missing()                         a head is announced that did not come: subscribe anew
    """

    def __init__(self, services, roots, cache=None, source="config-manager", snapshot=None, snapshot_key=None):
        self.follows, self.roots, self.source = list(services), roots, source
        self.cache = Path(cache) / "state.json" if cache else None
        self.on_change = self.on_removed = self.on_refused = self.on_missing = self.on_answer = lambda *_: None
        self.keyset = None     # in force
        self.head = None       # the applied one, with "sha256", "raw" and the keyset it was verified with
        self.services = {}     # of the applied head: name → message with "raw"; a service that does not exist is not in it
        self.values = {}       # what the application runs with: name → configuration
        self.reasons = {}      # name → why it refused the applied configuration
        self.waiting = None    # the highest head above the applied one
        self.held = {}         # name → the highest verified message
        self.index = None      # the last one that came
        self.early = {}        # topic → message of a generation whose keyset is not here
        self.sequence = -1     # of the last keepalive of this generation
        self.fresh_until = self.asked_for = None
        self.is_clock_wrong = False
        self.snapshot, self.snapshot_key = snapshot, snapshot_key

    # what is on disk

    def open(self):
        """What is known without a network, the newer of the two."""
        for read in (self.restore_cache, self.restore_snapshot):
            try:
                read()
            except FileNotFoundError:
                continue
            except Refused as refused:
                self.on_refused(refused.code, str(refused))
        self.values = {name: message["config"] for name, message in self.services.items()}

    def restore_cache(self):
        """Our own file, verified like everything else; the state by the keyset of its time."""
        if self.cache is None:
            return
        try:
            saved = json.loads(self.cache.read_bytes())
            expect(saved, {"keyset": str, "state": OBJECT_OR_NULL}, "lkg-form")
            keyset = verify_keyset(saved["keyset"].encode(), self.roots, self.source)
            if saved["state"]:
                expect(saved["state"], {"keyset": str, "head": str, "services": dict}, "lkg-form")
                of_state = verify_keyset(saved["state"]["keyset"].encode(), self.roots, self.source)
                head = self.described(verify(saved["state"]["head"].encode(), of_state, HEAD, self.source), saved["state"]["head"].encode())
                self.services = {name: verify(text.encode(), of_state, UPDATE, self.source, name) | {"raw": text.encode()}
                                 for name, text in saved["state"]["services"].items() if name in self.follows}
                self.head = head | {"keyset_raw": of_state["raw"], "follows": sorted(saved["state"]["services"]) + saved["state"]["absent"]}
            self.keyset = keyset
        except (ValueError, AttributeError, KeyError) as error:
            raise Refused("lkg-form", "the cache is damaged") from error

    def restore_snapshot(self):
        if not self.snapshot:
            return
        payload = read_snapshot(self.snapshot, read_key(Path(self.snapshot_key).read_text(), "hmac-sha256"))
        keyset, head, messages = verify_snapshot(payload, self.roots, self.source, host_name())
        if self.head and (head["generation"], head["epoch"]) <= self.order(self.head):
            return
        if self.keyset is None or keyset["generation"] > self.keyset["generation"]:
            self.keyset = keyset
        self.head = self.described(head, payload["head"].encode()) | {"keyset_raw": keyset["raw"], "follows": sorted(self.follows)}
        self.services = {name: json.loads(messages[name]) | {"raw": messages[name]} for name in self.follows if name in messages}
        self.save()

    def save(self):
        """Replaced as a whole and durably, before anybody is told."""
        if self.cache is None:
            return
        state = self.head and {
            "keyset": self.head["keyset_raw"].decode(), "head": self.head["raw"].decode(),
            "services": {name: message["raw"].decode() for name, message in self.services.items()},
            "absent": [name for name in self.follows if name not in self.services],
        }
        temporary = self.cache.with_suffix(".tmp")
        with temporary.open("w") as file:
            json.dump({"keyset": self.keyset["raw"].decode(), "state": state}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.cache)
        folder = os.open(self.cache.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)

    # what arrives

    def topics(self):
        of_source = [f"system/{kind}/{self.source}" for kind in ("keys", "epoch", "index", "keepalive")]
        return of_source + [f"system/config/{name}" for name in self.follows]

    def arrive(self, topic, payload):
        """Refuses and goes on, whatever it is."""
        if not payload or (topic not in self.topics() and topic != "config/update"):
            return
        try:
            self.take(topic, payload)
        except Refused as refused:
            self.keep_for_later(topic, payload)
            self.on_refused(refused.code, str(refused))
        self.try_to_apply()

    def take(self, topic, payload):
        kind, _, name = topic.removeprefix("system/").partition("/")
        if kind == "keys":
            self.take_keyset(payload)
        elif kind == "index":
            self.index = read_index(payload)
        elif self.keyset is None:
            raise Refused("wrong-generation", "there is no keyset yet")
        elif kind == "epoch":
            self.take_head(payload)
        elif kind == "keepalive":
            self.take_keepalive(payload)
        else:
            self.take_update(payload, None if topic == "config/update" else name)

    def keep_for_later(self, topic, payload):
        """The next generation may come before its keyset. What it says of itself is read without trust."""
        try:
            generation = json.loads(payload)["generation"]
            if generation > (self.keyset["generation"] if self.keyset else 0):
                self.early[topic] = payload
        except (ValueError, KeyError, TypeError, RecursionError):
            pass

    def take_keyset(self, raw):
        keyset = verify_keyset(raw, self.roots, self.source)
        if self.keyset:
            if raw == self.keyset["raw"] or keyset["generation"] < self.keyset["generation"]:
                return
            if keyset["generation"] == self.keyset["generation"]:
                raise Refused("equivocation", "another keyset of the same generation")
        self.keyset, self.sequence, self.waiting, self.held = keyset, -1, None, {}
        self.save()  # from now on an old key is worth nothing, after a restart too
        early, self.early = self.early, {}
        for topic, payload in early.items():
            self.arrive(topic, payload)

    @staticmethod
    def described(head, raw):
        return head | {"raw": raw, "sha256": digest(raw)}

    @staticmethod
    def order(head):
        return head["generation"], head["epoch"]

    def take_head(self, raw):
        head = self.described(verify(raw, self.keyset, HEAD, self.source), raw)
        for known in filter(None, (self.head, self.waiting)):
            if head["sha256"] == known["sha256"] or self.order(head) < self.order(known):
                return
            if self.order(head) == self.order(known):
                raise Refused("equivocation", f"another head of epoch {head['epoch']}")
        self.waiting = head

    def take_update(self, raw, topic_name):
        update = verify(raw, self.keyset, UPDATE, self.source, topic_name) | {"raw": raw}
        held = self.held.get(update["service"])
        if update["service"] not in self.follows:
            return
        if held and update["version"] == held["version"] and raw != held["raw"]:
            raise Refused("equivocation", f"another {update['service']} of version {update['version']}")
        if not held or update["version"] > held["version"]:
            self.held[update["service"]] = update

    # when an epoch is complete

    def by_changes(self, head):
        """The state of `head` from the applied one and what changed; None while something is missing."""
        if (self.head is None or not head["parent"] or head["parent"]["sha256"] != self.head["sha256"] or head["changed"] is None
                or head["generation"] != self.head["generation"] or not set(self.follows) <= set(self.head["follows"])):
            return None
        state = dict(self.services)
        for name in set(head["changed"]) & set(self.follows):
            held = self.held.get(name)
            if held is None or held["version"] != head["changed"][name]:
                return None
            state[name] = held
        return {name: message for name, message in state.items() if message["config"] is not None}

    def by_index(self, head):
        """The state of `head` from nothing: the index it binds names every message by its digest."""
        if self.index is None or index_digest(self.index) != head["index"]:
            return None
        state = {}
        for name in set(self.index) & set(self.follows):
            known = [message for message in (self.held.get(name), self.services.get(name))
                     if message and digest(message["raw"]) == self.index[name]["sha256"]]
            if not known:
                return None
            state[name] = known[0]
        return state

    def try_to_apply(self):
        head = self.waiting
        if head is None:
            return
        state = self.by_changes(head)
        if state is None:
            state = self.by_index(head)
        if state is not None:
            self.apply(head | {"keyset_raw": self.keyset["raw"], "follows": sorted(self.follows)}, state)

    def apply(self, head, state):
        before = self.services
        self.head, self.services, self.waiting = head, state, None
        self.save()
        for name in self.follows:
            was, now = before.get(name), state.get(name)
            if now is None:
                if was is not None:
                    self.on_removed(name)
                continue
            if was is None or was["config"] != now["config"]:
                self.offer(name, now)
            self.on_answer(name, now["version"], self.reasons.get(name))

    def offer(self, name, message):
        """The application may refuse; whatever it raises, we go on."""
        try:
            self.on_change(name, message["version"], message["config"])
            self.values[name] = message["config"]
            self.reasons.pop(name, None)
        except Exception as error:  # its error is its answer
            self.reasons[name] = str(error) or type(error).__name__

    # how old what we know is

    def take_keepalive(self, raw):
        keepalive = verify(raw, self.keyset, KEEPALIVE, self.source)
        if keepalive["sequence"] <= self.sequence:
            return
        self.sequence = keepalive["sequence"]
        if self.head is None or keepalive["head"] != self.head["sha256"]:
            if self.asked_for != keepalive["head"]:
                self.asked_for = keepalive["head"]
                self.on_missing()
            return
        self.is_clock_wrong = age_of(keepalive["timestamp"]) > keepalive["ttl_s"] + CLOCK_SLACK_S
        if not self.is_clock_wrong:
            self.fresh_until = boot_s() + keepalive["ttl_s"]

    def freshness(self):
        """(state, reason)"""
        if self.head is None:
            return "UNKNOWN", None
        if self.is_clock_wrong:
            return "STALE", "clock"
        if self.fresh_until is None:
            return "LKG", None
        return ("FRESH", None) if boot_s() < self.fresh_until else ("STALE", None)


# --- MQTT -----------------------------------------------------------------------------------------------------------


class Connection:
    """A Client on a broker. Its functions are called by paho's thread; `lock` is held meanwhile."""

    def __init__(self, client, host, port, prefix="", instance=None):
        self.client, self.host, self.port, self.instance = client, host, port, instance
        self.prefix = f"{prefix}/" if prefix else ""
        self.lock = threading.RLock()
        self.mqtt = self.connection()
        self.mqtt.on_connect = lambda *_: self.subscribe()
        self.mqtt.on_message = self.on_message
        client.on_missing = self.subscribe
        self.answers = {}
        if instance:  # a connection has one will, so each service answers through its own
            client.on_answer = self.answer
            self.answers = {name: self.connection(will=self.answer_topic(name)) for name in client.follows}

    def connection(self, will=None):
        mqtt = paho.Client(protocol=paho.MQTTv5)
        mqtt.reconnect_delay_set(1, 30)
        if will:
            mqtt.will_set(will, b"", qos=1, retain=True)
        return mqtt

    def start(self):
        limits = Properties(PacketTypes.CONNECT)
        limits.MaximumPacketSize = PACKET_MAX
        for mqtt in (self.mqtt, *self.answers.values()):
            mqtt.connect_async(self.host, self.port, keepalive=60, properties=limits)
            mqtt.loop_start()
        if self.instance:
            for name, message in self.client.services.items():
                self.answer(name, message["version"], None)

    def stop(self):
        for name, mqtt in self.answers.items():
            if mqtt.is_connected():
                mqtt.publish(self.answer_topic(name), b"", qos=1, retain=True).wait_for_publish()
        for mqtt in (self.mqtt, *self.answers.values()):
            mqtt.disconnect()
            mqtt.loop_stop()

    def subscribe(self):
        self.mqtt.subscribe([(self.prefix + topic, 0 if "/keepalive/" in topic else 1) for topic in self.client.topics()])

    def on_message(self, _mqtt, _data, message):
        with self.lock:
            self.client.arrive(message.topic.removeprefix(self.prefix), message.payload)

    def answer_topic(self, name):
        return f"{self.prefix}system/ack/{name}/{self.instance}"

    def answer(self, name, version, reason):
        """config.ack (§5), unsigned: which epoch this service runs, or why it does not."""
        head = self.client.head
        now = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.answers[name].publish(self.answer_topic(name), canonical({
            "type": "config.ack", "format": FORMAT, "source": self.client.source, "generation": head["generation"], "timestamp": now,
            "service": name, "instance": self.instance, "epoch": head["epoch"], "version": version,
            "status": "refused" if reason else "applied", "reason": reason, "restart_pending": [], "overridden": [],
            "freshness": self.client.freshness()[0], "library": "python-plain 1"}).encode(), qos=1, retain=True)
