"""epochctl status: the page for three in the morning."""
import json
import re
import shutil
import signal
import subprocess

import pytest
from harness import EPOCHCTL, Daemon, Repo, ctl
from worlds import BAD, STT, Ended, hold_lock, in_copy


def test_status_says_what_is_served(daemon, home):
    status = daemon.status_when(lambda s: s["state"] == "ok" and s["published"] == 1 and s["snapshot"] == 1)
    page = daemon.ctl("status", check=0).stdout
    for line in (f"epochd is ok, pid {daemon.process.pid}\n", f"  epoch      1  {home.head()[:12]}  config: begin\n", "  published  1\n",
                 "  snapshot   1\n", "  serving    6 services\n", "  connected\n", f"  watching   {home.path}, branch main\n",
                 f"{home.head()[:12]}\t1\tpublished\n"):
        assert line in page
    assert "What to do" not in page
    quiet = daemon.ctl("status", "-q", check=0)
    assert (quiet.stdout, quiet.stderr) == ("", "")
    assert status["running"] is True and status["pid"] == daemon.process.pid
    assert status["broker"]["state"] == "connected" and status["config_epoch"] == home.head()


def test_status_shows_the_findings_of_the_newest_verdict(daemon, home):
    bad = home.commit({STT: BAD, "services/Bad.yaml": "rate: 1\n"})
    daemon.status_when(lambda s: s["recent"][0]["commit"] == bad)
    page = daemon.ctl("status", check=0).stdout
    assert f"{bad[:12]}\t-\trejected [layout.name]\n" in page
    assert f"  tip        {bad[:12]}  rejected [layout.name]; what is in force stays in force\n" in page
    assert re.search(r"^             services/Bad.yaml: .* \[layout.name\]$", page, re.M)
    assert f"             {STT}:3:1: key 'a' stands twice: first at 1:1 [yaml.duplicate-key]\n" in page
    assert page.endswith(f"\n  Or take it back: git revert {bad[:12]}\n  More: epochctl help layout.name\n") and "\n  What to do: Rename" in page


def test_status_of_a_degraded_daemon_says_why_and_what_to_do(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_MQTT_URL="mqtt://127.0.0.1:1"))
    daemon.status_when(lambda s: s["state"] == "degraded:broker-away")
    result = daemon.ctl("status", check=1)
    assert result.stdout.startswith("epochd is degraded:broker-away, pid ")
    assert "  because    " in result.stdout and "  What to do: Start the broker;" in result.stdout
    assert daemon.ctl("status", "-q", check=1).stdout == ""
    daemon.ctl("status", "--json", check=1)


def test_status_without_a_broker_speaks_of_none(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    status = daemon.status_when(lambda s: s["state"] == "ok" and s["snapshot"] == 1)
    page = daemon.ctl("status", check=0).stdout
    assert "  broker     none: mqtt.url is off\n" in page and "  published" not in page and "  consumers" not in page
    assert status["consumers"]["reason"] == "there is no broker"


def test_status_in_a_hold_says_why_and_what_to_do(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_REPOSITORY_REWRITE="deny"))
    daemon.committed(1)
    home.git("commit", "-q", "--amend", "-m", "other words")
    daemon.status_when(lambda s: s["state"] == "hold:history-rewritten")
    result = daemon.ctl("status", check=1)
    assert "What to do: Put the branch back" in result.stdout
    assert "  What to do: Put the branch back" in result.stdout and "  serving    6 services\n" in result.stdout


def test_status_goes_on_with_watch(daemon, home, ends):
    """One line a change, until interrupted; a daemon that is killed is noticed though it replaces no file."""
    daemon.status_when(lambda s: s["state"] == "ok" and s.get("snapshot") == 1)
    process = subprocess.Popen([EPOCHCTL, "status", "--watch", "--json"], env=daemon.env, stdout=subprocess.PIPE, text=True)
    ends(Ended(process))
    assert json.loads(process.stdout.readline())["epoch"] == 1
    home.commit({STT: "rate: 2\n"})
    while json.loads(process.stdout.readline())["published"] != 2:
        pass
    daemon.kill()
    while json.loads(process.stdout.readline()) != {"running": False}:
        pass
    assert process.poll() is None


def test_status_names_the_requests_that_wait(daemon):
    daemon.process.send_signal(signal.SIGSTOP)  # or it would look at it
    try:
        for name in ("0" * 32 + ".json", "1" * 32 + ".done", "paused.json", "nothing-known"):
            (daemon.state / "requests" / name).write_text("")
        assert f"  requests   {'0' * 32}.json  (not taken up yet)\n" in daemon.ctl("status").stdout
    finally:
        daemon.process.send_signal(signal.SIGCONT)


def test_status_shows_what_a_terminal_obeys_by_number(world, copy, tmp_path):
    (tmp_path / "run").mkdir()
    evil = "a\x1b[31m\u202e"
    (tmp_path / "run/status.json").write_text(json.dumps({"pid": 4711, "state": evil, "message": evil, "branch": evil, "tip": {"commit": evil, "verdict": "rejected", "code": evil}, "recent": [
        {"commit": evil, "verdict": "rejected", "code": evil, "findings": [{"file": evil, "message": evil, "code": evil}]}]}))
    with hold_lock(copy, 4711):
        page = in_copy(world, copy, "status", EPOCHD_RUN=str(tmp_path / "run"), check=1).stdout
    assert "\x1b" not in page and "\u202e" not in page and page.count("a\\x1b[31m\\u202e") >= 7


def test_status_of_an_empty_repository_is_fine(tmp_path, ends):
    daemon = ends(Daemon(tmp_path / "epochd", Repo(tmp_path / "config")))
    daemon.status_when(lambda s: s["state"] == "empty")
    result = daemon.ctl("status", check=0)
    assert "  epoch      none yet: the branch has no commit that was accepted\n" in result.stdout


def test_status_without_a_daemon(world, tmp_path):
    result = world.ctl("status", check=3)
    assert result.stdout.startswith(f"epochd does not run with the state folder {world.daemon.state}.\n")
    epoch = world.ctl("verify", "lkg", check=0).stdout.split("epoch ")[1].split(",")[0]
    assert f"\nServices go on from the last-known-good snapshot: epoch {epoch}, " in result.stdout and " services, written 20" in result.stdout
    assert "\nWhat to do: systemctl start epochd; " in result.stdout
    assert world.ctl("status", "-q", check=3).stdout == ""
    assert json.loads(world.ctl("status", "--json", check=3).stdout) == {"running": False}
    never = ctl("status", EPOCHD_STATE=str(tmp_path / "never"), check=3)
    assert "epochd does not run with the state folder" in never.stdout and never.stderr == ""
    assert "\nThat folder is not there: epochd never ran with these settings, or others are meant: " in never.stdout
    assert "last-known-good" not in never.stdout


@pytest.mark.parametrize(("damage", "words"), [
    (lambda file: file.unlink(), "There is no last-known-good snapshot: a service that starts now has its own cache or the broker alone\n"),
    (lambda file: file.write_bytes(file.read_bytes().replace(b"rate", b"tare", 1)), "The last-known-good snapshot is not good: the HMAC of "),
])
def test_status_without_a_daemon_promises_no_snapshot_that_is_not_there(world, copy, damage, words):
    damage(copy / "config.lkg.json")
    page = in_copy(world, copy, "status", check=3).stdout
    assert f"\n{words}" in page and "Services go on" not in page


def test_status_never_believes_a_file_that_a_dead_daemon_left(daemon, home):
    daemon.status_when(lambda s: s["state"] == "ok")
    daemon.kill()
    assert (daemon.run / "status.json").is_file()
    assert "epochd does not run" in daemon.ctl("status", check=3).stdout
    assert json.loads(daemon.ctl("status", "--json", check=3).stdout) == {"running": False}
    with hold_lock(daemon.state, 4711):
        begun = daemon.ctl("status", check=1)
        assert begun.stdout.startswith("epochd runs, pid 4711, and has not told its state yet: it is starting, or its setting `run`")
        assert json.loads(daemon.ctl("status", "--json", check=1).stdout) == {"running": True, "pid": 4711, "state": "initializing"}
        assert daemon.ctl("status", "-q", check=1).stdout == ""
        shutil.rmtree(daemon.run)
        assert "has not told its state yet" in daemon.ctl("status", check=1).stdout
    assert "epochd does not run" in daemon.ctl("status", check=3).stdout


def test_status_refuses_a_file_that_is_not_one(world, copy, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/status.json").write_text('{"pid":4711,')
    with hold_lock(copy, 4711):
        result = in_copy(world, copy, "status", EPOCHD_RUN=str(tmp_path / "run"), check=3)
    assert result.stderr.startswith("epochctl: status.json:1:")


@pytest.mark.parametrize("text", ['{"pid":4711}', '{"pid":4711,"recent":[{}],"broker":[],"state":7}', '{"pid":4711,"recent":[1,null]}'])
def test_status_of_a_file_with_holes_is_not_fine(world, copy, tmp_path, text):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/status.json").write_text(text)
    with hold_lock(copy, 4711):
        in_copy(world, copy, "status", EPOCHD_RUN=str(tmp_path / "run"), check=1)


def test_status_of_a_list_is_no_status(world, copy, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run/status.json").write_text("[]")
    with hold_lock(copy, 4711):
        assert "has not told its state yet" in in_copy(world, copy, "status", EPOCHD_RUN=str(tmp_path / "run"), check=1).stdout
