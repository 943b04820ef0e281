"""What an operator asks of the running daemon: accept-rewrite, accept-state-loss, pause, resume, as files in <state>/requests."""
import json
import os
import signal
import subprocess
import time

import pytest
from harness import PATIENCE_S, SOURCE, Broker, Daemon, Repo, as_stranger

ROUTER = "services/router.yaml"
KEEPALIVE = f"system/keepalive/{SOURCE}"
QUICK = {"EPOCHD_REPOSITORY_POLL_S": "1", "EPOCHD_MQTT_HEARTBEAT_S": "1"}


def change(home, n, *options):
    return home.commit({ROUTER: f"round: {n}\n"}, f"round {n}", *options)


def committed(daemon):
    return [record["epoch"] for record in daemon.journal() if record["kind"] == "committed"]


def rewrites(daemon):
    return [(r["reason"], r.get("by")) for r in daemon.journal() if r["kind"] == "rewrite"]


def reach(daemon, state):
    line = daemon.state_is(state)
    del daemon.lines[:daemon.lines.index(line) + 1]
    return line


@pytest.fixture
def denying(tmp_path, home, broker, ends):
    """epochd that takes no rewritten history, two epochs published."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny", **QUICK))
    daemon.published(1)
    change(home, 2)
    daemon.published(2)
    return daemon


# --- accept-rewrite ---------------------------------------------------------------------------------------------------


def test_f34__a_rewritten_history_is_accepted_as_a_new_and_higher_epoch(home, denying, subscriber):
    tip = change(home, 3, "--amend")
    reach(denying, "hold:history-rewritten")
    said = denying.ctl("accept-rewrite", tip, check=0).stdout
    assert said == "epoch 3 is in force; epochd is ok\n"
    head = json.loads(subscriber.epoch(3))
    assert (head["config_epoch"], head["offset"], head["parent"]["epoch"]) == (tip, 1, 2)
    assert rewrites(denying) == [("accepted", f"root (uid {os.getuid()})" if os.getuid() == 0 else rewrites(denying)[0][1])]
    reach(denying, "ok")
    change(home, 4)
    subscriber.epoch(4)
    assert committed(denying) == [1, 2, 3, 4] and not list((denying.state / "requests").iterdir())
    denying.ctl("verify", "journal", check=0)


def test_f33__going_back_is_accepted_as_a_new_epoch(home, denying, subscriber):
    first = home.head("HEAD~1")
    home.git("reset", "-q", "--hard", first)
    reach(denying, "hold:repo-behind")
    denying.ctl("accept-rewrite", first[:12], check=0)
    head = json.loads(subscriber.epoch(3))
    assert head["config_epoch"] == first and head["changed"] == {"router": 3}
    reach(denying, "ok")


def test_accept_rewrite_takes_exactly_the_tip_that_was_seen(home, denying):
    seen = change(home, 3, "--amend")
    reach(denying, "hold:history-rewritten")
    now = change(home, 4, "--amend")
    said = denying.ctl("accept-rewrite", seen, check=1).stderr
    assert f"main is at {now} now, not at {seen}" in said and "[request-refused]" in said
    assert committed(denying) == [1, 2]


def test_accept_rewrite_is_refused_where_nothing_is_held(home, denying):
    assert f"main is at {home.head()} now" in denying.ctl("accept-rewrite", "0" * 40, check=1).stderr
    tip = home.head()
    assert denying.ctl("accept-rewrite", tip, check=0).stdout == "epoch 2 is in force; epochd is ok\n"
    bad = home.commit({ROUTER: "a: [1\n"}, "broken")
    denying.wait("epoch_rejected", config_epoch=bad)
    assert "there is nothing to accept" in denying.ctl("accept-rewrite", bad, check=1).stderr


def test_an_accepted_tip_that_is_bad_is_rejected_and_told(home, denying):
    tip = home.commit({ROUTER: "a: [1\n"}, "broken", "--amend")
    reach(denying, "hold:history-rewritten")
    assert "is rejected: yaml.syntax" in denying.ctl("accept-rewrite", tip, check=1).stderr
    assert denying.status_when(lambda s: s["tip"] and s["tip"]["verdict"] == "rejected")["epoch"] == 2


@pytest.mark.parametrize("args", [(), ("abc",), ("not-a-commit",), ("HEAD",)], ids=["none", "short", "words", "name"])
def test_accept_rewrite_wants_a_commit_id(denying, args):
    denying.ctl("accept-rewrite", *args, check=2)


# --- pause and resume -------------------------------------------------------------------------------------------------


def test_paused_serves_on_sees_commits_lasts_over_restarts_and_ends_with_resume(home, denying, subscriber):
    assert "one line" in denying.ctl("pause", "--reason", "moving\nhouse", check=2).stderr
    said = denying.ctl("pause", "--reason", "moving house", check=0).stdout
    assert said == "paused: commits are seen, and wait for epochctl resume; epochd is hold:paused\n"
    assert "moving house; by " in reach(denying, "hold:paused")["message"]
    tip = change(home, 3)
    waiting = denying.status_when(lambda s: s["tip"] and s["tip"]["commit"] == tip)
    assert (waiting["state"], waiting["epoch"], waiting["tip"]["verdict"]) == ("hold:paused", 2, "waiting")
    told = len(subscriber.on(KEEPALIVE))
    subscriber.wait(KEEPALIVE, lambda p: len(subscriber.seen(KEEPALIVE)) > told and json.loads(p)["epoch"] == 2)
    denying.kill()
    denying.start()
    assert "moving house" in reach(denying, "hold:paused")["message"]
    assert "hold:paused" in denying.ctl("status", check=1).stdout and "epochctl resume" in denying.ctl("status").stdout
    assert "not taken up" not in denying.ctl("status").stdout
    assert denying.ctl("resume", check=0).stdout == "resumed: epoch 3 is in force; epochd is ok\n"
    assert json.loads(subscriber.epoch(3))["config_epoch"] == tip
    reach(denying, "ok")
    denying.kill()
    denying.start()
    denying.state_is("ok")


def test_resume_without_a_pause_changes_nothing(denying):
    assert denying.ctl("resume", check=0).stdout == "resumed: epoch 2 is in force; epochd is ok\n"


def test_a_pause_that_cannot_be_read_is_a_pause(denying):
    denying.ctl("pause", check=0)
    denying.stop()
    (denying.state / "requests/paused.json").write_bytes(b"half a li")
    denying.start()
    reach(denying, "hold:paused")
    denying.ctl("resume", check=0)
    reach(denying, "ok")


# --- accept-state-loss ------------------------------------------------------------------------------------------------


def lose(daemon):
    daemon.stop()
    for file in [*daemon.state.glob("journal*.jsonl"), daemon.state / "config.lkg.json"]:
        file.unlink()


def test_a_lost_state_without_a_broker_is_accepted_with_a_floor_that_no_restart_forgets(home, denying, broker, subscriber):
    denying.snapshot(2)
    lose(denying)
    broker.kill()
    denying.start()
    reach(denying, "hold:state-lost")
    assert "nothing tells how far the lost state had got" in denying.ctl("accept-state-loss", check=1).stderr
    assert denying.ctl("accept-state-loss", "--floor", "40", check=0).stdout.startswith("epoch 41 is in force; epochd is ")
    assert denying.journal()[0]["floor"] == 40 and denying.journal()[0]["by"].startswith("root")
    denying.kill()
    denying.start()
    change(home, 3)
    denying.committed(42)
    assert committed(denying) == [41, 42]


def test_the_floor_lasts_also_where_nothing_could_be_committed_yet(home, denying, broker):
    lose(denying)
    broker.kill()
    away = home.path.rename(home.path.with_name("away"))
    denying.start()
    reach(denying, "hold:state-lost")
    assert denying.ctl("accept-state-loss", "--floor", "40", check=0).stdout.startswith("done; epochd is hold:repo-unreadable")
    denying.kill()
    away.rename(home.path)
    denying.start()
    denying.committed(41)


def test_a_floor_below_what_is_known_is_refused(home, denying):
    denying.ctl("accept-state-loss", "--floor", "9", check=1)
    assert "no state is lost" in denying.ctl("accept-state-loss", check=1).stderr
    denying.ctl("accept-state-loss", "--floor", "0", check=2)
    denying.ctl("accept-state-loss", "--floor", "many", check=2)


# --- the files --------------------------------------------------------------------------------------------------------


def request(verb="resume", **members):
    return json.dumps({"format": 1, "id": "0" * 31 + "1", "uid": 0, "user": "somebody", "verb": verb, "when": "2026-11-21T07:00:00.000Z",
                       **members}).encode() + b"\n"


def plant(daemon, content, how="file", mode=0o600):
    """Puts something into the folder where a request would be, and waits until it is gone."""
    path = daemon.state / "requests" / ("0" * 31 + "1.json")
    elsewhere = daemon.folder / "planted"
    if how == "file":
        path.write_bytes(content)
        path.chmod(mode)
    elif how == "fifo":
        os.mkfifo(path, 0o600)
    elif how == "folder":
        path.mkdir()
    elif how in ("symlink", "hardlink"):
        elsewhere.write_bytes(content)
        elsewhere.chmod(mode)
        (path.symlink_to if how == "symlink" else lambda e: os.link(e, path))(elsewhere)
    elif how == "stranger":
        path.write_bytes(content)
        os.chown(path, 54321, 54321)
        path.chmod(mode)
    daemon.hup()
    return path


@pytest.mark.parametrize("how", ["fifo", "folder", "symlink", "hardlink", "stranger", "open", "large", "garbage", "newer", "verb"])
def test_t14__what_is_no_plain_file_of_our_user_is_refused_and_removed(denying, how):
    content, mode = request("pause"), 0o600
    if how == "open":
        mode = 0o666
    elif how == "large":
        content = request("pause", reason="x" * 5000)
    elif how == "garbage":
        content = b"\x00\xff{"
    elif how == "newer":
        content = request("pause", format=2)
    elif how == "verb":
        content = request("reboot")
    if how == "stranger" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = plant(denying, content, how if how in ("fifo", "folder", "symlink", "hardlink", "stranger") else "file", mode)
    denying.wait("request_refused")
    denying.status_when(lambda s: not os.path.lexists(path))
    assert denying.status()["state"] == "ok"


def test_a_request_that_was_written_while_the_daemon_was_away_is_done_at_its_start(home, denying):
    denying.stop()
    plant_at = denying.state / "requests" / ("0" * 31 + "1.json")
    plant_at.write_bytes(request("pause", reason="written before"))
    plant_at.chmod(0o600)
    denying.start()
    denying.wait("request_done", verb="pause")
    assert "written before" in reach(denying, "hold:paused")["message"]
    assert json.loads((denying.state / "requests" / ("0" * 31 + "1.done")).read_text())["code"] is None


def test_a_request_is_done_once_however_the_daemon_dies(home, denying, subscriber):
    """Done and not removed: what a death between the two leaves."""
    tip = change(home, 3, "--amend")
    reach(denying, "hold:history-rewritten")
    denying.ctl("accept-rewrite", tip, check=0)
    denying.kill()
    path = denying.state / "requests" / ("0" * 31 + "1.json")
    path.write_bytes(request("accept-rewrite", tip=tip))
    path.chmod(0o600)
    denying.start()
    denying.wait("request_done", verb="accept-rewrite")
    assert committed(denying) == [1, 2, 3] and len(rewrites(denying)) == 1


def test_who_may_not_ask_is_told_who_may(open_folder, broker, ends):
    home = Repo.home(open_folder / "config")
    daemon = ends(Daemon(open_folder / "epochd", home, broker, **QUICK))
    daemon.published(1)
    daemon.state.chmod(0o755)
    said = daemon.ctl("pause", check=3, wrapper=as_stranger()).stderr
    assert "only root, as whom epochd runs, and root may ask this" in said
    assert daemon.status()["state"] == "ok"


def test_asking_a_daemon_that_does_not_run_says_so(denying):
    denying.stop()
    said = denying.ctl("pause", check=3).stderr
    assert "epochd does not run" in said and "[not-running]" in said


def test_root_asks_a_daemon_of_another_user(open_folder, ends):
    home = Repo.home(open_folder / "config")
    broker = ends(Broker(open_folder / "broker"))
    subprocess.run(["chown", "-R", "54321:54321", str(open_folder)], check=True)
    daemon = ends(Daemon(open_folder / "epochd", home, broker, start=False, wrapper=as_stranger(), **QUICK))
    subprocess.run(["chown", "54321:54321", str(daemon.folder)], check=True)
    daemon.start()
    daemon.published(1)
    quiet = {"ASAN_OPTIONS": "detect_leaks=0"}  # who changes its user cannot be looked at by the sanitizer
    daemon.ctl("pause", check=0, **quiet)
    paused = daemon.state / "requests/paused.json"
    assert (paused.stat().st_uid, paused.stat().st_mode & 0o777) == (54321, 0o600)
    assert json.loads(paused.read_text())["user"].startswith("root")
    daemon.ctl("resume", check=0, **quiet)


def test_a_daemon_that_stands_still_is_not_waited_for_forever(denying):
    """The request is taken back: what was not done will not be done later."""
    denying.process.send_signal(signal.SIGSTOP)
    try:
        started = time.monotonic()
        said = denying.ctl("pause", check=3).stderr
        assert "nothing was done" in said and time.monotonic() - started < 2 * PATIENCE_S
    finally:
        denying.process.send_signal(signal.SIGCONT)
    assert not list((denying.state / "requests").iterdir())
    denying.status_when(lambda status: status["state"] == "ok")  # of the broker's patience nothing is known
