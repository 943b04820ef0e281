"""Keysets and their rotation (threats T6, T8, T12, T23; faults F76, F77)."""
import copy
import json

from publisher import Key, canonical, opened, seal
from registry import add, case

EVIL = {"value": "evil"}


def other_keyset(code, make):
    """`make(publisher, thief)` gives a keyset of generation 2 that must not count; then the thief publishes with it."""

    def play(s):
        s.begin()
        thief = copy.deepcopy(s.publisher)
        thief.generation, thief.key = 2, Key()
        s.tolerate("bad-signature", "wrong-generation")
        s.send_keyset(make(s.publisher, thief))
        thief.messages = {}
        evil = thief.commit({name: EVIL for name in s.services})
        s.deliver(evil)
        s.refused(code)
        s.send_keyset(s.publisher.keyset)
        s.goes_on()

    return play


def entry(key, **members):
    return {**key.entry, **members}


def with_keys(entries):
    """Signed by the honest root: what is wrong is the list."""
    return lambda p, thief: seal({**opened(thief.make_keyset()), "keys": entries(thief)}, p.root)


def root_signed(**members):
    return lambda p, thief: thief.make_keyset(**members)


KEYSETS = [
    ("by-the-signing-key", "keyset-refused", "signed by the publisher's signing key", lambda p, thief: thief.make_keyset(root=p.key)),
    ("by-another-root", "keyset-refused", "signed by a root that is not pinned", lambda p, thief: thief.make_keyset(root=Key())),
    ("by-another-root-in-our-name", "keyset-refused", "signed by a stranger who names our root",
     lambda p, thief: seal(opened(thief.make_keyset()), Key())),
    ("by-its-own-key", "keyset-refused", "signed by the key it introduces", lambda p, thief: thief.make_keyset(root=thief.key)),
    ("unsigned", "keyset-refused", "not signed", lambda p, thief: canonical(opened(thief.make_keyset()))),
    ("changed", "keyset-refused", "changed after signing",
     lambda p, thief: p.keyset.replace(p.key.public.hex().encode(), thief.key.public.hex().encode())),
    ("root-inside", "keyset-refused", "with the root among its keys", lambda p, thief: thief.make_keyset([thief.key, p.root])),
    ("id-of-another", "keyset-refused", "a key under another key's id", with_keys(lambda t: [entry(t.key, id="0" * 16)])),
    ("unsorted", "keyset-refused", "keys out of order", with_keys(lambda t: sorted([t.key.entry, Key().entry], key=lambda e: e["id"], reverse=True))),
    ("key-twice", "keyset-refused", "one key twice", with_keys(lambda t: [t.key.entry, t.key.entry])),
    ("empty", "keyset-refused", "no keys", with_keys(lambda t: [])),
    ("nine-keys", "keyset-refused", "nine keys", lambda p, thief: thief.make_keyset([thief.key] + [Key() for _ in range(8)])),
    ("public-short", "keyset-refused", "a key of 31 bytes", with_keys(lambda t: [entry(t.key, public=t.key.public.hex()[:62])])),
    ("type-other", "keyset-refused", "of another type, signed by the root", root_signed(type="config.epoch")),
    ("key-id-other", "keyset-refused", "that names another key than the root that signed", root_signed(key_id="0" * 16)),
    ("name-twice", "keyset-refused", "with a member twice",
     lambda p, thief: seal(canonical(opened(thief.make_keyset())).replace(b'"generation":2', b'"generation":2,"generation":2'), p.root)),
    ("update-on-its-topic", "keyset-refused", "that is an update", lambda p, thief: p.messages["stt-worker"]),
    ("source-other", "wrong-source", "of another source, by our root", root_signed(source="staging")),
    ("format-newer", "format-newer", "of a newer format, by our root", root_signed(format=2)),
    ("too-large", "message-too-large", "larger than a message may be", root_signed(padding="x" * 330000)),
]
for _name, _code, _about, _make in KEYSETS:
    add(f"keys.{_name}", f"a keyset {_about}" if not _about[0].isdigit() else _about, other_keyset(_code, _make))


@case("keys.rotation", "new keys, everything signed anew: nothing is told, and the next epoch comes by the new key")
def rotation(s):
    s.begin()
    s.deliver(s.publisher.rotate(), keyset=True)
    s.goes_on()
    s.runs(s.publisher.current(), generation=2)


@case("keys.rotation-old-key-refused", "what the old key signs after the rotation is refused")
def old_key_refused(s):
    s.begin()
    thief = copy.deepcopy(s.publisher)
    s.deliver(s.publisher.rotate(), keyset=True)
    s.deliver(thief.commit({name: EVIL for name in s.services}))
    s.refused("bad-signature")
    s.goes_on()


@case("keys.rotation-old-key-in-new-generation", "the old key cannot sign for the new generation")
def old_key_new_generation(s):
    s.begin()
    thief = copy.deepcopy(s.publisher)
    s.deliver(s.publisher.rotate(), keyset=True)
    thief.generation = 2
    s.deliver(thief.commit({name: EVIL for name in s.services}))
    s.refused("bad-signature")
    s.goes_on()


@case("keys.rotation-keyset-alone", "with the keyset alone the old key is dead, and what was applied stays")
def keyset_alone(s):
    first = s.begin()
    thief = copy.deepcopy(s.publisher)
    rotated = s.publisher.rotate()
    s.send_keyset(rotated.keyset)
    s.deliver(thief.commit({name: EVIL for name in s.services}))
    s.refused("bad-signature")
    s.runs(first, generation=1)
    s.deliver(rotated)
    s.goes_on()


@case("keys.rotation-with-an-epoch", "an epoch between rotation and delivery: new generation and new configuration at once")
def with_an_epoch(s):
    s.begin()
    s.publisher.rotate()
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.deliver(second, keyset=True)
    s.applied(second)


@case("keys.generation-before-keyset", "messages of the next generation come before its keyset: held, then applied")
def before_keyset(s):
    s.begin()
    s.tolerate("bad-signature", "wrong-generation")
    s.publisher.rotate()
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.deliver(second)
    s.send_keyset(second.keyset)
    s.applied(second)


@case("keys.several-missed", "five rotations that the client never saw: the newest keyset is enough")
def several_missed(s):
    s.begin()
    for _ in range(5):
        s.publisher.rotate()
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.deliver(second, keyset=True)
    s.applied(second)
    s.runs(second, generation=6)


@case("keys.generation-lower", "the keyset before the rotation again: ignored, and its key stays dead")
def generation_lower(s):
    s.begin()
    thief = copy.deepcopy(s.publisher)
    s.deliver(s.publisher.rotate(), keyset=True)
    s.tolerate("message-older", "keyset-refused")
    s.send_keyset(thief.keyset)
    s.deliver(thief.commit({name: EVIL for name in s.services}))
    s.refused("bad-signature")
    s.goes_on()


@case("keys.equal-generation", "another keyset of the same generation, by the root: the alarm, and the first one stays")
def equal_generation(s):
    s.begin()
    thief = copy.deepcopy(s.publisher)
    thief.key = Key()
    s.send_keyset(thief.make_keyset())
    s.refused("equivocation")
    s.tolerate("bad-signature")
    s.deliver(thief.commit({name: EVIL for name in s.services}))
    s.goes_on()


@case("keys.shared-key-old-generation", "a key that stays in the keyset: its messages of the old generation are refused all the same")
def shared_key(s):
    s.begin()
    old = copy.deepcopy(s.publisher)
    s.deliver(s.publisher.rotate(keep=[old.key]), keyset=True)
    s.deliver(old.commit({name: EVIL for name in s.services}))
    s.refused("wrong-generation")
    s.goes_on()


@case("keys.second-key-signs", "a keyset of eight keys: any of them signs")
def second_key(s):
    keys = [Key() for _ in range(7)]
    s.publisher.keyset = s.publisher.make_keyset([s.publisher.key, *keys])
    s.begin()
    for key in keys:
        s.publisher.key = key
        s.goes_on()


@case("keys.key-id-of-a-neighbour", "one key of the keyset signs under the id of another one")
def neighbour(s):
    other = Key()
    s.publisher.keyset = s.publisher.make_keyset([s.publisher.key, other])
    s.begin()
    honest = s.publisher.commit({"stt-worker": EVIL})
    s.send_service("stt-worker", seal(opened(honest.changed["stt-worker"]), other))
    s.send_head(honest.head)
    s.refused("bad-key-id")
    s.goes_on()


@case("keys.second-root", "two roots are pinned: either one may sign a keyset")
def second_root(s):
    other = Key()
    s.roots.append(other)
    s.begin()
    s.publisher.root = other
    s.publisher.rotate()
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.deliver(second, keyset=True)
    s.applied(second)


@case("keys.thief-drives-the-counter-up", "a thief of the key drives the epoch to 2^53-1; after the rotation epoch 2 is applied")
def counter(s):
    s.begin()
    thief = copy.deepcopy(s.publisher)
    evil = thief.commit({name: EVIL for name in s.services}, number=2**53 - 1)
    s.deliver(evil)
    s.applied(evil)
    s.publisher.rotate()
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.deliver(second, keyset=True)
    s.applied(second)
    s.tolerate("bad-signature", "message-older")
    s.deliver(evil)
    s.goes_on()


@case("keys.no-keyset-no-configuration", "a whole state, and no keyset: nothing is applied before it comes")
def no_keyset(s):
    s.tolerate("bad-signature", "wrong-generation")
    epoch = s.publisher.commit({name: {"value": 1} for name in s.services})
    s.deliver(epoch)
    s.start()
    if s.state()["services"]:
        raise AssertionError(json.dumps(s.state()))
    s.send_keyset(epoch.keyset)
    s.applied(epoch)
