"""Killed at each stage of the road, and failing there: what lies on the disk then, what the broker saw, what the next start makes of it.

tests/torture tries every system call; here each stage is one test that says what it expects.
"""
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest
from harness import EPOCHCTL, PATIENCE_S, ROOT, SOURCE, Daemon

FAIL = ROOT / "build-fail/epochd"
HEAD = f"system/epoch/{SOURCE}"
STT = "services/audio/stt-worker.yaml"
pytestmark = pytest.mark.skipif(not FAIL.exists(), reason="there is no build with failpoints: make failpoints")


def edit(repo, value):
    text = (repo.path / STT).read_text()
    return repo.commit({STT: re.sub(r"vad_threshold: [0-9.]+", f"vad_threshold: {value}", text)}, f"threshold {value}")


class Failing(Daemon):
    """The same state, with the program that has failpoints."""

    def __init__(self, daemon, orders, **options):
        settings = daemon.settings | {"EPOCHD_FAIL": orders}
        super().__init__(daemon.folder, settings.pop("EPOCHD_REPOSITORY_PATH"), start=False, wrapper=["sh", "-c", 'exec "$0"', str(FAIL)], **settings)
        self.start(**options)


def killed_at(daemon, point):
    """epochd starts with a new commit before it, and dies at that point."""
    failing = Failing(daemon, f"{point}:kill", wait=False)
    assert failing.process.wait(PATIENCE_S) == -signal.SIGKILL, failing.lines


def heads(subscriber):
    return {json.loads(payload)["epoch"]: payload for payload in subscriber.on(HEAD)}


def committed(daemon):
    return {line["epoch"]: line for line in daemon.journal() if line["kind"] == "committed"}


def as_published(daemon, subscriber, epoch):
    """The bytes that the subscriber has are the journal's."""
    line = committed(daemon)[epoch]
    assert heads(subscriber)[epoch] == line["head"].encode()
    for name, text in line["services"].items():
        assert text.encode() in subscriber.on(f"system/config/{name}")


@pytest.mark.parametrize("point", ["epoch.seen", "epoch.judge", "epoch.compose", "epoch.sign", "epoch.journal", "journal.write"])
def test_f1__killed_before_it_is_committed_the_epoch_keeps_its_number_and_nobody_saw_it(home, daemon, subscriber, point):
    subscriber.epoch(1)
    daemon.stop()
    commit = edit(home, 0.6)
    killed_at(daemon, point)
    assert set(committed(daemon)) == {1} and set(heads(subscriber)) == {1}
    daemon.start()
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit
    as_published(daemon, subscriber, 2)


@pytest.mark.parametrize("point", ["epoch.committed", "publish.assert", "publish.service", "publish.head", "publish.acknowledged", "publish.done"])
def test_f2__killed_between_committed_and_published_the_journaled_bytes_are_served(home, daemon, subscriber, point):
    daemon.stop()
    edit(home, 0.6)
    killed_at(daemon, point)
    line = committed(daemon)[2]
    assert not any(record["kind"] == "published" and record["epoch"] == 2 for record in daemon.journal())
    daemon.start()
    daemon.published(2)
    subscriber.epoch(2)
    assert committed(daemon)[2] == line
    as_published(daemon, subscriber, 2)
    assert len({p for p in subscriber.on(HEAD) if json.loads(p)["epoch"] == 2}) == 1, "one head, however often"


@pytest.mark.parametrize("point", ["publish.index", "snapshot.begin", "snapshot.commit"])
def test_f3__killed_before_the_snapshot_the_old_one_is_valid_and_the_next_start_writes_it(home, daemon, subscriber, point):
    daemon.stop()
    edit(home, 0.6)
    killed_at(daemon, point)
    lkg = daemon.ctl("verify", "lkg", check=0).stdout
    assert "epoch 1" in lkg or point == "publish.index", "a slow machine may be done with it before the index goes out"
    daemon.start()
    daemon.snapshot(2)
    assert "epoch 2" in daemon.ctl("verify", "lkg", check=0).stdout
    assert not list(daemon.state.glob(".*.tmp-*"))


@pytest.mark.parametrize("point", ["file.sync@2", "file.rename@2", "file.sync-folder"])
def test_f3_f4__killed_while_a_file_is_replaced_it_is_the_old_one_or_the_new_one(home, daemon, point):
    daemon.stop()
    edit(home, 0.6)
    name, _, when = point.partition("@")
    failing = Failing(daemon, f"{name}:kill" + (f"@{when}" if when else ""), wait=False)
    assert failing.process.wait(PATIENCE_S) == -signal.SIGKILL
    assert re.search("epoch [12],", daemon.ctl("verify", "lkg", check=0).stdout)
    daemon.start()
    assert daemon.stop() == 0
    assert "epoch 2," in daemon.ctl("verify", "lkg", check=0).stdout


@pytest.mark.parametrize("point", ["start.lock", "start.recover", "recover.snapshot", "recover.journal", "journal.open", "start.recovered", "publish.assert"])
def test_f5__killed_while_it_recovers_from_a_kill_it_recovers_all_the_same(home, daemon, subscriber, point):
    daemon.stop()
    edit(home, 0.6)
    killed_at(daemon, "publish.service")
    line = committed(daemon)[2]
    for _ in range(3):
        killed_at(daemon, point)
    daemon.start()
    subscriber.epoch(2)
    assert committed(daemon) == {1: committed(daemon)[1], 2: line}
    as_published(daemon, subscriber, 2)


def test_f6__sigterm_while_a_broker_is_silent_ends_it_and_the_epoch_is_published_later(home, daemon, broker, subscriber):
    broker.process.send_signal(signal.SIGSTOP)
    try:
        edit(home, 0.6)
        daemon.committed(2)
        assert daemon.stop() == 0
    finally:
        broker.process.send_signal(signal.SIGCONT)
    assert committed(daemon).keys() == {1, 2}
    line = committed(daemon)[2]
    daemon.start()
    subscriber.epoch(2)
    assert committed(daemon)[2] == line
    as_published(daemon, subscriber, 2)


def test_f7__storms_of_signals_change_no_state_and_lose_no_epoch(home, daemon, subscriber):
    storm = [signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1, signal.SIGUSR2, signal.SIGCONT]
    for n in range(2, 7):
        for number in storm * 40:
            os.kill(daemon.process.pid, number)
        edit(home, n / 10)
        for number in storm * 40:
            os.kill(daemon.process.pid, number)
    daemon.published(6)
    subscriber.epoch(6)
    assert daemon.process.poll() is None
    assert daemon.status_when(lambda status: status["published"] == 6)["state"] == "ok"
    accounted = {line["commit"] for line in daemon.journal() if line["kind"] == "committed"}
    accounted |= {commit for line in daemon.journal() if line["kind"] == "superseded" for commit in line["commits"]}
    assert accounted == set(home.git("rev-list", "main").stdout.split())
    assert all(line.get("event") != "state" or line["state"] in ("ok", "initializing") for line in daemon.lines)


MEMORY = Path("/sys/fs/cgroup/memory")


@pytest.fixture
def memory_group():
    """A memory cgroup with one MiB for what is taken from now on."""
    if not (MEMORY / "memory.limit_in_bytes").exists() or not os.access(MEMORY, os.W_OK):
        pytest.skip("no memory cgroup (v1) that may be written")
    group = MEMORY / f"epochd-test-{os.getpid()}"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(1 << 20))
    yield group
    for pid in (group / "cgroup.procs").read_text().split():
        (MEMORY / "cgroup.procs").write_text(pid)
    group.rmdir()


def test_f12__the_oom_killer_is_a_kill_like_any_other(home, daemon, subscriber, memory_group):
    """Alone in its group, it is the one that is taken when the next commit needs more than there is."""
    edit(home, 0.6)
    daemon.committed(2)
    line = committed(daemon)[2]
    (memory_group / "cgroup.procs").write_text(str(daemon.process.pid))
    home.commit({f"services/large-{n}.yaml": f"text: {'x' * 200_000}\n" for n in range(20)}, "large")
    assert daemon.process.wait(PATIENCE_S) == -signal.SIGKILL
    daemon.start()
    subscriber.epoch(3)
    assert committed(daemon)[2] == line
    daemon.ctl("verify", "journal", check=0)


@pytest.mark.parametrize("point", ["journal.write:err", "journal.sync:err@2"])  # the first sync is that of the room prepared at the start
def test_f20_f21__a_journal_that_cannot_be_written_publishes_nothing_and_the_next_poll_tries_again(home, daemon, subscriber, point):
    daemon.stop()
    daemon.settings["EPOCHD_REPOSITORY_POLL_S"] = "1"
    edit(home, 0.6)
    failing = Failing(daemon, point)
    try:
        held = failing.wait("epoch_held")
        assert held["code"] == "journal-unwritable"
        failing.published(2)
        failing.state_is("ok")
    finally:
        failing.stop()
    assert [line["seq"] for line in daemon.journal()] == list(range(1, len(daemon.journal()) + 1))
    as_published(daemon, subscriber, 2)
    daemon.ctl("verify", "journal", check=0)


def test_f21__after_a_failed_sync_the_descriptor_is_never_synced_again(home, daemon, subscriber, tmp_path):
    daemon.stop()
    daemon.settings["EPOCHD_REPOSITORY_POLL_S"] = "1"
    edit(home, 0.6)
    trace = tmp_path / "trace"
    failing = Daemon(daemon.folder, home, start=False, **{**daemon.settings, "EPOCHD_REPOSITORY_PATH": str(home.path)})
    failing.wrapper = ["strace", "-D", "-y", "-o", str(trace), "-e", "trace=openat,close,fdatasync,fsync,pwrite64,ftruncate", "-e",
                       "inject=fdatasync:error=EIO:when=2"]
    failing.start()
    failing.published(2)
    assert failing.stop() == 0
    calls = [line for line in trace.read_text().splitlines() if "journal.jsonl>" in line]
    failed = next(n for n, line in enumerate(calls) if "INJECTED" in line)
    descriptor = re.match(r"fdatasync\((\d+)<", calls[failed])[1]
    assert calls[failed + 1].startswith(f"close({descriptor}<"), "it is dropped at once"
    after = [re.match(r"\w+", line)[0] for line in calls[failed + 2:]]
    assert after[0] == "openat" and "pwrite64" in after[:after.index("fsync")], "opened anew, and written again before it is synced"
    as_published(daemon, subscriber, 2)
    daemon.ctl("verify", "journal", check=0)


@pytest.mark.parametrize("point", ["snapshot.begin", "snapshot.commit"])
def test_f17_f20_f21__a_snapshot_that_cannot_be_written_leaves_the_old_one_and_is_tried_again(home, daemon, point):
    daemon.stop()
    edit(home, 0.6)
    failing = Failing(daemon, f"{point}:err")
    try:
        failing.wait("snapshot_failed")
        assert "epoch 1," in failing.ctl("verify", "lkg", check=0).stdout
        failing.state_is("degraded:snapshot-unwritable")
        failing.snapshot(2)
        failing.state_is("ok")
    finally:
        failing.stop()
    assert "epoch 2," in daemon.ctl("verify", "lkg", check=0).stdout
    assert not list(daemon.state.glob(".*.tmp-*"))


def test_f22__a_snapshot_whose_folder_cannot_be_synced_does_not_count_as_written(home, daemon):
    daemon.stop()
    edit(home, 0.6)
    failing = Failing(daemon, "file.sync-folder:err")
    try:
        failing.wait("snapshot_failed")
        failing.state_is("degraded:snapshot-unwritable")
        failing.snapshot(2)
    finally:
        failing.stop()


def test_a_program_that_is_not_for_tests_has_no_failpoint():
    for program in (EPOCHCTL.parent / "epochd", EPOCHCTL):
        symbols = subprocess.run(["nm", str(program)], capture_output=True, text=True, check=True).stdout
        assert "failpoint" not in symbols
        data = program.read_bytes()
        assert b"EPOCHD_FAIL" not in data and b"journal.file-max" not in data
    assert b"EPOCHD_FAIL" in FAIL.read_bytes(), "the words would be found"


def test_every_failpoint_has_one_name_and_there_are_enough():
    names = [name for path in (ROOT / "src").rglob("*.c") for name in re.findall(r'FAILPOINT(?:_CAUSE|_PASS)?\("([^"]+)"', path.read_text())]
    assert len(names) == len(set(names)) and len(names) >= 36
    assert all(re.fullmatch(r"[a-z]+\.[a-z-]+", name) for name in names)
