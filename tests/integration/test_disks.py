"""Disks that fill up, turn read-only or cut writes short, and a daemon without file descriptors: it holds or degrades, serves on, and
goes on by itself. Real file systems and real limits; what no file system here can be made to do is injected into system calls elsewhere.
"""
import json
import os
import resource
import signal
import subprocess
import time

import pytest
from disks import Filler, Mounted, command, make_ext4, tmpfs
from harness import EPOCHD, PATIENCE_S, SOURCE, STUCK_S, Daemon, Subscriber

HEAD = f"system/epoch/{SOURCE}"
QUICK = {"EPOCHD_REPOSITORY_POLL_S": "1", "EPOCHD_MQTT_HEARTBEAT_S": "1"}
KIB = 1024


def small(home, n):
    """A commit whose epoch fits into what is prepared of the journal."""
    return home.commit({"services/router.yaml": f"round: {n}\n"}, f"round {n}")


def big(home, n):
    """A commit whose epoch is larger than the MiB that is prepared of the journal."""
    return home.commit({f"services/big-{i}.yaml": f"round: {n}\ntext: {'x' * 200_000}\n" for i in range(8)}, f"big {n}")


def reach(daemon, *states):
    """Waits for one of the states and forgets the log up to it: the next wait is for what comes after."""
    while True:
        line = daemon.wait("state")
        del daemon.lines[:daemon.lines.index(line) + 1]
        if line["state"] in states:
            return line


def heads(subscriber):
    return [json.loads(payload)["epoch"] for payload in subscriber.on(HEAD) if payload]


def leftovers(state):
    """What does not belong into a state folder."""
    known = {"config.lkg.json", "journal.jsonl", "keys", "lock", "requests", "filler", "lost+found"}
    return sorted(path.name for path in state.iterdir() if path.name not in known)


@pytest.fixture
def mounts(ends):
    """A function that mounts for the length of the test, and skips it loudly where nobody may."""
    def mount(make, *arguments):
        if os.geteuid() != 0:
            pytest.skip("NO DISK WAS TRIED: only root may mount")
        try:
            return ends(make(*arguments))
        except OSError as error:
            pytest.skip(f"NO DISK WAS TRIED: {error}")
    return mount


@pytest.fixture(params=["tmpfs", "ext4"])
def disk(request, tmp_path, mounts):
    """A small file system for the state folder."""
    folder = tmp_path / "epochd"
    if request.param == "tmpfs":
        return mounts(tmpfs, folder, 8 * KIB)
    return mounts(Mounted, make_ext4(tmp_path / "disk.img", 16), folder, "-o", "loop")


@pytest.fixture
def served(disk, tmp_path, home, broker, ends):
    """epochd with its state on the small disk, its first epoch published and snapshotted."""
    daemon = ends(Daemon(disk.folder, home, broker, EPOCHD_RUN=str(tmp_path / "run"), **QUICK))
    daemon.published(1)
    daemon.snapshot(1)
    return daemon


# --- no space ---------------------------------------------------------------------------------------------------------


def test_f16__a_full_disk_holds_publishes_nothing_and_ends_when_there_is_room(served, disk, home, subscriber):
    filler = Filler(disk.folder)
    commit = big(home, 2)
    reach(served, "hold:no-space")
    status = served.status_when(lambda s: s["state"] == "hold:no-space")
    assert heads(subscriber) == [1] and (status["epoch"], status["published"]) == (1, 1)
    served.hup()
    served.wait("signal")
    assert heads(subscriber) == [1], "asking again makes no room"
    filler.close()
    head = json.loads(subscriber.epoch(2))
    assert head["config_epoch"] == commit and len(head["changed"]) == 8
    reach(served, "ok")
    served.ctl("verify", "journal", check=0)


def test_f16__a_start_on_a_full_disk_serves_what_was_committed(served, disk, home, subscriber):
    first = subscriber.epoch(1)
    served.stop()
    filler = Filler(disk.folder)
    commit = big(home, 2)
    served.start()
    reach(served, "hold:no-space")
    assert set(subscriber.on(HEAD)) == {first}
    filler.close()
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit
    reach(served, "ok")


def test_f16__the_hold_stands_while_the_commit_waits_and_takes_no_room(served, disk, home, broker):
    """Each poll tries again: that is neither the end of the hold nor a new one, and what a try took is given back at once."""
    filler = Filler(disk.folder)
    os.truncate(filler.path, filler.path.stat().st_size // 4096 * 4096 - 8 * 4096)
    before = os.statvfs(disk.folder).f_bavail
    big(home, 2)
    reach(served, "hold:no-space")
    since = served.status_when(lambda s: s["state"] == "hold:no-space")["since"]
    free = []
    for _ in range(3):  # a heartbeat and a poll a second
        alive = Subscriber(broker.port, f"system/keepalive/{SOURCE}")
        alive.wait(f"system/keepalive/{SOURCE}")
        alive.close()
        free.append(os.statvfs(disk.folder).f_bavail)
    assert not [line for line in served.said() if line["event"] in ("state", "epoch_held")]
    assert served.status()["since"] == since and before in free
    filler.close()
    reach(served, "ok")


def test_f16_f23__a_start_on_a_full_disk_goes_on_behind_a_torn_line(served, disk, home, subscriber):
    """There is no room to keep what the crash left of the line; it never counted."""
    first = subscriber.epoch(1)
    served.kill()
    journal = served.state / "journal.jsonl"
    whole = journal.read_bytes().rstrip(b"\0")
    journal.write_bytes(whole + whole.splitlines()[-1][:200])
    filler = Filler(disk.folder)
    served.start()
    small(home, 2)
    reach(served, "hold:no-space", "degraded:snapshot-unwritable")
    filler.close()
    assert json.loads(subscriber.epoch(2))["config_epoch"] == home.head()
    reach(served, "ok")
    assert set(subscriber.on(HEAD)[:1]) == {first}
    served.ctl("verify", "journal", check=0)


def test_f16__a_full_disk_in_the_middle_of_a_commit_takes_the_next_commit_instead(served, disk, home, subscriber):
    filler = Filler(disk.folder)
    big(home, 2)
    reach(served, "hold:no-space")
    home.git("reset", "-q", "--hard", "HEAD~1")
    small(home, 3)  # this one fits into what is prepared
    subscriber.epoch(2)
    assert json.loads(subscriber.on(HEAD)[-1])["changed"] == {"router": 2}
    filler.close()
    served.snapshot(2)
    reach(served, "ok")


def test_f17__no_space_for_the_snapshot_degrades_and_the_old_one_stays(served, disk, home, subscriber):
    snapshot = served.state / "config.lkg.json"
    old = snapshot.read_bytes()
    filler = Filler(disk.folder)
    small(home, 2)
    subscriber.epoch(2)  # what is prepared of the journal has room
    reach(served, "degraded:snapshot-unwritable")
    assert snapshot.read_bytes() == old and leftovers(served.state) == []
    assert "epoch 1," in served.ctl("verify", "lkg", check=0).stdout
    assert served.status_when(lambda s: s["epoch"] == 2)["snapshot"] in (None, 1)
    filler.close()
    served.snapshot(2)
    reach(served, "ok")
    assert "epoch 2," in served.ctl("verify", "lkg", check=0).stdout


def test_f16_f17__epochs_go_on_for_a_while_on_a_full_disk(served, disk, home, subscriber):
    """The journal is prepared ahead, so a full disk is noticed by the snapshot long before it stops anything."""
    filler = Filler(disk.folder)
    for n in range(2, 30):
        small(home, n)
        subscriber.epoch(n)
    filler.close()
    served.snapshot(29)
    served.ctl("verify", "journal", check=0)


# --- writes that are cut short ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [1, 4096, 5000])
def test_f18__a_snapshot_that_is_cut_short_leaves_the_old_one(home, daemon, subscriber, limit):
    """A limit on file sizes takes a part of a write and refuses the rest: a short write as the kernel makes it."""
    daemon.snapshot(1)
    snapshot = daemon.state / "config.lkg.json"
    old = snapshot.read_bytes()
    assert len(old) > 5000
    before = resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE)
    # the journal writes below its end; what is not yet there is out of bounds for it, and for the snapshot, which begins at zero
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, (limit, before[1]))
    small(home, 2)
    reach(daemon, "hold:journal-unwritable", "hold:no-space")
    assert heads(subscriber) in ([], [1]) and snapshot.read_bytes() == old and leftovers(daemon.state) == []
    resource.prlimit(daemon.process.pid, resource.RLIMIT_FSIZE, before)
    daemon.hup()
    subscriber.epoch(2)
    daemon.snapshot(2)
    daemon.ctl("verify", "lkg", check=0)
    daemon.ctl("verify", "journal", check=0)


@pytest.mark.parametrize("room", [1, 2, 3, 5, 8])
def test_f18__a_write_that_found_some_room_is_undone(tmp_path, mounts, home, broker, ends, room):
    """So many pages are left on the disk: the journal takes them, finds no more, and gives them back."""
    disk = mounts(tmpfs, tmp_path / "epochd", 8 * KIB)
    daemon = ends(Daemon(disk.folder, home, broker, EPOCHD_RUN=str(tmp_path / "run"), **QUICK))
    daemon.snapshot(1)
    filler = Filler(disk.folder)
    os.truncate(filler.path, filler.path.stat().st_size // 4096 * 4096 - room * 4096)
    before = os.statvfs(disk.folder).f_bavail
    big(home, 2)
    reach(daemon, "hold:no-space")
    deadline = time.monotonic() + PATIENCE_S
    while (now := os.statvfs(disk.folder).f_bavail) != before:  # with the next try
        assert time.monotonic() < deadline, f"{before} pages were free, and now {now}"
        del daemon.lines[:daemon.lines.index(daemon.wait("status_written")) + 1]
    assert leftovers(daemon.state) == []
    daemon.ctl("verify", "journal", check=0)
    filler.close()
    daemon.committed(2)


# --- read-only --------------------------------------------------------------------------------------------------------


def test_f19__a_start_on_a_read_only_disk_is_refused_and_says_so(served, disk, home):
    served.stop()
    disk.remount("ro")
    end = subprocess.run([str(EPOCHD)], env=served.env, stderr=subprocess.PIPE, text=True, timeout=STUCK_S, check=False)
    assert end.returncode == 3
    last = json.loads(end.stderr.splitlines()[-1])
    assert last["event"] == "not_started" and "Read-only file system" in last["message"] and "lock" in last["message"]
    disk.remount("rw")
    served.start()
    small(home, 2)
    served.published(2)


def test_f19__a_disk_that_the_kernel_made_read_only_holds_and_serves_on(tmp_path, mounts, home, broker, subscriber, ends):
    """As after a damaged disk: ext4 with errors=remount-ro. Such a disk is mended unmounted, so the daemon is stopped for it."""
    image = tmp_path / "disk.img"
    disk = mounts(Mounted, make_ext4(image, 16) if os.geteuid() == 0 else image, tmp_path / "epochd", "-o", "loop,errors=remount-ro")
    daemon = ends(Daemon(disk.folder, home, broker, EPOCHD_RUN=str(tmp_path / "run"), **QUICK))
    daemon.snapshot(1)
    device = command("findmnt", "-no", "SOURCE", disk.folder).strip().rpartition("/")[2]
    trigger = f"/sys/fs/ext4/{device}/trigger_fs_error"
    if not os.path.exists(trigger):
        pytest.skip(f"NO READ-ONLY DISK WAS TRIED: there is no {trigger}")
    subscriber.epoch(1)
    with open(trigger, "w", encoding="ascii") as file:
        file.write("1")
    commit = small(home, 2)
    reach(daemon, "hold:read-only")
    told = len(subscriber.on(f"system/keepalive/{SOURCE}"))
    subscriber.wait(f"system/keepalive/{SOURCE}", lambda p: len(subscriber.seen(f"system/keepalive/{SOURCE}")) > told)
    assert heads(subscriber) in ([1], [1, 1])
    daemon.stop()
    command("umount", disk.folder)
    subprocess.run(["e2fsck", "-p", "-f", str(image)], capture_output=True, check=False)
    command("mount", "-o", "loop", image, disk.folder)
    daemon.start()
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit


def test_f19__calls_that_say_read_only_hold_until_they_do_not(tmp_path, home, broker, subscriber, ends):
    """A server that exports its disk read-only for a while: nothing to unmount, and it goes on by itself."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK))
    daemon.published(1)
    calls = "inject=pwrite64,fdatasync,fsync,ftruncate,renameat,mkdirat:error=EROFS"
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", "/dev/null", "-e", calls, "-p", str(daemon.process.pid)], stderr=subprocess.PIPE)
    try:
        with open(f"/proc/{daemon.process.pid}/status", encoding="ascii") as status:
            while "TracerPid:\t0" in status.read():
                status.seek(0)
        commit = small(home, 2)
        reach(daemon, "hold:read-only")
        assert heads(subscriber) in ([], [1])
    finally:
        tracer.send_signal(signal.SIGTERM)
        tracer.wait()
        tracer.stderr.close()
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit
    daemon.state_is("ok")


# --- no file descriptors ----------------------------------------------------------------------------------------------


def limit_descriptors(daemon, soft):
    """What was before."""
    before = resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (soft, before[1]))
    return before


def test_f13__without_descriptors_it_holds_and_goes_on_when_there_are_some(tmp_path, home, broker, subscriber, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK))
    daemon.published(1)
    daemon.snapshot(1)
    before = limit_descriptors(daemon, 3)
    commit = small(home, 2)
    held = reach(daemon, "hold:repo-unreadable", "hold:journal-unwritable", "degraded:snapshot-unwritable", "hold:ref-unreadable")
    assert daemon.process.poll() is None and held["message"]
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, before)
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit
    daemon.snapshot(2)
    assert daemon.status_when(lambda s: s["state"] == "ok")["epoch"] == 2


def test_f13__a_broker_that_was_lost_without_descriptors_is_found_again(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, **QUICK))
    daemon.published(1)
    before = limit_descriptors(daemon, 3)
    broker.kill()
    reach(daemon, "degraded:broker-away", "hold:repo-unreadable", "hold:ref-unreadable")
    broker.start()
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, before)
    small(home, 2)
    daemon.published(2)


def test_f13__a_start_with_any_number_of_descriptors_works_or_says_why_not(tmp_path, home, ends):
    """From hardly any to enough: it never dies of it, and what it leaves is no obstacle to the next start."""
    daemon = ends(Daemon(tmp_path / "epochd", home, start=False))
    refused, started = [], []
    for descriptors in range(4, 26):
        daemon.wrapper = ["prlimit", f"--nofile={descriptors}"]
        daemon.start(wait=False)
        try:
            daemon.wait("started")
            started.append(descriptors)
        except AssertionError:
            assert daemon.process.poll() in (3, 127), (descriptors, daemon.lines)
            refused.append(descriptors)
            continue
        daemon.stop()
    assert refused and started and max(refused) < min(started)
    daemon.wrapper = []
    daemon.start()
    small(home, 2)
    daemon.snapshot(2)
    daemon.ctl("verify", "journal", check=0)
