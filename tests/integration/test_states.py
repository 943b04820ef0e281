"""What goes wrong around the daemon, and that every state ends by itself once its cause is gone."""
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import time

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


def test_rewritten_history_is_denied_served_on_and_left_by_putting_the_branch_back(tmp_path, home, broker, subscriber, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny", **QUICK))
    daemon.published(1)
    good = change(home, 2)
    daemon.published(2)
    change(home, 3, "--amend")
    assert good[:12] in reach(daemon, "hold:history-rewritten")["message"]
    told = len(subscriber.on(KEEPALIVE))
    subscriber.wait(KEEPALIVE, lambda p: len(subscriber.on(KEEPALIVE)) > told and json.loads(p)["epoch"] == 2)
    assert heads(subscriber)[-1] == 2
    home.git("reset", "-q", "--hard", good)
    reach(daemon, "ok")
    change(home, 4)
    assert json.loads(subscriber.epoch(3))["parent"]["epoch"] == 2
    assert committed(daemon) == [1, 2, 3]


def test_a_denied_rewrite_is_still_denied_after_a_restart(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny", **QUICK))
    daemon.published(1)
    change(home, 2, "--amend")
    reach(daemon, "hold:history-rewritten")
    daemon.kill()
    daemon.start()
    reach(daemon, "hold:history-rewritten")
    assert committed(daemon) == [1]


def test_an_amended_commit_is_a_new_and_higher_epoch(home, daemon, subscriber):
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


def test_a_branch_that_went_back_holds_and_goes_on_when_it_moves_on(home, quick, subscriber):
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


def test_a_repository_from_a_backup_is_behind_until_the_missing_commits_are_pushed(tmp_path, home, quick, subscriber):
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


def test_a_deleted_branch_holds_until_it_is_there_again(home, quick, subscriber):
    commit = home.head()
    home.git("update-ref", "-d", "refs/heads/main")
    reach(quick, "hold:ref-missing")
    home.git("update-ref", "refs/heads/main", commit)
    reach(quick, "ok")
    change(home, 2)
    assert json.loads(subscriber.epoch(2))["parent"]["epoch"] == 1


@pytest.mark.parametrize("damage", [b"", b"nothing a ref could be\n", bytes(41)], ids=["empty", "text", "zeros"])
def test_a_damaged_ref_holds_until_it_is_mended(home, quick, subscriber, damage):
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


def test_a_repository_that_is_deleted_and_cloned_again_goes_on(tmp_path, home, quick, subscriber):
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
def test_a_commit_with_an_unreadable_blob_is_an_epoch_when_it_is_mended(home, quick, subscriber, damage):
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


def test_every_commit_is_accounted_for_while_git_tidies_up(home, daemon, subscriber):
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


def test_open_descriptors_stay_flat_while_git_tidies_up(home, daemon):
    if os.geteuid() != 0:
        pytest.skip("epochd is not dumpable, so only root may count its descriptors")
    counts = []
    for n in range(2, 18):
        change(home, n)
        tidy(home)
        daemon.published(n)
        counts.append(len(os.listdir(f"/proc/{daemon.process.pid}/fd")))
    assert max(counts[3:]) <= max(counts[:3]), counts
