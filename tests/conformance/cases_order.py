"""Replays, rollbacks, mixtures, gaps and doubles of honest messages (threats T2, T3, T5; faults F67 to F69)."""
import copy
import itertools
import os

from registry import case
from stage import Failed

IS_FULL = bool(os.environ.get("CONFORMANCE_FULL"))
REPLAYED_EPOCHS = 100 if IS_FULL else 6
PARTED_SERVICES = [f"service-{letter}" for letter in ("abcdef" if IS_FULL else "abc")]


def both(s, value, **head):
    return s.publisher.commit({name: {"value": value} for name in s.services}, head=head)


@case("order.cold-start", "everything is retained before the client comes")
def cold_start(s):
    s.runs(s.begin(), epoch=1, generation=1)


@case("order.client-first", "the client is there before the first keyset; messages come in the worst order")
def client_first(s):
    s.tolerate("wrong-generation", "bad-signature")
    s.start()
    epoch = both(s, 1)
    s.send_index(epoch.index)
    s.send_head(epoch.head)
    for name, raw in epoch.changed.items():
        s.send_service(name, raw)
    s.send_keyset(epoch.keyset)
    s.applied(epoch)
    s.goes_on()


@case("order.every-permutation", "the messages of an epoch in each of their 24 orders: applied once, as a whole")
def every_permutation(s):
    s.begin()
    for order in itertools.permutations(range(4)):
        epoch = both(s, f"round {s.publisher.number}")
        stt, tts = (lambda name=name, raw=raw: s.send_service(name, raw) for name, raw in epoch.changed.items())
        moves = [stt, tts, lambda epoch=epoch: s.send_head(epoch.head), lambda epoch=epoch: s.send_index(epoch.index)]
        for move in order:
            moves[move]()
        s.applied(epoch)


@case("order.every-part-of-an-epoch", "every proper part of an epoch's messages: nothing of it is applied")
def every_part(s):
    s.services = PARTED_SERVICES
    s.begin()
    for held_back in range(1, 2 ** (len(s.services) + 1)):
        epoch = both(s, "part")
        for bit, name in enumerate(s.services):
            if not held_back & 1 << bit:
                s.send_service(name, epoch.changed[name])
        if held_back < 2 ** len(s.services):
            s.send_head(epoch.head)
        s.goes_on()


@case("order.mix-of-two-epochs", "a service of epoch 2 with the head of epoch 3: neither is applied until one is whole")
def mix(s):
    s.tolerate("message-older")
    s.begin()
    second, third = both(s, 2), both(s, 3)
    s.send_service("stt-worker", second.changed["stt-worker"])
    s.send_head(third.head)
    s.send_index(third.index)
    s.send_service("tts-worker", third.changed["tts-worker"])
    s.send_head(second.head)
    s.send_service("stt-worker", third.changed["stt-worker"])
    s.applied(third)


@case("order.overtaken-epoch", "epoch 2 is overtaken before it is complete: epoch 3 alone is applied")
def overtaken(s):
    s.tolerate("message-older")
    s.begin()
    second, third = both(s, 2), both(s, 3)
    s.send_head(second.head)
    s.send_head(third.head)
    s.send_index(third.index)
    for name in s.services:
        s.send_service(name, second.changed[name])
    for name in s.services:
        s.send_service(name, third.changed[name])
    s.applied(third)


@case("order.service-ahead-of-head", "a service message of a later epoch waits for its head")
def ahead(s):
    s.begin()
    second = s.publisher.commit({"tts-worker": {"value": 2}})
    third = s.publisher.commit({"stt-worker": {"value": 3}})
    s.send_service("stt-worker", third.changed["stt-worker"])
    s.send_service("tts-worker", second.changed["tts-worker"])
    s.send_head(second.head)
    s.applied(second)
    s.send_head(third.head)
    s.applied(third)


@case("order.parent-gap", "a head whose parent was never seen: the index completes it")
def parent_gap(s):
    s.begin()
    both(s, 2)
    s.deliver(s.publisher.commit({"stt-worker": {"value": 3}}))
    third = s.publisher.current()
    s.send_service("tts-worker", third.messages["tts-worker"])
    s.applied(third, "stt-worker", "tts-worker")


@case("order.parent-gap-unchanged", "after a gap, a service that did not change is the one that is applied already")
def parent_gap_unchanged(s):
    s.begin()
    s.publisher.commit({"router": {"value": 2}})
    third = s.publisher.commit({"stt-worker": {"value": 3}})
    s.deliver(third)
    s.applied(third)


@case("order.index-late", "a head after a gap waits until its index comes")
def index_late(s):
    s.begin()
    both(s, 2)
    third = both(s, 3)
    for name in s.services:
        s.send_service(name, third.changed[name])
    s.send_head(third.head)
    s.send_index(third.index)
    s.applied(third)


@case("order.index-of-another-epoch", "an index that is not the head's counts for nothing, before and behind it")
def index_of_another(s):
    first = s.begin()
    second = both(s, 2)
    third = both(s, 3)
    fourth = s.publisher.commit({"stt-worker": {"value": 4}})
    for name in s.services:
        s.send_service(name, third.changed[name])
    s.send_head(third.head)
    for wrong in (first, second, fourth):
        s.send_index(wrong.index)
    s.send_index(third.index)
    s.applied(third)


@case("order.index-forged", "an index that names an older message than its head binds")
def index_forged(s):
    first = s.begin()
    s.tolerate("message-form", "message-older")
    both(s, 2)
    third = both(s, 3)
    mixed = {"stt-worker": first.messages["stt-worker"], "tts-worker": third.messages["tts-worker"]}
    s.send_service("tts-worker", third.changed["tts-worker"])
    s.send_head(third.head)
    s.send_index(s.publisher.make_index(mixed))
    s.send_service("stt-worker", third.changed["stt-worker"])
    s.send_index(third.index)
    s.applied(third)


@case("order.index-malformed", "indexes that are not what they should be")
def index_malformed(s):
    s.begin()
    s.tolerate("message-form", "wrong-type", "wrong-source", "format-newer")
    both(s, 2)
    third = both(s, 3)
    for name in s.services:
        s.send_service(name, third.changed[name])
    s.send_head(third.head)
    for members in ({"services": []}, {"services": {"stt-worker": None}}, {"services": {"stt-worker": {"version": "3", "sha256": "x"}}},
                    {"services": {"../x": {"version": 3, "sha256": "0" * 64}}}, {"type": "config.epoch"}):
        s.send_index(s.publisher.make_index(**members))
    for raw in (b"x", b"[]", b"{" * 1000, third.index.replace(b":", b": "), third.index[:-1]):
        s.send_index(raw)
    s.send_index(third.index)
    s.applied(third)


@case("order.index-too-large", "an index of more than 4 MiB, though it is the head's: not read; the same in its size is")
def index_too_large(s):
    s.begin()
    s.tolerate("message-too-large", "message-form")
    both(s, 2)
    third = both(s, 3)
    for name in s.services:
        s.send_service(name, third.changed[name])
    s.send_head(third.head)
    s.send_index(s.publisher.make_index(padding="x" * (4 * 1024 * 1024)))
    s.deliver(s.publisher.commit({"router": {"value": 4}}))
    s.applied(s.publisher.current(), *s.services)


@case("order.changed-null", "a head that does not list what changed: the index does")
def changed_null(s):
    s.begin()
    second = s.publisher.commit({name: {"value": 2} for name in s.services}, head={"changed": None})
    s.deliver(second)
    s.applied(second)
    s.goes_on()


@case("order.changed-names-another-version", "a service of another version than the head names is not it")
def another_version(s):
    s.begin()
    second = both(s, 2)
    s.send_service("stt-worker", s.publisher.update("stt-worker", {"value": "evil"}, 9))
    s.send_service("tts-worker", second.changed["tts-worker"])
    s.send_head(second.head)
    higher = s.publisher.commit({name: {"value": 10} for name in s.services}, number=10)
    s.deliver(higher)
    s.applied(higher)


@case("order.parent-of-same-number", "a head whose parent has our number but another digest: nothing follows from `changed` alone")
def parent_of_same_number(s):
    s.begin()
    twin = copy.deepcopy(s.publisher)
    twin.head = None
    twin.number = 0
    twin.commit({name: {"value": "twin"} for name in s.services})
    s.publisher.head = twin.head
    s.publisher.messages["tts-worker"], s.publisher.configs["tts-worker"] = twin.messages["tts-worker"], twin.configs["tts-worker"]
    second = s.publisher.commit({"stt-worker": {"value": 2}})
    s.send_service("stt-worker", second.changed["stt-worker"])
    s.send_head(second.head)
    s.tolerate("equivocation")
    s.goes_on()


@case("order.replay-everything", "every older message of a run again, after each epoch of it: nothing of it has an effect")
def replay_everything(s):
    s.tolerate("message-older")
    past = [s.begin()]
    for _ in range(REPLAYED_EPOCHS):
        for old in past[:-1]:
            s.send_keyset(old.keyset)
            for name, raw in old.changed.items():
                s.send_service(name, raw)
                s.send("config/update", raw, retain=False)
            s.send_head(old.head)
            s.send_index(old.index)
        past.append(s.goes_on())
    s.runs(past[-1], epoch=past[-1].number)


@case("order.rollback-by-the-broker", "a broker that goes back to an older state as a whole")
def rollback(s):
    s.tolerate("message-older")
    first = s.begin()
    second = s.goes_on()
    s.deliver(first, keyset=True)
    s.runs(second)
    s.goes_on()


@case("order.same-bytes-again", "the whole state again, three times, as after a reconnect: told once")
def same_again(s):
    epoch = s.begin()
    for _ in range(3):
        s.deliver(epoch, keyset=True)
    s.goes_on()


@case("order.doubles", "every message twice, and by both topics: told once")
def doubles(s):
    s.begin()
    for _ in range(3):
        epoch = both(s, f"round {s.publisher.number}")
        for name, raw in epoch.changed.items():
            for _ in range(2):
                s.send_service(name, raw)
                s.send("config/update", raw, retain=False)
        s.send_head(epoch.head)
        s.send_head(epoch.head)
        s.applied(epoch)


@case("order.equivocation-applied", "another head of the epoch that is applied: the alarm, and the first one stays")
def equivocation_applied(s):
    first = s.begin()
    twin = copy.deepcopy(s.publisher)
    twin.number, twin.head = 0, None
    evil = twin.commit({name: {"value": "evil"} for name in s.services})
    s.tolerate("message-older")
    s.send_head(evil.head)
    s.refused("equivocation")
    s.runs(first)
    s.goes_on()


@case("order.equivocation-waiting", "another head of the epoch that waits: the alarm, and the first one stays")
def equivocation_waiting(s):
    s.begin()
    twin = copy.deepcopy(s.publisher)
    honest = both(s, 2)
    evil = twin.commit({name: {"value": "evil"} for name in s.services}, head={"correlation_id": "twin"})
    s.send_head(honest.head)
    s.send_head(evil.head)
    s.refused("equivocation")
    for name in s.services:
        s.send_service(name, honest.changed[name])
    s.applied(honest)


@case("order.equivocation-of-a-service", "two messages of one version: the alarm, and the one that the index names counts")
def equivocation_of_a_service(s):
    s.begin()
    both(s, 2)
    third = both(s, 3)
    s.send_service("stt-worker", third.changed["stt-worker"])
    s.send_service("stt-worker", s.publisher.update("stt-worker", {"value": "evil"}))
    s.refused("equivocation")
    s.deliver(third)
    s.applied(third)


@case("order.content-comes-back", "old content as a new epoch is a change like any other")
def content_comes_back(s):
    s.begin()
    s.goes_on()
    back = both(s, 1)
    s.deliver(back)
    s.applied(back)


@case("order.no-change-is-no-news", "a new version with the same configuration is not told")
def no_news(s):
    first = s.begin()
    s.deliver(s.publisher.commit(first.configs))
    s.goes_on()


@case("order.numbers-jump", "everything issued anew far above, the configuration the same: not told")
def numbers_jump(s):
    first = s.begin()
    s.deliver(s.publisher.commit(first.configs, number=900719925474, head={"offset": 900719925472}))
    s.goes_on()


@case("order.other-services", "services that the client does not follow come, change and go")
def other_services(s):
    s.begin()
    s.deliver(s.publisher.commit({"router": {"value": 1}, "llm-worker": {"value": 1}}))
    s.deliver(s.publisher.commit({"router": None}))
    s.goes_on()


@case("order.added-later", "a service that is followed before it exists")
def added_later(s):
    epoch = s.publisher.commit({"stt-worker": {"value": 1}})
    s.deliver(epoch, keyset=True)
    s.start()
    s.applied(epoch)
    added = s.publisher.commit({"tts-worker": {"value": 2}})
    s.deliver(added)
    s.applied(added)
    s.goes_on()


@case("order.tombstone", "a service is removed: told, and its last values stay")
def tombstone(s):
    first = s.begin()
    s.deliver(s.publisher.commit({"tts-worker": None}))
    s.removed("tts-worker")
    s.runs(first)
    back = s.publisher.commit({"tts-worker": {"value": "back"}})
    s.deliver(back)
    s.applied(back)
    s.goes_on()


@case("order.removed-in-a-gap", "a service that is missing in the index was removed")
def removed_in_a_gap(s):
    s.begin()
    s.publisher.commit({"tts-worker": None})
    third = s.publisher.commit({"stt-worker": {"value": 3}})
    s.send_service("tts-worker", b"")
    s.deliver(third)
    found = sorted(s.next_event()["event"] for _ in range(2))
    if found != ["applied", "removed"]:
        raise Failed(f"{found} came where one service is applied and one removed")


@case("order.tombstone-replayed", "an old tombstone does not remove a service that came back")
def tombstone_replayed(s):
    s.tolerate("message-older")
    s.begin()
    gone = s.publisher.commit({"tts-worker": None})
    s.deliver(gone)
    s.removed("tts-worker")
    back = s.publisher.commit({"tts-worker": {"value": "back"}})
    s.deliver(back)
    s.applied(back)
    s.deliver(gone)
    s.goes_on()


@case("order.last-service-of-many", "one of 200 services, of which the client follows two")
def of_many(s):
    s.publisher.commit({f"service-{number}": {"value": number} for number in range(200)})
    epoch = both(s, 2)
    s.deliver(epoch, keyset=True)
    s.start()
    s.applied(epoch)
    s.goes_on()


@case("order.broker-lost-everything", "the broker restarts with nothing; the configuration stays, and the next epoch is applied",
      group="disk", own_broker=True)
def broker_lost_everything(s):
    first = s.begin()
    s.restart_broker()
    s.deliver(first, keyset=True)
    s.runs(first)
    s.goes_on()
