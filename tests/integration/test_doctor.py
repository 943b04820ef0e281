"""epochctl doctor: the first broken link of the road, each broken once."""
import json
import os
import shutil

import pytest
from harness import EPOCHCTL, SOURCE, Broker, Daemon, Repo, as_stranger, ctl, run

LINKS = ["settings", "repository", "branch", "hooks", "keys", "journal", "clock", "disk", "daemon", "snapshot", "broker", "retained"]
STT = "services/audio/stt-worker.yaml"


@pytest.fixture
def settled(daemon):
    daemon.status_when(lambda s: s.get("snapshot") == 1 and s["published"] == 1)
    return daemon


def doctor(daemon, check=1, **options):
    told = json.loads(daemon.ctl("doctor", "--json", check=check, **options).stdout)
    assert told["ok"] == (check == 0)
    return told["links"]


def broken(daemon, link, **options):
    """The last of the links is the broken one, and it is the one that was expected; those before it are not."""
    links = doctor(daemon, **options)
    assert [entry["link"] for entry in links] == LINKS[:LINKS.index(link) + 1], links
    assert [entry["state"] == "broken" for entry in links] == [False] * (len(links) - 1) + [True]
    assert links[-1]["fix"], links
    return links[-1]


def test_the_whole_road_holds(settled, home):
    links = doctor(settled, check=0)
    assert [entry["link"] for entry in links] == LINKS
    assert {entry["link"]: entry["state"] for entry in links if entry["state"] != "ok"} == {"hooks": "note"}
    ctl("init", home.path, check=0)
    assert {entry["state"] for entry in doctor(settled, check=0)} == {"ok"}
    page = settled.ctl("doctor", check=0).stdout
    assert "ok      retained    the head of epoch 1, as in the journal\n" in page and "What to do" not in page


def test_a_journal_that_was_begun_anew_under_the_snapshot_is_as_good(settled):
    """As after a journal was corrupt and set aside: what is in force stands in the snapshot alone until the next commit."""
    settled.stop()
    (settled.state / "journal.jsonl").unlink()
    settled.start()
    settled.published(1)
    settled.snapshot(1)
    settled.status_when(lambda s: s["state"] == "ok" and s["published"] == 1)
    told = {entry["link"]: (entry["state"], entry["detail"]) for entry in doctor(settled, check=0)}
    assert told["snapshot"] == ("ok", "verifies; epoch 1, above which the journal was begun anew")
    assert told["retained"] == ("ok", "the head of epoch 1, as in the snapshot")


def test_doctor_disturbs_nothing(settled, subscriber):
    """It has a client id of its own and publishes nothing."""
    status = settled.status()
    doctor(settled, check=0)
    assert [message for message in subscriber.messages if not message[2] and "keepalive" not in message[0]] == []
    assert settled.status()["broker"] == status["broker"] and settled.status()["started"] == status["started"]


def test_settings_that_are_wrong(settled, tmp_path):
    (tmp_path / "epochd.yaml").write_text("repositroy: {}\n")
    found = broken(settled, "settings", EPOCHD_CONFIG=str(tmp_path / "epochd.yaml"))
    assert "epochd.yaml:1:1: " in found["detail"] and found["code"] == "settings"


def test_a_repository_that_is_not_there(settled, tmp_path):
    assert broken(settled, "repository", EPOCHD_REPOSITORY_PATH=str(tmp_path / "none"))["code"] == "repo.missing"


def test_a_repository_of_somebody_else(settled, home):
    as_stranger()
    run("chown", "-R", "54321", home.path, check=0)
    assert broken(settled, "repository")["code"] == "repo.owner"


def test_a_repository_that_the_daemons_user_may_not_read(settled, home):
    """Root can read it; what counts is the daemon's user."""
    as_stranger()
    run("chown", "-R", "54321", settled.state, check=0)
    found = broken(settled, "repository", EPOCHD_REPOSITORY_TRUSTED_UIDS="0")
    assert found["code"] in ("repo.access", "repo.missing", "system"), found


def test_a_branch_that_is_not_there(settled):
    found = broken(settled, "branch", EPOCHD_REPOSITORY_BRANCH="production")
    assert found["code"] == "ref-missing" and "'production'" in found["detail"]


def test_a_key_that_is_missing(settled):
    (settled.state / "keys/lkg.key").unlink()
    found = broken(settled, "keys")
    assert found["code"] == "key-file" and "lkg.key" in found["detail"]


def test_a_journal_that_was_changed(settled):
    journal = settled.state / "journal.jsonl"
    settled.stop()
    text = journal.read_bytes()
    journal.write_bytes(text.replace(b'"kind":"baseline"', b'"kind":"baselinf"'))
    found = broken(settled, "journal")
    assert found["code"] == "journal-corrupt" and "journal.jsonl:1:1" in found["detail"]


@pytest.mark.parametrize(("name", "mode", "mend"), [
    ("signing.key", 0o644, "0600"), ("signing.key", 0o640, "0600"), ("signing.key", None, None), ("journal.key", 0o660, "0600"),
    ("lkg.key", 0o644, "0640"), ("root.pub", 0o666, "0644"), ("keyset.json", 0o664, "0644")])
def test_a_key_that_the_daemon_would_refuse_at_its_next_start(settled, name, mode, mend):
    """The one that runs has read it already. What consumers of this host read stays theirs to read."""
    key = settled.state / "keys" / name
    key.unlink() if mode is None else key.chmod(mode)
    found = broken(settled, "keys")
    assert found["code"] == "key-file" and f"'{name}'" in found["detail"]
    assert found["fix"] == (f"chmod {mend} {key}" if mend else found["fix"])


def test_a_clock_that_is_behind_is_noted(settled):
    preloads = {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}  # faketime comes before it
    links = {entry["link"]: entry for entry in doctor(settled, check=0, wrapper=["faketime", "-1 days"], **preloads)}
    assert links["clock"]["state"] == "note" and "this clock is behind" in links["clock"]["detail"] and links["clock"]["fix"]


def test_a_settings_file_that_is_not_there(settled, tmp_path):
    assert "--config" in broken(settled, "settings", EPOCHD_CONFIG=str(tmp_path / "none.yaml"))["fix"]


def test_a_disk_that_is_full(settled, tmp_path):
    if os.geteuid() != 0 or run("unshare", "-m", "true").returncode:
        pytest.skip("a small disk needs root")
    small = tmp_path / "small"
    small.mkdir()
    script = f'mount -t tmpfs -o size=8m none {small} && cp -a {settled.state}/. {small} && exec "$@"'
    found = broken(settled, "disk", wrapper=["unshare", "-m", "sh", "-c", script, "sh"], EPOCHD_STATE=str(small), EPOCHD_KEYS=str(small / "keys"))
    assert found["code"] == "no-space" and "MiB free" in found["detail"]


def test_a_daemon_that_does_not_run(settled):
    settled.kill()
    found = broken(settled, "daemon")
    assert found["code"] == "not-running" and "systemctl start epochd" in found["fix"]


def test_a_daemon_with_another_run_folder(settled, tmp_path):
    assert "tells nothing in" in broken(settled, "daemon", EPOCHD_RUN=str(tmp_path / "elsewhere"))["detail"]


def test_a_daemon_that_holds(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny"))
    daemon.published(1)
    home.git("commit", "-q", "--amend", "-m", "other words")
    daemon.status_when(lambda s: s["state"] == "hold:history-rewritten")
    assert broken(daemon, "daemon")["code"] == "history-rewritten"


def test_a_snapshot_that_was_changed_or_is_gone(settled):
    snapshot = settled.state / "config.lkg.json"
    text = snapshot.read_bytes()
    snapshot.write_bytes(text.replace(b'"epoch":1', b'"epoch":2', 1))
    assert broken(settled, "snapshot")["code"] == "lkg-bad-mac"
    snapshot.unlink()
    assert broken(settled, "snapshot")["detail"] == "there is none"


@pytest.mark.parametrize("url, text", [
    ("mqtt://127.0.0.1:1", "mqtt://127.0.0.1:1: Connection refused"),
    ("mqtt://localhost:1", "mqtt://localhost:1: Connection refused"),  # also where a host has no IPv6, or no IPv4
    ("mqtt://no-such-host.invalid:1883", "cannot resolve no-such-host.invalid"),
])
def test_a_broker_that_is_not_there(settled, url, text):
    found = broken(settled, "broker", EPOCHD_MQTT_URL=url)
    assert found["code"] == "broker-away" and text in found["detail"], found


def test_a_broker_that_lets_us_not_in(settled, tmp_path, ends):
    strict = ends(Broker(tmp_path / "strict", extra="allow_anonymous false"))
    found = broken(settled, "broker", EPOCHD_MQTT_URL=strict.url)
    assert found["code"] == "broker-refused" and "password" in found["fix"]


def test_a_broker_that_lets_us_see_nothing(settled, tmp_path, ends):
    """mosquitto grants the subscription and delivers nothing."""
    (tmp_path / "acl").write_text("user somebody\ntopic readwrite #\n")
    strict = ends(Broker(tmp_path / "strict", extra=f"acl_file {tmp_path}/acl"))
    assert "ACL" in broken(settled, "retained", EPOCHD_MQTT_URL=strict.url)["fix"]


def test_a_head_that_is_forged(settled, subscriber):
    head = subscriber.epoch(1)
    settled.kill()
    subscriber.publish(f"system/epoch/{SOURCE}", head.replace(b'"epoch":1', b'"epoch":7'), retain=True)
    settled.settings["EPOCHD_MQTT_URL"], url = "off", settled.settings["EPOCHD_MQTT_URL"]
    settled.start()  # without the broker, or it would assert its own
    found = broken(settled, "broker", EPOCHD_MQTT_URL=url)
    assert found["code"] == "bad-signature" and f"retained on system/epoch/{SOURCE}" in found["detail"]


def test_a_broker_that_lost_the_head(settled, ends, tmp_path):
    empty = ends(Broker(tmp_path / "empty"))
    found = broken(settled, "retained", EPOCHD_MQTT_URL=empty.url)
    assert "no head, and the journal has epoch 1" in found["detail"] and "ACL" in found["fix"]


def test_no_broker_is_a_note(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.snapshot(1)
    daemon.status_when(lambda s: s.get("snapshot") == 1)
    assert [entry["state"] for entry in doctor(daemon, check=0)[-2:]] == ["note", "ok"]


def test_an_empty_repository_is_no_broken_link_but_has_no_branch(tmp_path, ends):
    daemon = ends(Daemon(tmp_path / "epochd", Repo(tmp_path / "config")))
    daemon.status_when(lambda s: s["state"] == "empty")
    assert broken(daemon, "branch")["code"] == "ref-missing"


def test_somebody_who_may_not_look(settled, open_folder):
    wrapper = as_stranger()
    shutil.copytree(settled.state, open_folder / "state")
    (open_folder / "state").chmod(0o750)
    Repo.home(open_folder / "config")
    if run("test", "-x", EPOCHCTL, wrapper=wrapper).returncode:
        pytest.skip("other users cannot run epochctl")
    found = json.loads(settled.ctl("doctor", "--json", wrapper=wrapper, cwd=open_folder, check=1, EPOCHD_STATE=str(open_folder / "state"),
                                   EPOCHD_KEYS=str(open_folder / "state/keys"), EPOCHD_REPOSITORY_PATH=str(open_folder / "config"),
                                   EPOCHD_REPOSITORY_TRUSTED_UIDS="0").stdout)["links"][-1]
    assert found["link"] == "keys" and "sudo epochctl doctor" in found["fix"]
