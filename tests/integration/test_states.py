"""What goes wrong around the daemon, and that every state ends by itself once its cause is gone."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess

import pytest
from harness import PATIENCE_S, SOURCE, Broker, Daemon, Repo, Subscriber
from nacl.signing import SigningKey

ROUTER = "services/router.yaml"
HEAD, HEALTH, KEEPALIVE = f"system/epoch/{SOURCE}", f"system/health/{SOURCE}", f"system/keepalive/{SOURCE}"
QUICK = {"EPOCHD_REPOSITORY_POLL_S": "1", "EPOCHD_MQTT_HEARTBEAT_S": "1"}


def change(home, n, *options):
    """A commit that changes one service."""
    return home.commit({ROUTER: f"round: {n}\n"}, f"round {n}", *options)


def reach(daemon, state):
    """Waits for the state and forgets the log up to it: the next wait is for what comes after."""
    line = daemon.state_is(state)
    del daemon.lines[:daemon.lines.index(line) + 1]
    return line


def look(daemon):
    """Comes back when the daemon has looked at the branch: the second signal is told after the first was obeyed."""
    for _ in range(2):
        daemon.lines.clear()
        daemon.hup()
        daemon.wait("signal", signal="Hangup")


def committed(daemon):
    return [record["epoch"] for record in daemon.journal() if record["kind"] == "committed"]


def heads(subscriber):
    return [json.loads(payload)["epoch"] for payload in subscriber.on(HEAD) if payload.startswith(b"{")]


@pytest.fixture
def quick(tmp_path, home, broker, ends):
    """epochd that polls and beats every second, its first epoch published."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK))
    daemon.published(1)
    return daemon


# --- the branch -------------------------------------------------------------------------------------------------------


def test_f34__rewritten_history_is_denied_served_on_and_left_by_putting_the_branch_back(tmp_path, home, broker, subscriber, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny", **QUICK))
    daemon.published(1)
    good = change(home, 2)
    daemon.published(2)
    change(home, 3, "--amend")
    assert good[:12] in reach(daemon, "hold:history-rewritten")["message"]
    told = len(subscriber.on(KEEPALIVE))
    subscriber.wait(KEEPALIVE, lambda p: len(subscriber.seen(KEEPALIVE)) > told and json.loads(p)["epoch"] == 2)
    assert heads(subscriber)[-1] == 2
    home.git("reset", "-q", "--hard", good)
    reach(daemon, "ok")
    change(home, 4)
    assert json.loads(subscriber.epoch(3))["parent"]["epoch"] == 2
    assert committed(daemon) == [1, 2, 3]


def test_f34__a_denied_rewrite_is_still_denied_after_a_restart(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny", **QUICK))
    daemon.published(1)
    change(home, 2, "--amend")
    reach(daemon, "hold:history-rewritten")
    daemon.kill()
    daemon.start()
    reach(daemon, "hold:history-rewritten")
    assert committed(daemon) == [1]


def test_f34__an_amended_commit_is_a_new_and_higher_epoch(home, daemon, subscriber):
    change(home, 2)
    daemon.published(2)
    commit = change(home, 3, "--amend")
    head = json.loads(subscriber.epoch(3))
    assert (head["config_epoch"], head["offset"], head["parent"]["epoch"], head["changed"]) == (commit, 1, 2, {"router": 3})
    assert [r["reason"] for r in daemon.journal() if r["kind"] == "rewrite"] == ["amend"]
    change(home, 4)
    assert json.loads(subscriber.epoch(4))["offset"] == 1


def test_a_rejected_commit_that_is_amended_is_accepted(home, daemon, subscriber):
    change(home, 2)
    daemon.published(2)
    bad = home.commit({ROUTER: "a: [1\n"}, "broken")
    daemon.wait("epoch_rejected", config_epoch=bad)
    good = change(home, 3, "--amend")
    head = json.loads(subscriber.epoch(3))
    assert head["config_epoch"] == good and head["parent"]["epoch"] == 2


def test_an_accepted_commit_amended_into_a_bad_one_and_that_into_a_good_one(home, daemon, subscriber):
    change(home, 2)
    daemon.published(2)
    bad = home.commit({ROUTER: "a: [1\n"}, "broken", "--amend")
    daemon.wait("epoch_rejected", config_epoch=bad)
    assert committed(daemon) == [1, 2]
    good = change(home, 3, "--amend")
    head = json.loads(subscriber.epoch(3))
    assert head["config_epoch"] == good and head["parent"]["epoch"] == 2


def test_more_than_ten_replaced_commits_are_no_amendment(home, quick, subscriber):
    base = home.head()
    for n in range(2, 13):
        change(home, n)
    quick.published(12)
    last = home.head()
    home.git("reset", "-q", "--hard", base)
    home.git("commit", "-q", "--amend", "--allow-empty", "-m", "another beginning")
    reach(quick, "hold:history-rewritten")
    home.git("reset", "-q", "--hard", last)
    reach(quick, "ok")
    home.git("reset", "-q", "--hard", "HEAD~10")
    change(home, 100)
    assert json.loads(subscriber.epoch(13))["parent"]["epoch"] == 12


def test_f33__a_branch_that_went_back_holds_and_goes_on_when_it_moves_on(home, quick, subscriber):
    change(home, 2)
    quick.published(2)
    home.git("reset", "-q", "--hard", "HEAD~1")
    reach(quick, "hold:repo-behind")
    assert quick.status_when(lambda s: s["state"] == "hold:repo-behind")["epoch"] == 2
    quick.stop()
    quick.start()
    reach(quick, "hold:repo-behind")
    home.git("reset", "-q", "--hard", "ORIG_HEAD")
    reach(quick, "ok")
    change(home, 3)
    assert json.loads(subscriber.epoch(3))["parent"]["epoch"] == 2
    assert heads(subscriber) == sorted(heads(subscriber)) and committed(quick) == [1, 2, 3]


def test_f33__a_repository_from_a_backup_is_behind_until_the_missing_commits_are_pushed(tmp_path, home, quick, subscriber):
    shutil.copytree(home.path, tmp_path / "backup", symlinks=True)
    change(home, 2)
    quick.published(2)
    home.path.rename(tmp_path / "clone")
    (tmp_path / "backup").rename(home.path)
    reach(quick, "hold:repo-behind")
    home.git("pull", "-q", str(tmp_path / "clone"), "main")
    quick.state_is("ok")
    change(home, 3)
    assert json.loads(subscriber.epoch(3))["parent"]["epoch"] == 2


def test_f35__a_deleted_branch_holds_until_it_is_there_again(home, quick, subscriber):
    commit = home.head()
    home.git("update-ref", "-d", "refs/heads/main")
    reach(quick, "hold:ref-missing")
    home.git("update-ref", "refs/heads/main", commit)
    reach(quick, "ok")
    change(home, 2)
    assert json.loads(subscriber.epoch(2))["parent"]["epoch"] == 1


@pytest.mark.parametrize("damage", [b"", b"nothing a ref could be\n", bytes(41)], ids=["empty", "text", "zeros"])
def test_f40__a_damaged_ref_holds_until_it_is_mended(home, quick, subscriber, damage):
    ref = home.path / ".git/refs/heads/main"
    good = ref.read_bytes()
    ref.write_bytes(damage)
    reach(quick, "hold:ref-unreadable")
    ref.write_bytes(good)
    reach(quick, "ok")
    change(home, 2)
    subscriber.epoch(2)
    assert committed(quick) == [1, 2]


# --- the repository ---------------------------------------------------------------------------------------------------


def test_a_repository_that_is_moved_away_holds_until_it_is_back(tmp_path, home, quick, subscriber):
    home.path.rename(tmp_path / "elsewhere")
    reach(quick, "hold:repo-unreadable")
    (tmp_path / "elsewhere").rename(home.path)
    reach(quick, "ok")
    change(home, 2)
    subscriber.epoch(2)


@pytest.mark.parametrize("damage", [None, b""], ids=["missing", "damaged"])
def test_trouble_with_the_branch_does_not_hide_that_the_repository_is_gone(tmp_path, home, quick, subscriber, damage):
    ref = home.path / ".git/refs/heads/main"
    good = ref.read_bytes()
    if damage is None:
        ref.unlink()
    else:
        ref.write_bytes(damage)
    reach(quick, "hold:ref-missing" if damage is None else "hold:ref-unreadable")
    home.path.rename(tmp_path / "elsewhere")
    reach(quick, "hold:repo-unreadable")
    (tmp_path / "elsewhere").rename(home.path)
    ref.write_bytes(good)
    reach(quick, "ok")
    change(home, 2)
    subscriber.epoch(2)


def test_f37__a_repository_that_is_deleted_and_cloned_again_goes_on(tmp_path, home, quick, subscriber):
    origin = Repo(tmp_path / "origin.git", bare=True)
    home.git("push", "-q", str(origin.path), "main")
    shutil.rmtree(home.path)
    reach(quick, "hold:repo-unreadable")
    origin.git("clone", "-q", str(origin.path), str(home.path))
    reach(quick, "ok")
    change(home, 2)
    assert json.loads(subscriber.epoch(2))["parent"]["epoch"] == 1
    assert committed(quick) == [1, 2]


@pytest.mark.parametrize("damage", [None, b"", b"not what zlib would write"], ids=["missing", "empty", "damaged"])
def test_f38__a_commit_with_an_unreadable_blob_is_an_epoch_when_it_is_mended(home, quick, subscriber, damage):
    home.git("checkout", "-q", "-b", "next")
    commit = change(home, 2)
    name = home.head(f"HEAD:{ROUTER}")
    blob = home.path / ".git/objects" / name[:2] / name[2:]
    good = blob.read_bytes()
    blob.unlink()
    if damage is not None:
        blob.write_bytes(damage)
    home.git("update-ref", "refs/heads/main", commit)
    assert name[:12] in reach(quick, "hold:repo-unreadable")["message"]
    assert committed(quick) == [1] and not any(r["kind"] == "rejected" for r in quick.journal())
    blob.unlink(missing_ok=True)
    blob.write_bytes(good)
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit
    reach(quick, "ok")


def tidy(home):
    home.git("gc", "-q", "--prune=now")
    home.git("pack-refs", "--all")


def test_f39__every_commit_is_accounted_for_while_git_tidies_up(home, daemon, subscriber):
    for n in range(2, 62):
        change(home, n)
        if n % 6 == 0:
            tidy(home)
    subscriber.epoch(61)
    daemon.published(61)
    accounted = {record["commit"] for record in daemon.journal() if record["kind"] == "committed"}
    accounted |= {c for record in daemon.journal() for c in record.get("commits", [])}
    assert accounted == set(home.git("rev-list", "main").stdout.split())
    assert all(line.get("event") != "state" or line["state"] in ("ok", "initializing") for line in daemon.lines)


def test_f39__open_descriptors_stay_flat_while_git_tidies_up(home, daemon):
    if os.geteuid() != 0:
        pytest.skip("epochd is not dumpable, so only root may count its descriptors")
    moment = 4  # a pack just removed, a snapshot or status being written; a leak of one a round would be twenty
    counts = []
    for n in range(2, 22):
        change(home, n)
        tidy(home)
        daemon.published(n)
        counts.append(len(os.listdir(f"/proc/{daemon.process.pid}/fd")))
    assert max(counts) <= counts[0] + moment, counts


# --- the state folder -------------------------------------------------------------------------------------------------


def lose_state(daemon):
    for file in [*daemon.state.glob("journal*.jsonl"), daemon.state / "config.lkg.json"]:
        file.unlink()


def test_f25__lost_state_finds_its_floor_on_the_broker(home, daemon, subscriber):
    change(home, 2)
    daemon.snapshot(2)
    daemon.published(2)
    daemon.stop()
    lose_state(daemon)
    daemon.start()
    daemon.state_is("hold:state-lost")
    head = json.loads(subscriber.epoch(3))
    assert head["offset"] == 1 and head["services"] == 6 and head["config_epoch"] == home.head()
    daemon.published(3)
    change(home, 3)
    subscriber.epoch(4)
    assert committed(daemon) == [3, 4]


def test_f25__lost_state_takes_no_commit_while_nothing_tells_the_floor(home, daemon, broker):
    daemon.snapshot(1)
    daemon.stop()
    broker.stop()
    lose_state(daemon)
    change(home, 2)
    for _ in range(2):  # to start again is no answer either
        daemon.start()
        reach(daemon, "hold:state-lost")
        look(daemon)
        assert daemon.status_when(lambda s: s["state"] == "hold:state-lost")["epoch"] is None
        daemon.kill()
    assert not any(daemon.state.glob("journal*.jsonl")) and not (daemon.state / "config.lkg.json").exists()


# --- the head on the broker -------------------------------------------------------------------------------------------


def forge(daemon, head, **members):
    """A head with other members, validly signed with the daemon's own key."""
    key = (daemon.state / "keys/signing.key").read_text().strip().rpartition(":")[2]
    message = {**json.loads(head), **members}
    del message["signature"]
    body = json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    signature = SigningKey(base64.b64decode(key)).sign(body).signature.hex()
    return body[:-1] + f',"signature":"{signature}"}}'.encode()


def after(subscriber, topic, foreign, ours):
    """Waits until `ours` follows on `foreign`."""
    seen = []

    def accept(payload):
        if payload == foreign:
            seen.append(payload)
        return bool(seen) and payload == ours
    subscriber.wait(topic, accept)


def test_a_higher_head_of_ours_is_issued_above(home, daemon, subscriber):
    subscriber.publish(HEAD, forge(daemon, subscriber.epoch(1), epoch=41), retain=True)
    head = json.loads(subscriber.epoch(42))
    assert head["config_epoch"] == home.head() and head["offset"] == 41 and head["parent"]["epoch"] == 1
    assert len(head["changed"]) == 6 and set(head["changed"].values()) == {42}
    assert [r["reason"] for r in daemon.journal() if r["kind"] == "rewrite"] == ["floor"]
    change(home, 2)
    assert json.loads(subscriber.epoch(43))["changed"] == {"router": 43}


def test_a_higher_head_that_came_while_it_was_away_is_found_at_the_start(daemon, subscriber):
    head = subscriber.epoch(1)
    daemon.stop()
    subscriber.publish(HEAD, forge(daemon, head, epoch=41), retain=True)
    daemon.start()
    assert json.loads(subscriber.epoch(42))["parent"]["epoch"] == 1


def test_f10__the_same_epoch_with_other_bytes_is_issued_above(daemon, subscriber):
    subscriber.publish(HEAD, forge(daemon, subscriber.epoch(1), correlation_id="somebody-else"), retain=True)
    assert set(json.loads(subscriber.epoch(2))["changed"].values()) == {2}


def test_a_lower_head_of_ours_is_overwritten_without_a_new_epoch(home, daemon, subscriber):
    first = subscriber.epoch(1)
    change(home, 2)
    second = subscriber.epoch(2)
    daemon.published(2)
    subscriber.publish(HEAD, first, retain=True)
    seen = []
    subscriber.wait(HEAD, lambda p: seen.append(p) or seen[-2:] == [first, second] and len(seen) > 2)
    assert committed(daemon) == [1, 2]


def test_f10__more_than_three_raises_a_minute_are_two_publishers(home, daemon, subscriber):
    head = subscriber.epoch(1)
    for epoch in (10, 20, 30):
        subscriber.publish(HEAD, forge(daemon, head, epoch=epoch), retain=True)
        subscriber.epoch(epoch + 1)
    assert not any(line.get("state") == "hold:two-publishers" for line in daemon.lines)
    subscriber.publish(HEAD, forge(daemon, head, epoch=40), retain=True)
    reach(daemon, "hold:two-publishers")
    change(home, 2)
    look(daemon)
    assert committed(daemon) == [1, 11, 21, 31]


def test_a_head_more_than_a_million_ahead_holds_until_it_was_cleared(home, daemon, subscriber):
    head = subscriber.epoch(1)
    subscriber.publish(HEAD, forge(daemon, head, epoch=1_000_001), retain=True)
    subscriber.epoch(1_000_002)  # a million is no jump yet
    daemon.published(1_000_002)
    subscriber.publish(HEAD, forge(daemon, head, epoch=2_000_003), retain=True)
    reach(daemon, "hold:epoch-jump")
    change(home, 2)
    look(daemon)
    assert committed(daemon) == [1, 1_000_002]
    daemon.stop()
    subscriber.publish(HEAD, b"", retain=True)
    daemon.start()
    subscriber.epoch(1_000_003)


@pytest.mark.parametrize("garbage", [b"garbage", b"{}", bytes(400)], ids=["text", "object", "zeros"])
def test_f68__garbage_on_our_head_topic_is_told_and_overwritten(daemon, subscriber, garbage):
    ours = subscriber.epoch(1)
    subscriber.publish(HEAD, garbage, retain=True)
    reach(daemon, "degraded:topic-conflict")
    after(subscriber, HEAD, garbage, ours)
    assert committed(daemon) == [1]


def test_f68__a_head_that_somebody_cleared_is_asserted_again(daemon, subscriber):
    ours = subscriber.epoch(1)
    subscriber.publish(HEAD, b"", retain=True)
    after(subscriber, HEAD, b"", ours)
    assert not any("conflict" in line.get("state", "") for line in daemon.lines)


# --- the broker -------------------------------------------------------------------------------------------------------


def guarded(tmp_path, acl):
    """A broker's configuration with the user epochd and these rules."""
    passwords, rules = tmp_path / "passwd", tmp_path / "acl"
    subprocess.run(["mosquitto_passwd", "-b", "-c", str(passwords), "epochd", "right"], check=True, capture_output=True)
    rules.write_text(acl)
    for file in (passwords, rules):
        file.chmod(0o600)
    return f"allow_anonymous false\npassword_file {passwords}\nacl_file {rules}\n"


def login(tmp_path, password):
    file = tmp_path / "password"
    file.write_text(password)
    file.chmod(0o600)
    return {"EPOCHD_MQTT_USERNAME": "epochd", "EPOCHD_MQTT_PASSWORD_FILE": str(file)}


def test_a_topic_that_may_not_be_written_is_told_and_no_epoch_counts_as_published(tmp_path, home, ends):
    topics = "".join(f"topic readwrite {t}\n" for t in ("config/update", "system/config/llm-worker", "system/config/router", "system/keys/#",
                                                         "system/epoch/#", "system/index/#", "system/health/#", "system/keepalive/#"))
    broker = ends(Broker(tmp_path / "broker", guarded(tmp_path, f"user epochd\n{topics}")))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK, **login(tmp_path, "right")))
    assert "not authorized" in reach(daemon, "degraded:publish-refused")["message"].lower()
    subscriber = ends(Subscriber(broker.port, "system/epoch/#", "system/keepalive/#", username="epochd", password="right"))
    change(home, 2)  # which may be written, but what epoch 1 brought is still missing
    subscriber.epoch(2)
    subscriber.wait(KEEPALIVE, lambda p: json.loads(p)["epoch"] == 2)
    look(daemon)
    status = daemon.status()
    assert (status["state"], status["epoch"], status["published"]) == ("degraded:publish-refused", 2, None)
    assert not any(record["kind"] == "published" for record in daemon.journal())


def test_a_wrong_password_is_told_and_a_mended_one_needs_no_restart(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker", guarded(tmp_path, "user epochd\ntopic readwrite #\n")))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **login(tmp_path, "wrong")))
    reach(daemon, "degraded:broker-refused")
    assert committed(daemon) == [1]
    (tmp_path / "password").unlink()
    assert "password" in reach(daemon, "degraded:broker-away")["message"]
    login(tmp_path, "right")
    reach(daemon, "ok")
    daemon.published(1)


def test_a_broker_that_accepts_and_never_answers_is_away(tmp_path, home, ends):
    with socket.create_server(("127.0.0.1", 0)) as mute:
        daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_MQTT_URL=f"mqtt://127.0.0.1:{mute.getsockname()[1]}"))
        daemon.committed(1)
        reach(daemon, "degraded:broker-away")
        change(home, 2)
        daemon.committed(2)


# --- a commit that removes much ---------------------------------------------------------------------------------------


def test_a_mass_removal_is_refused_and_allowed_by_its_trailer(home, daemon, subscriber):
    gone = {str(p.relative_to(home.path)): None for p in sorted((home.path / "services").rglob("*.yaml"))[:3]}
    bad = home.commit(gone, "away with them")
    assert daemon.wait("epoch_rejected", config_epoch=bad)["code"] == "guard.mass-removal"
    assert daemon.status()["epoch"] == 1
    home.commit(message="away with them\n\nEpoch-Allow: mass-removal")
    head = json.loads(subscriber.epoch(3))
    assert head["services"] == 3 and len(head["changed"]) == 3


# --- the process ------------------------------------------------------------------------------------------------------


def test_sighup_tries_the_broker_now(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker"))
    broker.kill()
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_MQTT_BACKOFF_MIN_MS="600000", EPOCHD_MQTT_BACKOFF_MAX_MS="600000"))
    reach(daemon, "degraded:broker-away")
    broker.start()
    daemon.hup()
    daemon.published(1)


def test_the_service_manager_is_told(home, broker, open_folder, ends):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(open_folder / "notify"))
        manager.settimeout(PATIENCE_S)
        daemon = ends(Daemon(open_folder / "epochd", home, broker, NOTIFY_SOCKET=str(open_folder / "notify"), WATCHDOG_USEC="200000"))
        told = []

        def until(text):
            while not any(text in said for said in told):
                told.append(manager.recv(4096).decode())
        until("READY=1")
        until("STATUS=ok; epoch 1, 6 services")
        told.clear()
        until("WATCHDOG=1")
        told.clear()
        until("WATCHDOG=1")
        assert daemon.stop() == 0
        until("STOPPING=1")


# --- topics that others write on --------------------------------------------------------------------------------------


def test_f68__a_service_topic_overwritten_or_cleared_is_put_right_and_told(daemon, subscriber):
    topic = "system/config/router"
    ours = subscriber.wait(topic)
    daemon.published(1)
    subscriber.publish(topic, b"forged", retain=True)
    assert topic in reach(daemon, "degraded:topic-conflict")["message"]
    after(subscriber, topic, b"forged", ours)
    subscriber.publish(topic, b"", retain=True)
    after(subscriber, topic, b"", ours)
    assert committed(daemon) == [1]
    daemon.status_when(lambda s: s["state"] == "degraded:topic-conflict")


def test_f68__the_index_and_the_health_topic_are_put_right(daemon, subscriber):
    index = f"system/index/{SOURCE}"
    ours = subscriber.wait(index)
    subscriber.publish(index, b"{}", retain=True)
    reach(daemon, "degraded:topic-conflict")
    after(subscriber, index, b"{}", ours)
    subscriber.publish(HEALTH, b"all is lost", retain=True)
    seen = []
    subscriber.wait(HEALTH, lambda p: seen.append(p) or (b"all is lost" in seen and p.startswith(b'{"id"') and seen[-2:-1] != []))


def test_f68__a_keepalive_of_somebody_else_is_told_until_the_next_connection(daemon, broker, subscriber):
    subscriber.publish(KEEPALIVE, b"I am alive too")
    assert KEEPALIVE in reach(daemon, "degraded:topic-conflict")["message"]
    daemon.status_when(lambda s: s["state"] == "degraded:topic-conflict")
    broker.kill()
    reach(daemon, "degraded:broker-away")
    broker.start()
    reach(daemon, "ok")


def test_our_own_late_last_will_is_no_conflict(daemon, subscriber):
    subscriber.publish(HEALTH, b'{"data":{"event":"lost"}}', retain=True)
    seen = []
    subscriber.wait(HEALTH, lambda p: seen.append(p) or any(b"lost" in x for x in seen[:-1]) and json.loads(p)["data"]["ok"])
    assert daemon.status()["state"] == "ok"


def test_a_refused_service_holds_the_head_of_its_epoch_back_and_no_later_one(tmp_path, home, ends):
    topics = "".join(f"topic readwrite {t}\n" for t in ("config/update", "system/config/llm-worker", "system/keys/#", "system/epoch/#",
                                                         "system/index/#", "system/health/#", "system/keepalive/#"))
    broker = ends(Broker(tmp_path / "broker", guarded(tmp_path, f"user epochd\n{topics}")))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK, **login(tmp_path, "right")))
    reach(daemon, "degraded:publish-refused")
    subscriber = ends(Subscriber(broker.port, "system/epoch/#", "system/keepalive/#", username="epochd", password="right"))
    subscriber.wait(KEEPALIVE)
    assert subscriber.on(HEAD) == []
    home.commit({"services/brain/llm-worker.yaml": "model: other\n"}, "a service that may be written")
    assert json.loads(subscriber.epoch(2))["changed"] == {"llm-worker": 2}
    change(home, 3)  # router may not
    daemon.committed(3)
    subscriber.wait(KEEPALIVE, lambda p: json.loads(p)["epoch"] == 3)
    assert heads(subscriber) == [2]


# --- two of us ----------------------------------------------------------------------------------------------------------


def test_f10__two_daemons_with_one_key_are_told_and_a_minute_of_peace_ends_it(tmp_path, home, broker, subscriber, ends):
    """The second one is a copy of the first's state: both sign epoch 2, each with other bytes."""
    ours = ends(Daemon(tmp_path / "ours", home, broker, **QUICK))
    ours.published(1)
    ours.snapshot(1)
    shutil.copytree(ours.state, tmp_path / "other/state", ignore=shutil.ignore_patterns(".*.tmp-*"))
    other = ends(Daemon(tmp_path / "other", home, broker, **QUICK))
    other.wait("broker_connected")
    change(home, 2)
    reach(ours, "hold:two-publishers")
    told = len(subscriber.on(KEEPALIVE))
    subscriber.wait(KEEPALIVE, lambda p: len(subscriber.seen(KEEPALIVE)) > told)
    other.stop()
    ours.wait("state", seconds=2 * PATIENCE_S, state="ok")  # the minute of peace is real
    last = heads(subscriber)[-1]
    assert last == max(heads(subscriber)), "nothing stands on the broker that is lower than what was"
    assert ours.status_when(lambda s: s["published"] == s["epoch"])["epoch"] >= last


def test_an_epoch_jump_ends_when_the_head_is_cleared_and_without_a_restart(home, daemon, subscriber):
    head = subscriber.epoch(1)
    daemon.published(1)
    subscriber.publish(HEAD, forge(daemon, head, epoch=2_000_003), retain=True)
    reach(daemon, "hold:epoch-jump")
    subscriber.publish(HEAD, b"", retain=True)
    reach(daemon, "ok")
    change(home, 2)
    daemon.published(2)


# --- a broker that says no, and changes its mind ----------------------------------------------------------------------


def test_a_refused_connection_ends_when_the_broker_lets_us_in(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker", guarded(tmp_path, "user epochd\ntopic readwrite #\n")))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK, **login(tmp_path, "wrong")))
    reach(daemon, "degraded:broker-refused")
    daemon.status_when(lambda s: any(words in (s["broker"]["reason"] or "") for words in ("not authorized", "bad user name or password")))
    subprocess.run(["mosquitto_passwd", "-b", str(tmp_path / "passwd"), "epochd", "wrong"], check=True, capture_output=True)
    broker.process.send_signal(signal.SIGHUP)
    daemon.published(1)
    reach(daemon, "ok")


def test_a_refused_topic_ends_when_the_broker_allows_it(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker", guarded(tmp_path, "user epochd\ntopic readwrite system/epoch/#\ntopic readwrite system/keys/#\n")))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK, **login(tmp_path, "right")))
    reach(daemon, "degraded:publish-refused")
    (tmp_path / "acl").write_text("user epochd\ntopic readwrite #\n")
    broker.process.send_signal(signal.SIGHUP)
    daemon.hup()
    daemon.published(1)
    reach(daemon, "ok")


# --- inotify ----------------------------------------------------------------------------------------------------------


def test_f49__without_inotify_the_branch_is_polled_until_it_is_to_be_had(tmp_path, home, broker, subscriber, ends):
    """The limit is that of a user namespace of the daemon's own: nobody else feels it."""
    limit = "/proc/sys/user/max_inotify_instances"
    wrapper = ["unshare", "-U", "-r", "sh", "-c", f'echo 0 >{limit} && exec "$0" "$@"']
    if subprocess.run([*wrapper, "true"], capture_output=True, check=False).returncode:
        pytest.skip("NO LIMIT OF INOTIFY WAS TRIED: a user namespace cannot be made here")
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, wrapper=wrapper, **QUICK))
    reach(daemon, "degraded:poll-only")
    change(home, 2)
    subscriber.epoch(2)
    subprocess.run(["nsenter", "-t", str(daemon.process.pid), "-U", "--preserve-credentials", "sh", "-c", f"echo 8 >{limit}"], check=True)
    reach(daemon, "ok")
    change(home, 3)
    subscriber.epoch(3)
