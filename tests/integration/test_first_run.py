"""The first run, cut short anywhere: keys are made all or none, and never a second time."""
import errno
import json
import signal
import subprocess

import pytest
from harness import EPOCHD, PATIENCE_S, ROOT, STUCK_S, Daemon, Repo, watched

FAIL = ROOT / "build-fail/epochd"
KEYS = {"root.key", "root.pub", "signing.key", "journal.key", "lkg.key", "keyset.json"}


@pytest.fixture
def repo(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.commit({"services/a.yaml": "x: 1\n"}, "begin")
    return repo


def make(tmp_path, repo, ends):
    return ends(Daemon(tmp_path / "epochd", repo, start=False))


def run_with(daemon, failpoint, program=FAIL):
    if not program.exists():
        pytest.skip("there is no build with failpoints: make failpoints")
    return subprocess.run([str(program)], env=daemon.env | {"EPOCHD_FAIL": failpoint}, capture_output=True, text=True, timeout=STUCK_S, check=False)


def keys_of(daemon):
    folder = daemon.state / "keys"
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name in KEYS} if folder.is_dir() else {}


def start_and_check(daemon, before):
    daemon.start()
    assert daemon.stop() == 0
    after = keys_of(daemon)
    assert set(after) == KEYS and before.items() <= after.items(), "what was made is kept"
    assert [line["kind"] for line in daemon.journal()][:3] == ["baseline", "keyset", "committed"]
    daemon.ctl("verify", "journal", check=0)
    daemon.ctl("verify", "lkg", check=0)


@pytest.mark.parametrize("made", range(1, 6))
@pytest.mark.parametrize("where", ["keys.file", "file.sync", "file.rename", "file.sync-folder"])
def test_f75__keys_whose_making_was_killed_are_completed_and_kept(tmp_path, repo, ends, where, made):
    daemon = make(tmp_path, repo, ends)
    ended = run_with(daemon, f"{where}:kill@{made}")
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    start_and_check(daemon, keys_of(daemon))


@pytest.mark.parametrize("where", ["start.keys", "keys.file", "keys.keyset", "file.temporary", "file.write", "file.sync", "file.rename"])
def test_f75__keys_that_cannot_be_written_are_refused_and_made_at_the_next_start(tmp_path, repo, ends, where):
    daemon = make(tmp_path, repo, ends)
    ended = run_with(daemon, f"{where}:err")
    assert ended.returncode == 3 and "not_started" in ended.stderr
    start_and_check(daemon, keys_of(daemon))


@pytest.mark.parametrize("where", ["journal.write:kill@2", "journal.sync:kill@2", "journal.write:err@2", "start.baseline:kill"])
def test_f75__a_journal_that_has_only_begun_gets_the_keyset_it_lacks(tmp_path, repo, ends, where):
    daemon = make(tmp_path, repo, ends)
    run_with(daemon, where)
    start_and_check(daemon, keys_of(daemon))


def test_f75__a_disk_that_is_full_while_keys_are_made_leaves_a_folder_that_is_completed(tmp_path, repo, ends):
    daemon = make(tmp_path, repo, ends)
    daemon.state.mkdir(parents=True)
    full = ["strace", "-D", "-f", "-o", "/dev/null", "-e", "inject=write,pwrite64:error=ENOSPC:when=4+", str(EPOCHD)]
    ended = subprocess.run(full, env=watched(full, daemon.env), capture_output=True, text=True, timeout=STUCK_S, check=False)
    assert ended.returncode == 3
    before = keys_of(daemon)
    assert "keyset.json" not in before and len(before) < len(KEYS)
    start_and_check(daemon, before)


def test_f75__of_two_first_starts_one_makes_the_keys_and_the_other_is_refused(tmp_path, repo, ends):
    daemon = make(tmp_path, repo, ends)
    both = [subprocess.Popen([str(EPOCHD)], env=daemon.env, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        codes = []
        for process in both:
            for line in process.stderr:
                event = json.loads(line)
                if event["event"] in ("started", "not_started"):
                    codes.append(event["event"])
                    break
        assert sorted(codes) == ["not_started", "started"]
        refused = both[codes.index("not_started")]
        assert refused.wait(PATIENCE_S) == 3
        before = keys_of(daemon)
        assert set(before) == KEYS
    finally:
        for process in both:
            if process.poll() is None:
                process.terminate()
            process.wait(PATIENCE_S)
            process.stderr.close()
    start_and_check(daemon, before)


def test_f75__a_look_for_the_journal_that_fails_is_no_lost_state(tmp_path, repo, ends):
    daemon = make(tmp_path, repo, ends)
    daemon.start()
    daemon.snapshot(1)
    daemon.stop()
    inject = ["strace", "-D", "-f", "-o", "/dev/null", "-e", f"inject=faccessat2:error={errno.errorcode[errno.EIO]}:when=1", str(EPOCHD)]
    ended = subprocess.run(inject, env=watched(inject, daemon.env), capture_output=True, text=True, timeout=STUCK_S, check=False)
    assert ended.returncode == 3 and "cannot look for 'journal.jsonl'" in ended.stderr
    daemon.start()
    assert daemon.status()["state"] == "ok"


def test_a_daemon_that_fails_while_it_runs_says_so_and_not_that_it_was_not_started(tmp_path, home, ends):
    wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=epoll_wait", "-e", "inject=epoll_wait:error=EBADF:when=1+"]
    daemon = ends(Daemon(tmp_path / "epochd", home, start=False, wrapper=wrapper))
    daemon.start()
    assert "waiting for events" in daemon.wait("failed", code="system")["message"]
    assert daemon.process.wait(PATIENCE_S) == 3 and "not_started" not in [line["event"] for line in daemon.said()]
