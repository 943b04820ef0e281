"""libepoch in trouble: bad networks and brokers, wrong clocks, wrong secrets, disks that are full or gone."""
import json
import shutil
import subprocess

import pytest
from disks import Filler, tmpfs, why_not
from harness import Broker, Daemon, Repo
from probes import lkg
from proxy import CONNECT, FakeBroker, Proxy
from test_broker import Guarded, wall_clock

STT = "services/audio/stt-worker.yaml"
DAY_S = 86400
CONFIG_MAX = 256 * 1024


def cached(opened, daemon):
    """The cache holds the first epoch, and nobody has it open."""
    probe = opened(daemon)
    probe.say("wait current 60000")
    probe.wait("waited")
    probe.stop()


# --- the network -----------------------------------------------------------------------------------------------------------


def test_f62__a_fetch_of_many_that_is_cut_and_a_broker_that_forgot_them_meanwhile(tmp_path, broker, opened, ends):
    many = 600
    repo = Repo(tmp_path / "many")
    repo.commit({f"services/s{i:03}.yaml": f"number: {i}\n" for i in range(many)})
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    daemon.published(1)
    network = ends(Proxy(broker.port))
    network.reset_after = 100_000  # of some 300,000 that the services are
    probe = opened(daemon, "all", f"url={network.url}", service=None)
    probe.wait("status", connected=True)
    probe.wait("status", connected=False)
    probe.say("services")
    assert probe.wait("services")["count"] == 0  # not half an epoch
    broker.kill()
    broker.start()
    network.heal()
    probe.say("wait current 60000")
    probe.wait("waited", 70)
    probe.say("services")
    assert probe.wait("services")["count"] == many
    assert not probe.seen("alarm")


def test_a_broker_that_takes_the_connection_and_says_no_more(lively, opened, ends):
    cached(opened, lively)
    mute = ends(FakeBroker())
    mute.answers = {CONNECT}
    probe = opened(lively, f"url={mute.url}")
    probe.wait("status", connected=True)
    probe.say("wait current 100")
    assert probe.wait("error")["code"] == "timed-out"
    assert probe.get("stt-worker", "/sample_rate")["value"] == 16000
    probe.stop()
    assert probe.process.returncode == 0


def test_f63__a_broker_that_another_ca_vouches_for_is_told(tmp_path, lively, opened, ends):
    cached(opened, lively)
    guarded = ends(Guarded(tmp_path / "guarded"))
    strangers = ends(Guarded(tmp_path / "strangers"))
    probe = opened(lively, f"url=mqtts://127.0.0.1:{guarded.tls_port}", f"ca_file={strangers.certs / 'ca.crt'}")
    away = probe.wait("status", connected=False)
    while not away["detail"]:
        away = probe.wait("status", connected=False)
    assert "certificate verify failed" in away["detail"]
    assert probe.get("stt-worker", "/sample_rate")["value"] == 16000


def set_password(folder, password):
    subprocess.run(["mosquitto_passwd", "-c", "-b", folder / "passwords", "reader", password], check=True, capture_output=True)
    (folder / "passwords").chmod(0o600)


def test_f63__a_password_that_was_changed_at_the_broker_is_read_anew(tmp_path, lively, opened, ends):
    set_password(tmp_path, "old")
    secret = tmp_path / "secret"
    secret.write_text("old\n")
    secret.chmod(0o600)
    broker = ends(Broker(tmp_path / "guarded", f"allow_anonymous false\npassword_file {tmp_path}/passwords"))
    probe = opened(lively, f"url={broker.url}", "username=reader", f"password_file={secret}")
    probe.wait("status", connected=True)
    set_password(tmp_path, "new")
    broker.kill()
    broker.start()
    refused = probe.wait("status", connected=False)
    while "refused" not in refused["detail"] and "authori" not in refused["detail"]:
        refused = probe.wait("status", connected=False)
    assert "new" not in refused["detail"] and "old" not in refused["detail"]
    secret.write_text("new\n")
    probe.wait("status", connected=True)


# --- limits ----------------------------------------------------------------------------------------------------------------


def test_the_largest_configuration_arrives_and_one_byte_more_is_no_epoch(lively, home, opened):
    room = CONFIG_MAX - len('{"text":""}')
    probe = opened(lively)
    probe.wait("update")
    home.commit({STT: f"text: {'x' * (room + 1)}\n"})
    lively.wait("epoch_rejected")
    home.commit({STT: f"text: {'x' * room}\n"})
    update = probe.wait("update")
    assert (update["epoch"], len(update["config"]["text"])) == (3, room)


# --- clocks ----------------------------------------------------------------------------------------------------------------


def test_f71__a_clock_that_jumps_by_a_day_is_told_and_forgiven(tmp_path, lively, home, opened):
    settings, step = wall_clock(tmp_path)
    probe = opened(lively, env=settings)
    probe.wait("status", freshness="FRESH")
    for seconds in (DAY_S, -DAY_S):
        step(seconds)
        probe.wait("status", freshness="STALE", reason="clock")
        step(0)
        probe.wait("status", freshness="FRESH")
    step(-DAY_S)
    home.commit({STT: "sample_rate: 8000\n"})
    assert probe.wait("update", epoch=2)["config"] == {"sample_rate": 8000}  # order has nothing to do with clocks


# --- disks -----------------------------------------------------------------------------------------------------------------


def big(number, size=100_000):
    return {STT: json.dumps({"number": number, "filling": "x" * size})}


@pytest.mark.skipif(why_not() is not None, reason=str(why_not()))
def test_a_full_disk_costs_the_floor_and_no_epoch(tmp_path, lively, home, opened, ends):
    ends(tmpfs(tmp_path / "disk", 1024))
    probe = opened(lively, cache="disk/cache")
    probe.wait("update")
    filler = ends(Filler(tmp_path / "disk"))
    for number in range(2, 6):  # three lines fill the log; the whole anew finds no room
        home.commit(big(number))
        assert probe.wait("update", epoch=number)["config"]["number"] == number
    assert {alarm["code"] for alarm in probe.seen("alarm")} == {"cache-failed"}
    filler.close()
    home.commit(big(6))
    probe.wait("update", epoch=6)
    probe.stop()
    offline = opened(lively, "url=off", cache="disk/cache")
    assert offline.get("stt-worker", "/number")["value"] == 6


def test_a_cache_that_is_deleted_under_a_running_client_is_told(tmp_path, lively, home, opened):
    probe = opened(lively)
    probe.wait("update")
    shutil.rmtree(tmp_path / "cache")
    home.commit({STT: "sample_rate: 8000\n"})
    assert probe.wait("alarm", code="cache-failed")["where"] == str(tmp_path / "cache")
    assert probe.wait("update", epoch=2)["config"] == {"sample_rate": 8000}
    probe.stop()
    again = opened(lively)
    assert again.wait("update", epoch=2)["config"] == {"sample_rate": 8000}


@pytest.mark.parametrize("pin", ["missing", "folder", "garbage", "empty"])
def test_without_roots_that_can_be_read_nothing_is_opened(tmp_path, lively, opened, pin):
    path = tmp_path / "pin"
    if pin == "folder":
        path.mkdir()
    elif pin != "missing":
        path.write_text({"garbage": "epochd-ed25519-public:0:zz\n", "empty": ""}[pin])
    probe = opened(lively, *lkg(lively), f"root={path}")
    refused = probe.wait("error", what="open")
    assert refused["code"] in ("settings", "key-file") and str(path) in refused["message"], refused
    assert probe.process.wait() == 3
