"""What a client keeps, and what it makes of the publisher's snapshot (promise 4; threats T2, T11 to T13; faults F74, F79)."""
import copy
import json

from publisher import Key, MacKey, canonical, opened, seal
from registry import add, case
from stage import Failed


def again(s, **options):
    """The client ends and starts again with its cache."""
    s.quit()
    return s.start(**options)


def opened_with(s, told, epoch, freshness="LKG"):
    wanted = {name: epoch.config_sha256(name) for name in s.services if name in epoch.configs}
    if (told["freshness"], told["epoch"], told["services"]) != (freshness, epoch.number, wanted):
        raise Failed(f"it opened with {told}, it should be {freshness}, epoch {epoch.number}, {wanted}")


@case("disk.restart-without-broker", "what was applied is there after a restart, with no broker at all")
def restart_without_broker(s):
    first = s.begin()
    opened_with(s, again(s, with_broker=False), first)


@case("disk.restart-after-kill", "and after kill -9")
def restart_after_kill(s):
    first = s.begin()
    s.client.kill()
    opened_with(s, s.start(with_broker=False), first)


@case("disk.restart-tells-nothing-twice", "the same state from the broker after a restart is not told again")
def restart_tells_nothing_twice(s):
    first = s.begin()
    opened_with(s, again(s), first)
    s.goes_on()


@case("disk.rollback-while-away", "a broker that went back while the client was away")
def rollback_while_away(s):
    s.tolerate("message-older")
    first = s.begin()
    second = s.goes_on()
    s.quit()
    s.deliver(first, keyset=True)
    opened_with(s, s.start(), second)
    s.goes_on()


@case("disk.equivocation-after-restart", "another head of the applied epoch after a restart: the alarm")
def equivocation_after_restart(s):
    first = s.begin()
    twin = copy.deepcopy(s.publisher)
    twin.number, twin.head = 0, None
    evil = twin.commit({name: {"value": "evil"} for name in s.services})
    s.quit()
    s.send_head(evil.head)
    opened_with(s, s.start(), first)
    s.refused("equivocation")
    s.tolerate("message-older")
    s.goes_on()


@case("disk.epochs-missed", "five epochs while the client was away")
def epochs_missed(s):
    s.begin()
    s.quit()
    for number in range(5):
        last = s.publisher.commit({name: {"value": f"away-{number}"} for name in s.services})
        s.deliver(last)
    s.start()
    s.applied(last)


@case("disk.rotations-missed", "three rotations and an epoch while the client was away")
def rotations_missed(s):
    s.begin()
    s.quit()
    for _ in range(3):
        s.publisher.rotate()
    last = s.publisher.commit({name: {"value": "away"} for name in s.services})
    s.deliver(last, keyset=True)
    s.start()
    s.applied(last)


@case("disk.keyset-outlives-restart", "the new keyset came, its state did not; after a restart the old key is still dead")
def keyset_outlives_restart(s):
    first = s.begin()
    thief = copy.deepcopy(s.publisher)
    rotated = s.publisher.rotate()
    s.send_keyset(rotated.keyset)
    s.deliver(thief.commit({"router": {"value": 1}}))
    s.refused("bad-signature")
    s.quit()
    s.tolerate("message-older", "keyset-refused")
    s.send_keyset(thief.keyset)
    evil = thief.commit({name: {"value": "evil"} for name in s.services})
    s.deliver(evil)
    opened_with(s, s.start(), first)
    s.deliver(rotated, keyset=True)
    s.goes_on()


@case("disk.removed-outlives-restart", "a service that was removed is not told again after a restart")
def removed_outlives_restart(s):
    s.begin()
    gone = s.publisher.commit({"tts-worker": None})
    s.deliver(gone)
    s.removed("tts-worker")
    again(s)
    back = s.publisher.commit({name: {"value": "back"} for name in s.services})
    s.deliver(back)
    s.applied(back)


@case("disk.cache-cut", "every file of the cache is cut in half: nothing of it is believed, the broker gives all anew")
def cache_cut(s):
    first = s.begin()
    s.quit()
    s.tolerate("lkg-form", "lkg-bad-mac", "lkg-bad-sig", "key-file")
    for path in [path for path in s.cache.rglob("*") if path.is_file()]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if s.start()["services"] == {}:
        s.applied(first)
    s.goes_on()


@case("disk.cache-flipped", "a byte in the middle of every large file of the cache is flipped: nothing forged is believed")
def cache_flipped(s):
    first = s.begin({name: {"value": "x" * 3000} for name in s.services})
    s.quit()
    s.tolerate("lkg-form", "lkg-bad-mac", "lkg-bad-sig", "key-file", "keyset-refused", "bad-signature", "message-form")
    for path in [path for path in s.cache.rglob("*") if path.is_file() and path.stat().st_size > 3000]:
        raw = bytearray(path.read_bytes())
        raw[raw.index(b"x" * 100) + 50] ^= 1
        path.write_bytes(raw)
    told = s.start()
    if told["services"].get("stt-worker") not in (None, first.config_sha256("stt-worker")):
        raise Failed(f"it opened with {told}")
    if told["services"] == {}:
        s.applied(first)
    s.goes_on()


# --- the publisher's snapshot ---------------------------------------------------------------------------------------


def first_epoch(s, value="snapshot"):
    return s.publisher.commit({**{name: {"value": value} for name in s.services}, "router": {"value": 1}})


def write_snapshot(s, raw):
    s.snapshot_file.write_bytes(raw)
    s.snapshot_file.chmod(0o640)


@case("snapshot.opens", "with the snapshot and no broker: the configuration is there, LKG", group="snapshot")
def snapshot_opens(s):
    epoch = first_epoch(s)
    write_snapshot(s, s.publisher.snapshot(s.mac))
    opened_with(s, s.start(with_broker=False), epoch)


@case("snapshot.then-broker", "from the snapshot on to the broker's newer epoch; the snapshot's own is not told again")
def snapshot_then_broker(s):
    epoch = first_epoch(s)
    write_snapshot(s, s.publisher.snapshot(s.mac))
    s.deliver(epoch, keyset=True)
    opened_with(s, s.start(), epoch)
    s.send_keepalive(s.publisher.keepalive())
    s.fresh("FRESH")
    s.goes_on()


@case("snapshot.older-than-the-broker", "the broker is ahead of the snapshot")
def snapshot_older(s):
    first_epoch(s)
    write_snapshot(s, s.publisher.snapshot(s.mac))
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.deliver(second, keyset=True)
    s.start()
    s.applied(second)


@case("snapshot.newer-than-the-broker", "the broker is behind the snapshot: its older epoch has no effect")
def snapshot_newer(s):
    s.tolerate("message-older")
    first = first_epoch(s)
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    write_snapshot(s, s.publisher.snapshot(s.mac))
    s.deliver(first, keyset=True)
    opened_with(s, s.start(), second)
    s.goes_on()


@case("snapshot.older-than-the-cache", "a snapshot that was rolled back: what the client has applied is the floor")
def snapshot_rolled_back(s):
    s.tolerate("message-older", "lkg-older")
    first_epoch(s)
    old = s.publisher.snapshot(s.mac)
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.deliver(second, keyset=True)
    s.start()
    s.applied(second)
    s.quit()
    write_snapshot(s, old)
    opened_with(s, s.start(with_broker=False), second)


@case("snapshot.newer-than-the-cache", "a snapshot that is ahead of the cache is used")
def snapshot_ahead(s):
    s.begin()
    s.quit()
    second = first_epoch(s)
    write_snapshot(s, s.publisher.snapshot(s.mac))
    opened_with(s, s.start(with_broker=False), second)


@case("snapshot.of-an-older-generation", "a snapshot of an older generation with a higher epoch: the generation decides")
def snapshot_of_older_generation(s):
    s.tolerate("message-older", "lkg-older", "lkg-bad-sig", "keyset-refused")
    thief = copy.deepcopy(s.publisher)
    s.begin()
    s.deliver(s.publisher.rotate(), keyset=True)
    second = s.goes_on()
    s.quit()
    thief.commit({name: {"value": "evil"} for name in s.services}, number=99)
    write_snapshot(s, thief.snapshot(s.mac))
    opened_with(s, s.start(with_broker=False), second)


def refused_snapshot(make, code):
    """`make(stage, publisher)` gives the file; it is not used at all, and the broker's state is applied."""

    def play(s):
        first_epoch(s)
        write_snapshot(s, make(s, s.publisher))
        second = s.publisher.commit({name: {"value": 2} for name in s.services})
        s.deliver(second, keyset=True)
        told = s.start()
        if told["services"] or told["freshness"] != "UNKNOWN":
            raise Failed(f"it opened with {told}")
        s.refused(code) if code not in s.refusals else s.expected.add(code)
        s.applied(second)

    return play


def services_of(p, **messages):
    return {"services": {**{name: raw.decode() for name, raw in p.messages.items()}, **messages}}


def forged_service(s, p):
    """The thief of the HMAC key changes a value; he cannot sign."""
    evil = seal({**opened(p.messages["stt-worker"]), "config": {"value": "evil"}}, Key())
    return p.snapshot(s.mac, **services_of(p, **{"stt-worker": evil.decode()}))


def forged_service_and_index(s, p):
    evil = seal({**opened(p.messages["stt-worker"]), "config": {"value": "evil"}}, Key())
    index = p.make_index({**p.messages, "stt-worker": evil})
    return p.snapshot(s.mac, index=index.decode(), **services_of(p, **{"stt-worker": evil.decode()}))


def older_service(s, p):
    """A rightly signed message, but of another epoch than the head's."""
    old = p.messages["stt-worker"]
    p.commit({"stt-worker": {"value": "newer"}})
    return p.snapshot(s.mac, **services_of(p, **{"stt-worker": old.decode()}))


def everything_forged(s, p):
    thief = copy.deepcopy(p)
    thief.root, thief.key = Key(), Key()
    thief.keyset = thief.make_keyset()
    thief.messages = {name: thief.update(name, {"value": "evil"}) for name in s.services}
    thief.finish(thief.messages)
    return thief.snapshot(s.mac)


def cut(s, p):
    raw = p.snapshot(s.mac)
    return raw[: len(raw) // 2]


def flipped(s, p):
    return p.snapshot(s.mac).replace(b"snapshot", b"snapshop", 1)


def stranger_key(s, p):
    return p.snapshot(MacKey())


SNAPSHOTS = [
    ("forged-service", "lkg-bad-sig", "right HMAC, a service changed by a thief of the HMAC key", forged_service),
    ("forged-service-and-index", "lkg-bad-sig", "right HMAC, a service and the index changed", forged_service_and_index),
    ("mixed", "lkg-bad-sig", "right HMAC, an older service with a newer head", older_service),
    ("everything-forged", "lkg-bad-sig", "right HMAC, everything signed by a stranger's root", everything_forged),
    ("service-missing", "lkg-bad-sig", "right HMAC, a service left out",
     lambda s, p: p.snapshot(s.mac, services={name: p.messages[name].decode() for name in ("tts-worker", "router")})),
    ("epoch-of-another-head", "lkg-bad-sig", "right HMAC, an epoch that is not its head's", lambda s, p: p.snapshot(s.mac, epoch=99)),
    ("generation-of-another-head", "lkg-bad-sig", "right HMAC, a generation that is not its head's", lambda s, p: p.snapshot(s.mac, generation=9)),
    ("wrong-hmac", "lkg-bad-mac", "an HMAC of zeros", lambda s, p: p.snapshot(s.mac, mac="0" * 64)),
    ("stranger-hmac", "lkg-bad-mac", "an HMAC by a stranger's key", stranger_key),
    ("flipped", "lkg-bad-mac", "a byte changed", flipped),
    ("other-host", "lkg-wrong-host", "written on another host", lambda s, p: p.snapshot(s.mac, host="another-host")),
    ("other-source", "lkg-wrong-host", "of another source", lambda s, p: p.snapshot(s.mac, source="staging")),
    ("cut", "lkg-form", "cut in the middle", cut),
    ("empty", "lkg-form", "an empty file", lambda s, p: b""),
    ("bytes-behind", "lkg-form", "bytes behind the end", lambda s, p: p.snapshot(s.mac) + b"x"),
    ("no-members", "lkg-form", "right HMAC, a member missing", lambda s, p: p.snapshot(s.mac, head=None)),
    ("format-newer", "format-newer", "right HMAC, a newer format", lambda s, p: p.snapshot(s.mac, format=2)),
]
for _name, _code, _about, _make in SNAPSHOTS:
    add(f"snapshot.{_name}", f"a snapshot: {_about}", refused_snapshot(_make, _code))


