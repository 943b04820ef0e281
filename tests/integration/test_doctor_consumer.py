"""epochctl doctor --consumer: the road of one consumer, as the user it runs as; and consumer, which prints what it needs."""
import json
import os
import shutil

import pytest
from consumers import Consumer, applies
from harness import EPOCHCTL, Broker, Daemon, ctl, run

LINKS = ["settings", "pin", "cache", "snapshot", "connect", "subscribe", "retained", "answer"]
NOBODY = 65534


@pytest.fixture
def settled(daemon):
    daemon.wait("acks_heard")
    daemon.status_when(lambda s: s.get("snapshot") == 1 and s["published"] == 1)
    return daemon


@pytest.fixture
def remote(settled, broker, open_folder):
    """What another host has: root.pub and the broker's name; nothing of the daemon's."""
    folder = open_folder
    shutil.copy(settled.state / "keys" / "root.pub", folder)
    return {"EPOCHD_MQTT_URL": broker.url, "EPOCHD_KEYS": str(folder), "EPOCHD_STATE": str(folder / "none")}


def doctor(env, *args, check=1, wrapper=()):
    told = json.loads(run(*wrapper, EPOCHCTL, "doctor", "--consumer", *(args or ("stt-worker",)), "--json", check=check, **env).stdout)
    assert told["ok"] == (check == 0)
    return told["links"]


def broken(env, link, *args):
    links = doctor(env, *args)
    assert [entry["link"] for entry in links] == LINKS[:LINKS.index(link) + 1], links
    assert links[-1]["state"] == "broken" and links[-1]["fix"], links
    return links[-1]


def test_the_whole_road_of_a_consumer_holds(settled):
    links = doctor(settled.settings, check=0)
    assert [entry["link"] for entry in links] == LINKS
    assert {entry["link"] for entry in links if entry["state"] == "note"} == {"cache"}
    assert links[LINKS.index("retained")]["detail"] == "epoch 1, version 1 of the service, verified"
    assert links[-1]["detail"].endswith("and somebody listens to them")


def test_it_leaves_nothing_behind(settled):
    doctor(settled.settings, check=0)
    assert json.loads((settled.run / "consumers.json").read_text())["services"] == []
    assert settled.status()["state"] == "ok"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_as_another_user_on_another_host(remote):
    links = doctor(remote, check=0, wrapper=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"))
    notes = {entry["link"] for entry in links if entry["state"] == "note"}
    assert notes == {"cache", "snapshot"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_a_pin_that_may_not_be_read_is_the_first_broken_link(settled, remote):
    os.chmod(f"{remote['EPOCHD_KEYS']}/root.pub", 0o600)
    links = doctor(remote, wrapper=("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"))
    assert links[-1]["link"] == "pin" and "epochctl consumer stt-worker prints it" in links[-1]["fix"]


def test_each_link_broken_once(remote, settled, tmp_path):
    assert "EPOCHD_MQTT_URL" in broken({**remote, "EPOCHD_MQTT_URL": "off"}, "settings")["fix"]
    assert "cannot open the folder" in broken({**remote, "EPOCHD_KEYS": str(tmp_path / "none")}, "pin")["detail"]
    cache = tmp_path / "cache"
    cache.write_text("no folder")
    broken(remote, "cache", "stt-worker", "--cache", str(cache))
    assert broken({**remote, "EPOCHD_MQTT_URL": "mqtt://127.0.0.1:1"}, "connect")["code"] == "broker-away"
    missing = broken(remote, "retained", "no-such-service")
    assert "system/config/no-such-service" in missing["detail"]


def test_another_publishers_root_does_not_verify_what_is_retained(remote, home, tmp_path, ends):
    other = ends(Daemon(tmp_path / "other", home))
    other.committed(1)
    shutil.copy(other.state / "keys" / "root.pub", remote["EPOCHD_KEYS"])
    assert broken(remote, "retained")["code"] == "keyset-refused"


def test_what_the_access_list_forbids_is_named_as_the_line_to_add(tmp_path, home, ends):
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite #\nuser reader\ntopic read system/#\nuser blind\ntopic read system/keys/config-manager\n")
    passwords = tmp_path / "passwords"
    for user in ("reader", "blind"):
        run("mosquitto_passwd", *(["-b"] if passwords.exists() else ["-b", "-c"]), str(passwords), user, "secret", check=0)
    passwords.chmod(0o644)
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    broker = ends(Broker(tmp_path / "broker", f"acl_file {acl}\npassword_file {passwords}"))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    daemon.published(1)
    for user, link, line in (("reader", "answer", "topic readwrite system/ack/stt-worker/+"), ("blind", "retained", "topic read system/epoch/config-manager")):
        found = broken({**daemon.settings, "EPOCHD_MQTT_USERNAME": user, "EPOCHD_MQTT_PASSWORD_FILE": str(tmp_path / "password")}, link)
        assert line in found["fix"], found


def test_a_cache_is_looked_at_and_never_made(settled, tmp_path):
    cache = tmp_path / "cache"
    missing = doctor(settled.settings, "stt-worker", "--cache", str(cache), check=0)[2]
    assert missing["state"] == "note" and "not there yet" in missing["detail"] and not cache.exists()
    cache.mkdir(mode=0o700)
    assert doctor(settled.settings, "stt-worker", "--cache", str(cache), check=0)[2]["detail"] == f"{cache}: empty"


def test_usage(daemon):
    daemon.ctl("doctor", "--consumer", "No", check=2)
    daemon.ctl("doctor", "--cache", "/tmp", check=2)


# --- what it needs ------------------------------------------------------------------------------------------------------


def test_consumer_prints_all_that_another_host_needs(settled, broker, remote, tmp_path, ends):
    told = json.loads(settled.ctl("consumer", "stt-worker", "--host", "127.0.0.1", "--json", check=0).stdout)
    assert told["broker"] == broker.url and told["root"] == (settled.state / "keys" / "root.pub").read_text()
    assert "system/config/stt-worker" in told["reads"] and told["writes"] == "system/ack/stt-worker/+"
    page = settled.ctl("consumer", "stt-worker", "--host", "127.0.0.1", check=0).stdout
    for words in (told["root"], 'options.service = "stt-worker";', f"topic readwrite {told['writes']}", *(f"topic read {topic}\n" for topic in told["reads"])):
        assert words in page
    line = page.splitlines()[-1]
    assert line.startswith(f"EPOCHD_MQTT_URL={broker.url} ") and line.endswith("epochctl doctor --consumer stt-worker")
    words = dict(word.split("=", 1) for word in line.split() if "=" in word)
    assert doctor({**remote, **words, "EPOCHD_KEYS": remote["EPOCHD_KEYS"], "EPOCHD_MQTT_PASSWORD_FILE": "", "EPOCHD_MQTT_USERNAME": ""}, check=0)


def test_the_access_list_that_it_prints_is_enough_and_not_more(tmp_path, home, ends):
    """What is printed goes into mosquitto as it is; a consumer with it acknowledges, and cannot for another service."""
    acl, passwords = tmp_path / "acl", tmp_path / "passwords"
    acl.write_text("topic readwrite #\n")
    broker = ends(Broker(tmp_path / "broker", f"acl_file {acl}"))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    daemon.published(1)
    page = daemon.ctl("consumer", "stt-worker", check=0).stdout
    lines = page.split("access list:\n\n", 1)[1].split("\n\n", 1)[0]
    broker.kill()
    acl.write_text(f"topic readwrite #\n{lines}\n")
    run("mosquitto_passwd", "-b", "-c", str(passwords), "stt-worker", "secret", check=0)
    passwords.chmod(0o644)
    listener = ends(Broker(tmp_path / "again", f"acl_file {acl}\npassword_file {passwords}", port=broker.port))
    (tmp_path / "password").write_text("secret\n")
    (tmp_path / "password").chmod(0o600)
    home.commit({"services/router.yaml": "rate: 2\n"})
    daemon.published(2)
    mine = {**daemon.settings, "EPOCHD_MQTT_USERNAME": "stt-worker", "EPOCHD_MQTT_PASSWORD_FILE": str(tmp_path / "password")}
    doctor(mine, check=0)
    assert "topic read system/config/router" in broken(mine, "retained", "router")["fix"]
    consumer = ends(Consumer(listener.port, "stt-worker", "pi3", applies, username="stt-worker", password="secret"))
    assert consumer.connected.is_set()


def test_consumer_without_a_broker(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    assert "mqtt.url is off" in ctl("consumer", "stt-worker", check=1, **daemon.settings).stderr
    daemon.ctl("consumer", "No", check=2)
