"""epochctl watch: what the broker delivers, believed only when it verifies."""
import json
import shutil
import signal
import subprocess

import pytest
from harness import EPOCHCTL, PATIENCE_S, SOURCE, Daemon, Repo, ctl

STT = "services/audio/stt-worker.yaml"


class Watch:
    """A running `epochctl watch`; `wait` reads its JSON lines."""

    def __init__(self, daemon, *args, **settings):
        self.process = subprocess.Popen([EPOCHCTL, "watch", "--json", *args], env={**daemon.env, **settings}, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        self.lines = []

    def wait(self, event, **members):
        """The next line of that event with those members; what comes before stays in `lines`."""
        for text in self.process.stdout:
            line = json.loads(text)
            self.lines.append(line)
            if line["event"] == event and all(line.get(name) == value for name, value in members.items()):
                return line
        raise AssertionError((event, members, self.lines, self.process.stderr.read()))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(PATIENCE_S)
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def lively(tmp_path, home, broker, ends):
    d = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    d.published(1)
    return d


def test_watch_shows_each_change_key_by_key(lively, home, ends):
    watch = ends(Watch(lively, "stt-worker"))
    first = watch.wait("update")
    assert (first["service"], first["version"], first["epoch"], first["initial"], first["changes"]) == ("stt-worker", 1, 1, True, [])
    assert first["config"]["sample_rate"] == 16000
    watch.wait("fresh")
    home.commit({STT: "sample_rate: 8000\nnew: {deep: true}\n", "services/router.yaml": "a: 1\n"})
    change = watch.wait("update")
    assert (change["service"], change["version"], change["config_epoch"], change["initial"]) == ("stt-worker", 2, home.head(), False)
    assert {"key": "/sample_rate", "before": 16000, "after": 8000} in change["changes"]
    assert {"key": "/new", "after": {"deep": True}} in change["changes"]
    home.commit({STT: None})
    gone = watch.wait("update", version=3)
    assert gone["config"] is None
    assert not [line for line in watch.lines if line["event"] in ("refused", "disconnected")]


def test_watch_for_people(lively, home, ends):
    process = subprocess.Popen([EPOCHCTL, "watch"], env=lively.env, stdout=subprocess.PIPE, text=True)
    watch = ends(Watch.__new__(Watch))
    watch.process = process
    process.stderr = open("/dev/null", encoding="ascii")
    seen = [process.stdout.readline() for _ in range(7)]
    assert seen[0] == f"connected  {lively.settings['EPOCHD_MQTT_URL']}\n"
    assert sorted(line.split()[2] for line in seen[1:]) == sorted(path.stem for path in (home.path / "services").rglob("*.yaml"))
    home.commit({STT: 'sample_rate: "\x7f\u202e"\n'.replace("\x7f", "\\x7f").replace("\u202e", "\\u202e")})
    for line in process.stdout:
        if "  stt-worker  version 2  " in line:
            break
    assert "    /sample_rate  16000 → \"\\x7f\\u202e\"\n" in [process.stdout.readline() for _ in range(7)]


def test_watch_refuses_what_is_forged_old_or_cut(lively, home, subscriber, ends):
    """Whoever may publish on our topics is not believed, and what was in force stays so."""
    watch = ends(Watch(lively))
    watch.wait("update", service="stt-worker")
    topic = "system/config/stt-worker"
    genuine = subscriber.wait(topic)
    head, keys = subscriber.epoch(1), subscriber.wait(f"system/keys/{SOURCE}")
    home.commit({STT: "sample_rate: 8000\n"})
    watch.wait("update", service="stt-worker", version=2)
    for where, payload, code in ((topic, genuine.replace(b"16000", b"16001"), "bad-signature"), (topic, genuine, "message-older"),
                                 (topic, b"{}", "message-form"), (f"system/epoch/{SOURCE}", head, "message-older"),
                                 ("system/config/router", genuine, "wrong-service"), (f"system/epoch/{SOURCE}", genuine, "wrong-type"),
                                 (f"system/keys/{SOURCE}", keys.replace(b'"generation":1', b'"generation":2'), "keyset-refused")):
        subscriber.publish(where, payload)
        refused = watch.wait("refused")
        assert (refused["topic"], refused["code"]) == (where, code)
    home.commit({STT: "sample_rate: 4000\n"})
    assert watch.wait("update", service="stt-worker")["changes"] == [{"key": "/sample_rate", "before": 8000, "after": 4000}]


def test_watch_says_that_there_is_no_such_service_and_waits_for_it(lively, home, ends):
    watch = ends(Watch(lively, "stt-wroker"))
    assert watch.wait("absent")["detail"] == "there is no service 'stt-wroker' in epoch 1; waiting for it"
    home.commit({"services/stt-wroker.yaml": "rate: 1\n"})
    assert watch.wait("update")["config"] == {"rate": 1}
    assert len([line for line in watch.lines if line["event"] == "absent"]) == 1


def test_watch_of_a_publisher_with_another_root(lively, tmp_path, ends):
    other = ends(Daemon(tmp_path / "other", Repo.home(tmp_path / "other-config")))
    other.committed(1)
    watch = ends(Watch(lively, "--root", str(other.state / "keys/root.pub")))
    assert watch.wait("refused", topic=f"system/keys/{SOURCE}")["code"] == "keyset-refused"
    assert "update" not in [line["event"] for line in watch.lines]


def test_watch_needs_root_pub_and_nothing_of_the_state(lively, tmp_path, ends):
    shutil.copy(lively.state / "keys/root.pub", tmp_path / "root.pub")
    watch = ends(Watch(lively, "--root", str(tmp_path / "root.pub"), "router", EPOCHD_STATE=str(tmp_path / "never")))
    assert watch.wait("update")["service"] == "router"
    missing = ctl("watch", "--root", str(tmp_path / "none.pub"), check=3, EPOCHD_MQTT_URL=lively.settings["EPOCHD_MQTT_URL"])
    assert "the pinned root keys" in missing.stderr and missing.stderr.count("No such file or directory") == 1
    assert "mqtt.url is off" in ctl("watch", "--root", str(tmp_path / "root.pub"), check=3, EPOCHD_MQTT_URL="off").stderr
    assert "no name of a service" in ctl("watch", "../+", check=2).stderr


def test_watch_tells_that_the_broker_is_away_from_the_beginning(lively, broker, ends):
    broker.kill()
    watch = ends(Watch(lively))
    assert "onnection refused" in watch.wait("disconnected")["detail"]
    broker.start()
    watch.wait("connected")
    assert [line["event"] for line in watch.lines].count("disconnected") == 1


def test_watch_connects_again_and_tells_staleness(lively, home, broker, ends):
    watch = ends(Watch(lively))
    watch.wait("fresh")
    broker.kill()
    watch.wait("disconnected")
    home.commit({STT: "sample_rate: 8000\n"})
    lively.committed(2)
    broker.start()
    watch.wait("connected")
    watch.wait("update", service="stt-worker", version=2)
    lively.kill()
    watch.wait("stale")
