"""The broker and the network: it dies, forgets, refuses, stands still, lies; and everything converges when that ends."""
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import proxy
import pytest
from harness import PATIENCE_S, ROOT, SOURCE, STRANGER, Broker, Daemon, Subscriber, as_stranger, free_port, run
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from proxy import FakeBroker, Proxy

sys.path.insert(0, str(ROOT / "tests/torture"))
from consumer import Consumer  # noqa: E402

ROUTER = "services/router.yaml"
KEYS, HEAD, INDEX = f"system/keys/{SOURCE}", f"system/epoch/{SOURCE}", f"system/index/{SOURCE}"
HEALTH, KEEPALIVE = f"system/health/{SOURCE}", f"system/keepalive/{SOURCE}"
QUICK = {"EPOCHD_REPOSITORY_POLL_S": "1", "EPOCHD_MQTT_HEARTBEAT_S": "1"}
FAST = {"EPOCHD_MQTT_BACKOFF_MIN_MS": "20", "EPOCHD_MQTT_BACKOFF_MAX_MS": "160"}


def change(home, n):
    return home.commit({ROUTER: f"round: {n}\n"}, f"round {n}")


def reach(daemon, state):
    """Waits for the state and forgets the log up to it: the next wait is for what comes after."""
    line = daemon.state_is(state)
    del daemon.lines[:daemon.lines.index(line) + 1]
    return line


def retained(port, **login):
    """Everything the broker retains, by topic: what came before a message of our own, for it keeps the order."""
    subscriber = Subscriber(port, "#", **login)
    try:
        subscriber.publish("fence", b"here")
        subscriber.wait("fence")
        return {topic: payload for topic, payload, is_retained in subscriber.messages if is_retained}
    finally:
        subscriber.close()


def in_force(daemon):
    """What the broker must retain of the last epoch, byte for byte, from the journal: keyset, services, head."""
    state = {}
    for record in daemon.journal():
        if record["kind"] == "keyset":
            state[KEYS] = record["keyset"].encode()
        elif record["kind"] == "committed":
            state.update({f"system/config/{name}": message.encode() for name, message in record["services"].items()})
            state[HEAD] = record["head"].encode()
    return state


def serves_what_is_in_force(daemon, port, **login):
    expected, found = in_force(daemon), retained(port, **login)
    return {topic: found.get(topic) for topic in expected} == expected


def converges(daemon, port, epoch, **login):
    """The epoch is published, and the broker retains what the journal holds."""
    daemon.published(epoch)
    assert serves_what_is_in_force(daemon, port, **login)


def retries(daemon, count):
    """The delays of the next so many retries."""
    delays = []
    for _ in range(count):
        line = daemon.wait("broker_retry")
        del daemon.lines[:daemon.lines.index(line) + 1]
        delays.append(line["millis"])
    return delays


# --- it is away, dies, forgets ----------------------------------------------------------------------------------------


def test_f60__tries_again_with_jitter_and_never_faster_than_the_backoff_says(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker"))
    broker.kill()
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST))
    daemon.committed(1)
    delays = retries(daemon, 14)
    expected = [20, 40, 80] + [160] * 11
    assert all(want / 2 <= delay <= want for want, delay in zip(expected, delays)), delays
    assert len(set(delays[3:])) > 3, delays
    for n in range(2, 6):
        change(home, n)
        daemon.committed(n)
    broker.start()
    converges(daemon, broker.port, 5)
    kinds = [(record["kind"], record["epoch"]) for record in daemon.journal() if "epoch" in record and record["kind"] == "published"]
    assert kinds == [("published", 5)]


def test_f60__by_default_waits_30_seconds_at_most(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker"))
    broker.kill()
    daemon = Daemon(tmp_path / "epochd", home, broker, start=False, EPOCHD_MQTT_BACKOFF_MIN_MS="30000")
    del daemon.settings["EPOCHD_MQTT_BACKOFF_MAX_MS"]
    ends(daemon).start()
    delays = retries(daemon, 1)
    for _ in range(3):
        daemon.hup()
        delays += retries(daemon, 1)
    assert all(15000 <= delay <= 30000 for delay in delays), delays


@pytest.mark.parametrize("sent", [0, 1, 4, 7, 12])
def test_f61__a_broker_that_dies_within_an_epoch_gets_the_same_bytes_when_it_is_back(tmp_path, home, broker, ends, sent):
    """`sent` messages of ours are let through, then it is gone with everything it retained."""
    road, seen = ends(Proxy(broker.port)), []

    def count(direction, kind, _flags, _body, _whole):
        if direction == "up" and kind == proxy.PUBLISH:
            seen.append(kind)
            if len(seen) > sent:
                broker.kill()
        return None

    road.spoil = count
    daemon = ends(Daemon(tmp_path / "epochd", home, road, **FAST))
    daemon.state_is("degraded:broker-away")
    assert len(seen) > sent and not any(record["kind"] == "published" for record in daemon.journal())
    before = in_force(daemon)
    road.spoil = None
    broker.start()
    converges(daemon, broker.port, 1)
    assert in_force(daemon) == before


def test_f62__a_broker_that_is_wiped_again_and_again_gets_everything_byte_for_byte(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST))
    daemon.published(1)
    for n in range(2, 6):
        broker.kill()
        change(home, n)
        broker.start()
        converges(daemon, broker.port, n)
    daemon.ctl("verify", "journal", check=0)


# --- it lies about what it has ----------------------------------------------------------------------------------------


def behaves_well_again(fake, daemon, epoch=1):
    """After the broker became honest: everything is published, and what it was told is what the journal holds."""
    fake.acks, fake.greeting, fake.after, fake.closing, fake.connack = None, b"", b"", None, (0, b"")
    daemon.published(epoch)
    assert {topic: fake.retained.get(topic) for topic in in_force(daemon)} == in_force(daemon)
    daemon.status_when(lambda status: status["state"] == "ok" and status["published"] == epoch)


@pytest.mark.parametrize("lost", ["the first", "those of heads"])
def test_f64__acknowledgements_that_never_come_are_not_waited_for_without_end(tmp_path, home, ends, lost):
    fake, count = ends(FakeBroker()), []

    def forget(topic, mid, _payload):
        count.append(topic)
        is_lost = {"the first": len(count) == 1, "those of heads": topic == HEAD}[lost]
        return b"" if is_lost else proxy.puback(mid)

    fake.acks = forget
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST, **QUICK))
    away = daemon.wait("broker_away")
    assert away["message"] == "the broker did not acknowledge a message in time"
    assert not any(record["kind"] == "published" for record in daemon.journal())
    behaves_well_again(fake, daemon)


def test_f64__an_acknowledgement_counts_once_and_for_its_own_message(tmp_path, home, ends):
    """Each comes twice, and one for a message nobody sent comes before it; the head's is refused until the end."""
    fake = ends(FakeBroker())
    fake.acks = lambda topic, mid, _payload: b"" if topic == HEAD else (proxy.puback(mid + 1000) + proxy.puback(mid) * 2)
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST, **QUICK))
    fake.wait(lambda broker: any(topic == HEAD for topic, _ in broker.published))
    daemon.wait("broker_away")
    assert not any(record["kind"] == "published" for record in daemon.journal())
    behaves_well_again(fake, daemon)


@pytest.mark.parametrize("reason, text", [(0x80, "gives no reason"), (0x83, "a reason of its own"), (0x87, "not authorized"),
                                          (0x90, "topic name not accepted"), (0x97, "quota"), (0x99, "payload format")])
def test_f64__a_reason_of_0x80_and_more_is_never_published(tmp_path, home, ends, reason, text):
    fake = ends(FakeBroker())
    fake.acks = lambda topic, mid, _payload: proxy.puback(mid, reason if topic == "system/config/router" else 0)
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST, **QUICK))
    told = reach(daemon, "degraded:publish-refused")["message"].lower()
    assert text in told and f"0x{reason:02x}" in told and "system/config/router" in told
    assert not any(record["kind"] == "published" for record in daemon.journal())
    fake.acks = None
    daemon.hup()
    behaves_well_again(fake, daemon)


NONSENSE = {
    "a packet of 256 MB": b"\x30\xff\xff\xff\x7f",
    "a length that never ends": b"\x30\xff\xff\xff\xff\xff",
    "a kind that is none": b"\x00\x00",
    "a PUBACK without an id": b"\x40\x00",
    "a PUBREC nobody asked for": proxy.packet(proxy.PUBREC, b"\x12\x34"),
    "a SUBACK nobody asked for": proxy.packet(proxy.SUBACK, b"\x12\x34\x00\x01"),
    "a second CONNACK": proxy.packet(proxy.CONNACK, b"\0\0\0"),
    "a PUBLISH without a topic": proxy.packet(proxy.PUBLISH, b"\0\0\0", 0),
    "a PUBLISH cut short": proxy.packet(proxy.PUBLISH, b"\0\x30system", 2),
    "a topic that is not UTF-8": proxy.packet(proxy.PUBLISH, b"\0\x02\xff\xfe\0{}", 0),
    "the client's own words": proxy.packet(proxy.SUBSCRIBE, b"\0\x01\0\0\x01a\0", 2),
    "noise": bytes(range(1, 256)),
}


@pytest.mark.parametrize("place", ["greeting", "after"])
def test_f64__nonsense_from_the_broker_ends_the_connection_at_most(tmp_path, home, ends, place):
    fake = ends(FakeBroker())
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST, **QUICK))
    daemon.published(1)
    for n, (what, said) in enumerate(NONSENSE.items(), 2):
        spoken = fake.spoken
        setattr(fake, place, said)
        fake.reset_all()
        fake.wait(lambda broker, before=spoken: broker.spoken > before)
        setattr(fake, place, b"")
        change(home, n)
        daemon.committed(n)
        fake.reset_all()
        daemon.published(n)
        assert daemon.process.poll() is None, what
    behaves_well_again(fake, daemon, len(NONSENSE) + 1)


UNKNOWN_PROPERTY = proxy.packet(proxy.PUBACK, b"\0\x01\0\x02\x7f\x00")


def test_f64__a_broker_that_makes_the_mqtt_library_abort_costs_a_restart_and_nothing_else(tmp_path, home, ends):
    """libmosquitto 2.0.11 asserts on a property it does not know; nothing can be done about it from outside of the library."""
    fake = ends(FakeBroker())
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST, **QUICK))
    daemon.published(1)
    daemon.wait("acks_heard")
    fake.greeting = UNKNOWN_PROPERTY
    change(home, 2)
    daemon.published(2)
    before = in_force(daemon)
    fake.reset_all()
    fake.wait(lambda broker: broker.spoken > 0)
    fake.greeting = b""
    fake.reset_all()
    change(home, 3)
    with contextlib.suppress(AssertionError):
        daemon.published(3)  # by a library that knows better, or not at all: then the log ends
    if daemon.process.poll() is not None:
        assert daemon.process.returncode == -signal.SIGABRT
        daemon.start()
    behaves_well_again(fake, daemon, 3)
    daemon.ctl("verify", "journal", check=0)
    assert {topic: before[topic] for topic in before if topic not in (HEAD, "system/config/router")}.items() <= in_force(daemon).items()


# --- it refuses -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason, text", [
    (0x84, "does not speak mqtt v5"), (0x85, "does not accept the client id"), (0x86, "bad user name or password"),
    (0x87, "not authorized"), (0x88, "not available"), (0x89, "busy"), (0x8a, "banned"), (0x97, "quota"), (0x9f, "too many connections"),
])
def test_f63__a_connack_that_refuses_is_told_with_its_reason_and_not_hurried(tmp_path, home, ends, reason, text):
    fake = ends(FakeBroker())
    fake.connack = (reason, b"")
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST, **QUICK))
    assert text in reach(daemon, "degraded:broker-refused")["message"].lower()
    daemon.status_when(lambda status: text in status["broker"]["reason"].lower())
    delays = retries(daemon, 6)
    assert all(delay >= 80 for delay in delays[3:]), delays
    behaves_well_again(fake, daemon)


# --- its name ---------------------------------------------------------------------------------------------------------


def test_f66__a_resolver_that_does_not_answer_stops_nothing_else(tmp_path, home, ends):
    """Its packets go nowhere, and a look-up takes longer than anything is waited for here; commits are taken meanwhile, and SIGTERM is obeyed."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        pytest.skip("a network of its own can be had by root alone, with ip")
    servers = tmp_path / "resolv.conf"
    servers.write_text("nameserver 192.0.2.1\noptions timeout:30 attempts:5\n")
    apart = ["unshare", "-mn", "sh", "-c", 'ip link set lo up && ip route add default dev lo && mount --bind "$0" /etc/resolv.conf && exec "$@"',
             str(servers)]
    daemon = ends(Daemon(tmp_path / "epochd", home, wrapper=apart, **FAST, **QUICK, EPOCHD_MQTT_URL="mqtt://broker.example.org"))
    for n in range(2, 5):
        change(home, n)
        daemon.committed(n)
        daemon.status_when(lambda status: status["broker"]["state"] == "connecting")
    assert daemon.stop() == 0


def test_f60__a_name_that_does_not_exist_is_told_and_tried_again(tmp_path, home, ends):
    unknown = "a" * 64  # no label is that long: nobody has to be asked
    daemon = ends(Daemon(tmp_path / "epochd", home, **FAST, EPOCHD_MQTT_URL=f"mqtt://{unknown}"))
    assert f"cannot resolve {unknown}" in reach(daemon, "degraded:broker-away")["message"]
    delays = retries(daemon, 6)
    assert all(delay >= 80 for delay in delays[3:]), delays


def test_f60__a_name_is_resolved_and_connected_to(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_MQTT_URL=f"mqtt://localhost:{broker.port}"))
    converges(daemon, broker.port, 1)


# --- a Unix socket ----------------------------------------------------------------------------------------------------


@pytest.fixture
def socket_broker(open_folder, ends):
    """A broker on a Unix socket and on a loopback port, for those who look on."""
    path = open_folder / "mqtt.sock"
    port = free_port()
    broker = Broker(open_folder / "broker", f"listener {port} 127.0.0.1\n", port=port, listener=f"0 {path}")
    broker.path = path
    return ends(broker)


def test_f60_f62__a_broker_on_a_unix_socket_may_be_missing_die_and_leave_its_socket_behind(tmp_path, home, socket_broker, ends):
    path = socket_broker.path
    socket_broker.stop()
    path.unlink(missing_ok=True)
    daemon = ends(Daemon(tmp_path / "epochd", home, **FAST, EPOCHD_MQTT_URL=f"unix://{path}"))
    assert "No such file" in reach(daemon, "degraded:broker-away")["message"]
    socket_broker.start()
    converges(daemon, socket_broker.port, 1)
    for n in (2, 3):
        daemon.lines.clear()
        socket_broker.kill()  # mosquitto leaves its socket: nobody listens there
        assert path.exists()
        reach(daemon, "degraded:broker-away")
        daemon.status_when(lambda status: "refused" in (status["broker"]["reason"] or "").lower())
        change(home, n)
        socket_broker.start()
        converges(daemon, socket_broker.port, n)


def test_f63__a_unix_socket_that_may_not_be_entered_is_told_and_entered_when_it_may(open_folder, home, socket_broker, ends):
    path = socket_broker.path
    path.chmod(0o700)
    shutil.copytree(home.path, open_folder / "config")
    for entry in [open_folder / "config", *(open_folder / "config").rglob("*")]:
        os.chown(entry, STRANGER, STRANGER)
    (open_folder / "epochd").mkdir()
    os.chown(open_folder / "epochd", STRANGER, STRANGER)
    daemon = ends(Daemon(open_folder / "epochd", open_folder / "config", wrapper=as_stranger(), **FAST, EPOCHD_MQTT_URL=f"unix://{path}"))
    assert "Permission denied" in reach(daemon, "degraded:broker-away")["message"]
    path.chmod(0o777)
    daemon.published(1)


# --- the broker of examples/mosquitto ---------------------------------------------------------------------------------

EXAMPLE = ROOT / "examples/mosquitto"
PASSWORDS = {"epochd": "right", "operator": "looks", "router": "routes"}


class Guarded(Broker):
    """The example's configuration, its folder and ports put elsewhere; `change` edits one of its files, obeyed at SIGHUP or a restart."""

    def __init__(self, folder, host="127.0.0.1"):
        self.folder, self.port, self.tls_port, self.process = folder, free_port(), free_port(), None
        self.certs = folder / "certs"
        self.folder.mkdir(parents=True)
        for name in ("epochd.conf", "acl"):
            text = (EXAMPLE / name).read_text().replace("/etc/mosquitto", str(folder))
            (folder / name).write_text(text)
        if os.geteuid() == 0:
            self.change("epochd.conf", "persistence false", "persistence false\nuser root")
        self.change("epochd.conf", "listener 1883 localhost", f"listener {self.port} 127.0.0.1")
        self.change("epochd.conf", "listener 8883", f"listener {self.tls_port} 127.0.0.1")
        self.certificates(host)
        self.passwords(PASSWORDS)
        self.start()

    def certificates(self, host, *clients):
        subprocess.run([EXAMPLE / "certificates.sh", self.certs, host, *(clients or ("epochd",))], check=True, capture_output=True)

    def passwords(self, passwords):
        for flag, (user, password) in zip(["-c", *[None] * len(passwords)], passwords.items()):
            subprocess.run(["mosquitto_passwd", *filter(None, [flag]), "-b", self.folder / "passwd", user, password], check=True,
                           capture_output=True)

    def change(self, name, old, new):
        path = self.folder / name
        text = path.read_text()
        assert text.count(old) == 1, (old, text)
        path.write_text(text.replace(old, new))
        path.chmod(0o600)

    def start(self):
        self.listener = None
        self.boot(self.folder / "epochd.conf")

    def obey(self):
        """Comes back when the files have been read again: it does that between one round of its loop and the next."""
        self.process.send_signal(signal.SIGHUP)
        for _ in range(2):
            Subscriber(self.port, "system/none", **OPERATOR).close()

    def restart(self):
        self.kill()
        self.start()

    def tls(self, **settings):
        return {"EPOCHD_MQTT_URL": f"mqtts://127.0.0.1:{self.tls_port}", "EPOCHD_MQTT_CA_FILE": str(self.certs / "ca.crt"),
                "EPOCHD_MQTT_CERT_FILE": str(self.certs / "epochd.crt"), "EPOCHD_MQTT_KEY_FILE": str(self.certs / "epochd.key"), **settings}


def login(folder, password="right"):
    file = folder / "password"
    file.write_text(password)
    file.chmod(0o600)
    return {"EPOCHD_MQTT_USERNAME": "epochd", "EPOCHD_MQTT_PASSWORD_FILE": str(file)}


OPERATOR = {"username": "operator", "password": "looks"}


def kept(port):
    """What the operator sees retained; it may publish nothing, so the last topic it is sent ends the waiting."""
    subscriber = Subscriber(port, "config/#", "system/#", **OPERATOR)
    try:
        subscriber.wait(INDEX)
        return {topic: payload for topic, payload, is_retained in subscriber.messages if is_retained}
    finally:
        subscriber.close()


def is_served(daemon, port):
    expected, found = in_force(daemon), kept(port)
    return {topic: found.get(topic) for topic in expected} == expected


@pytest.fixture
def guarded(tmp_path, ends):
    return ends(Guarded(tmp_path / "broker"))


def test_f63__the_example_of_a_broker_serves_each_service_what_is_its_own(tmp_path, home, guarded, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, guarded, **login(tmp_path)))
    daemon.published(1)
    assert is_served(daemon, guarded.port)
    router = ends(Subscriber(guarded.port, "#", username="router", password="routes"))
    router.wait(INDEX)
    seen = {topic for topic, _, _ in router.messages}
    assert {"system/config/router", KEYS, HEAD, INDEX, HEALTH} <= seen
    assert not [topic for topic in seen if topic.startswith("system/config/") and topic != "system/config/router"]
    daemon.status_when(lambda status: status["state"] == "ok")


@pytest.mark.parametrize("user, password, reason", [("epochd", "wrong", "not authorized"), ("nobody", "right", "not authorized"),
                                                    ("", "", "not authorized")])
def test_f63__a_refused_log_in_is_told_not_hurried_and_over_when_the_broker_is_mended(tmp_path, home, guarded, ends, user, password, reason):
    settings = login(tmp_path, password) | {"EPOCHD_MQTT_USERNAME": user} if user else {}
    daemon = ends(Daemon(tmp_path / "epochd", home, guarded, **FAST, **settings))
    told = reach(daemon, "degraded:broker-refused")["message"].lower()
    assert reason in told or "bad user name" in told, told
    before, began = daemon.usage()[0], time.monotonic()
    delays = retries(daemon, 10)
    assert all(delay >= 80 for delay in delays[3:]), delays
    assert daemon.usage()[0] - before < 0.5 * (time.monotonic() - began)
    if user:
        guarded.passwords(PASSWORDS | {user: password})
        guarded.change("acl", "user epochd\n", f"user {user}\n")
    else:
        guarded.change("epochd.conf", "allow_anonymous false", "allow_anonymous true")
        guarded.change("acl", "user epochd\n", "")
    guarded.restart()
    daemon.published(1)
    daemon.state_is("ok")


ACL_LINES = {
    "one service": ("topic readwrite system/config/+\n", "topic deny system/config/router\ntopic readwrite system/config/+\n", "system/config/router"),
    "the services": ("topic readwrite system/config/+\n", "", "system/config/"),
    "config/update": ("user epochd\ntopic write config/update\n", "user epochd\n", "config/update"),
    "the head": ("topic readwrite system/epoch/config-manager\n", "topic read system/epoch/config-manager\n", HEAD),
    "the keyset": ("topic readwrite system/keys/config-manager\n", "topic read system/keys/config-manager\n", KEYS),
    "the index": ("topic readwrite system/index/config-manager\n", "topic read system/index/config-manager\n", INDEX),
    "everything": ("user epochd\n", "user somebody-else\n", "system/"),
}


@pytest.mark.parametrize("denied", ACL_LINES)
def test_f63__a_topic_the_acl_denies_is_told_and_written_when_the_acl_is_mended(tmp_path, home, guarded, ends, denied):
    old, new, topic = ACL_LINES[denied]
    guarded.change("acl", old, new)
    guarded.restart()
    daemon = ends(Daemon(tmp_path / "epochd", home, guarded, **FAST, **login(tmp_path)))
    told = reach(daemon, "degraded:publish-refused")["message"]
    assert topic in told and "not authorized" in told and "0x87" in told
    daemon.status_when(lambda status: status["broker"]["state"] == "connected")
    if denied != "the index":
        assert not any(record["kind"] == "published" for record in daemon.journal())
    (guarded.folder / "acl").write_text((EXAMPLE / "acl").read_text())
    guarded.obey()
    daemon.lines.clear()
    daemon.hup()
    daemon.state_is("ok")
    assert is_served(daemon, guarded.port)
    assert any(record["kind"] == "published" for record in daemon.journal())


# --- TLS --------------------------------------------------------------------------------------------------------------


def test_f63__tls_with_a_private_ca_and_a_client_certificate_is_let_in(tmp_path, home, guarded, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, guarded, **login(tmp_path), **guarded.tls()))
    daemon.published(1)
    assert is_served(daemon, guarded.port)


def expired(guarded):
    (guarded.certs / "server.crt").unlink()
    subprocess.run(["faketime", "-3 years", EXAMPLE / "certificates.sh", guarded.certs, "127.0.0.1"], check=True, capture_output=True)


def of_another_ca(guarded, name):
    subprocess.run([EXAMPLE / "certificates.sh", guarded.folder / "other", "127.0.0.1", "epochd"], check=True, capture_output=True)
    return str(guarded.folder / "other" / name)


def not_yet_valid(guarded):
    (guarded.certs / "server.crt").unlink()
    subprocess.run(["faketime", "+3 years", EXAMPLE / "certificates.sh", guarded.certs, "127.0.0.1"], check=True, capture_output=True)


# name → what is done to the broker, which settings are wrong, what is told, what doctor says to mend
BAD_TLS = {
    "another CA": (None, lambda g: {"EPOCHD_MQTT_CA_FILE": of_another_ca(g, "ca.crt")},
                   "TLS: certificate verify failed: self-signed certificate in certificate chain", "let mqtt.ca_file name the CA"),
    "another name": (lambda g: g.certificates("broker.home"), None, "TLS: host name verification failed", "let mqtt.url name the broker"),
    "a certificate that expired": (expired, None, "TLS: certificate verify failed: certificate has expired", "renew the broker's certificate"),
    "a certificate of next year": (not_yet_valid, None, "TLS: certificate verify failed: certificate is not yet valid", "set the clock"),
    "no client certificate": (None, lambda g: {"EPOCHD_MQTT_CERT_FILE": "", "EPOCHD_MQTT_KEY_FILE": ""}, "", ""),
    "a client certificate of another CA": (None, lambda g: {"EPOCHD_MQTT_CERT_FILE": of_another_ca(g, "epochd.crt"),
                                                           "EPOCHD_MQTT_KEY_FILE": of_another_ca(g, "epochd.key")}, "", ""),
    "plain MQTT at the port of TLS": (None, lambda g: {"EPOCHD_MQTT_URL": f"mqtt://127.0.0.1:{g.tls_port}"}, "", ""),
    "TLS at the port of plain MQTT": (None, lambda g: {"EPOCHD_MQTT_URL": f"mqtts://127.0.0.1:{g.port}"}, "", ""),
}


@pytest.mark.parametrize("fault", BAD_TLS)
def test_f63__bad_tls_is_told_and_not_hurried(tmp_path, home, guarded, ends, fault):
    spoil, wrong, text, mend = BAD_TLS[fault]
    if spoil:
        spoil(guarded)
        guarded.restart()
    settings = guarded.tls() | (wrong(guarded) if wrong else {})
    daemon = ends(Daemon(tmp_path / "epochd", home, guarded, **FAST, **login(tmp_path), **settings))
    told = reach(daemon, "degraded:broker-tls" if text else "degraded:broker-away")["message"]
    assert text in told, told
    daemon.status_when(lambda status: status["snapshot"] == 1)
    link = json.loads(daemon.ctl("doctor", "--json", check=1).stdout)["links"][-1]
    assert link["link"] == "broker" and text in link["detail"] and mend in link["fix"], link
    assert "openssl s_client -connect 127.0.0.1:" in link["fix"], link
    before, began = daemon.usage()[0], time.monotonic()
    delays = retries(daemon, 10)
    assert all(delay >= 80 for delay in delays[3:]), delays
    assert daemon.usage()[0] - before < 0.5 * (time.monotonic() - began)
    if spoil:  # the broker is mended: no restart of ours
        guarded.certificates("127.0.0.1")
        guarded.restart()
        daemon.published(1)
        daemon.state_is("ok")


def test_f63__a_ca_file_that_is_replaced_is_believed_at_the_next_try(tmp_path, home, guarded, ends):
    own = tmp_path / "ca.crt"
    own.write_text(open(of_another_ca(guarded, "ca.crt")).read())
    daemon = ends(Daemon(tmp_path / "epochd", home, guarded, **FAST, **login(tmp_path), **guarded.tls(EPOCHD_MQTT_CA_FILE=str(own))))
    reach(daemon, "degraded:broker-tls")
    own.write_text((guarded.certs / "ca.crt").read_text())
    daemon.published(1)
    daemon.state_is("ok")


# --- too large, too many ----------------------------------------------------------------------------------------------


def big(home, kib):
    return home.commit({"services/big.yaml": f"text: {'x' * kib * 1024}\n"}, "big")


def told_too_large(daemon, limit):
    """The message, which names the topic, or the limit where the broker's answer ends the connection (2.0.21)."""
    refused = {"degraded:publish-refused", "degraded:broker-away"} if "message_size" in limit else {"degraded:publish-refused"}
    line = daemon.wait("state", state=refused)
    told = line["message"]
    if line["state"] == "degraded:broker-away":
        assert "message_size_limit" in told
        return False
    assert "0x00" not in told and ("config/update" in told or "system/config/big" in told) and ("the broker accepts 20000" in told or "packet too large" in told), told
    return True


@pytest.mark.parametrize("limit", ["max_packet_size 20000", "message_size_limit 20000"])
def test_f65__a_message_the_broker_takes_not_is_told_and_sent_when_it_takes_it(tmp_path, home, ends, limit):
    """The first limit is in CONNACK: such a packet is never sent. The second is not: the broker says no."""
    broker = ends(Broker(tmp_path / "broker", limit))
    big(home, 40)
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST))
    if told_too_large(daemon, limit):
        assert daemon.status_when(lambda status: status["broker"]["state"] == "connected")["published"] is None
    home.commit({ROUTER: "round: 2\n"}, "small")  # what fits is still published
    daemon.committed(3)
    broker.kill()
    broker.extra = "message_size_limit 300000"
    broker.start()
    converges(daemon, broker.port, 3)
    daemon.state_is("ok")


def test_f65__a_packet_above_the_limit_of_connack_is_never_sent(tmp_path, home, ends):
    fake = ends(FakeBroker())
    fake.connack = (0, b"\x27" + (20000).to_bytes(4, "big"))
    big(home, 40)
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST))
    reach(daemon, "degraded:publish-refused")
    fake.wait(lambda broker: KEEPALIVE in [topic for topic, _ in broker.published])
    assert all(topic != "system/config/big" and len(payload) < 20000 for topic, payload in fake.published)
    daemon.wait("acks_heard")
    assert fake.accepted == 2, "one connection to publish, one to hear what is acknowledged"


@pytest.mark.parametrize("limits", ["max_inflight_messages 1", "max_inflight_messages 1\nmax_queued_messages 1", "max_inflight_bytes 2000"])
def test_f63__a_broker_that_takes_one_message_at_a_time_gets_all(tmp_path, home, ends, limits):
    broker = ends(Broker(tmp_path / "broker", limits))
    home.commit({f"services/more-{n}.yaml": f"n: {n}\n" for n in range(150)}, "more")
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST))
    daemon.published(2)
    services = {topic for topic in in_force(daemon) if topic.startswith("system/config/")}
    assert len(services) == 156
    for topic in sorted(services)[::40] + [HEAD, KEYS]:
        one = Subscriber(broker.port, topic)
        assert one.wait(topic) == in_force(daemon)[topic]
        one.close()


# --- somebody else ----------------------------------------------------------------------------------------------------


def test_f10__a_client_id_that_is_taken_over_is_told_by_0x8e_and_not_fought_over(tmp_path, home, ends):
    fake = ends(FakeBroker())
    fake.closing = 0x8E
    daemon = ends(Daemon(tmp_path / "epochd", home, fake, **FAST, **QUICK, EPOCHD_MQTT_CLIENT_ID="one"))
    assert "took over" in reach(daemon, "degraded:client-id-conflict")["message"]
    delays = retries(daemon, 8)
    assert all(delay >= 80 for delay in delays[4:]), delays
    behaves_well_again(fake, daemon)


def test_f10__two_daemons_with_one_client_id_are_told_even_if_the_broker_says_nothing(tmp_path, home, broker, ends):
    same = {**FAST, **QUICK, "EPOCHD_MQTT_CLIENT_ID": "one", "EPOCHD_MQTT_BACKOFF_MAX_MS": "1000"}
    first = ends(Daemon(tmp_path / "first", home, broker, **same))
    first.published(1)
    second = ends(Daemon(tmp_path / "second", home, broker, EPOCHD_MQTT_PREFIX="second", **same))
    for daemon in (first, second):  # mosquitto 2.0.21 says why it ends a connection, 2.0.11 does not
        assert "another client" in reach(daemon, "degraded:client-id-conflict")["message"]
    second.stop()
    first.status_when(lambda status: status["state"] == "ok")
    change(home, 2)
    converges(first, broker.port, 2)


# --- everything stands still ------------------------------------------------------------------------------------------


def test_f8__a_daemon_that_was_stopped_for_long_connects_again_and_asserts_again(tmp_path, home, broker, ends):
    """Longer than the broker waits, one and a half times the keepalive of five seconds."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST, **QUICK))
    daemon.published(1)
    watch = ends(Subscriber(broker.port, HEALTH))
    daemon.process.send_signal(signal.SIGSTOP)
    watch.wait(HEALTH, lambda payload: json.loads(payload)["data"]["event"] == "lost")
    broker.kill()
    broker.start()  # and forgot everything
    change(home, 2)
    daemon.lines.clear()
    daemon.process.send_signal(signal.SIGCONT)
    daemon.wait("broker_connected")
    converges(daemon, broker.port, 2)
    daemon.state_is("ok")


def test_f66__a_broker_that_stands_still_is_noticed_and_used_when_it_goes_on(tmp_path, home, broker, ends):
    """Nothing is published meanwhile: it is the ping that is not answered. The keepalive is five seconds here, ten by default."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST, **QUICK))
    daemon.published(1)
    daemon.status_when(lambda status: status["state"] == "ok")
    broker.process.send_signal(signal.SIGSTOP)
    try:
        daemon.wait("broker_away")
    finally:
        broker.process.send_signal(signal.SIGCONT)
    change(home, 2)
    converges(daemon, broker.port, 2)
    daemon.status_when(lambda status: status["state"] == "ok")


# --- time -------------------------------------------------------------------------------------------------------------

YEARS = 365 * 86400


def wall_clock(tmp_path):
    """(settings for a daemon whose wall clock is off by what the returned function is told in seconds, that function)."""
    offset, library = tmp_path / "wall_clock", tmp_path / "wall_clock.so"
    offset.write_text("0")
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", "-o", library, ROOT / "tests/integration/wall_clock.c"], check=True)

    def step(seconds):
        (tmp_path / "next").write_text(str(seconds))
        (tmp_path / "next").rename(offset)

    settings = {"LD_PRELOAD": str(library), "WALL_CLOCK": str(offset)}
    if "ASAN_OPTIONS" in os.environ:
        settings["ASAN_OPTIONS"] = os.environ["ASAN_OPTIONS"] + ":verify_asan_link_order=0"
    return settings, step


def test_f71__a_wall_clock_that_jumps_by_decades_changes_no_order(tmp_path, home, broker, subscriber, ends):
    settings, clock = wall_clock(tmp_path)
    clock(-10 * YEARS)
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST, **QUICK, **settings))
    daemon.published(1)
    years, now = [], time.gmtime().tm_year
    for n, step in enumerate((10 * YEARS, -10 * YEARS, 0, -3600), 2):
        years.append(json.loads(subscriber.epoch(n - 1))["timestamp"][:4])
        clock(step)
        change(home, n)
        converges(daemon, broker.port, n)
        subscriber.wait(KEEPALIVE, lambda payload, n=n: json.loads(payload)["epoch"] == n)
    assert [round((int(year) - now) / 10) for year in years] == [-1, 1, -1, 0]  # it did jump
    sequences = [json.loads(payload)["sequence"] for payload in subscriber.on(KEEPALIVE)]
    assert sequences == sorted(set(sequences))
    heads = [json.loads(payload)["epoch"] for payload in subscriber.on(HEAD)]
    assert heads == sorted(heads)
    daemon.stop()
    clock(-10 * YEARS)  # and a start in the past goes on where the journal ends
    daemon.start()
    daemon.state_is("ok")
    change(home, 6)
    converges(daemon, broker.port, 6)
    daemon.ctl("verify", "journal", check=0)


def test_f72__the_clock_that_counts_suspend_may_begin_anywhere(tmp_path, home, broker, ends):
    """A year since boot, then after a restart less than before, as after a reboot. A real suspend in the middle of a run is not tried."""
    probe = run("unshare", "--time", "--boottime", "31536000", "cat", "/proc/uptime")
    if probe.returncode != 0 or float(probe.stdout.split()[0]) < 31536000:
        pytest.skip("no time namespaces here: root and Linux 6.3 are needed")
    for n, uptime in enumerate(("31536000", "1000", "0"), 1):
        daemon = ends(Daemon(tmp_path / "epochd", home, broker, wrapper=["unshare", "--time", "--boottime", uptime], **FAST, **QUICK))
        daemon.state_is("ok")
        watch = ends(Subscriber(broker.port, KEEPALIVE))
        change(home, n + 1)
        converges(daemon, broker.port, n + 1)
        first = json.loads(watch.wait(KEEPALIVE))["sequence"]
        watch.wait(KEEPALIVE, lambda payload, first=first: json.loads(payload)["sequence"] > first)
        assert daemon.stop() == 0


# --- a consumer that was away -----------------------------------------------------------------------------------------


def test_f67__a_consumer_that_was_away_longer_than_the_broker_queues_catches_up_from_what_is_retained(tmp_path, home, ends):
    """Its session is kept and so are the oldest messages, the newest ones are dropped, retained ones too while the queue is full; the head
    it hears of is not complete, so it subscribes again, until it is."""
    broker = ends(Broker(tmp_path / "broker", "max_queued_messages 5\nmax_inflight_messages 5"))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **FAST))
    daemon.published(1)
    consumer = Consumer((daemon.state / "keys/root.pub").read_text().splitlines(True))
    caught_up = threading.Condition()

    def arrive(_client, _data, message):
        with caught_up:
            consumer.arrive(message.topic, message.payload)
            caught_up.notify_all()

    def visit(epoch):
        """Connects with the same session until the epoch is applied."""
        client = paho.Client(client_id="consumer", protocol=paho.MQTTv5)
        client.on_message = arrive
        keep = Properties(PacketTypes.CONNECT)
        keep.SessionExpiryInterval = 3600
        client.connect("127.0.0.1", broker.port, clean_start=False, properties=keep)
        client.on_connect = lambda client, *_: client.subscribe([(topic, 1) for topic in ("config/update", *topics)])
        client.loop_start()
        for _ in range(PATIENCE_S):
            with caught_up:
                done = caught_up.wait_for(lambda: consumer.applied is not None and consumer.applied["epoch"] == epoch, 1)
            if done:
                break
            client.subscribe([(topic, 1) for topic in topics])
        client.disconnect()
        client.loop_stop()
        assert done, consumer.applied

    topics = [KEYS, INDEX, HEAD, *sorted(topic for topic in in_force(daemon) if topic.startswith("system/config/"))]
    visit(1)
    for n in range(2, 31):
        change(home, n)
        daemon.published(n)
    visit(30)
    served = in_force(daemon)
    assert {f"system/config/{name}": raw for name, (_, raw) in consumer.services.items()} == {
        topic: raw for topic, raw in served.items() if topic.startswith("system/config/")}
    epochs = [entry["epoch"] for entry in consumer.entries]
    assert epochs == sorted(epochs) and not consumer.refused


# --- somebody else on our topics --------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cleared", "overwritten"])
@pytest.mark.parametrize("topic", [KEYS, HEAD, "system/config/router", INDEX, HEALTH])
def test_f68__what_somebody_else_did_to_our_topics_is_undone(daemon, home, broker, subscriber, topic, how):
    subscriber.wait(INDEX)
    daemon.status_when(lambda status: status["state"] == "ok" and status["published"] == 1)
    theirs = b"" if how == "cleared" else b'{"type":"config.epoch"}'
    before = len(subscriber.on(topic))
    subscriber.publish(topic, theirs, retain=True)
    deadline = time.monotonic() + PATIENCE_S
    while retained(broker.port).get(topic, b"") == theirs:
        assert time.monotonic() < deadline, subscriber.on(topic)[before:]
    if topic in in_force(daemon):
        assert retained(broker.port)[topic] == in_force(daemon)[topic]
    if how == "overwritten":
        daemon.state_is("degraded:topic-conflict")
