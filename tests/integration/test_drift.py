"""epochctl drift: branch, signed epoch, broker, snapshot and consumers side by side; each made to differ once."""
import json

import pytest
from consumers import Consumer, ack, applies
from harness import Broker, Daemon
from test_consumers import state_of, until

STT = "services/audio/stt-worker.yaml"


@pytest.fixture
def settled(daemon):
    daemon.wait("acks_heard")
    daemon.status_when(lambda s: s.get("snapshot") == 1 and s["published"] == 1)
    return daemon


def drift(daemon, *args, check=1):
    told = json.loads(daemon.ctl("drift", "--json", *args, check=check).stdout)
    assert told["drift"] == (check == 1)
    return told


def places(told):
    return {place["place"]: place["agreement"] for place in told["places"]}


def test_without_drift(settled, home, broker, ends):
    ends(Consumer(broker.port, "stt-worker", "pi3", applies))
    state_of(settled, "stt-worker@pi3", "applied")
    told = drift(settled, check=0)
    assert places(told) == {"signed": "agrees", "branch": "agrees", "broker": "agrees", "snapshot": "agrees"}
    assert {(place["epoch"], place["commit"]) for place in told["places"] if place["place"] != "broker"} == {(1, home.head())}
    page = settled.ctl("drift", check=0).stdout
    assert page.rstrip().endswith("no drift") and "stt-worker@pi3\tapplied" in page


def test_a_commit_that_is_refused_is_drift_of_the_branch(settled, home):
    home.commit({STT: "a: 1\na: 2\n"})
    settled.wait("epoch_rejected")
    settled.status_when(lambda s: s["tip"]["verdict"] == "rejected")
    branch = drift(settled)["places"][1]
    assert (branch["commit"], branch["agreement"], branch["message"]) == (home.head(), "differs", "rejected [yaml.duplicate-key]")


def test_a_broker_that_is_away_or_forgot_is_drift(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker"))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    daemon.status_when(lambda s: s.get("snapshot") == 1 and s["published"] == 1)
    broker.kill()
    daemon.wait("broker_away")
    assert places(drift(daemon)) == {"signed": "agrees", "branch": "agrees", "broker": "differs", "snapshot": "agrees"}


def test_a_snapshot_that_does_not_verify_is_drift(settled):
    path = settled.state / "config.lkg.json"
    text = path.read_bytes()
    path.write_bytes(text[:-10] + b"0000000000")
    snapshot = drift(settled)["places"][3]
    assert snapshot["agreement"] == "differs" and "lkg-" in snapshot["message"]


def test_consumers_that_differ_are_counted(settled, home, broker, ends):
    fine = ends(Consumer(broker.port, "router", "hub", applies))
    state_of(settled, "router@hub", "applied")
    overridden = ends(Consumer(broker.port, "stt-worker", "pi3"))
    overridden.acknowledge(1, overridden=["/rate"])
    state_of(settled, "stt-worker@pi3", "applied")
    assert drift(settled)["consumers_differ"] == 1
    assert drift(settled, "--allow-overrides", check=0)["consumers_differ"] == 0
    overridden.say(ack("stt-worker", "pi3", 1, restart_pending=["/rate"]))
    until(settled, lambda seen: seen["stt-worker@pi3"]["restart_pending"])
    assert drift(settled, "--allow-overrides")["consumers_differ"] == 1
    overridden.vanish()
    state_of(settled, "stt-worker@pi3", "gone")
    assert drift(settled, check=0)["consumers_differ"] == 0
    assert fine.connected.is_set()


def test_without_a_daemon(settled):
    settled.kill()
    assert "epochd does not run" in settled.ctl("drift", check=3).stderr
