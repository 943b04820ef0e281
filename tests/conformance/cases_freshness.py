"""How old is what the client knows: keepalives, silence, clocks, freeze (threats T5, T24; faults F67, F70, F71)."""
import copy

from publisher import Key, canonical, opened, seal
from registry import add, case
from stage import Failed

HOUR_S = 3600


def never(s, state, since):
    if any(seen == state for seen, _ in s.freshness_log[since:]):
        raise Failed(f"it said {state}: {s.freshness_log}")


@case("freshness.unknown", "nothing on disk, nothing from the broker: UNKNOWN")
def unknown(s):
    opened_with = s.start(with_broker=False)
    if (opened_with["freshness"], opened_with["services"]) != ("UNKNOWN", {}):
        raise Failed(f"it opened with {opened_with}")


@case("freshness.fresh", "a keepalive that names the applied head: FRESH")
def fresh(s):
    s.begin()
    s.send_keepalive(s.publisher.keepalive())
    s.fresh("FRESH")


@case("freshness.stale", "the keepalives end: STALE after ttl_s, and the configuration stays")
def stale(s):
    first = s.begin()
    s.send_keepalive(s.publisher.keepalive(ttl_s=1))
    s.fresh("FRESH")
    s.fresh("STALE")
    s.runs(first, freshness="STALE")
    s.goes_on()


@case("freshness.fresh-again", "after STALE the next keepalive makes it FRESH")
def fresh_again(s):
    s.begin()
    s.send_keepalive(s.publisher.keepalive(ttl_s=1))
    s.fresh("STALE")
    seen = len(s.freshness_log)
    s.send_keepalive(s.publisher.keepalive())
    s.fresh("FRESH", since=seen)


def does_not_count(make, *codes):
    """After STALE, `make(publisher, the keepalive before)` does not make it FRESH; an honest one does."""

    def play(s):
        s.begin()
        before = s.publisher.keepalive(ttl_s=1)
        s.send_keepalive(before)
        s.fresh("STALE")
        seen = len(s.freshness_log)
        s.tolerate("message-older")
        s.send_keepalive(make(s.publisher, before))
        s.refused(*codes)
        s.runs(s.goes_on(), freshness="STALE")
        s.send_keepalive(s.publisher.keepalive())
        s.fresh("FRESH", since=seen)

    return play


KEEPALIVES = [
    ("replayed", "the last keepalive again", lambda p, before: before, ()),
    ("sequence-lower", "a keepalive with a lower sequence", lambda p, before: p.keepalive(sequence=p.sequence - 5), ()),
    ("sequence-equal", "another keepalive with the same sequence", lambda p, before: p.keepalive(sequence=p.sequence), ()),
    ("forged", "a keepalive of a stranger", lambda p, before: seal(opened(p.keepalive()), Key()), ("bad-signature",)),
    ("unsigned", "a keepalive without a signature", lambda p, before: canonical(opened(p.keepalive())), ("message-form",)),
    ("other-source", "a keepalive of another source", lambda p, before: p.keepalive(source="staging"), ("wrong-source",)),
    ("other-type", "a head on the topic of keepalives", lambda p, before: p.head, ("wrong-type",)),
    ("format-newer", "a keepalive of a newer format", lambda p, before: p.keepalive(format=2), ("format-newer",)),
    ("sequence-string", "a keepalive whose sequence is a string", lambda p, before: p.keepalive(sequence="9"), ("message-form",)),
    ("generation-lower", "a keepalive of generation 0", lambda p, before: p.keepalive(generation=0), ("wrong-generation",)),
    ("no-such-head", "a keepalive that names a head nobody has", lambda p, before: p.keepalive(head=b"nobody's"), ()),
]
for _name, _about, _make, _codes in KEEPALIVES:
    add(f"freshness.{_name}", _about, does_not_count(_make, *_codes))


def wrong_clock(shift_s):
    def play(s):
        s.begin()
        s.send_keepalive(s.publisher.keepalive(shift_s=shift_s))
        s.fresh("STALE", "clock")
        never(s, "FRESH", 0)
        s.goes_on()

    return play


add("freshness.clock-behind", "keepalives an hour old: STALE, reason clock; epochs are applied all the same", wrong_clock(-HOUR_S))
add("freshness.clock-ahead", "keepalives of the future: STALE, reason clock", wrong_clock(HOUR_S))


@case("freshness.clock-almost", "a clock that is wrong by less than ttl_s + 30 s is good enough")
def clock_almost(s):
    s.begin()
    s.send_keepalive(s.publisher.keepalive(shift_s=-45))
    s.fresh("FRESH")


@case("freshness.clock-mended", "after STALE for the clock, a keepalive of now makes it FRESH")
def clock_mended(s):
    s.begin()
    s.send_keepalive(s.publisher.keepalive(shift_s=-HOUR_S))
    s.fresh("STALE", "clock")
    s.send_keepalive(s.publisher.keepalive())
    s.fresh("FRESH")


@case("freshness.freeze", "the broker withholds a head and passes the keepalives on: no longer FRESH, and nothing is lost")
def freeze(s):
    first = s.begin()
    s.send_keepalive(s.publisher.keepalive(ttl_s=1))
    s.fresh("FRESH")
    seen = len(s.freshness_log)
    second = s.publisher.commit({name: {"value": 2} for name in s.services})
    s.send_keepalive(s.publisher.keepalive())
    s.fresh("STALE", since=seen)
    s.runs(first)
    s.deliver(second)
    s.applied(second)
    s.send_keepalive(s.publisher.keepalive())
    s.fresh("FRESH", since=seen)


@case("freshness.asks-again", "a keepalive that names a head which is not here: the client subscribes anew")
def asks_again(s):
    s.begin()
    s.publisher.commit({name: {"value": 2} for name in s.services})
    since = len(s.broker.subscriptions)
    s.send_keepalive(s.publisher.keepalive())
    s.broker.wait_for([f"{s.prefix}/{s.topic('epoch')}"], since, s.patience_s)


@case("freshness.stays-over-an-epoch", "FRESH stays FRESH when the next epoch is applied")
def stays(s):
    s.begin()
    s.send_keepalive(s.publisher.keepalive())
    s.fresh("FRESH")
    seen = len(s.freshness_log)
    epoch = s.goes_on()
    s.runs(epoch, freshness="FRESH")
    never(s, "STALE", seen)


@case("freshness.sequence-of-a-generation", "after a rotation the sequence begins anew")
def sequence_of_a_generation(s):
    s.begin()
    s.send_keepalive(s.publisher.keepalive(ttl_s=1, sequence=2**53 - 1))
    s.fresh("STALE")
    seen = len(s.freshness_log)
    s.deliver(s.publisher.rotate(), keyset=True)
    s.goes_on()
    s.send_keepalive(s.publisher.keepalive(sequence=1))
    s.fresh("FRESH", since=seen)


@case("freshness.revoked-key", "keepalives of a key that was rotated away are refused")
def revoked(s):
    s.begin()
    thief = copy.deepcopy(s.publisher)
    s.deliver(s.publisher.rotate(), keyset=True)
    s.goes_on()
    s.send_keepalive(thief.keepalive())
    s.refused("bad-signature")
    s.goes_on()
    never(s, "FRESH", 0)


@case("freshness.ttl-huge", "a ttl_s of 2^53-1 overflows nothing")
def ttl_huge(s):
    s.begin()
    s.send_keepalive(s.publisher.keepalive(ttl_s=2**53 - 1))
    s.fresh("FRESH")
    s.goes_on()
