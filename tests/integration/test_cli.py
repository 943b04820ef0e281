"""epochctl's verbs: what they say, where they say it, and how they end."""
import base64
import fcntl
import hashlib
import hmac
import json
import os
import pty
import re
import shutil
import signal
import stat
import struct
import subprocess
import termios
from pathlib import Path

import pytest
from harness import EPOCHCTL, ROOT, SOURCE, STRANGER, Broker, Daemon, Repo, Subscriber, as_stranger, ctl, environment, run
from nacl.signing import SigningKey

STT = "services/audio/stt-worker.yaml"
MEMORY = "services/brain/memory-worker.yaml"
BAD = "a: 1\nb: 2\na: 3\n"
VERBS = [verb.replace("_", "-") for verb in re.findall(r"&verb_(\w+),", (ROOT / "src/cli/verbs.c").read_text()) if verb != "complete"]


class World:
    """What epochd leaves behind after a while: every kind of verdict in its journal, a snapshot, its keys, and what it published.

      1  the six services           published
      2  stt-worker changes         published
      -  stt-worker is invalid      rejected
      -  a commit while epochd was away, and
      5  the one on top of it       published
      6  two while the broker was away:
      7  the first is overtaken     published
      8  memory-worker goes         published
    """

    def __init__(self, folder):
        broker = Broker(folder / "broker")
        self.repo = Repo.home(folder / "config")
        self.daemon = Daemon(folder / "epochd", self.repo, broker, EPOCHD_MQTT_HEARTBEAT_S="1")
        self.commits = {1: self.repo.head()}
        try:
            self.live(broker)
            self.late = Subscriber(broker.port)
            self.late.epoch(8)
            self.keepalive = self.late.wait(f"system/keepalive/{SOURCE}")
            self.keyset = self.late.wait(f"system/keys/{SOURCE}")
            self.update = self.late.wait("system/config/stt-worker", lambda p: json.loads(p)["version"] == 7)
            self.head = self.late.epoch(8)
            self.tombstone = next(json.loads(line["services"]["memory-worker"]) and line["services"]["memory-worker"].encode()
                                  for line in self.daemon.journal() if line["kind"] == "committed" and line["epoch"] == 8)
        finally:
            self.daemon.stop()
            broker.stop()
        self.late.close()

    def live(self, broker):
        repo, daemon = self.repo, self.daemon
        daemon.published(1)
        self.commits[2] = repo.commit({STT: "rate: 2\n"}, "stt-worker: two")
        daemon.published(2)
        self.bad = repo.commit({STT: BAD}, "stt-worker: broken")
        daemon.wait("epoch_rejected")
        daemon.stop()
        self.superseded = repo.commit({STT: "rate: 4\n"}, "stt-worker: four")
        self.commits[5] = repo.commit({STT: "rate: 5\n"}, "stt-worker: five")
        daemon.start()
        daemon.published(5)
        broker.kill()
        daemon.wait("state", state="degraded:broker-away")
        self.commits[6] = repo.commit({STT: "rate: 6\n"}, "stt-worker: six")
        daemon.committed(6)
        self.commits[7] = repo.commit({STT: "rate: 7\n"}, "stt-worker: seven")
        daemon.committed(7)
        broker.start()
        daemon.published(7)
        self.commits[8] = repo.commit({MEMORY: None}, "memory-worker: not any more")
        daemon.published(8)
        daemon.snapshot(8)

    @property
    def keys(self):
        return self.daemon.state / "keys"

    def ctl(self, *args, **options):
        return self.daemon.ctl(*args, **options)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def copy(world, tmp_path):
    """The state of the world, to be damaged."""
    shutil.copytree(world.daemon.state, tmp_path / "state")
    return tmp_path / "state"


def in_copy(world, copy, *args, **options):
    return world.ctl(*args, **{"EPOCHD_STATE": str(copy), "EPOCHD_KEYS": str(copy / "keys"), **options})


def on_terminal(world, columns, *args, plain=True, **env):
    """What epochctl says on a terminal that is so wide; without its colours, if `plain`."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    process = subprocess.Popen([EPOCHCTL, *args], env={**world.daemon.env, "TERM": "xterm", **env}, stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    text = b""
    while True:
        try:
            text += os.read(ours, 65536)
        except OSError:  # EIO: the other end is closed
            break
    process.wait()
    os.close(ours)
    text = text.decode().replace("\r\n", "\n")
    return re.sub(r"\x1b\[[\d;]*m", "", text) if plain else text


class Ended:
    """A process that is ended with its test."""

    def __init__(self, process):
        self.process = process

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def key_of(path):
    """The raw bytes of a key file."""
    return base64.b64decode(path.read_text().strip().split(":")[2])


def hold_lock(state, pid):
    """What a daemon that has just begun looks like: its lock. Held until the file is closed."""
    file = open(state / "lock", "r+", encoding="ascii")
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
    file.write(f"{pid:<10}\n")
    file.flush()
    return file


# --- check ---------------------------------------------------------------------------------------------------------------


def bad_fixtures():
    """Every folder tests/fixtures/bad-*, with the code and the place that tests/unit/test_fixtures.c expects of it."""
    codes = dict(re.findall(r'^CODE\((\w+), "([^"]+)"', (ROOT / "src/model/codes.def").read_text(), re.M))
    text = (ROOT / "tests/unit/test_fixtures.c").read_text()
    service = re.search(r'#define SERVICE "([^"]+)"', text)[1]
    rows = re.findall(r'\{"(bad-[^"]+)", CODE_(\w+), (?:SERVICE|"([^"]+)"), \{(\d+), (\d+)\}\}', text)
    table = {name: (codes[code], file or service, int(line), int(column)) for name, code, file, line, column in rows}
    names = sorted(path.name for path in (ROOT / "tests/fixtures").glob("bad-*"))
    return [pytest.param(name, table.get(name), id=name) for name in names]


@pytest.mark.parametrize(("name", "wanted"), bad_fixtures())
def test_check_finds_what_is_bad(tmp_path, name, wanted):
    assert wanted, f"tests/unit/test_fixtures.c does not know {name}"
    code, file, line, column = wanted
    shutil.copytree(ROOT / "tests/fixtures" / name, tmp_path / "config", symlinks=True)
    place = f"{file}:{line}:{column}" if line else file
    result = ctl("check", "--worktree", cwd=tmp_path / "config", check=1)
    assert [found for found in result.stdout.splitlines() if found.startswith(f"{place}: ") and found.endswith(f" [{code}]")]
    assert result.stdout.splitlines()[-1].startswith("refused: 1 error, ")
    told = json.loads(ctl("check", "--worktree", "--json", cwd=tmp_path / "config", check=1).stdout)
    errors = [finding for finding in told["findings"] if finding["severity"] == "error"]
    assert [(e["code"], e["file"], e["line"], e["column"]) for e in errors] == [(code, file, line, column)]
    assert (told["ok"], told["errors"], told["services"]) == (False, 1, None)


@pytest.mark.parametrize("path", sorted((ROOT / "tests/fixtures").glob("good-*")), ids=lambda path: path.name)
def test_check_accepts_what_is_good(tmp_path, path):
    shutil.copytree(path, tmp_path / "config")
    result = ctl("check", "--worktree", cwd=tmp_path / "config", check=0)
    assert re.fullmatch(r"ok: \d+ services?( \(no file under services/\))?, \d+ warnings?", result.stdout.splitlines()[-1])


def test_check_judges_the_revision_that_is_named(home):
    good = home.head()
    bad = home.commit({STT: BAD})
    home.git("tag", "v1", good)
    assert ctl("check", cwd=home.path, check=1).stdout.startswith(f"{STT}:3:1: ")
    for revision in (bad[:10], "main", "HEAD"):
        ctl("check", revision, cwd=home.path, check=1)
    for revision in (good, "v1", "HEAD~1", "main^"):
        assert ctl("check", revision, cwd=home.path, check=0).stdout == "ok: 6 services, 0 warnings\n"
    assert "there is no commit 'nowhere'" in ctl("check", "nowhere", cwd=home.path, check=3).stderr
    assert "a revision, or A..B" in ctl("check", "", cwd=home.path, check=2).stderr  # an unset variable of a pipeline is not HEAD


def test_check_tells_staged_from_committed_from_the_files(home):
    home.write({STT: BAD})
    home.git("add", STT)
    home.write({STT: "rate: 1\n", "services/router.yaml": "[]\n"})
    ctl("check", cwd=home.path, check=0)
    assert STT in ctl("check", "--staged", cwd=home.path, check=1).stdout
    assert "services/router.yaml" in ctl("check", "--worktree", cwd=home.path / "services/audio", check=1).stdout


def test_check_finds_the_repository(home, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    ctl("check", cwd=home.path / "services/audio", check=0)
    ctl("-C", home.path, "check", check=0)
    ctl("check", cwd=empty, EPOCHD_REPOSITORY_PATH=str(home.path), check=0)
    assert f"at or above '{empty}' [repo.missing]" in ctl("-C", empty, "check", check=3).stderr
    assert f"-C {tmp_path}/gone: No such file or directory" in ctl("-C", tmp_path / "gone", "check", check=3).stderr


@pytest.mark.parametrize("verb", [["check"], ["set", "stt", "rate=1"], ["rm", "stt"], ["rollback"], ["profile", "use", "night"]],
                         ids=lambda verb: verb[0])
def test_where_no_repository_is_verbs_say_where_they_looked(tmp_path, verb):
    lost = ctl(*verb, cwd=tmp_path, EPOCHD_REPOSITORY_PATH=str(tmp_path / "gone"), check=3)
    assert "there is no git repository at or above the current folder, and in the settings: " in lost.stderr
    assert str(tmp_path / "gone") in lost.stderr and lost.stderr.endswith("[repo.missing]\n")


def test_check_works_in_a_bare_repository_and_before_the_first_commit(home, tmp_path):
    run("git", "clone", "-q", "--bare", home.path, tmp_path / "bare.git", check=0)
    ctl("check", cwd=tmp_path / "bare.git", check=0)
    fresh = Repo(tmp_path / "fresh")
    fresh.write({"services/a.yaml": BAD})
    assert "there is no commit 'HEAD': HEAD's branch has none yet; git commit makes the first [repo.rev]" in ctl("check", cwd=fresh.path, check=3).stderr
    ctl("check", "--worktree", cwd=fresh.path, check=1)
    fresh.git("add", "-A")
    ctl("check", "--staged", cwd=fresh.path, check=1)


def test_check_of_a_folder_does_not_care_for_settings_that_are_broken(tmp_path):
    (tmp_path / "epochd.yaml").write_text("nonsense: [\n")
    (tmp_path / "services").mkdir()
    (tmp_path / "services/a.yaml").write_text("rate: 1\n")
    assert "ok: 1 service," in ctl("check", "--worktree", cwd=tmp_path, EPOCHD_CONFIG=str(tmp_path / "epochd.yaml"), check=0).stdout


def test_check_of_another_users_repository_needs_its_uid_to_be_trusted(home, open_folder):
    wrapper = as_stranger()
    shutil.move(home.path, open_folder / "config")
    where = {"cwd": open_folder / "config", "wrapper": wrapper}
    refused = ctl("check", **where, check=3)
    assert "belongs to uid 0" in refused.stderr and refused.stderr.endswith("[repo.owner]\n")
    ctl("check", **where, EPOCHD_REPOSITORY_TRUSTED_UIDS="0", check=0)
    ctl("check", "--worktree", **where, check=0)


def test_root_reads_anybodys_repository_with_authors_and_subjects(home, open_folder, ends):
    as_stranger()
    home.path = shutil.move(home.path, open_folder / "config")
    home.git("tag", "one")
    daemon = ends(Daemon(open_folder / "epochd", home))
    daemon.stop()
    run("chown", "-R", f"{STRANGER}:{STRANGER}", home.path, check=0)
    for verb in (["check"], ["plan"], ["diff", "one"], ["check", "one..HEAD"]):
        ctl("-C", home.path, *verb, check=0)
    assert json.loads(daemon.ctl("log", "--json", check=0).stdout)[0]["author"] == "Ada <ada@example.org>"
    assert json.loads(daemon.ctl("show", "router", "--json", check=0).stdout)["description"] == "config: begin"
    assert "[repo.owner]" not in daemon.ctl("wait", "-t", "0").stderr


# --- status --------------------------------------------------------------------------------------------------------------


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


# --- log -----------------------------------------------------------------------------------------------------------------


def test_log_tells_every_verdict_newest_first(world):
    rows = json.loads(world.ctl("log", "--json", check=0).stdout)
    c = world.commits
    assert [(row["epoch"], row["verdict"], row["commit"], row["code"], row["changed"]) for row in rows] == [
        (8, "published", c[8], None, 1), (7, "published", c[7], None, 1), (6, "superseded", c[6], None, 1),
        (5, "published", c[5], None, 1), (None, "superseded", world.superseded, None, 0),
        (None, "rejected", world.bad, "yaml.duplicate-key", 0), (2, "published", c[2], None, 1), (1, "published", c[1], None, 6)]
    assert {row["author"] for row in rows} == {"Ada <ada@example.org>"}
    assert [row["subject"] for row in rows][:2] == ["memory-worker: not any more", "stt-worker: seven"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row["time"]) for row in rows)


def test_log_elsewhere_is_one_row_a_line_its_cells_parted_by_tabs(world):
    rows = [line.split("\t") for line in world.ctl("log", check=0).stdout.splitlines()]
    assert [row[0] for row in rows] == ["8", "7", "6", "5", "-", "-", "2", "1"]
    time = rows[0].pop(2)
    assert re.fullmatch(r"[\d-]+T[\d:]+Z", time)
    assert rows[0] == ["8", world.commits[8][:12], "published", "memory-worker deleted", "Ada <ada@example.org>", "memory-worker: not any more"]
    assert rows[1][4] == "stt-worker updated" and rows[7][4] == "6 created"
    assert rows[5][3:] == ["rejected [yaml.duplicate-key]", "", "Ada <ada@example.org>", f"{STT}:3:1: key 'a' stands twice: first at 1:1"]


def test_log_on_a_terminal_has_columns_as_wide_as_it_is(world):
    for columns in (200, 100):
        lines = on_terminal(world, columns, "log").splitlines()
        assert lines[0].split() == ["EPOCH", "COMMIT", "TIME", "VERDICT", "CHANGED", "AUTHOR", "WHY"] and len(lines) == 9
        at = lines[0].index("VERDICT")
        assert {line[at:].split()[0] for line in lines[1:]} == {"published", "superseded", "rejected"}
        assert columns < 110 or max(map(len, lines)) <= columns


def test_log_tells_what_was_done_to_each_service(world):
    rows = json.loads(world.ctl("log", "--json", check=0).stdout)
    assert rows[0]["actions"] == [{"action": "deleted", "service": "memory-worker"}]
    assert rows[1]["actions"] == [{"action": "updated", "service": "stt-worker"}]
    assert [change["action"] for change in rows[7]["actions"]] == ["created"] * 6
    assert rows[5]["actions"] == [] and rows[5]["reason"].startswith(f"{STT}:3:1: ")
    assert {row["reason"] for row in rows if row["verdict"] != "rejected"} == {None}


def test_log_tells_a_rollback_and_a_service_that_came_back(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    home.commit({MEMORY: None}, "memory-worker: not any more")
    daemon.committed(2)
    home.git("revert", "--no-edit", "HEAD")
    daemon.committed(3)
    home.commit({"services/fresh.yaml": "a: 1\n", MEMORY: "a: 1\n"}, "fresh: begin\n\nEpoch-Rollback: 1")
    daemon.committed(4)
    home.commit({"services/new.yaml": "a: 1\n", MEMORY: "a: 2\n"}, "new: begin")
    daemon.committed(5)
    actions = [[(change["service"], change["action"]) for change in row["actions"]] for row in json.loads(daemon.ctl("log", "--json").stdout)]
    assert actions[:4] == [[("memory-worker", "updated"), ("new", "created")], [("fresh", "rollback"), ("memory-worker", "rollback")],
                           [("memory-worker", "rollback")], [("memory-worker", "deleted")]]


@pytest.mark.parametrize(("option", "value", "epochs"), [
    ("--since", "1h", [8, 7, 6, 5, None, None, 2, 1]), ("--since", "2100-01-01", []), ("--until", "2100-01-01", [8, 7, 6, 5, None, None, 2, 1]),
    ("--until", "1h", []), ("--until", "2000-01-01 10:30", []), ("--since", "2000-01-01T10:30:00Z", [8, 7, 6, 5, None, None, 2, 1]),
])
def test_log_between_two_times(world, option, value, epochs):
    result = world.ctl("log", option, value, "--json", check=0)
    assert [row["epoch"] for row in json.loads(result.stdout)] == epochs
    assert ("nothing of that time" in result.stderr) == (not epochs)


@pytest.mark.parametrize("value", ["", "yesterday", "2026-13-01", "12", "3y", "-1h", "99999999999999h", "2026-11-21T25:00:00Z"])
def test_log_refuses_what_is_no_time(world, value):
    assert "--since takes 2026-11-21" in world.ctl("log", f"--since={value}", check=2).stderr


def test_log_escapes_for_people_and_not_for_programs(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    subject = "red \x1b[31m and back \u202e to \\ \x9b1m"
    home.commit({STT: "rate: 2\n"}, subject)
    daemon.committed(2)
    assert json.loads(daemon.ctl("log", "--json", check=0).stdout)[0]["subject"] == subject
    for shown in (daemon.ctl("log", check=0).stdout, daemon.ctl("--color", "always", "log", check=0).stdout.replace("\x1b[0m", ""),
                  daemon.ctl("show", "stt-worker", check=0).stdout):
        assert "red \\x1b[31m and back \\u202e to \\ \\xc2\\x9b1m" in shown


@pytest.mark.parametrize(("options", "environment", "is_colored"), [
    ([], {}, True), ([], {"NO_COLOR": "1"}, False), ([], {"NO_COLOR": ""}, True), ([], {"TERM": "dumb"}, False),
    (["--color", "never"], {}, False), (["--color=always"], {"NO_COLOR": "1"}, True)])
def test_color_is_for_terminals(world, options, environment, is_colored):
    assert ("\x1b[" in on_terminal(world, 120, *options, "log", plain=False, **environment)) == is_colored
    assert ("\x1b[" in world.ctl(*options, "log", **environment).stdout) == ("--color=always" in options)


@pytest.mark.parametrize(("count", "rows"), [("1", 1), ("3", 3), ("8", 8), ("100", 8)])
def test_log_limits(world, count, rows):
    assert len(json.loads(world.ctl("log", "-n", count, "--json", check=0).stdout)) == rows
    assert len(world.ctl("log", f"-n{count}", check=0).stdout.splitlines()) == rows


@pytest.mark.parametrize("count", ["0", "101", "-1", "x", "", "1.5", "99999999999999999999"])
def test_log_refuses_a_count_beyond_its_limits(world, count):
    assert "-n takes a number from 1 to 100" in world.ctl("log", "-n", count, check=2).stderr


def test_log_of_a_service(world):
    rows = json.loads(world.ctl("log", "stt-worker", "--json", check=0).stdout)
    assert [row["epoch"] for row in rows] == [7, 6, 5, 2, 1]
    assert [row["epoch"] for row in json.loads(world.ctl("log", "memory-worker", "--json", "-n", "1", check=0).stdout)] == [8]
    assert [row["epoch"] for row in json.loads(world.ctl("log", "stt-worker", "--json", "--since", "1h", check=0).stdout)] == [7, 6, 5, 2, 1]


def test_log_of_a_service_that_never_was_is_an_error(world):
    nobody = world.ctl("log", "nobody", "--json", check=2)
    assert nobody.stdout == "" and nobody.stderr == "epochctl: the journal never had a service 'nobody' [no-service]\n"
    assert 'did you mean "router"?' in world.ctl("log", "ruter", "--since", "1s", check=2).stderr
    gone = world.ctl("log", "memory-worker", "--until", "2001-01-01", check=0)
    assert gone.stdout == "" and gone.stderr == "epochctl: no epoch of that time changed memory-worker\n"


def test_log_without_the_repository_keeps_its_verdicts(world, tmp_path):
    rows = json.loads(world.ctl("log", "--json", EPOCHD_REPOSITORY_PATH=str(tmp_path / "gone"), check=0).stdout)
    assert len(rows) == 8 and {row["author"] for row in rows} == {None}


def test_log_refuses_a_damaged_journal(world, copy):
    damage(copy / "journal.jsonl", b'"kind":"superseded"', b'"kind":"supersedee"')
    assert "[journal-corrupt]" in in_copy(world, copy, "log", check=3).stderr


def seal_line(state, members, before):
    """A line of the journal as epochd would write it."""
    key = key_of(state / "keys/journal.key")
    head = {"seq": before["seq"] + 1, "prev": hashlib.sha256(before["text"]).hexdigest(), "time": "2026-01-02T03:04:05.678Z", **members}
    body = json.dumps(head, separators=(",", ":")).encode()
    mac = hmac.new(key, body, hashlib.sha256).hexdigest()
    key_id = hashlib.sha256(key).hexdigest()[:16]
    body = body[:-1] + f',"key_id":"{key_id}"}}'.encode()
    mac = hmac.new(key, body, hashlib.sha256).hexdigest()
    return body[:-1] + f',"hmac":"{mac}"}}'.encode()


def rotate(state):
    """What a change of files leaves: the old one under the number of its last line, a checkpoint in the new one."""
    old = (state / "journal.jsonl").read_bytes().rstrip(b"\0")
    last = old.splitlines()[-1]
    seq = json.loads(last)["seq"]
    name = f"journal-{seq}.jsonl"
    (state / "journal.jsonl").rename(state / name)
    line = seal_line(state, {"kind": "checkpoint", "file": name}, {"seq": seq, "text": last})
    (state / "journal.jsonl").write_bytes(line + b"\n")
    return name


def test_log_and_show_read_older_journal_files(world, copy):
    name = rotate(copy)
    in_copy(world, copy, "verify", "journal", check=0)
    in_copy(world, copy, "verify", "journal", name, check=0)
    rotate(copy)
    assert [row["epoch"] for row in json.loads(in_copy(world, copy, "log", "--json", check=0).stdout)] == [8, 7, 6, 5, None, None, 2, 1]
    assert [row["epoch"] for row in json.loads(in_copy(world, copy, "log", "-n", "2", "--json", check=0).stdout)] == [8, 7]
    assert json.loads(in_copy(world, copy, "show", "stt-worker", "--at", "5", "--json", check=0).stdout)["config"] == {"rate": 5}


# --- show ----------------------------------------------------------------------------------------------------------------


def test_show_tells_what_is_in_force(world):
    shown = world.ctl("show", "stt-worker", check=0).stdout
    assert shown == f"# stt-worker, version 7, commit {world.commits[7][:12]}, by Ada <ada@example.org>: stt-worker: seven\nrate: 7\n"
    told = json.loads(world.ctl("show", "stt-worker", "--json", check=0).stdout)
    for time in ("updated_at", "created_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", told.pop(time))
    assert told == {"about": None, "title": None, "active": True, "config": {"rate": 7}, "config_epoch": world.commits[7], "description": "stt-worker: seven",
                    "service": "stt-worker", "created_by": "Ada <ada@example.org>", "updated_by": "Ada <ada@example.org>", "version": 7}


def test_show_without_a_service_lists_them(world, tmp_path):
    rows = [line.split("\t") for line in world.ctl("show", check=0).stdout.splitlines()]
    assert [row[:2] for row in rows] == [["llm-worker", "1"], ["router", "1"], ["stt-worker", "7"], ["tts-worker", "1"], ["wake-activation", "1"]]
    assert rows[2][3:] == ["Ada <ada@example.org>", STT, "-"]
    listed = json.loads(world.ctl("show", "--json", check=0).stdout)
    assert [one["service"] for one in listed] == [row[0] for row in rows]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", listed[2].pop("updated_at"))
    assert listed[2] == {"config_epoch": world.commits[7], "description": "stt-worker: seven", "path": STT, "service": "stt-worker", "title": None,
                         "updated_by": "Ada <ada@example.org>", "version": 7}
    alone = json.loads(world.ctl("show", "--json", EPOCHD_REPOSITORY_PATH=str(tmp_path), check=0).stdout)
    assert (alone[2]["version"], alone[2]["updated_by"], alone[2]["path"]) == (7, None, None)


def test_show_lists_what_an_epoch_had(world, tmp_path):
    listed = {one["service"]: one for one in json.loads(world.ctl("show", "--at", "5", "--json", check=0).stdout)}
    assert sorted(listed) == ["llm-worker", "memory-worker", "router", "stt-worker", "tts-worker", "wake-activation"]
    assert (listed["stt-worker"]["version"], listed["stt-worker"]["config_epoch"]) == (5, world.commits[5])
    laptop = json.loads(world.ctl("show", "--at", "main", "--json", EPOCHD_STATE=str(tmp_path / "never"), check=0).stdout)
    assert laptop[2]["version"] is None and laptop[2]["path"] == STT


def test_show_without_the_repository(world, tmp_path):
    told = json.loads(world.ctl("show", "stt-worker", "--json", EPOCHD_REPOSITORY_PATH=str(tmp_path), check=0).stdout)
    assert (told["config"], told["version"], told["updated_by"]) == ({"rate": 7}, 7, None)


@pytest.mark.parametrize("epoch", [2, 5, 6, 7])
def test_show_at_an_epoch_or_a_commit(world, epoch):
    for at in (str(epoch), world.commits[epoch], world.commits[epoch][:8]):
        told = json.loads(world.ctl("show", "stt-worker", "--at", at, "--json", check=0).stdout)
        assert (told["config"], told["config_epoch"], told["version"]) == ({"rate": epoch}, world.commits[epoch], epoch)
    told = json.loads(world.ctl("show", "router", "--at", str(epoch), "--json", check=0).stdout)
    assert (told["version"], told["config_epoch"]) == (1, world.commits[1]) and told["created_by"] == told["updated_by"]


def test_show_at_a_commit_needs_neither_state_nor_keys(world, tmp_path):
    told = world.ctl("show", "stt-worker", "--at", "main~1", "--json", EPOCHD_STATE=str(tmp_path / "never"), check=0)
    assert json.loads(told.stdout)["config"] == {"rate": 7}


def test_show_says_what_there_is_not(world, copy, tmp_path):
    assert "there is no service 'nobody' in epoch 8; epochctl log nobody tells" in world.ctl("show", "nobody", check=2).stderr
    assert "there is no service 'memory-worker' in epoch 8" in world.ctl("show", "memory-worker", check=2).stderr
    assert 'did you mean "router"? [no-service]' in world.ctl("show", "ruter", check=2).stderr
    assert "there is no service 'nobody' at " in world.ctl("show", "nobody", "--at", "2", check=2).stderr
    assert 'did you mean "router"?' in world.ctl("show", "ruter", "--at", "2", check=2).stderr
    for epoch in ("0", "3", "4", "9", "4711", "99999999999999999999999"):
        assert "[repo.rev]" in world.ctl("show", "stt-worker", "--at", epoch, check=3).stderr
    assert f"is not a valid configuration: epochctl check {world.bad[:12]}" in world.ctl("show", "router", "--at", world.bad, check=3).stderr
    fresh = tmp_path / "fresh"
    in_copy(world, fresh, "keys", "init", check=0)
    assert "there is no snapshot yet" in in_copy(world, fresh, "show", "stt-worker", check=3).stderr
    never = ctl("show", "stt-worker", EPOCHD_STATE=str(tmp_path / "never"), check=3)
    assert "What to do: start epochd" in never.stderr


def test_show_reads_the_journal_where_the_snapshot_is_behind_or_missing(tmp_path, home, ends):
    """The snapshot is written after the epoch is committed: nobody sees the time between."""
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.snapshot(1)
    behind = (daemon.state / "config.lkg.json").read_bytes()
    home.commit({STT: "rate: 2\n", MEMORY: None}, "two")
    daemon.snapshot(2)
    daemon.stop()
    (daemon.state / "config.lkg.json").write_bytes(behind)
    assert daemon.ctl("show", "stt-worker", check=0).stdout.endswith("rate: 2\n")
    assert "there is no service 'memory-worker' in epoch 2" in daemon.ctl("show", "memory-worker", check=2).stderr
    (daemon.state / "config.lkg.json").unlink()
    assert json.loads(daemon.ctl("show", "stt-worker", "--json", check=0).stdout)["version"] == 2
    assert json.loads(daemon.ctl("show", "router", "--json", check=0).stdout)["version"] == 1
    (daemon.state / "keys/journal.key").unlink()
    refused = daemon.ctl("show", "stt-worker", check=3).stderr
    assert "the journal is for the daemon's user and root" in refused and "--at HEAD" not in refused
    (daemon.state / "config.lkg.json").write_bytes(behind)
    assert daemon.ctl("show", "router", check=0).stderr == ""
    (daemon.run / "status.json").write_text('{"committed":2}')
    shown = daemon.ctl("show", "router", check=0)
    assert shown.stderr.startswith("epochctl: epoch 2 is committed and not in the snapshot yet")


@pytest.mark.parametrize("file", ["lkg.key", "root.pub"])
@pytest.mark.parametrize("verb", [["show", "router"], ["verify", "lkg"]], ids=" ".join)
def test_a_missing_key_is_no_missing_daemon(world, copy, file, verb):
    (copy / "keys" / file).unlink()
    refused = in_copy(world, copy, *verb, check=3).stderr
    assert file in refused and "[key-file]" in refused
    assert "What to do: Restore it from the backup" in refused and "start epochd" not in refused


def test_show_refuses_a_snapshot_that_does_not_verify(world, copy):
    damage(copy / "config.lkg.json", b'\\"rate\\":7', b'\\"rate\\":8')
    assert "[lkg-bad-mac]" in in_copy(world, copy, "show", "stt-worker", check=3).stderr


def test_a_number_that_is_no_epoch_may_be_a_commit(world, tmp_path):
    """git log --oneline abbreviates one commit in thirty to digits alone."""
    repo = Repo.home(tmp_path / "config")
    for n in range(1000):
        commit = repo.git("commit-tree", "HEAD^{tree}", "-m", str(n)).stdout.strip()
        if commit[:7].isdigit():
            break
    told = world.ctl("show", "stt-worker", "--at", commit[:7], "--json", EPOCHD_REPOSITORY_PATH=str(repo.path), check=0)
    assert json.loads(told.stdout)["config_epoch"] == commit


def test_what_show_prints_reads_back_as_the_same(home):
    config = {"plain": "text", "yes": "no", "null": None, "1": 1.5, "": "", "a b": ["x", {"y": []}], "Größe": "♫\u2028\u0085\u009b31m\u202e\ufeff\u007f𝄞", "-": {},
              "nested": {"deep": {"deeper": "a\nb", "on": True}, "key: x": -0.5}, "#": "# no comment", "a-1": 1e21}
    text = json.dumps(config).replace(json.dumps("𝄞")[1:-1], "𝄞")
    home.commit({"services/odd.yaml": text, "services/none.yaml": "{}\n"})
    for name, wanted in (("odd", config), ("none", {})):
        text = ctl("show", name, "--at", "HEAD", EPOCHD_REPOSITORY_PATH=str(home.path), check=0).stdout
        home.commit({f"services/{name}.yaml": text}, "as it was shown")
        again = ctl("show", name, "--at", "HEAD", "--json", EPOCHD_REPOSITORY_PATH=str(home.path), check=0)
        assert json.loads(again.stdout)["config"] == wanted


# --- verify --------------------------------------------------------------------------------------------------------------


def damage(path, old, new):
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, 1))


def reseal(state, change):
    """Changes the payload of the snapshot as somebody could who has stolen its HMAC key."""
    path, key = state / "config.lkg.json", key_of(state / "keys/lkg.key")
    body = path.read_bytes()
    tail = re.search(rb',"hmac":"[0-9a-f]{64}"\}\s*$', body)
    body = change(body[:tail.start()] + b"}")
    path.write_bytes(body[:-1] + b',"hmac":"' + hmac.new(key, body, hashlib.sha256).hexdigest().encode() + b'"}')


def replacing(old, new):
    def change(body):
        assert old in body
        return body.replace(old, new)
    return change


def test_verify_lkg_proves_it(world):
    result = world.ctl("verify", "lkg", check=0)
    assert re.match(r"verified: HMAC [0-9a-f]{16}, signatures of key [0-9a-f]{16}\nepoch 8, generation 1, "
                    + world.commits[8] + r", 5 services, written \d{4}-", result.stdout)
    snapshot = world.daemon.state / "config.lkg.json"
    assert world.ctl("verify", "lkg", snapshot, check=0).stdout == result.stdout
    assert world.ctl("verify", "lkg", "-", stdin=snapshot.read_text(), check=0).stdout == result.stdout
    told = json.loads(world.ctl("verify", "lkg", "--json", check=0).stdout)
    assert told == {"verified": True, "code": None, "message": result.stdout[:-1]}


@pytest.mark.parametrize(("old", "new", "code"), [
    (b'\\"rate\\":7', b'\\"rate\\":8', "lkg-bad-mac"),
    (b'"epoch":8', b'"epoch":9', "lkg-bad-mac"),
    (b'"algorithm":"hmac-sha256"', b'"algorithm":"hmac-md5"', "lkg-bad-mac"),
    (b'"hmac":"', b'"hmax":"', "lkg-form"),
    (b'"}\n', b'"}\n\n', "lkg-form"),
], ids=["value", "epoch", "algorithm", "tail", "end"])
def test_verify_lkg_refuses_damage(world, copy, old, new, code):
    path = copy / "config.lkg.json"
    if not path.read_bytes().endswith(b"\n"):
        path.write_bytes(path.read_bytes() + b"\n")
    damage(path, old, new)
    said = in_copy(world, copy, "verify", "lkg", check=1).stdout
    assert re.fullmatch(rf"NOT verified: .* \[{code}\]\n", said)
    assert json.loads(in_copy(world, copy, "verify", "lkg", "--json", check=1).stdout) == {"verified": False, "code": code, "message": said[:-1]}


@pytest.mark.parametrize("size", [0, 1, 100, -1, -2, -80])
def test_verify_lkg_refuses_a_file_that_was_cut(world, copy, size):
    path = copy / "config.lkg.json"
    data = path.read_bytes().rstrip(b"\n")
    path.write_bytes(data[:size])
    assert "[lkg-form]" in in_copy(world, copy, "verify", "lkg", check=1).stdout


@pytest.mark.parametrize(("change", "code"), [
    (replacing(b'\\"rate\\":7', b'\\"rate\\":8'), "lkg-bad-sig"),
    (replacing(b'"epoch":8', b'"epoch":9'), "lkg-bad-sig"),
    (replacing(b'"generation":1,"head"', b'"generation":2,"head"'), "lkg-bad-sig"),
    (lambda body: re.sub(rb'"router":"(?:[^"\\]|\\.)*",', b"", body), "lkg-bad-sig"),
    (lambda body: re.sub(rb'"host":"[^"]*"', b'"host":"elsewhere"', body), "lkg-wrong-host"),
    (replacing(b'"source":"config-manager"', b'"source":"other"'), "lkg-wrong-host"),
    (replacing(b'"format":1,"generation":1,"head"', b'"format":2,"generation":1,"head"'), "format-newer"),
], ids=["value", "epoch", "generation", "service", "host", "source", "format"])
def test_verify_lkg_sees_through_a_forgery_with_the_stolen_hmac_key(world, copy, change, code):
    reseal(copy, change)
    assert f"[{code}]" in in_copy(world, copy, "verify", "lkg", check=1).stdout


def test_verify_lkg_says_what_kept_it_from_judging(world, copy, tmp_path):
    (copy / "config.lkg.json").unlink()
    gone = in_copy(world, copy, "verify", "lkg", check=3)
    assert "config.lkg.json" in gone.stderr and "[system]" in gone.stderr
    (copy / "keys/lkg.key").unlink()
    assert "[key-file]" in in_copy(world, copy, "verify", "lkg", world.daemon.state / "config.lkg.json", check=3).stderr
    assert "'/nowhere'" in world.ctl("verify", "lkg", "/nowhere", check=3).stderr


def test_verify_journal_proves_it(world, copy):
    lines = len(world.daemon.journal())
    result = world.ctl("verify", "journal", check=0).stdout
    wanted = rf"verified: {lines} lines, HMAC [0-9a-f]{{16}}, chain whole\nlast line {lines}, sha256 [0-9a-f]{{64}}\n"
    assert re.fullmatch(wanted + r"the snapshot was made after line \d+\n", result)
    one_file = in_copy(world, copy, "verify", "journal", world.daemon.state / "journal.jsonl", check=0).stdout
    assert re.fullmatch(wanted, one_file) and result.startswith(one_file)
    with open(copy / "journal.jsonl", "ab") as journal:
        journal.write(b'{"seq":99,"pr')
    assert "behind it 13 bytes of a line that was never finished" in in_copy(world, copy, "verify", "journal", check=0).stdout


@pytest.mark.parametrize(("change", "words"), [
    (lambda lines: [lines[0].replace(b'"kind":"baseline"', b'"kind":"baselinf"'), *lines[1:]], "journal.jsonl:1:1: "),
    (lambda lines: [*lines[:3], *lines[4:]], "journal.jsonl:4:1: "),
    (lambda lines: [lines[1], lines[0], *lines[2:]], "journal.jsonl:1:1: "),
    (lambda lines: [*lines[:-2], lines[-2][:-5] + (b"1" if lines[-2][-5:-4] == b"0" else b"0") + lines[-2][-4:], lines[-1]], "journal.jsonl:"),
    (lambda lines: [*lines[:2], b"", *lines[2:]], "journal.jsonl:3:1: "),
    (lambda lines: [*lines, lines[-1]], "journal.jsonl:"),
], ids=["changed", "missing", "swapped", "mac", "blank", "twice"])
def test_verify_journal_refuses_damage(world, copy, change, words):
    path = copy / "journal.jsonl"
    lines = path.read_bytes().rstrip(b"\0").splitlines()
    path.write_bytes(b"".join(line + b"\n" for line in change(lines)))
    result = in_copy(world, copy, "verify", "journal", check=1)
    assert result.stdout.startswith("NOT verified: ") and words in result.stdout and "[journal-corrupt]" in result.stdout


def test_f24__verify_journal_misses_the_lines_that_the_snapshot_knows(world, copy):
    path = copy / "journal.jsonl"
    lines = path.read_bytes().rstrip(b"\0").splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert "chain whole" in in_copy(world, copy, "verify", "journal", path, check=0).stdout  # by itself the file is sound
    result = in_copy(world, copy, "verify", "journal", check=1).stdout
    assert "and the journal ends at line 2: its end was cut off [journal-corrupt]" in result
    (copy / "config.lkg.json").unlink()
    assert "snapshot" not in in_copy(world, copy, "verify", "journal", check=0).stdout


@pytest.mark.parametrize(("make", "kind"), [
    (os.mkfifo, "a FIFO"), (os.mkdir, "a folder"), (lambda path: os.symlink("/etc/passwd", path), "a symbolic link"),
    (lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)), "a device"),
], ids=["fifo", "folder", "link", "device"])
@pytest.mark.parametrize(("what", "name"), [("lkg", "config.lkg.json"), ("journal", "journal.jsonl")])
def test_verify_says_what_is_no_file_and_does_not_wait_for_it(world, copy, make, kind, what, name):
    if kind == "a device" and os.geteuid() != 0:
        pytest.skip("a device can be made by root alone")
    (copy / name).unlink()
    make(copy / name)
    for words in ([what], [what, copy / name]):
        result = in_copy(world, copy, "verify", *words)
        assert result.returncode in (1, 3) and kind in result.stdout + result.stderr, result


def test_verify_journal_says_what_kept_it_from_judging(world, copy, tmp_path):
    assert "there is no journal 'journal-7.jsonl'" in world.ctl("verify", "journal", "journal-7.jsonl", check=3).stderr
    assert "/nowhere" in world.ctl("verify", "journal", "/nowhere/journal.jsonl", check=3).stderr
    (copy / "keys/journal.key").unlink()
    assert "[key-file]" in in_copy(world, copy, "verify", "journal", check=3).stderr


def message(world, name):
    return getattr(world, name).decode()


@pytest.mark.parametrize(("name", "words"), [
    ("update", "config.update, signed by key {key} at 2.*\nservice stt-worker, version 7, {commit}\n"),
    ("tombstone", "config.update, signed by key {key} at 2.*\nservice memory-worker, version 8, {tip}, a tombstone\n"),
    ("head", "config.epoch, signed by key {key} at 2.*\nepoch 8, {tip}, 5 services\n"),
    ("keepalive", "config.keepalive, signed by key {key} at 2.*\n"),
    ("keyset", "config.keyset, generation 1, 1 key, signed by a pinned root\n"),
])
def test_verify_message_proves_it(world, tmp_path, name, words):
    key = json.loads(world.update)["key_id"]
    wanted = "verified: " + words.format(key=key, commit=world.commits[7], tip=world.commits[8])
    raw = message(world, name)
    assert re.fullmatch(wanted, world.ctl("verify", "message", stdin=raw, check=0).stdout)
    assert re.fullmatch(wanted, world.ctl("verify", "message", "-", stdin=raw + "\r\n", check=0).stdout)
    (tmp_path / "message.json").write_text(raw)
    assert re.fullmatch(wanted, world.ctl("verify", "message", "message.json", cwd=tmp_path, check=0).stdout)
    piped = run("bash", "-c", f'"{EPOCHCTL}" verify message <(printf %s "$1")', "bash", raw, **world.daemon.settings)
    assert re.fullmatch(wanted, piped.stdout), piped.stderr


def sign(world, **members):
    """The update with other members, signed by the publisher's own key."""
    body = json.loads(world.update)
    del body["signature"]
    body.update(members)
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    signature = SigningKey(key_of(world.keys / "signing.key")).sign(text).signature.hex()
    return (text[:-1] + f',"signature":"{signature}"}}'.encode()).decode()


def test_the_tests_own_signature_is_right(world):
    assert sign(world) == message(world, "update")


@pytest.mark.parametrize(("forge", "code"), [
    (lambda w: message(w, "update").replace('"rate":7', '"rate":8'), "bad-signature"),
    (lambda w: message(w, "update")[:-3] + ("0" if message(w, "update")[-3] != "0" else "1") + message(w, "update")[-2:], "bad-signature"),
    (lambda w: message(w, "head").replace('"epoch":8', '"epoch":9'), "bad-signature"),
    (lambda w: message(w, "keyset").replace('"generation":1', '"generation":2'), "keyset-refused"),
    (lambda w: "", "message-form"),
    (lambda w: "{}", "message-form"),
    (lambda w: message(w, "update")[:-1], "message-form"),
    (lambda w: message(w, "update") + " ", "message-form"),
    (lambda w: "x" * 320 * 1024, "message-form"),
    (lambda w: "x" * (320 * 1024 + 1), "message-too-large"),
    (lambda w: "x" * 5_000_000, "message-too-large"),
    (lambda w: sign(w, key_id="0" * 16), "bad-key-id"),
    (lambda w: sign(w, format=2), "format-newer"),
    (lambda w: sign(w, source="other"), "wrong-source"),
    (lambda w: sign(w, generation=2), "wrong-generation"),
    (lambda w: sign(w, type="config.other"), "wrong-type"),
    (lambda w: sign(w, config=[]), "message-form"),
], ids=["value", "signature", "head", "keyset", "empty", "unsigned", "cut", "blank", "largest", "larger", "huge", "key-id", "format", "source",
        "generation", "type", "form"])
def test_verify_message_refuses(world, forge, code):
    result = world.ctl("verify", "message", stdin=forge(world), check=1)
    assert re.fullmatch(rf"NOT verified: .*\[{code}\]\n", result.stdout), result.stdout


def test_verify_message_by_other_keys_or_of_another_source(world, tmp_path):
    ctl("keys", "init", "--keys", tmp_path / "keys", check=0)
    assert "[bad-signature]" in world.ctl("verify", "message", "--keys", tmp_path / "keys", stdin=message(world, "update"), check=1).stdout
    assert "[keyset-refused]" in world.ctl("verify", "message", "--keys", tmp_path / "keys", stdin=message(world, "keyset"), check=1).stdout
    other = world.ctl("verify", "message", "--source", "other", "--keys", copy_keyset(world, tmp_path), stdin=message(world, "update"), check=1)
    assert "[wrong-source]" in other.stdout


def copy_keyset(world, tmp_path):
    """The same keys under a keyset of another source."""
    keys = tmp_path / "other"
    shutil.copytree(world.keys, keys)
    body = json.loads(world.keyset)
    del body["signature"]
    body["source"] = "other"
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    signature = SigningKey(key_of(keys / "root.key")).sign(text).signature.hex()
    (keys / "keyset.json").write_bytes(text[:-1] + f',"signature":"{signature}"}}'.encode())
    return keys


def test_verify_message_needs_no_state(world, tmp_path):
    result = ctl("verify", "message", "--keys", world.keys, stdin=message(world, "update"), EPOCHD_STATE=str(tmp_path / "never"), check=0)
    assert result.stdout.startswith("verified: config.update")


def test_a_stop_right_after_an_epoch_leaves_its_snapshot(daemon, home):
    home.commit({STT: "rate: 2\n"})
    daemon.committed(2)
    assert daemon.stop() == 0
    assert "\nepoch 2, generation 1, " in daemon.ctl("verify", "lkg", check=0).stdout


# --- keys ----------------------------------------------------------------------------------------------------------------

FILES = {"root.key": 0o600, "signing.key": 0o600, "journal.key": 0o600, "lkg.key": 0o640, "root.pub": 0o644, "keyset.json": 0o644}


def keys(*args, state, **options):
    return ctl("keys", *args, EPOCHD_STATE=str(state), **options)


def test_keys_init_makes_a_first_set_that_the_daemon_takes(tmp_path, home, ends):
    state = tmp_path / "epochd/state"
    state.parent.mkdir()
    made = keys("init", state=state, check=0).stdout
    root = (state / "keys/root.pub").read_text()
    assert made == f"made keys in {state}/keys\nconsumers pin this line (root.pub):\n{root}"
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state / "keys").iterdir()} == FILES
    before = {path.name: path.read_bytes() for path in (state / "keys").iterdir()}
    assert "are complete; nothing was made" in keys("init", state=state, check=0).stdout
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    assert {path.name: path.read_bytes() for path in (state / "keys").iterdir()} == before
    assert daemon.ctl("verify", "message", "keys/keyset.json", cwd=state, check=0).stdout.startswith("verified: config.keyset")


def test_keys_init_completes_a_folder_and_keeps_what_is_there(tmp_path):
    state = tmp_path / "state"
    keys("init", state=state, check=0)
    kept = {name: (state / "keys" / name).read_bytes() for name in ("root.key", "journal.key")}
    for name in ("keyset.json", "signing.key", "lkg.key"):
        (state / "keys" / name).unlink()
    assert "made keys in" in keys("init", state=state, check=0).stdout
    assert {name: (state / "keys" / name).read_bytes() for name in kept} == kept
    keys("list", state=state, check=0)


def test_keys_init_elsewhere_leaves_the_state_alone(tmp_path):
    """An empty journal would tell a daemon whose state was lost that all is new."""
    keys("init", "--keys", tmp_path / "other", state=tmp_path / "state", check=0)
    assert (tmp_path / "other/keyset.json").is_file() and not (tmp_path / "state").exists()


def test_keys_init_makes_no_key_over_a_trust_anchor(tmp_path):
    state = tmp_path / "state"
    keys("init", state=state, check=0)
    (state / "keys/signing.key").unlink()
    refused = keys("init", state=state, check=3)
    assert "signing.key" in refused.stderr and refused.stderr.endswith("[key-file]\n")


def test_keys_list_names_files_and_never_a_secret(world):
    text = world.ctl("keys", "list", check=0).stdout
    assert [line.split()[0] for line in text.splitlines()] == ["FILE", *FILES]
    rows = json.loads(world.ctl("keys", "list", "--json", check=0).stdout)
    assert {row["file"]: int(row["mode"], 8) for row in rows} == FILES
    assert all(row["exists"] and row["problem"] is None for row in rows)
    assert {row["file"]: row["key_id"] for row in rows}["signing.key"] == json.loads(world.update)["key_id"]
    for name in ("root.key", "signing.key", "journal.key", "lkg.key"):
        secret = (world.keys / name).read_text().strip().split(":")[2]
        assert secret not in text and key_of(world.keys / name).hex() not in text


@pytest.mark.parametrize(("spoil", "file", "words"), [
    (lambda k: (k / "signing.key").chmod(0o644), "signing.key", "mode 0644, more than 0600"),
    (lambda k: (k / "lkg.key").write_text("nonsense\n"), "lkg.key", "is not one line epochd-hmac-sha256:<key id>:<base64>"),
    (lambda k: (k / "root.pub").write_bytes((k / "root.pub").read_bytes() * 2), "root.pub", "twice"),
    (lambda k: os.link(k / "journal.key", k.parent / "link"), "journal.key", "has 2 hard links"),
    (lambda k: ((k / "lkg.key").unlink(), (k / "lkg.key").symlink_to("/dev/zero")), "lkg.key", "link"),
], ids=["mode", "form", "twice", "links", "symlink"])
def test_keys_list_shows_problems(world, copy, spoil, file, words):
    spoil(copy / "keys")
    text = in_copy(world, copy, "keys", "list", check=1).stdout
    assert [line for line in text.splitlines() if line.startswith(file) and words in line], text
    rows = json.loads(in_copy(world, copy, "keys", "list", "--json", check=1).stdout)
    assert [row["file"] for row in rows if row["problem"]] == [file]


def test_keys_list_shows_what_is_missing(world, copy, tmp_path):
    (copy / "keys/root.key").unlink()
    assert "root.key     ed25519-secret  -                 missing\n" in in_copy(world, copy, "keys", "list", check=0).stdout
    never = keys("list", state=tmp_path / "never", check=3).stderr
    assert f"'{tmp_path}/never/keys'" in never and "What to do: start epochd" in never


# --- help and usage ------------------------------------------------------------------------------------------------------


def codes():
    return re.findall(r'^CODE\(\w+, "([^"]+)", CODE_\w+, "((?:[^"\\]|\\.)+)", "((?:[^"\\]|\\.)+)"\)$', (ROOT / "src/model/codes.def").read_text(),
                      re.M)


def test_help_explains_every_code():
    table = codes()
    assert len(table) == (ROOT / "src/model/codes.def").read_text().count("\nCODE(")
    for name, meaning, remedy in table:
        if name in VERBS:
            continue  # what is typed is more often the verb
        text = ctl("help", name, check=0).stdout
        assert text.startswith(f"{name}: ") and meaning.replace('\\"', '"') in text and "What to do: " + remedy.replace('\\"', '"') in text


def states():
    """The columns of each row of the table of states."""
    table = (ROOT / "src/model/states.def").read_text()
    return [re.findall(r'"((?:[^"\\]|\\.)*)"', row)
            for row in re.findall(r'^(?:HOLD|DEGRADED|PLAIN)\((\w+, (?:"(?:[^"\\]|\\.)*"[,\s]*)+)\)$', table, re.M)]


def test_help_of_a_state_tells_when_it_comes_what_is_served_how_it_ends_and_what_to_type():
    assert len(states()) > 20
    for name, meaning, comes, served, ends, remedy in states():
        text = ctl("help", name, check=0).stdout
        assert text.startswith(f"{name}: ")
        for words in (meaning, f"Comes:  {comes}", f"Served: {served}", f"Ends:   {ends}", f"What to do: {remedy}"):
            assert words + "\n" in text


@pytest.mark.parametrize("name, shown", [("repo-behind", "hold:repo-behind"), ("paused", "hold:paused"), ("poll-only", "degraded:poll-only")])
def test_help_takes_a_state_as_status_and_the_log_print_it(name, shown):
    assert ctl("help", shown, check=0).stdout == ctl("help", name, check=0).stdout


@pytest.mark.parametrize("name", ["hold:poll-only", "degraded:paused", "hold:ok", "hold:", "degraded:yaml.nul", "hold:hold:paused"])
def test_help_knows_no_state_that_is_never_printed(name):
    assert f"there is no verb or code '{name}'" in ctl("help", name, check=2).stderr


def test_help_explains_every_verb():
    overview = ctl("help", check=0).stdout
    verbs = overview.split("\n\n")[1]
    assert [line.split()[0] for line in verbs.splitlines()] == VERBS
    for verb in VERBS:
        text = ctl("help", verb, check=0).stdout
        assert re.match(rf"usage: epochctl {verb}\s", text) and text == ctl(verb, "--help", check=0).stdout == ctl(verb, "-h", check=0).stdout
    assert ctl("--help", check=0).stdout == ctl("-h", check=0).stdout == overview
    assert ctl(check=2).stdout == overview
    assert re.fullmatch(r"epochctl \d+\.\d+\.\d+\n", ctl("--version", check=0).stdout)


@pytest.mark.parametrize(("args", "words"), [
    (["nothing"], "there is no verb 'nothing'; epochctl help lists them"),
    (["--nothing"], "unrecognized option '--nothing'"),
    (["-C"], "option requires an argument -- 'C'"),
    (["help", "nothing"], "there is no verb or code 'nothing'"),
    (["init", "a", "b"], "'b' is one argument too many"),
    (["init", "--nothing"], "epochctl: init: unrecognized option '--nothing'"),
    (["check", "a", "b"], "'b' is one argument too many"),
    (["check", "a", "--staged"], "one revision, or --staged, or --worktree"),
    (["check", "--worktree", "--staged"], "either --staged or --worktree"),
    (["check", "--format", "xml"], "--format: 'xml' is not text, json, sarif, github or gitlab"),
    (["check", "--format"], "epochctl: check: option '--format' requires an argument"),
    (["check", "--nothing"], "epochctl: check: unrecognized option '--nothing'"),
    (["status", "x"], "'x' is one argument too many"),
    (["status", "-x"], "epochctl: status: invalid option -- 'x'"),
    (["log", "a", "b"], "'b' is one argument too many"),
    (["log", "-n"], "epochctl: log: option requires an argument -- 'n'"),
    (["edit"], "SERVICE is missing"),
    (["show", "a", "b"], "'b' is one argument too many"),
    (["show", "a", "--at"], "requires an argument"),
    (["verify"], "say lkg, journal or message"),
    (["verify", "nothing"], "'nothing' is not lkg, journal or message"),
    (["verify", "lkg", "a", "b"], "'b' is one argument too many"),
    (["keys"], "say init or list"),
    (["keys", "nothing"], "'nothing' is not init or list"),
    (["hook"], "say pre-commit, pre-merge-commit, pre-receive, post-commit, post-merge, post-rewrite or post-receive"),
], ids=" ".join)
def test_usage_errors(args, words):
    result = ctl(*args, check=2)
    assert words in result.stderr and result.stdout == ""
    if args[0] in VERBS:
        assert result.stderr.splitlines()[-1].startswith(f"usage: epochctl {args[0]} ")


def test_settings_that_are_wrong_are_named_by_place(tmp_path):
    (tmp_path / "epochd.yaml").write_text("state: /x\nrepositroy: {}\n")
    for verb in (["status"], ["log"], ["show", "a"], ["verify", "lkg"], ["keys", "list"]):
        result = ctl("--config", "epochd.yaml", *verb, cwd=tmp_path, check=3)
        assert re.search(r"^epochctl: .*epochd.yaml:2:1: .*\[settings\]$", result.stderr, re.M), result.stderr


def test_a_settings_file_and_a_folder_to_begin_in(world, tmp_path):
    (tmp_path / "epochd.yaml").write_text(f'repository: {{path: "{world.repo.path}"}}\nstate: "{world.daemon.state}"\n')
    assert len(json.loads(ctl("--config", tmp_path / "epochd.yaml", "log", "--json", check=0).stdout)) == 8
    assert len(json.loads(ctl("-C", tmp_path, "--config", "epochd.yaml", "log", "--json", check=0).stdout)) == 8
    assert len(json.loads(ctl("log", "--json", EPOCHD_CONFIG=str(tmp_path / "epochd.yaml"), check=0).stdout)) == 8


# --- other users ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def shared(world, open_folder):
    """A copy of the world where other users may come close."""
    shutil.copytree(world.daemon.state, open_folder / "state")
    shutil.copytree(world.repo.path, open_folder / "config")
    for path in ("state", "state/keys"):
        (open_folder / path).chmod(0o750)
    return open_folder


def as_other(shared, *args, groups=(), **options):
    wrapper = as_stranger(*groups)
    if run("test", "-x", EPOCHCTL, wrapper=wrapper).returncode:
        pytest.skip(f"other users cannot run {EPOCHCTL}")
    return ctl(*args, wrapper=wrapper, cwd=shared, EPOCHD_STATE=str(shared / "state"), EPOCHD_REPOSITORY_PATH=str(shared / "config"),
               EPOCHD_RUN=str(shared / "run"), **options)


@pytest.mark.parametrize("verb", [["status"], ["log"], ["show", "stt-worker"], ["verify", "lkg"], ["verify", "journal"], ["keys", "list"]],
                         ids=" ".join)
def test_a_stranger_is_told_whose_state_it_is(shared, verb):
    result = as_other(shared, *verb, check=3)
    assert "ermission denied" in result.stderr and str(shared / "state") in result.stderr and result.stdout == ""
    assert "What to do: " in result.stderr


def test_a_member_of_the_group_sees_what_is_served(shared):
    os.chown(shared / "state", 0, 4711)
    for path in ("state/keys", "state/keys/lkg.key", "state/config.lkg.json", "state/lock", "state/journal.jsonl"):
        os.chown(shared / path, 0, 4711)
    groups = (4711,)
    assert "epochd does not run" in as_other(shared, "status", groups=groups, check=3).stdout
    assert "verified: " in as_other(shared, "verify", "lkg", groups=groups, check=0).stdout
    assert "rate: 7" in as_other(shared, "show", "stt-worker", groups=groups, check=0).stdout
    for verb in (["log"], ["verify", "journal"]):
        refused = as_other(shared, *verb, groups=groups, check=3)
        assert "journal.key" in refused.stderr and "What to do: " in refused.stderr
    (shared / "run").mkdir(mode=0o755)
    (shared / "run/status.json").write_text('{"pid":4711,"state":"ok"}')
    with hold_lock(shared / "state", 4711):
        assert as_other(shared, "status", groups=groups, check=0).stdout.startswith("epochd is ok, pid 4711\n")


# --- where output goes ---------------------------------------------------------------------------------------------------

PRINTING = [["help"], ["help", "show"], ["help", "repo-behind"], ["--version"], ["check"], ["check", "--json"], ["status"], ["status", "--json"],
            ["log"], ["show", "stt-worker"], ["show", "stt-worker", "--json"], ["verify", "lkg"], ["verify", "journal"], ["keys", "list"]]


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_output_that_cannot_be_written_is_a_failure(world, args):
    with open("/dev/full", "wb") as full:
        result = subprocess.run([EPOCHCTL, *args], cwd=world.repo.path, env=world.daemon.env, stdout=full, stderr=subprocess.PIPE, text=True,
                                check=False)
    assert result.returncode == 3
    if args[0] != "status":
        assert result.stderr.endswith("cannot write to standard output: No space left on device [system]\n")


@pytest.mark.parametrize("args", PRINTING, ids=" ".join)
def test_output_to_a_closed_pipe_ends_quietly_or_fails(world, args):
    for is_ignored in (False, True):
        reader, writer = os.pipe()
        os.close(reader)
        result = subprocess.run([EPOCHCTL, *args], cwd=world.repo.path, env=world.daemon.env, stdout=writer, stderr=subprocess.PIPE, text=True,
                                restore_signals=not is_ignored, check=False)
        os.close(writer)
        assert result.returncode == (3 if is_ignored else -signal.SIGPIPE)
        assert is_ignored or result.stderr == ""


def test_status_of_somebody_who_may_not_test_the_lock(open_folder, home, ends):
    """What the process of that number says is shown, and that it is not proven; a file that a dead daemon left is not."""
    wrapper = as_stranger()
    daemon = ends(Daemon(open_folder / "epochd", home))
    daemon.folder.chmod(0o755)
    daemon.status_when(lambda s: s.get("epoch") == 1)
    if run("test", "-x", EPOCHCTL, wrapper=wrapper).returncode:
        pytest.skip(f"other users cannot run {EPOCHCTL}")
    page = daemon.ctl("status", wrapper=wrapper, cwd=open_folder, check=0).stdout
    assert f", pid {daemon.process.pid}\n" in page and "  proven     no: " in page
    daemon.kill()
    refused = daemon.ctl("status", wrapper=wrapper, cwd=open_folder, check=3)
    assert "whether epochd runs: " in refused.stderr and "What to do: as root" in refused.stderr and refused.stdout == ""


# --- setup, where it cannot go on ---------------------------------------------------------------------------------------------


def test_setup_says_first_who_may(open_folder):
    """Whoever is not root is told so, and not of a user that only the package makes."""
    (open_folder / "epochctl").write_bytes(EPOCHCTL.read_bytes())
    (open_folder / "epochctl").chmod(0o755)
    refused = run(open_folder / "epochctl", "setup", wrapper=as_stranger(), check=3)
    assert "this is for root: sudo epochctl setup …; for yourself alone: epochctl setup --user [setup-failed]" in refused.stderr


def test_setup_for_oneself_refuses_a_url_that_is_none(tmp_path):
    refused = ctl("setup", "--user", "--dry-run", "--mqtt", "broker", HOME=str(tmp_path), check=3)
    assert refused.stdout == "" and "[settings]" in refused.stderr
    shown = ctl("setup", "--user", "--dry-run", "--mqtt", "off", HOME=str(tmp_path), check=0).stdout
    assert 'url: "off"' in shown and not (tmp_path / ".config").exists()
