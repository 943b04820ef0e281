"""The history checker finds nothing in a good history, and in each bad one the promise that was broken.

A real run is recorded once (commits, a refusal, a removal, a push, kill -9 and a restart); then each test seeds one fault into it.
"""
import base64
import copy
import hashlib
import hmac
import json
import re
import shutil
import sys
import time
from types import SimpleNamespace

import pytest
from harness import ROOT, SOURCE, Broker, Daemon, Repo, Subscriber

sys.path.insert(0, str(ROOT / "tests/torture"))
import checker  # noqa: E402
import libbroker  # noqa: E402
from consumer import Consumer, Following  # noqa: E402
from libhistory import Recorder, history  # noqa: E402
from nacl.signing import SigningKey  # noqa: E402

from verify_independent import key_id, read_key  # noqa: E402

pytestmark = pytest.mark.xdist_group("checker")  # recorded once
TRACE = ["strace", "-D", "-f", "-y", "-xx", "-s", "262144", "-e", "trace=pwrite64,fdatasync,fsync,write,send,sendto,sendmsg"]
HEAD = f"system/epoch/{SOURCE}"


def drive(folder, ends):
    repo = Repo(folder / "config")
    repo.commit({f"services/{name}.yaml": f"name: {name}\nn: 1\n" for name in ("ears", "brain", "mouth")}, "begin")
    broker = ends(Broker(folder / "broker"))
    recorder = ends(Recorder(broker.port))
    trace = folder / "trace"
    daemon = ends(Daemon(folder / "epochd", repo, broker, wrapper=[*TRACE, "-o", str(trace)]))
    daemon.published(1)
    consumers = {}
    for name, follows in (("all", None), ("ears only", {"ears"})):
        roots = (daemon.state / "keys/root.pub").read_text().splitlines(True)
        consumers[name] = ends(Following(Consumer(roots, folder / f"{name}.cache", follows=follows), broker.port))
        assert consumers[name].wait(1)
    repo.commit({"services/ears.yaml": "name: ears\nn: 2\n"}, "louder")
    daemon.published(2)
    repo.commit({"services/ears.yaml": "n: [\n"}, "broken")
    daemon.wait("epoch_rejected")
    daemon.kill()
    shutil.copy(trace, folder / "trace.first")
    for n in (4, 5):
        repo.commit({"services/brain.yaml": f"n: {n}\n", "services/ears.yaml": f"n: {n}\n"}, "two at once")
    daemon.start()
    daemon.published(5)
    repo.commit({"services/mouth.yaml": None}, "quiet")
    daemon.published(6)
    for consumer in consumers.values():
        assert consumer.wait(6)
    assert recorder.wait("", lambda m: m.topic == "system/config/mouth" and not m.payload), "the tombstone is cleared"
    daemon.stop()
    for consumer in consumers.values():
        consumer.stop()
    return history(
        repo.path, daemon.state, recorder.of(), applied={name: f.consumer.entries for name, f in consumers.items()},
        live=set(consumers), outputs={"status": json.dumps(daemon.lines).encode(), "lkg": (daemon.state / "config.lkg.json").read_bytes()},
        trace=checker.read_trace(folder / "trace.first") + checker.read_trace(trace)), daemon.state / "keys"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    things = []
    try:
        yield drive(tmp_path_factory.mktemp("history"), lambda thing: things.append(thing) or thing)
    finally:
        for thing in reversed(things):
            thing.stop()


@pytest.fixture
def good(recorded):
    return copy.deepcopy(recorded[0])


@pytest.fixture
def keys(recorded):
    return recorded[1]


def found(history):
    return {violation.invariant for violation in checker.check(history)}


# --- seeding ---------------------------------------------------------------------------------------------------------------


def lines_of(history):
    return [json.loads(raw) for raw in history.journal[0].rstrip(b"\0").splitlines()]


def reseal(history, lines):
    """Writes the journal anew around these lines, each sealed and chained as epochd does: the fault is in what they say."""
    key = read_key(history.journal_key, "hmac-sha256")
    previous, text = "0" * 64, []
    for number, line in enumerate(lines, 1):
        body = {"seq": number, "prev": previous, **{k: v for k, v in line.items() if k not in ("seq", "prev", "hmac", "key_id")}, "key_id": key_id(key)}
        raw = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        raw = raw[:-1] + f',"hmac":"{hmac.new(key, raw, hashlib.sha256).hexdigest()}"}}'.encode()
        text.append(raw)
        previous = hashlib.sha256(raw).hexdigest()
    history.journal = [b"\n".join(text) + b"\n"]


def sign_anew(keys, raw, **changes):
    """The message with these members, validly signed by the daemon's own key."""
    body = json.loads(raw) | changes
    body.pop("signature")
    text = json.dumps(body, separators=(",", ":"), ensure_ascii=False, sort_keys=True).encode()
    seed = base64.b64decode((keys / "signing.key").read_text().split(":")[2])
    signature = SigningKey(seed).sign(text).signature
    return text[:-1] + b',"signature":"' + signature.hex().encode() + b'"}'


def carried(history, topic):
    return [n for n, message in enumerate(history.carried) if message.topic == topic and message.payload]


# --- a good one ----------------------------------------------------------------------------------------------------------


def test_a_good_history_has_no_violation(good):
    assert checker.check(good) == []
    assert len(good.trace) > 20 and {"append", "sync", "publish"} == {event for event, _ in good.trace}
    assert [e["epoch"] for e in good.applied["all"]] == [1, 2, 5, 6]
    kinds = {line["kind"] for line in lines_of(good)}
    assert {"committed", "rejected", "superseded", "published"} <= kinds


def test_a_journal_that_is_sealed_anew_without_a_change_is_still_good(good):
    reseal(good, lines_of(good))
    assert checker.check(good) == []


def test_a_history_survives_being_saved(good, tmp_path):
    good.save(tmp_path)
    assert checker.History.load(tmp_path) == good


def test_the_program_says_what_is_wrong_and_exits_1(good, tmp_path, capsys):
    good.applied["all"].reverse()
    good.save(tmp_path)
    assert checker.main([str(tmp_path)]) == 1
    assert "I1 all went back from (1, 6) to (1, 5)" in capsys.readouterr().out


# --- seeded faults -------------------------------------------------------------------------------------------------------


def signed_last(history):
    """The signature of the last epoch's head."""
    return next(line for line in reversed(lines_of(history)) if line["kind"] == "committed")["head"][-130:-2]


def test_publish_before_the_sync_is_i7(good):
    signature = signed_last(good)
    good.trace.insert(good.trace.index(("append", signature)) + 1, ("publish", signature))
    assert found(good) == {"I7"}


def test_publish_before_the_append_is_i7(good):
    good.trace.insert(0, ("publish", signed_last(good)))
    assert found(good) == {"I7"}


def test_a_publish_without_any_sync_is_i7(good):
    good.trace = [event for event in good.trace if event[0] != "sync"]
    assert found(good) == {"I7"}


def test_a_lost_journal_line_is_i0(good):
    lines = good.journal[0].split(b"\n")
    del lines[4]
    good.journal = [b"\n".join(lines)]
    assert "I0" in found(good)


def test_a_damaged_byte_in_the_journal_is_i0(good):
    data = bytearray(good.journal[0])
    data[len(data) // 2] ^= 1
    good.journal = [bytes(data)]
    assert "I0" in found(good)


def test_a_lost_epoch_in_a_journal_that_is_sealed_anew_is_i2_i4_and_i7(good):
    reseal(good, [line for line in lines_of(good) if line.get("epoch") != 2])
    assert {"I2", "I4", "I7"} <= found(good)


def test_a_lost_end_of_the_journal_is_i2_and_i7(good):
    lines = lines_of(good)
    last = max(n for n, line in enumerate(lines) if line["kind"] == "committed")
    reseal(good, lines[:last])
    assert {"I2", "I7"} <= found(good)


def test_a_head_that_is_signed_again_within_a_generation_is_i8(good, keys):
    message = good.carried[carried(good, HEAD)[-1]]
    other = sign_anew(keys, message.payload, timestamp="2026-01-01T00:00:00.000Z")
    good.carried.insert(carried(good, HEAD)[-1], checker.Carried(HEAD, other, True))
    assert "I8" in found(good)


def test_two_digests_for_one_generation_version_and_service_are_i8(good, keys):
    at = carried(good, "system/config/ears")[-1]
    other = sign_anew(keys, good.carried[at].payload, config={"n": 666})
    good.carried.insert(at, checker.Carried("system/config/ears", other, True))
    assert "I8" in found(good)


def test_a_strangers_signature_is_i0(good):
    at = carried(good, "system/config/ears")[0]
    text = good.carried[at].payload
    good.carried[at].payload = text[:-4] + (b"00" if text[-4:-2] != b"00" else b"11") + text[-2:]
    assert "I0" in found(good)


def test_a_skipped_verdict_is_i4(good):
    reseal(good, [line for line in lines_of(good) if line["kind"] != "rejected"])
    assert found(good) == {"I4"}


def test_a_skipped_commit_of_a_range_is_i4(good):
    lines = lines_of(good)
    assert any(line["kind"] == "superseded" and line["commits"] for line in lines)
    reseal(good, [dict(line, commits=[]) if line["kind"] == "superseded" else line for line in lines])
    assert found(good) == {"I4"}


def test_a_commit_with_two_verdicts_is_i4(good):
    lines = lines_of(good)
    committed = next(line for line in lines if line["kind"] == "committed")
    rejected = next(line for line in lines if line["kind"] == "rejected")
    reseal(good, lines + [dict(rejected, commit=committed["commit"])])
    assert "I4" in found(good)


def test_an_epoch_that_was_never_published_is_i4(good):
    reseal(good, [line for line in lines_of(good) if line["kind"] != "published" or line["epoch"] != 2])
    assert found(good) == {"I4"}


def test_a_backward_head_on_the_wire_is_i1(good):
    first, last = carried(good, HEAD)[0], carried(good, HEAD)[-1]
    good.carried.insert(last, copy.deepcopy(good.carried[first]))
    good.carried.append(copy.deepcopy(good.carried[last + 1]))
    assert found(good) == {"I1"}


def test_a_backward_service_on_the_wire_is_i1(good):
    own = carried(good, "system/config/ears")
    good.carried.insert(own[-1] + 1, copy.deepcopy(good.carried[own[0]]))
    good.carried.append(copy.deepcopy(good.carried[own[-1]]))
    assert found(good) == {"I1"}


def test_a_consumer_that_goes_backward_is_i1(good):
    log = good.applied["all"]
    log.insert(2, copy.deepcopy(log[0]))
    assert found(good) == {"I1"}


def test_an_epoch_number_that_goes_backward_in_the_journal_is_i1(good):
    lines = lines_of(good)
    first = next(line for line in lines if line["kind"] == "committed")
    reseal(good, lines + [first])
    assert "I1" in found(good)


def test_an_applied_digest_from_nowhere_is_i2(good):
    good.applied["all"][1]["services"]["ears"]["sha256"] = "0" * 64
    assert "I2" in found(good)


def test_an_applied_head_from_nowhere_is_i2(good):
    good.applied["ears only"][-1]["head"] = "f" * 64
    assert "I2" in found(good)


def test_an_epoch_of_a_commit_that_the_repository_does_not_have_is_i3(good):
    commit = lines_of(good)[2]["commit"]
    good.repository.known.discard(commit)
    assert "I3" in found(good)


def test_an_epoch_with_the_wrong_number_is_i3(good):
    commit = next(line["commit"] for line in lines_of(good) if line.get("epoch") == 5)
    good.repository.parents[commit] = []
    assert "I3" in found(good)


def test_half_an_epoch_is_i5(good):
    log = good.applied["all"]
    at = next(n for n, entry in enumerate(log) if entry["epoch"] == 5)
    log[at]["services"]["ears"] = log[at - 1]["services"]["ears"]
    assert found(good) == {"I5"}


def test_a_service_too_few_is_i5(good):
    del good.applied["all"][-1]["services"]["brain"]
    assert found(good) == {"I5"}


def test_a_service_that_is_applied_after_its_removal_is_i5(good):
    log = good.applied["all"]
    log[-1]["services"]["mouth"] = log[0]["services"]["mouth"]
    assert found(good) == {"I5"}


def test_an_index_of_another_epoch_is_i5(good):
    topic = f"system/index/{SOURCE}"
    index = json.loads(good.carried[carried(good, topic)[-1]].payload)
    index["services"].popitem()
    good.carried.append(checker.Carried(topic, json.dumps(index).encode(), True))
    assert found(good) == {"I5"}


def test_a_consumer_that_stays_behind_is_i6(good):
    good.applied["ears only"].pop()
    assert found(good) == {"I6"}


def test_a_live_consumer_that_applied_nothing_is_i6(good):
    good.live.add("deaf")
    assert found(good) == {"I6"}


def test_a_consumer_that_stays_behind_is_no_fault_before_it_is_quiet(good):
    good.applied["ears only"].pop()
    good.quiet = False
    assert found(good) == set()


@pytest.mark.parametrize("topic", [HEAD, "system/config/ears"])
def test_a_broker_that_is_left_without_is_i6(good, topic):
    good.carried = [message for message in good.carried if message.topic != topic]
    assert found(good) == {"I6"}


def test_a_removed_service_that_stays_on_the_broker_is_i6(good):
    good.carried = [m for m in good.carried if m.topic != "system/config/mouth" or m.payload]
    assert found(good) == {"I6"}


@pytest.mark.parametrize("where", ["log", "journal", "message"])
def test_a_canary_is_i9(good, where):
    canary = b"correct horse battery staple"
    good.canaries.append(canary)
    assert found(good) == set()
    if where == "log":
        good.outputs["log"] = b"password=" + canary
    elif where == "journal":
        lines = lines_of(good)
        lines[0]["written_by"] += canary.decode()
        reseal(good, lines)
    else:
        good.carried.append(checker.Carried(f"system/health/{SOURCE}", canary))
    assert found(good) == {"I9"}


def test_the_private_keys_are_canaries(good, keys):
    good.outputs["log"] = (keys / "signing.key").read_bytes()
    assert found(good) == {"I9"}


@pytest.mark.parametrize("code", ["", "Not A Code"])
def test_a_rejection_without_a_stable_code_is_i10(good, code):
    reseal(good, [dict(line, code=code) if line["kind"] == "rejected" else line for line in lines_of(good)])
    assert found(good) == {"I10"}


def test_a_rejection_with_two_codes_is_i10(good):
    lines = lines_of(good)
    rejected = next(line for line in lines if line["kind"] == "rejected")
    reseal(good, lines + [dict(rejected, code="yaml.tab")])
    assert found(good) == {"I10"}


def test_a_rejection_told_twice_is_i10(good):
    lines = lines_of(good)
    reseal(good, lines + [next(line for line in lines if line["kind"] == "rejected")])
    assert found(good) == {"I10"}


def test_every_invariant_has_a_seeded_fault():
    source = re.sub(r"def test_every_invariant.*", "", open(__file__).read(), flags=re.S)
    assert {f"I{n}" for n in range(11)} == set(checker.INVARIANTS)
    assert all(f'"{invariant}"' in source for invariant in checker.INVARIANTS)


# --- the consumer -----------------------------------------------------------------------------------------------------------


def replay(good, tmp_path, messages, follows=None, cache="cache"):
    consumer = Consumer(good.roots, tmp_path / cache, follows=follows)
    for message in messages:
        consumer.arrive(message.topic, message.payload)
    return consumer


def test_a_consumer_never_goes_back_over_any_replay_of_what_was_carried(good, tmp_path):
    consumer = replay(good, tmp_path, good.carried + good.carried + good.carried[::-1])
    epochs = [entry["epoch"] for entry in consumer.entries]
    assert epochs == sorted(set(epochs)) and epochs[-1] == 6


def test_a_consumer_that_is_killed_goes_on_from_its_cache(good, tmp_path):
    middle = len(good.carried) // 2
    first = replay(good, tmp_path, good.carried[:middle])
    second = replay(good, tmp_path, good.carried)
    good.applied = {"killed": first.entries + second.entries}
    good.live = {"killed"}
    assert checker.check(good) == []


def test_a_consumer_applies_nothing_without_the_index_or_all_that_changed(good, tmp_path):
    final = {m.topic: m for m in good.carried if m.payload and not m.topic.startswith("config/")}
    without = [m for topic, m in final.items() if topic != "system/config/ears"]
    assert replay(good, tmp_path, without).entries == []
    assert [e["epoch"] for e in replay(good, tmp_path, final.values(), cache="whole").entries] == [6]


def test_a_slow_recorder_misses_nothing_that_others_have_seen(tmp_path, ends, monkeypatch):
    broker = ends(Broker(tmp_path / "broker"))
    capture = ends(libbroker.Capture(libbroker.Ledger(SimpleNamespace(state=tmp_path))))
    monkeypatch.setattr(capture, "judge", lambda *_: time.sleep(0.05))  # it is that slow
    capture.attach(broker.port)
    subscriber = Subscriber(broker.port, "#")
    for n in range(10):
        subscriber.publish("system/config/ears", str(n).encode())
    subscriber.close()
    capture.finish()
    assert [message.payload for message in capture.carried if message.topic == "system/config/ears"] == [b"%d" % n for n in range(10)]
