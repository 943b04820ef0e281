"""Messages that nobody should believe: forged, malformed, misdirected, oversize (threats T1, T4, T10, T23).

Each is sent on the topic of a followed service (or the head's, or the keepalive's), together with an honest head that names
its version, so that a client that takes it also applies it. Then the next honest epoch must be applied, and nothing else.
"""
import json
import re

from publisher import Key, canonical, opened, seal
from registry import add, case

EVIL = {"value": "evil"}
ORDER_OF_ED25519 = 2**252 + 27742317777372353535851937790883648493


def attempt(code, make):
    """`make(publisher, body)` gives the hostile bytes; body is that of an honest update of version 2."""

    def play(s):
        s.begin()
        honest = s.publisher.commit({"stt-worker": EVIL})
        s.send_service("stt-worker", make(s.publisher, opened(honest.messages["stt-worker"])))
        s.send_head(honest.head)
        s.refused(code)
        s.goes_on()

    return play


def spelled(old, new):
    """An honestly signed text that is not the canonical one."""
    return lambda p, body: seal(re.sub(old, lambda _: new, canonical(body), count=1), p.key)


def with_member(**members):
    return lambda p, body: p_seal(p, {**body, **members})


def without_member(name):
    return lambda p, body: p_seal(p, {member: value for member, value in body.items() if member != name})


def p_seal(p, body):
    return seal(body, p.key)


def nested(levels):
    return lambda p, body: seal(canonical(body).replace(b'"evil"', b"[" * levels + b"]" * levels), p.key)


def malleable(p, body):
    """The same signature with S + L instead of S: another signature that lax libraries take."""
    raw = seal(body, p.key)
    signature = bytes.fromhex(raw[-130:-2].decode())
    high = int.from_bytes(signature[32:], "little") + ORDER_OF_ED25519
    return raw[:-130] + (signature[:32] + high.to_bytes(32, "little")).hex().encode() + b'"}'


def tail_inside(p, body):
    """The signature where canonical order wants it, which is not at the end."""
    signature = seal(body, p.key)[-130:-2].decode()
    return canonical({**body, "signature": signature})


def tail_replaced(make):
    """The digits of the signature, replaced."""
    return lambda p, body: seal(body, p.key)[:-130] + make(seal(body, p.key)[-130:-2]) + b'"}'


FORGED = [
    ("no-json", "message-form", "bytes that are no message", lambda p, body: b"hello"),
    ("empty-object", "message-form", "an empty object", lambda p, body: b"{}"),
    ("unsigned", "message-form", "no signature at all", lambda p, body: canonical(body)),
    ("wrong-key", "bad-signature", "signed by a key that is not in the keyset, under the name of one that is",
     lambda p, body: seal(body, Key())),
    ("root-key", "bad-signature", "signed by the root key, which signs keysets alone",
     lambda p, body: seal({**body, "key_id": p.root.id}, p.root)),
    ("changed", "bad-signature", "a value changed after signing", lambda p, body: seal(body, p.key).replace(b"evil", b"bad!")),
    ("signature-of-another", "bad-signature", "the signature of another message",
     lambda p, body: seal(body, p.key)[:-144] + p.head[-144:]),
    ("signature-zero", "bad-signature", "a signature of zeros", tail_replaced(lambda digits: b"0" * 128)),
    ("signature-malleable", "bad-signature", "S + L in place of S", malleable),
    ("signature-cut", "message-form", "the last bytes are missing", lambda p, body: seal(body, p.key)[:-10]),
    ("signature-short", "message-form", "126 digits", tail_replaced(lambda digits: digits[:126])),
    ("signature-upper-case", "message-form", "digits in upper case", tail_replaced(bytes.upper)),
    ("signature-inside", "message-form", "the signature in its canonical place, not at the end", tail_inside),
    ("bytes-behind", "message-form", "a newline behind the end", lambda p, body: seal(body, p.key) + b"\n"),
    ("bytes-before", "message-form", "a space signed in front", lambda p, body: seal(b" " + canonical(body), p.key)),
    ("two-values", "message-form", "a second value behind the object", lambda p, body: seal(canonical(body) + b"{}", p.key)),
    ("name-twice", "message-form", "a member stands twice", spelled(rb'"version":2', b'"version":2,"version":2')),
    ("name-twice-inside", "message-form", "a setting stands twice in the configuration",
     spelled(rb'"value":"evil"', b'"value":"evil","value":"evil"')),
    ("white-space", "message-form", "a space behind a colon", spelled(rb'"version":2', b'"version": 2')),
    ("unsorted", "message-form", "two members in the wrong order", spelled(rb'\{"config":', b'{"zzz":1,"config":')),
    ("number-spelled-otherwise", "message-form", "1.0 in place of 1", spelled(rb'"evil"', b"1.0")),
    ("integer-too-large", "message-form", "an integer beyond 2^53-1", spelled(rb'"evil"', b"9007199254740993")),
    ("number-nan", "message-form", "NaN", spelled(rb'"evil"', b"NaN")),
    ("escape-needless", "message-form", "an escape that is not needed", spelled(rb"evil", b"\\u0065vil")),
    ("escape-nul", "message-form", "a string that holds NUL", spelled(rb"evil", b"\\u0000")),
    ("surrogate-alone", "message-form", "half of a surrogate pair", spelled(rb"evil", b"\\ud800")),
    ("not-utf8", "message-form", "bytes that are not UTF-8", spelled(rb"evil", b"\xff\xfe")),
    ("nested-deep", "message-form", "values nested 100 deep", nested(100)),
    ("nested-very-deep", "message-form", "values nested 100,000 deep: a parser's stack", nested(100000)),
    ("no-version", "message-form", "a member missing", without_member("version")),
    ("version-string", "message-form", "a version that is a string", with_member(version="2")),
    ("version-negative", "message-form", "a version below zero", with_member(version=-2)),
    ("config-list", "message-form", "a configuration that is a list", with_member(config=["evil"])),
    ("name-of-service", "message-form", "a service's name that climbs out of its folder", with_member(service="../stt-worker")),
    ("timestamp", "message-form", "a time without milliseconds", with_member(timestamp="2026-11-21T03:40:00Z")),
    ("commit", "message-form", "a commit that is none", with_member(config_epoch="HEAD")),
    ("schema", "message-form", "a schema that is no digest", with_member(schema="audio")),
    ("format-zero", "message-form", "format 0", with_member(format=0)),
    ("format-string", "message-form", "a format that is a string", with_member(format="1")),
    ("format-newer", "format-newer", "a format above the one known", with_member(format=2)),
    ("format-newer-otherwise", "format-newer", "a newer format whose members are others too",
     lambda p, body: p_seal(p, {"format": 3, "type": "config.update", "everything": "else"})),
    ("key-id-of-nobody", "bad-key-id", "a key_id that is not the key that signed", lambda p, body: p_seal(p, {**body, "key_id": Key().id})),
    ("key-id-of-root", "bad-key-id", "a key_id that names the root", lambda p, body: p_seal(p, {**body, "key_id": p.root.id})),
    ("type-unknown", "wrong-type", "a type that does not exist", with_member(type="config.command")),
    ("type-head", "wrong-type", "a head on the topic of a service", lambda p, body: p.head),
    ("type-keepalive", "wrong-type", "a keepalive on the topic of a service", lambda p, body: p.keepalive()),
    ("type-keyset", "bad-signature", "a keyset on the topic of a service: the root signs nothing else", lambda p, body: p.keyset),
    ("source-other", "wrong-source", "of another source, by the same key: staging is not production", with_member(source="staging")),
    ("service-other", "wrong-service", "the message of one service on the topic of another", lambda p, body: p.messages["tts-worker"]),
    ("generation-lower", "wrong-generation", "of generation 0, by the key of now", with_member(generation=0)),
    ("correlation-id", "message-form", "a correlation id of 65 characters", with_member(correlation_id="x" * 65)),
    ("config-too-large", "message-form", "a configuration of 262,145 bytes in a message that is not too large",
     with_member(config={"value": "e" * (262145 - len(b'{"value":""}'))})),
    ("too-large", "message-too-large", "327,681 bytes, rightly signed",
     lambda p, body: p_seal(p, {**body, "config": {"value": "e" * (327681 - len(seal(body, p.key)) + 4)}})),
]
for _name, _code, _about, _make in FORGED:
    add(f"forged.{_name}", f"in place of an update: {_about}", attempt(_code, _make))


def head_attempt(code, make):
    """The same for the head: `make(publisher, body)`, body is that of an honest head of epoch 2."""

    def play(s):
        s.begin()
        honest = s.publisher.commit({"stt-worker": EVIL})
        s.send_service("stt-worker", honest.messages["stt-worker"])
        s.send_index(honest.index)
        s.send_head(make(s.publisher, opened(honest.head)))
        s.refused(code)
        s.goes_on()

    return play


HEADS = [
    ("wrong-key", "bad-signature", "signed by a stranger", lambda p, body: seal(body, Key())),
    ("unsigned", "message-form", "not signed", lambda p, body: canonical(body)),
    ("changed-list", "message-form", "whose `changed` is a list", with_member(changed=["stt-worker"])),
    ("changed-null-versions", "message-form", "whose `changed` holds no versions", with_member(changed={"stt-worker": None})),
    ("changed-too-many", "message-form", "whose `changed` names 1,001 services",
     with_member(changed={"stt-worker": 2, **{f"service-{number}": 2 for number in range(1000)}})),
    ("changed-bad-name", "message-form", "whose `changed` names what is no service", with_member(changed={"stt-worker": 2, "../x": 2})),
    ("parent-string", "message-form", "whose parent is a string", with_member(parent="1")),
    ("parent-without-digest", "message-form", "whose parent has no digest", with_member(parent={"epoch": 1})),
    ("index-short", "message-form", "whose index is too short", with_member(index="ab" * 31)),
    ("no-epoch", "message-form", "without a number", without_member("epoch")),
    ("epoch-too-large", "message-form", "with a number beyond 2^53-1", spelled(rb'"epoch":2,"format"', b'"epoch":9007199254740992,"format"')),
    ("name-twice", "message-form", "with two numbers", spelled(rb'"epoch":2,"format"', b'"epoch":2,"epoch":3,"format"')),
    ("format-newer", "format-newer", "of a newer format", with_member(format=2)),
    ("key-id", "bad-key-id", "whose key_id names nobody", with_member(key_id="0" * 16)),
    ("type-update", "wrong-type", "that is an update", lambda p, body: p.messages["stt-worker"]),
    ("source-other", "wrong-source", "of another source", with_member(source="staging")),
    ("generation-lower", "wrong-generation", "of generation 0", with_member(generation=0)),
]
for _name, _code, _about, _make in HEADS:
    add(f"forged.head-{_name}", f"a head {_about}", head_attempt(_code, _make))


@case("forged.foreign-key-everything", "a stranger publishes a whole state, signed by a key of his own")
def everything_by_a_stranger(s):
    s.begin()
    stranger = Key()
    update = s.publisher.update("stt-worker", EVIL, 2, stranger, key_id=stranger.id)
    s.send_service("stt-worker", update)
    s.send_head(s.publisher.make_head({"stt-worker": 2}, s.publisher.parent(), stranger, epoch=2, key_id=stranger.id))
    s.refused("bad-signature")
    s.goes_on()


@case("forged.update-of-a-stranger-on-config-update", "a forged update on the topic for those who follow everything")
def on_the_other_topic(s):
    s.begin()
    s.tolerate("bad-signature")
    honest = s.publisher.commit({"stt-worker": EVIL})
    s.send("config/update", seal(opened(honest.messages["stt-worker"]), Key()), retain=False)
    s.send_head(honest.head)
    s.goes_on()


@case("forged.empty-payloads", "an empty payload on every topic means nothing")
def empty_payloads(s):
    epoch = s.begin()
    for topic in ("keys", "epoch", "index"):
        s.send(s.topic(topic), b"")
    for name in s.services:
        s.send_service(name, b"")
    s.send_keepalive(b"")
    s.runs(epoch)
    s.goes_on()


@case("forged.unknown-members", "members that nobody knows are ignored, wherever they sort, in every message")
def unknown_members(s):
    extra = {"a_first": 1, "zz_last": {"nested": [None, True]}}
    s.publisher.keyset = s.publisher.make_keyset(**extra)
    epoch = s.publisher.commit({name: {"value": 1} for name in s.services}, head=extra, update=extra)
    epoch.index = canonical({**json.loads(epoch.index), **extra})
    s.deliver(epoch, keyset=True)
    s.start()
    s.applied(epoch)
    s.send_keepalive(s.publisher.keepalive(**extra))
    s.fresh("FRESH")


@case("forged.values-of-every-kind", "a configuration with every kind of value arrives as it was sent")
def every_kind(s):
    config = {"text": "Küche \"stop\"\n\u001f/€😀", "yes": True, "no": False, "nothing": None, "list": [1, [], {}], "small": -9007199254740991,
              "half": 0.5, "tiny": 5e-324, "large": 1.7976931348623157e+308, "first": 1e+21, "": "a name may be empty"}
    s.begin({"stt-worker": config, "tts-worker": {}})
    s.goes_on()
