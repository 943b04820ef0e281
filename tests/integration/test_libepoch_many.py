"""libepoch with many services: each is acknowledged over one connection, and the end of one is the end of all."""
import json
import os

import pytest
from harness import Broker, Daemon, Repo, Subscriber
from test_consumers import table, until

NAMES = [f"s{i:03}" for i in range(int(os.environ.get("EPOCHD_ACKNOWLEDGED", "40")))]


@pytest.fixture
def many(tmp_path):
    repo = Repo(tmp_path / "many")
    repo.commit({f"services/{name}.yaml": "number: 1\n" for name in NAMES})
    return repo


@pytest.fixture
def served(tmp_path, many, broker, ends):
    d = ends(Daemon(tmp_path / "epochd", many, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    d.published(1)
    return d


def follow(opened, served, *more, names=NAMES):
    probe = opened(served, *(f"service={name}" for name in names), *more, service=None)
    probe.say("wait current 20000")
    probe.wait("waited")
    return probe


def states(served):
    return {name.split("@")[0]: instance["state"] for name, instance in table(served).items()}


def all_are(served, state, names=NAMES):
    until(served, lambda seen: {name.split("@")[0] for name, at in seen.items() if at["state"] == state} >= set(names))


def topic(name):
    return f"system/ack/{name}/here"


def test_each_of_many_services_is_acknowledged(served, many, opened, subscriber):
    probe = follow(opened, served)
    all_are(served, "applied")
    probe.say("refuse too large")
    many.commit({f"services/{NAMES[7]}.yaml": "number: 2\n"})
    probe.wait("update", service=NAMES[7])
    until(served, lambda seen: seen[f"{NAMES[7]}@here"]["reason"] == "too large")
    assert sorted(set(states(served).values())) == ["applied", "refused"]
    # Who has nothing new to say says nothing: an epoch costs what it changed.
    said = [json.loads(payload) for payload in subscriber.on(topic(NAMES[8])) if payload]
    news = [(answer["status"], answer["version"], answer["freshness"]) for answer in said]  # a slow machine may be STALE for a moment
    assert said and all(one != other for one, other in zip(news, news[1:])), said
    assert [answer.get("will") for answer in said] == [NAMES[0]] * len(said)


def test_a_killed_process_takes_all_that_it_acknowledged_with_it(served, broker, opened, subscriber, ends):
    probe = follow(opened, served)
    all_are(served, "applied")
    probe.process.kill()
    all_are(served, "gone")
    for name in NAMES:  # and the broker keeps nothing of it
        subscriber.wait(topic(name), lambda payload: not payload)
    late = ends(Subscriber(broker.port, "system/ack/#", "fence"))
    late.publish("fence", b"1")
    late.wait("fence")
    assert [found for found, payload, _ in late.messages if payload and found != "fence"] == []


def test_a_process_that_died_while_nobody_listened_is_gone_when_somebody_does(served, opened):
    probe = follow(opened, served)
    all_are(served, "applied")
    served.stop()
    probe.process.kill()
    probe.process.wait()
    served.start()
    all_are(served, "gone", NAMES[1:])  # of the first its last will left nothing to be heard


def test_a_clean_end_clears_all(served, opened, subscriber):
    probe = follow(opened, served)
    all_are(served, "applied")
    probe.stop()
    for name in NAMES:
        subscriber.wait(topic(name), lambda payload: not payload)
    all_are(served, "gone")


def test_what_is_cleared_by_mistake_is_said_again_by_all(served, broker, opened, subscriber, ends):
    """As the last will of an older connection does, that the broker held for longer than the client."""
    follow(opened, served, "thread")
    all_are(served, "applied")
    subscriber.publish(topic(NAMES[0]), b"", retain=True)
    subscriber.wait(topic(NAMES[-1]), lambda payload: not payload)  # the daemon cleared it with the first
    again = ends(Subscriber(broker.port, "system/ack/#"))
    for name in NAMES:
        again.wait(topic(name), lambda payload: payload)
    all_are(served, "applied")


def test_the_first_speaks_for_the_others_though_it_is_no_service(served, opened):
    names = ["a-service-that-is-none", *NAMES]
    probe = follow(opened, served, names=names)
    all_are(served, "applied")
    assert states(served)[names[0]] == "stray"
    served.stop()
    served.start()  # and is heard anew: nobody is gone
    all_are(served, "applied")
    probe.process.kill()
    all_are(served, "gone", names)


def test_a_broker_that_restarts_hears_all_again(tmp_path, many, opened, ends):
    broker = ends(Broker(tmp_path / "other"))
    served = ends(Daemon(tmp_path / "epochd", many, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    served.published(1)
    follow(opened, served, "thread")
    all_are(served, "applied")
    broker.kill()
    broker.start()
    heard = ends(Subscriber(broker.port, "system/ack/#"))
    for name in NAMES:
        heard.wait(topic(name), lambda payload: payload)
    all_are(served, "applied")
