#!/usr/bin/python3
"""The client of examples/python-plain with one check taken out, to see that the cases notice.

    broken.py FLAW       runs as a client under test that has this flaw
    broken.py --list     every flaw, and the cases that must fail because of it
"""
import contextlib
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples/python-plain"))
import conformance  # noqa: E402
import epoch_plain as plain  # noqa: E402

FLAWS = {}


def flaw(*cases):
    def register(function):
        FLAWS[function.__name__.replace("_", "-")] = (function, cases)
        return function

    return register


def instead(name, function):
    setattr(plain, name, function)


def forgives(*codes):
    """A function that raises these codes gives its second argument back."""

    def wrap(function):
        def lenient(*arguments):
            try:
                return function(*arguments)
            except plain.Refused as refused:
                if refused.code not in codes:
                    raise
                return plain.json.loads(arguments[0][:-144] + b"}")

        return lenient

    return wrap


@flaw("forged.wrong-key", "forged.changed", "forged.head-wrong-key", "keys.by-another-root", "freshness.forged", "keys.rotation-old-key-refused")
def signature():
    instead("signer_of", lambda signed, signature, keys: plain.json.loads(signed).get("key_id"))


@flaw("forged.unsigned", "freshness.unsigned", "keys.unsigned")
def tail():
    strict = plain.cut_tail

    def lenient(raw, name, digits, code):
        with contextlib.suppress(plain.Refused):
            return strict(raw, name, digits, code)
        return raw, None

    verified = plain.signer_of
    instead("cut_tail", lenient)
    instead("signer_of", lambda signed, signature, keys: verified(signed, signature, keys) if signature else next(iter(keys)))


@flaw("forged.name-twice", "forged.white-space", "forged.unsorted", "forged.number-spelled-otherwise", "forged.escape-needless")
def canonical_form():
    def lenient(raw, code="message-form"):
        try:
            return plain.json.loads(raw.decode())
        except (ValueError, RecursionError) as error:
            raise plain.Refused(code, str(error)) from error

    instead("parse", lenient)


@flaw("forged.version-string", "forged.config-list", "freshness.sequence-string")
def members():
    strict = plain.expect
    instead("expect", lambda members, forms, code="message-form": strict(members, {k: f for k, f in forms.items() if k in ("format", "type")}, code))


@flaw("forged.too-large", "keys.too-large")
def size():
    plain.MESSAGE_MAX = 2**30


@flaw("forged.config-too-large", "forged.head-changed-too-many", "order.index-too-large")
def limits():
    plain.CONFIG_MAX = plain.CHANGED_MAX = plain.INDEX_MAX = 2**30
    plain.PACKET_MAX = 2**24


@flaw("forged.format-newer", "forged.head-format-newer", "keys.format-newer", "freshness.format-newer", "snapshot.format-newer")
def format_newer():
    plain.FORMAT = 10**6


@flaw("forged.key-id-of-nobody", "keys.key-id-of-a-neighbour")
def key_id():
    instead("open_signed", forgives("bad-key-id")(plain.open_signed))


@flaw("forged.source-other", "freshness.other-source")
def source():
    instead("verify", forgives("wrong-source")(plain.verify))


@flaw("forged.service-other")
def service():
    instead("verify", forgives("wrong-service")(plain.verify))


@flaw("forged.type-head", "forged.head-type-update", "freshness.other-type")
def message_type():
    instead("verify", forgives("wrong-type")(plain.verify))


@flaw("keys.shared-key-old-generation", "forged.generation-lower")
def generation():
    instead("verify", forgives("wrong-generation")(plain.verify))


@flaw("keys.root-inside", "keys.id-of-another", "keys.unsorted", "keys.nine-keys", "keys.empty")
def keyset_members():
    strict = plain.verify_keyset

    def lenient(raw, roots, source):
        with contextlib.suppress(plain.Refused):
            return strict(raw, roots, source)
        body = plain.open_signed(raw, roots)
        return body | {"public": {key["id"]: bytes.fromhex(key["public"]) for key in body["keys"]}, "raw": raw}

    instead("verify_keyset", lenient)


@flaw("keys.generation-lower", "disk.keyset-outlives-restart")
def keyset_order():
    def lenient(self, raw):
        self.keyset, self.sequence, self.waiting, self.held = plain.verify_keyset(raw, self.roots, self.source), -1, None, {}
        self.save()

    plain.Client.take_keyset = lenient


@flaw("keys.generation-before-keyset", "order.client-first")
def held_for_keyset():
    plain.Client.keep_for_later = lambda *_: None


@flaw("order.rollback-by-the-broker", "order.replay-everything", "order.equivocation-applied", "order.equivocation-waiting")
def order():
    def lenient(self, raw):
        self.waiting = self.described(plain.verify(raw, self.keyset, plain.HEAD, self.source), raw)

    def latest(self, raw, topic_name):
        update = plain.verify(raw, self.keyset, plain.UPDATE, self.source, topic_name) | {"raw": raw}
        self.held[update["service"]] = update

    plain.Client.take_head, plain.Client.take_update = lenient, latest


@flaw("order.every-part-of-an-epoch", "order.mix-of-two-epochs", "order.every-permutation", "order.service-ahead-of-head")
def completeness():
    def at_once(self):
        for name, update in self.held.items():
            was = self.services.get(name)
            if self.head and update["config"] is not None and (not was or was["raw"] != update["raw"]):
                self.services[name] = update
                self.offer(name, update)
        if self.waiting:
            self.apply(self.waiting | {"keyset_raw": self.keyset["raw"], "follows": sorted(self.follows)}, {**self.services, **self.held})

    plain.Client.try_to_apply = at_once


@flaw("order.index-of-another-epoch", "order.index-forged")
def index_digest():
    class Any:
        def __eq__(self, other):
            return True

        def __ne__(self, other):
            return False

    instead("index_digest", lambda services: Any())


@flaw("order.parent-of-same-number")
def parent_digest():
    strict = plain.Client.by_changes

    def lenient(self, head):
        if self.head and head["parent"] and head["parent"]["epoch"] == self.head["epoch"]:
            head = head | {"parent": {"sha256": self.head["sha256"]}}
        return strict(self, head)

    plain.Client.by_changes = lenient


@flaw("order.no-change-is-no-news", "keys.rotation", "order.numbers-jump")
def told_without_change():
    def always(self, head, state):
        self.head, self.services, self.waiting = head, state, None
        self.save()
        for name, message in state.items():
            self.offer(name, message)

    plain.Client.apply = always


@flaw("order.tombstone", "order.removed-in-a-gap")
def removal():
    conformance.Driver.say = staticmethod(lambda event, say=conformance.Driver.say, **members: event == "removed" or say(event, **members))


@flaw("disk.restart-without-broker", "disk.rollback-while-away", "disk.restart-after-kill")
def cache():
    plain.Client.save = lambda self: None


@flaw("disk.keyset-outlives-restart")
def keyset_kept():
    strict = plain.Client.save

    def late(self):
        if self.head is None or self.keyset["generation"] == self.head["generation"]:
            strict(self)

    plain.Client.save = late


@flaw("freshness.replayed", "freshness.sequence-lower", "freshness.sequence-equal")
def sequence():
    strict = plain.Client.take_keepalive

    def lenient(self, raw):
        self.sequence = -1
        strict(self, raw)

    plain.Client.take_keepalive = lenient


@flaw("freshness.no-such-head", "freshness.asks-again")
def keepalive_head():
    def lenient(self, raw):
        keepalive = plain.verify(raw, self.keyset, plain.KEEPALIVE, self.source)
        if keepalive["sequence"] > self.sequence:
            self.sequence, self.fresh_until = keepalive["sequence"], plain.boot_s() + keepalive["ttl_s"]

    plain.Client.take_keepalive = lenient


@flaw("freshness.clock-behind", "freshness.clock-ahead")
def clock():
    plain.CLOCK_SLACK_S = 10**9


@flaw("freshness.clock-almost")
def clock_too_strict():
    plain.CLOCK_SLACK_S = 0


@flaw("freshness.stale", "freshness.freeze")
def silence():
    plain.boot_s = lambda: 0


@flaw("snapshot.wrong-hmac", "snapshot.stranger-hmac", "snapshot.flipped")
def snapshot_mac():
    instead("check_snapshot_mac", lambda *_: None)


@flaw("snapshot.forged-service", "snapshot.mixed", "snapshot.everything-forged", "snapshot.service-missing")
def snapshot_signatures():
    def trusting(payload, roots, source, host):
        keyset = plain.json.loads(payload["keyset"])
        public = {key["id"]: bytes.fromhex(key["public"]) for key in keyset["keys"]}
        messages = {name: text.encode() for name, text in payload["services"].items()}
        return keyset | {"public": public, "raw": payload["keyset"].encode()}, plain.json.loads(payload["head"]), messages

    instead("verify_snapshot", trusting)


@flaw("snapshot.other-host", "snapshot.other-source")
def snapshot_host():
    strict = plain.verify_snapshot
    instead("verify_snapshot", lambda payload, roots, source, host: strict({**payload, "host": host, "source": source}, roots, source, host))


@flaw("snapshot.older-than-the-cache", "snapshot.of-an-older-generation")
def snapshot_mark():
    strict = plain.Client.restore_snapshot

    def lenient(self):
        if self.snapshot:
            self.head = self.keyset = None
        strict(self)

    plain.Client.restore_snapshot = lenient


@flaw("application.refuses")
def refusal_applied():
    def stubborn(self, name, message):
        with contextlib.suppress(Exception):
            self.on_change(name, message["version"], message["config"])
        self.values[name] = message["config"]

    plain.Client.offer = stubborn


@flaw("application.refuses", "acknowledge.refused")
def handler_ends_the_loop():
    def fragile(self, name, message):
        try:
            self.on_change(name, message["version"], message["config"])
        except Exception:
            os._exit(1)
        self.values[name] = message["config"]

    plain.Client.offer = fragile


@flaw("acknowledge.applied")
def acknowledgement():
    plain.Connection.answer = lambda *_: None


@flaw("acknowledge.killed")
def last_will():
    strict = plain.Connection.connection
    plain.Connection.connection = lambda self, will=None: strict(self)


def main():
    if sys.argv[1:] == ["--list"]:
        for name, (_, cases) in sorted(FLAWS.items()):
            print(name, *cases)
        return
    FLAWS[sys.argv[1]][0]()
    conformance.Driver(conformance.settings()).run()


if __name__ == "__main__":
    main()
