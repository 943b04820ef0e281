"""libepoch as an application uses it: a C program (probe.c) on the public header alone, a real broker, a real daemon."""
import base64
import hashlib
import hmac
import json
import os
import shutil
import time

import pytest
from harness import SOURCE, Broker, Daemon, Repo, Subscriber
from probes import answer, lkg

STT = "services/audio/stt-worker.yaml"


# --- following -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["loop", "thread"])
def test_follows_a_service_key_by_key(lively, home, opened, subscriber, mode):
    probe = opened(lively, mode)
    first = probe.wait("update")
    assert (first["service"], first["version"], first["before"], first["config"]["sample_rate"]) == ("stt-worker", 1, None, 16000)
    assert first["inside"] == "busy"  # a callback cannot drive the client that it is part of
    home.commit({STT: "sample_rate: 8000\nnew: {deep: true}\n", "services/router.yaml": "a: 1\n"})
    change = probe.wait("update")
    assert (change["version"], change["epoch"]) == (2, 2)
    assert {"key": "/sample_rate", "before": 16000, "after": 8000} in change["changes"]
    assert {"key": "/new", "before": None, "after": {"deep": True}} in change["changes"]
    answer(subscriber, epoch=2)  # it is in force: the callback comes before
    value = probe.get("stt-worker", "/new/deep")
    assert (value["value"], value["source"], value["commit"]) == (True, "repository", home.head())
    assert probe.get("stt-worker", "/none")["found"] == "absent"
    assert probe.get("stt-worker", "no-pointer")["found"] == "bad-pointer"
    assert probe.get("router")["code"] == "service-unknown"
    probe.wait("status", freshness="FRESH")
    assert not probe.seen("alarm")


def test_waits_once_for_what_is_there_now(lively, opened):
    probe = opened(lively, "silent")
    probe.say("wait current 30000")
    probe.wait("waited")
    assert probe.get("stt-worker", "/sample_rate")["value"] == 16000
    probe.say("wait fresh 30000")
    probe.wait("waited")
    probe.say("status")
    assert probe.wait("asked")["freshness"] == "FRESH"


def test_a_wait_ends_with_what_it_waits_for(lively, opened):
    """Not with the next thing that happens: with the daemon gone there is none for a second. The quickest of ten counts."""
    lively.stop()
    took = []
    for _ in range(10):
        probe = opened(lively)
        probe.say("wait current 20000")
        took.append(probe.wait("waited")["us"])
        probe.stop()
    assert min(took) < 500_000, took


def test_a_wait_without_a_broker_ends_in_time(lively, broker, opened):
    broker.kill()
    probe = opened(lively)
    probe.say("wait current 300")
    assert probe.wait("error")["code"] == "timed-out"
    assert "onnection refused" in probe.seen("status")[-1]["detail"]


# --- without network -----------------------------------------------------------------------------------------------------


def test_opens_from_its_cache_and_from_the_snapshot_without_network(tmp_path, lively, opened):
    probe = opened(lively)
    probe.wait("update")
    probe.stop()
    again = opened(lively, "url=off")
    assert again.get("stt-worker", "/sample_rate")["value"] == 16000
    again.say("status")
    status = again.wait("asked")
    assert (status["freshness"], status["epoch"]) == ("LKG", 1)
    other = opened(lively, "url=off", *lkg(lively), cache="other")
    assert other.get("stt-worker", "/sample_rate")["value"] == 16000
    nothing = opened(lively, "url=off", cache="third")
    assert nothing.get("stt-worker")["code"] == "no-configuration"
    for one in (again, other, nothing):
        assert not one.seen("update") and not one.seen("alarm")


def test_f80__a_refusal_keeps_what_is_in_force_across_a_restart(lively, home, opened, subscriber):
    probe = opened(lively)
    probe.wait("update")
    answer(subscriber, epoch=1, status="applied", version=1)
    probe.say("refuse no such voice")
    home.commit({STT: "sample_rate: 8000\n"})
    probe.wait("update", version=2)
    refused = answer(subscriber, epoch=2, status="refused")
    assert (refused["reason"], refused["version"]) == ("no such voice", 2)
    assert probe.get("stt-worker", "/sample_rate")["value"] == 16000
    probe.stop()
    assert subscriber.wait("system/ack/stt-worker/here", lambda payload: payload == b"") == b""
    again = opened(lively)
    assert again.get("stt-worker", "/sample_rate")["value"] == 16000
    again.say("wait current 30000")
    again.wait("waited")
    assert not again.seen("update")
    home.commit({STT: "sample_rate: 4000\n"})
    again.wait("update", version=3)
    assert answer(subscriber, epoch=3)["status"] == "applied"


def test_a_removed_service_keeps_its_last_values(lively, home, opened):
    probe = opened(lively)
    probe.wait("update")
    home.commit({STT: None})
    gone = probe.wait("update")
    assert (gone["removed"], gone["version"], gone["config"]["sample_rate"]) == (True, 2, 16000)
    probe.stop()
    again = opened(lively, "url=off")
    value = again.get("stt-worker", "/sample_rate")
    assert (value["value"], value["removed"]) == (16000, True)


# --- never back ----------------------------------------------------------------------------------------------------------


def test_t2_t12__what_was_applied_is_the_floor_after_a_restart(tmp_path, lively, home, broker, opened, ends):
    """The broker, and the snapshot, are put back to an older epoch while the client is away."""
    shutil.copy(lively.state / "config.lkg.json", tmp_path / "old.lkg.json")
    keeper = ends(Subscriber(broker.port, "system/#"))
    keeper.epoch(1)
    old = {topic: payload for topic, payload, _ in keeper.messages if payload and "keepalive" not in topic and "/ack/" not in topic}
    probe = opened(lively)
    probe.wait("update")
    home.commit({STT: "sample_rate: 8000\n"})
    probe.wait("update", version=2)
    probe.stop()
    lively.kill()
    broker.kill()
    broker.start()
    liar = ends(Subscriber(broker.port, "none"))
    for topic, payload in old.items():
        liar.publish(topic, payload, retain=True)
    again = opened(lively, f"lkg={tmp_path / 'old.lkg.json'}", f"lkg_key={lively.state / 'keys/lkg.key'}")
    assert again.get("stt-worker", "/sample_rate")["value"] == 8000
    assert again.wait("alarm", code="message-older")["where"] == f"system/epoch/{SOURCE}"
    assert again.get("stt-worker", "/sample_rate")["value"] == 8000
    assert not again.seen("update")


def test_f68__a_broker_that_lost_everything_takes_nothing_away(lively, home, broker, opened):
    probe = opened(lively)
    probe.wait("update")
    broker.kill()
    probe.wait("status", connected=False)
    broker.start()  # without persistence: empty
    probe.wait("status", connected=True)
    home.commit({STT: "sample_rate: 8000\n"})
    assert probe.wait("update")["version"] == 2
    assert not probe.seen("alarm")


def test_t1_t4__what_is_forged_or_of_another_service_is_refused(lively, home, subscriber, opened):
    probe = opened(lively)
    probe.wait("update")
    topic = "system/config/stt-worker"
    genuine, other = subscriber.wait(topic), subscriber.wait("system/config/router")
    for where, payload, code in ((topic, genuine.replace(b"16000", b"16001"), "bad-signature"), (topic, other, "wrong-service"),
                                 (topic, b"x" * 400000, "message-too-large"), (f"system/epoch/{SOURCE}", genuine, "wrong-type"),
                                 (f"system/index/{SOURCE}", b"{", "message-form")):
        subscriber.publish(where, payload)
        assert probe.wait("alarm", code=code)["where"] == where
    home.commit({STT: "sample_rate: 4000\n"})
    assert probe.wait("update")["config"]["sample_rate"] == 4000


# --- files that cannot be believed -----------------------------------------------------------------------------------------


def sealed(snapshot, key):
    """The snapshot as whoever has the HMAC key can make it."""
    secret = base64.b64decode(key.read_text().strip().rsplit(":", 1)[1])
    body = snapshot[:-75]
    return body + b',"hmac":"' + hmac.new(secret, body + b"}", hashlib.sha256).hexdigest().encode() + b'"}'


def test_t11_t13_f79__a_snapshot_that_cannot_be_believed_is_told_and_left(tmp_path, lively, opened):
    good = (lively.state / "config.lkg.json").read_bytes()
    own = lively.state / "keys/lkg.key"
    assert sealed(good, own) == good
    host = json.loads(good)["payload"]["host"].encode()
    stranger = tmp_path / "lkg.key"
    shutil.copy(lively.state / "keys/journal.key", stranger)
    flipped = bytearray(good)
    flipped[len(flipped) // 2] ^= 1
    for name, data, key, code in (("flipped", bytes(flipped), None, "lkg-bad-mac"), ("cut", good[:-100], None, "lkg-form"),
                                  ("stranger", good, stranger, "lkg-bad-mac"),
                                  ("host", sealed(good.replace(b'"host":"' + host, b'"host":"x' + host), own), None, "lkg-wrong-host"),
                                  ("forged", sealed(good.replace(b'sample_rate\\":16000', b'sample_rate\\":16001'), own), None, "lkg-bad-sig")):
        file = tmp_path / name
        file.write_bytes(data)
        probe = opened(lively, "url=off", f"lkg={file}", f"lkg_key={key or lively.state / 'keys/lkg.key'}", cache=f"cache-{name}")
        assert probe.wait("alarm")["code"] == code
        assert probe.get("stt-worker")["code"] == "no-configuration"
        online = opened(lively, f"lkg={file}", f"lkg_key={key or lively.state / 'keys/lkg.key'}", cache=f"cache-{name}-2")
        assert online.wait("update")["config"]["sample_rate"] == 16000


def test_a_damaged_cache_is_a_floor_and_no_more(tmp_path, lively, home, opened):
    probe = opened(lively)
    probe.wait("update")
    home.commit({STT: "sample_rate: 8000\n"})
    probe.wait("update", version=2)
    probe.stop()
    log = tmp_path / "cache/applied.jsonl"
    text = log.read_bytes()
    at = text.index(b'"services":{"stt-worker"')
    log.write_bytes(text[:at] + b"X" + text[at + 1:])
    again = opened(lively, "url=off")
    assert again.wait("alarm")["code"] == "lkg-bad-mac"
    assert again.get("stt-worker")["code"] == "no-configuration"
    again.say("status")
    assert again.wait("asked")["epoch"] == 2  # what was applied is known, and nothing below it will do
    again.stop()
    online = opened(lively)
    online.say("wait current 30000")
    online.wait("waited")
    assert online.get("stt-worker", "/sample_rate")["value"] == 8000


def test_two_clients_do_not_share_a_cache(lively, opened):
    probe = opened(lively)
    probe.wait("opened")
    second = opened(lively)
    assert second.wait("error")["code"] == "cache-busy"


# --- the environment -------------------------------------------------------------------------------------------------------


def test_the_environment_overrides_and_is_told(lively, home, opened, subscriber):
    words = ["env=stt-worker:/sample_rate:RATE:any", "env=stt-worker:/whisper_model:MODEL:string", "env=stt-worker:/vad_threshold:BAD:number"]
    probe = opened(lively, *words, env={"RATE": "44100", "MODEL": "large", "BAD": "much"})
    probe.wait("alarm", code="environment", where="BAD")
    assert probe.wait("update")["config"]["sample_rate"] == 44100
    rate = probe.get("stt-worker", "/sample_rate")
    assert (rate["value"], rate["source"], rate["variable"]) == (44100, "environment", "RATE")
    assert probe.get("stt-worker", "/vad_threshold")["source"] == "repository"
    assert probe.get("stt-worker", "/nothing")["source"] == "default"
    assert answer(subscriber, epoch=1)["overridden"] == ["/sample_rate", "/whisper_model"]
    home.commit({STT: "sample_rate: 8000\n"})
    change = probe.wait("update")
    assert "/sample_rate" not in [one["key"] for one in change["changes"]]


def test_restarts_that_are_due_are_acknowledged(lively, home, opened, subscriber):
    probe = opened(lively)
    probe.wait("update")
    probe.say("restart /sample_rate")
    home.commit({STT: "sample_rate: 8000\n"})
    probe.wait("update", version=2)
    assert answer(subscriber, epoch=2)["restart_pending"] == ["/sample_rate"]


def test_who_stays_of_two_clients_of_one_name_is_not_gone(lively, opened, subscriber):
    """Each is told of the other; the one that goes takes back what is true of the other, who says it again."""
    first = opened(lively)
    answer(subscriber, epoch=1)
    second = opened(lively, cache="other")
    told = first.wait("alarm", code="instance-shared")
    assert (told["where"], told["attack"]) == ("system/ack/stt-worker/here", False)
    second.stop()
    heard = []

    def accept(payload):
        heard.append(payload)
        return payload and b"" in heard

    assert json.loads(subscriber.wait("system/ack/stt-worker/here", accept))["status"] == "applied"


def test_who_clears_an_acknowledgement_again_and_again_makes_nobody_busy(lively, opened, subscriber):
    topic = "system/ack/stt-worker/here"
    opened(lively)
    answer(subscriber, epoch=1)
    begin = time.monotonic()
    for _ in range(200):
        subscriber.publish(topic, b"", retain=True)
    heard = []

    def accept(payload):
        heard.append(payload)
        return payload and heard.count(b"") == 200

    subscriber.wait(topic, accept)
    assert len([payload for payload in heard if payload]) <= time.monotonic() - begin + 5  # the first, freshness, and once a second


# --- freshness -------------------------------------------------------------------------------------------------------------


def test_t5_f70__silence_is_told_and_takes_nothing_away(lively, opened):
    probe = opened(lively, "max_offline=4")
    probe.wait("status", freshness="FRESH")
    lively.kill()
    stale = probe.wait("status", freshness="STALE")
    assert (stale["reason"], stale["unusable"]) == ("silent", False)
    assert stale["age_ms"] >= 2900
    assert probe.wait("status", unusable=True)["age_ms"] >= 3900
    assert probe.get("stt-worker", "/sample_rate")["value"] == 16000
    lively.start()
    assert probe.wait("status", freshness="FRESH")["unusable"] is False


# --- a guest in another's process ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["loop", "thread"])
def test_f80__a_child_is_told_and_sigpipe_is_untouched(lively, home, broker, opened, subscriber, mode):
    probe = opened(lively, mode)
    answer(subscriber, epoch=1)
    probe.say("fork stt-worker")
    assert probe.wait("forked")["ok"] is True
    broker.kill()  # writes to a socket that is gone
    probe.wait("status", connected=False)
    probe.say("sigpipe")
    assert probe.wait("sigpipe")["untouched"] is True
    broker.start()
    home.commit({STT: "sample_rate: 8000\n"})
    assert probe.wait("update")["version"] == 2  # the child took nothing of the connection with it


@pytest.mark.parametrize("mode", ["loop", "thread"])
def test_a_goodbye_to_a_broker_that_is_gone_is_no_signal(lively, broker, opened, mode):
    probe = opened(lively, mode)
    probe.wait("status", freshness="FRESH")
    broker.kill()
    probe.stop()  # at once: it may not even know yet
    assert probe.process.returncode == 0


# --- many ------------------------------------------------------------------------------------------------------------------


def test_f67__a_follower_of_more_services_than_a_broker_queues_gets_them_all(tmp_path, opened, ends):
    """A stock broker drops silently what is above 1,000 queued messages; EPOCHD_MANY sets the number for the full figure."""
    many = int(os.environ.get("EPOCHD_MANY", "1500"))
    broker = ends(Broker(tmp_path / "stock"))
    repo = Repo(tmp_path / "many")
    repo.commit({f"services/g{i // 100}/s{i:05}.yaml": f"number: {i}\n" for i in range(many)})
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    daemon.published(1)
    probe = opened(daemon, "all", service=None)
    probe.say("wait current 120000")
    probe.wait("waited", 150)
    probe.say("services")
    assert probe.wait("services")["count"] == many
    repo.commit({f"services/g{i // 100}/s{i:05}.yaml": f"number: {i + 1}\n" for i in range(many)})
    seen = {probe.wait("update", version=2)["service"] for _ in range(many)}
    assert len(seen) == many
