"""States that come while epochd runs, and that each of them is left without a restart: the state folder, the repository, the run folder."""
import json
import os
import shutil
import subprocess

import pytest
from harness import EPOCHD, SOURCE, Daemon, Repo, as_stranger, remove, run

ROUTER = "services/router.yaml"
HEAD, KEEPALIVE = f"system/epoch/{SOURCE}", f"system/keepalive/{SOURCE}"
QUICK = {"EPOCHD_REPOSITORY_POLL_S": "1", "EPOCHD_MQTT_HEARTBEAT_S": "1"}


def change(home, n, *options):
    return home.commit({ROUTER: f"round: {n}\n"}, f"round {n}", *options)


def committed(daemon):
    return [record["epoch"] for record in daemon.journal() if record["kind"] == "committed"]


TEMPORARY = shutil.ignore_patterns(".*.tmp-*")  # gone before it is copied


def heads(subscriber):
    return [json.loads(payload)["epoch"] for payload in subscriber.on(HEAD) if payload.startswith(b"{")]


def reach(daemon, state):
    line = daemon.state_is(state)
    del daemon.lines[:daemon.lines.index(line) + 1]
    return line


def serves_on(subscriber, epoch):
    told = len(subscriber.on(KEEPALIVE))
    subscriber.wait(KEEPALIVE, lambda p: len(subscriber.seen(KEEPALIVE)) > told and json.loads(p)["epoch"] == epoch)


@pytest.fixture
def quick(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK))
    daemon.published(1)
    return daemon


@pytest.fixture
def keys_elsewhere(tmp_path, home, broker, ends):
    """Two epochs; the keys are not in the state folder."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_KEYS=str(tmp_path / "keys"), **QUICK))
    daemon.published(1)
    change(home, 2)
    daemon.published(2)
    daemon.snapshot(2)
    return daemon


# --- state-lost -------------------------------------------------------------------------------------------------------


def test_f25__the_state_folder_deleted_while_running_holds_serves_on_and_goes_on_with_the_backup(tmp_path, home, quick, subscriber):
    shutil.copytree(quick.state, tmp_path / "backup", ignore=TEMPORARY)
    change(home, 2)
    quick.published(2)
    quick.snapshot(2)
    remove(quick.state)
    assert "is gone" in reach(quick, "hold:state-lost")["message"]
    quick.status_when(lambda s: s.get("state") == "hold:state-lost" and s["epoch"] == 2)
    page = quick.ctl("status", check=1).stdout
    assert "Restore the state folder" in page and "lock is gone with its folder" in page, page
    serves_on(subscriber, 2)
    tip = change(home, 3)
    serves_on(subscriber, 2)
    shutil.copytree(tmp_path / "backup", tmp_path / "new")
    (tmp_path / "new").rename(quick.state)
    assert json.loads(subscriber.wait(HEAD, lambda p: json.loads(p)["config_epoch"] == tip))["epoch"] > 3
    reach(quick, "ok")
    assert heads(subscriber) == sorted(heads(subscriber)) and committed(quick)[0] == 1
    assert quick.status()["running"] and quick.ctl("verify", "journal", check=0)
    epoch = quick.status_when(lambda s: s["published"] == s["epoch"])["epoch"]
    quick.kill()
    quick.start()
    quick.wait("recovered", epoch=epoch, services=6)


def test_f25__a_folder_gone_for_good_is_accepted_and_counting_goes_on_above(home, keys_elsewhere, subscriber):
    daemon = keys_elsewhere
    remove(daemon.state)
    reach(daemon, "hold:state-lost")
    assert daemon.ctl("accept-state-loss", check=3).stderr
    daemon.state.mkdir(mode=0o750)
    daemon.status_when(lambda s: (daemon.state / "requests").is_dir() and s["running"])
    assert daemon.status()["state"] == "hold:state-lost" and not list(daemon.state.glob("journal*"))
    assert "--floor 2 or more" in daemon.ctl("accept-state-loss", "--floor", "1", check=1).stderr
    assert daemon.ctl("accept-state-loss", check=0).stdout == "epoch 3 is in force; epochd is ok\n"
    assert daemon.journal()[0]["floor"] == 2
    change(home, 3)
    assert json.loads(subscriber.epoch(4))["parent"]["epoch"] == 3
    daemon.published(4)
    daemon.kill()
    daemon.start()
    daemon.wait("recovered", epoch=4, services=6)


def test_f25__files_deleted_from_the_folder_are_a_lost_state_and_the_same_ones_back_go_on(tmp_path, home, quick, subscriber):
    away = tmp_path / "away"
    away.mkdir()
    quick.snapshot(1)
    for name in ("journal.jsonl", "config.lkg.json"):
        (quick.state / name).rename(away / name)
    assert "journal and snapshot are gone" in reach(quick, "hold:state-lost")["message"]
    for name in ("config.lkg.json", "journal.jsonl"):
        (away / name).rename(quick.state / name)
    reach(quick, "ok")
    change(home, 2)
    assert json.loads(subscriber.epoch(2))["parent"]["epoch"] == 1


def test_keys_that_are_gone_too_are_told_and_never_made_anew(tmp_path, quick):
    quick.snapshot(1)
    remove(quick.state)
    reach(quick, "hold:state-lost")
    quick.state.mkdir(mode=0o750)
    quick.status_when(lambda s: (quick.state / "requests").is_dir() and s["running"])
    assert "the keys" in quick.ctl("accept-state-loss", check=1).stderr
    assert not (quick.state / "keys").exists()


# --- journal-corrupt --------------------------------------------------------------------------------------------------


def damage_first_line(journal):
    data = bytearray(journal.read_bytes())
    data[data.index(b"written_by") + 2] ^= 1
    journal.write_bytes(data)


def test_f24__a_journal_that_is_corrupt_serves_the_snapshot_and_goes_on_when_it_is_mended(home, keys_elsewhere, subscriber):
    daemon = keys_elsewhere
    daemon.stop()
    journal = daemon.state / "journal.jsonl"
    good = journal.read_bytes()
    damage_first_line(journal)
    (daemon.state / "config.lkg.json").rename(daemon.folder / "lkg")  # without it the whole journal is read
    daemon.start()
    assert "journal.jsonl:1" in reach(daemon, "hold:journal-corrupt")["message"]
    tip = change(home, 3)
    daemon.stop()
    (daemon.folder / "lkg").rename(daemon.state / "config.lkg.json")
    daemon.start()
    reach(daemon, "hold:journal-corrupt")
    serves_on(subscriber, 2)
    assert daemon.status()["epoch"] == 2
    journal.write_bytes(good)
    assert json.loads(subscriber.epoch(3))["config_epoch"] == tip
    reach(daemon, "ok")
    daemon.ctl("verify", "journal", check=0)


def test_a_corrupt_journal_that_is_moved_aside_leaves_the_floor_to_the_snapshot(home, keys_elsewhere, subscriber):
    daemon = keys_elsewhere
    daemon.stop()
    damage_first_line(daemon.state / "journal.jsonl")
    daemon.start()
    reach(daemon, "hold:journal-corrupt")
    (daemon.state / "journal.jsonl").rename(daemon.folder / "broken.jsonl")
    reach(daemon, "ok")
    change(home, 3)
    assert json.loads(subscriber.epoch(3))["parent"]["epoch"] == 2


# --- the lock ---------------------------------------------------------------------------------------------------------


def second(daemon):
    return run(EPOCHD, **daemon.settings)


def test_f9__a_second_daemon_is_refused_with_the_holders_pid(quick):
    result = second(quick)
    assert result.returncode == 3 and f"another epochd (pid {quick.process.pid})" in result.stderr and '"locked"' in result.stderr


def test_f9__the_lock_file_removed_lets_no_second_daemon_in_and_is_made_again(quick):
    (quick.state / "lock").unlink()
    result = second(quick)
    assert result.returncode == 3 and "another epochd runs with the state folder" in result.stderr
    quick.wait("lock_made_again")
    assert quick.status()["pid"] == quick.process.pid
    assert f"(pid {quick.process.pid})" in second(quick).stderr


# --- the disk ---------------------------------------------------------------------------------------------------------


def test_disk_low_is_told_before_the_disk_is_full_and_ends_with_room(tmp_path, home, broker, ends):
    state = tmp_path / "epochd/state"
    state.mkdir(parents=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m,mode=0750", "none", str(state)], check=False).returncode:
        pytest.skip("NO SMALL DISK WAS TRIED: a tmpfs cannot be mounted here")
    try:
        daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK))
        daemon.published(1)
        filler = state / "filler"
        filler.write_bytes(bytes(37 * 1024 * 1024))
        assert "KiB are free" in reach(daemon, "degraded:disk-low")["message"]
        change(home, 2)
        daemon.published(2)
        filler.unlink()
        reach(daemon, "ok")
        daemon.stop()
    finally:
        subprocess.run(["umount", "-l", str(state)], check=True)


def test_a_removed_run_folder_is_made_again(home, quick):
    shutil.rmtree(quick.run)
    change(home, 2)
    quick.published(2)
    assert quick.status_when(lambda s: s.get("epoch") == 2)["published"] in (1, 2)
    quick.wait("metrics_written", epoch=2)
    assert (quick.run / "metrics.prom").exists()


# --- the repository ---------------------------------------------------------------------------------------------------


@pytest.fixture
def linked(tmp_path, home, broker, ends):
    """epochd whose repository is a symbolic link to `home`."""
    link = tmp_path / "link"
    link.symlink_to(home.path)
    daemon = ends(Daemon(tmp_path / "epochd", link, broker, **QUICK))
    daemon.published(1)
    return daemon, link


def swap(link, target):
    link.with_name("next").symlink_to(target)
    os.replace(link.with_name("next"), link)


@pytest.mark.parametrize("policy", ["deny", "amend", "allow"])
def test_f50__a_link_swapped_to_another_repository_holds_until_the_old_one_is_back(tmp_path, home, broker, subscriber, ends, policy):
    link = tmp_path / "link"
    link.symlink_to(home.path)
    daemon = ends(Daemon(tmp_path / "epochd", link, broker, EPOCHD_REPOSITORY_REWRITE=policy, **QUICK))
    daemon.published(1)
    other = Repo(tmp_path / "other")
    other.commit({ROUTER: "of: another\n"}, "another world")
    swap(link, other.path)
    assert "knows nothing of" in reach(daemon, "hold:repo-replaced")["message"]
    serves_on(subscriber, 1)
    daemon.kill()
    daemon.start()
    reach(daemon, "hold:repo-replaced")
    swap(link, home.path)
    reach(daemon, "ok")
    change(home, 2)
    assert json.loads(subscriber.epoch(2))["parent"]["epoch"] == 1


def test_f50__a_link_swapped_to_a_clone_that_goes_on_is_followed(tmp_path, home, linked, subscriber):
    daemon, link = linked
    clone = Repo(tmp_path / "clone")
    clone.git("pull", "-q", str(home.path), "main")
    change(clone, 2)
    swap(link, clone.path)
    assert json.loads(subscriber.epoch(2))["parent"]["epoch"] == 1
    change(clone, 3)
    daemon.published(3)
    assert not any("hold" in line.get("state", "") for line in daemon.lines)


def test_f50__another_repository_is_accepted_as_a_new_epoch(tmp_path, linked, subscriber):
    daemon, link = linked
    other = Repo(tmp_path / "other")
    tip = other.commit({"services/lamp.yaml": "on: true\n"}, "another world\n\nEpoch-Allow: mass-removal")
    swap(link, other.path)
    reach(daemon, "hold:repo-replaced")
    daemon.ctl("accept-rewrite", tip, check=0)
    head = json.loads(subscriber.epoch(2))
    assert (head["config_epoch"], head["services"]) == (tip, 1)
    reach(daemon, "ok")


@pytest.mark.parametrize(("branch", "hint"), [("mian", 'did you mean "main"?'), ("production", "there is main")])
def test_f35__a_misspelt_branch_at_a_first_start_is_missing_with_the_nearest_name(tmp_path, home, broker, ends, branch, hint):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_BRANCH=branch, **QUICK))
    assert hint in reach(daemon, "hold:ref-missing")["message"]
    home.git("branch", branch)
    daemon.published(1)
    reach(daemon, "ok")


def test_f35__a_branch_renamed_head_detached_and_another_checked_out(home, quick, subscriber):
    home.git("checkout", "-q", "-b", "try")
    change(home, 100)
    home.git("checkout", "-q", "--detach", "main")
    change(home, 101)
    home.git("branch", "-m", "main", "elsewhere")
    reach(quick, "hold:ref-missing")
    quick.status_when(lambda s: "there are elsewhere, try" in (s["message"] or ""))
    home.git("branch", "-m", "elsewhere", "main")
    reach(quick, "ok")
    home.git("checkout", "-q", "main")
    change(home, 2)
    subscriber.epoch(2)
    assert committed(quick) == [1, 2]


def test_f36__an_empty_repository_waits_and_begins_with_the_first_commit(tmp_path, broker, subscriber, ends):
    repo = Repo(tmp_path / "empty")
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker, **QUICK))
    daemon.state_is("empty")
    assert daemon.ctl("status", check=0).stdout.startswith("epochd is empty")
    repo.commit({ROUTER: "a: 1\n"}, "begin")
    assert json.loads(subscriber.epoch(1))["services"] == 1
    reach(daemon, "ok")


def test_f40__a_ref_that_may_not_be_read_is_the_refs_trouble(open_folder, broker, ends):
    wrapper = as_stranger()
    repo = Repo.home(open_folder / "config")
    folder = open_folder / "epochd"
    folder.mkdir()
    os.chown(folder, 54321, 54321)
    daemon = ends(Daemon(folder, repo, broker, wrapper=wrapper, EPOCHD_REPOSITORY_TRUSTED_UIDS="0", **QUICK))
    daemon.published(1)
    ref = repo.path / ".git/refs/heads/main"
    ref.chmod(0)
    assert "cannot read" in reach(daemon, "hold:ref-unreadable")["message"]
    ref.chmod(0o644)
    reach(daemon, "ok")


def test_f40__a_lock_that_git_left_behind_has_no_effect(home, quick, subscriber):
    (home.path / ".git/refs/heads/main.lock").write_text("")
    change_blocked = home.git("commit", "-q", "--allow-empty", "-m", "blocked", check=False)
    assert change_blocked.returncode != 0
    serves_on(subscriber, 1)
    (home.path / ".git/refs/heads/main.lock").unlink()
    change(home, 2)
    subscriber.epoch(2)
    assert not any("hold" in line.get("state", "") for line in quick.lines)


def test_a_rejected_tip_is_told_beside_a_state_that_is_ok(home, quick):
    bad = home.commit({ROUTER: "a: [1\n"}, "broken")
    quick.wait("epoch_rejected", config_epoch=bad)
    status = quick.status_when(lambda s: s["tip"]["verdict"] == "rejected")
    assert status["state"] == "ok" and status["tip"] == {"code": "yaml.syntax", "commit": bad, "verdict": "rejected"}
    assert f"tip        {bad[:12]}  rejected [yaml.syntax]; what is in force stays in force" in quick.ctl("status", check=0).stdout
    quick.kill()
    quick.start()
    assert quick.status_when(lambda s: s.get("tip"))["tip"]["verdict"] == "rejected"
    good = change(home, 2)
    assert quick.status_when(lambda s: s["tip"]["commit"] == good and s["tip"]["verdict"] == "in-force")["epoch"] == 3
