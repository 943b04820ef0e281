"""Repositories that are damaged, enormous, odd, or silent; and a machine that has no threads and no stack to give."""
import json
import os
import shutil
import subprocess
import zlib

import pytest

import hostile_trees
from harness import EPOCHCTL, EPOCHD, STRANGER, STUCK_S, Daemon, Repo, as_stranger, ctl, environment, measured, watched

ROUTER = "services/router.yaml"


@pytest.fixture
def quick(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_REPOSITORY_POLL_S="1"))
    daemon.committed(1)
    return daemon


# --- damage ----------------------------------------------------------------------------------------------------------------


def object_path(repo, oid):
    return repo.path / ".git/objects" / oid[:2] / oid[2:]


def loose(kind, content):
    return zlib.compress(kind.encode() + b" %d\0" % len(content) + content)


DAMAGES = {
    "missing": lambda good: None,
    "empty": lambda good: b"",
    "cut": lambda good: good[:len(good) // 2],
    "garbage": lambda good: b"not what zlib would write",
    "another": lambda good: loose("blob", b"n: 666\n"),  # sound in itself, and not what its name says
    "flipped": lambda good: good[:-6] + bytes([good[-6] ^ 1]) + good[-5:],
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("what", ["commit", "tree", "folder"])
def test_f38__an_unreadable_object_holds_by_its_id_and_resumes_when_it_is_mended(home, quick, what, damage):
    home.git("checkout", "-q", "-b", "next")
    commit = home.commit({ROUTER: "n: 2\n"})
    oid = home.head({"commit": "HEAD", "tree": "HEAD^{tree}", "folder": "HEAD:services"}[what])
    path = object_path(home, oid)
    good = path.read_bytes()
    path.unlink()
    bad = DAMAGES[damage](good)
    if bad is not None:
        path.write_bytes(bad)
    (home.path / ".git/refs/heads/main").write_text(commit + "\n")  # git itself would refuse a missing commit
    held = quick.status_when(lambda status: status["state"].startswith("hold:"))
    assert held["state"] in ("hold:repo-unreadable", "hold:ref-unreadable") and oid[:7] in held["message"], held
    assert held["epoch"] == 1 and not any(record["kind"] == "rejected" for record in quick.journal())
    path.unlink(missing_ok=True)
    path.write_bytes(good)
    quick.committed(2)
    quick.status_when(lambda status: status["state"] == "ok")


def test_f39__maintenance_of_every_kind_while_it_is_read_has_no_effect(home, quick):
    jobs = [["gc", "-q"], ["repack", "-adq"], ["prune"], ["pack-refs", "--all"], ["commit-graph", "write", "--reachable"],
            ["multi-pack-index", "write"], ["repack", "-Adq", "--write-midx"], ["reflog", "expire", "--all", "--expire=now"]]
    for n in range(2, 34):
        home.commit({ROUTER: f"n: {n}\n"})
        home.git(*jobs[n % len(jobs)], check=False)  # an index of packs where there is none yet is git's complaint
        quick.committed(n)
    assert all(line.get("event") != "state" or line["state"] in ("ok", "initializing") for line in quick.lines)
    assert [record["epoch"] for record in quick.journal() if record["kind"] == "committed"] == list(range(1, 34))


# --- size ------------------------------------------------------------------------------------------------------------------


def fast_import(repo, stream):
    subprocess.run(["git", "-C", str(repo.path), "fast-import", "--quiet", "--force"], input=stream, check=True, env=environment())


def many_files(count, text=b"n: 1\n"):
    head = b"commit refs/heads/main\ncommitter Eve <eve@example.org> 0 +0000\ndata 1\nx\nfrom refs/heads/main^0\n"
    return head + b"".join(b"M 100644 inline services/f%d/s%d.yaml\ndata %d\n%s\n" % (n // 100, n, len(text), text) for n in range(count))


def test_f42__ten_thousand_files_in_a_commit_are_an_epoch_or_a_finding(home, quick):
    fast_import(home, many_files(10_000))
    assert quick.committed(2)["changed"] == 10_000
    fast_import(home, many_files(20_001))
    assert quick.wait("epoch_rejected")["code"] == "limit.services"
    assert quick.status()["epoch"] == 2


def test_f42__a_huge_blob_is_refused_by_its_header(tmp_path, home, quick):
    """128 MiB; tests/torture/hostile_sizes.py takes a gigabyte."""
    size = 128 << 20
    with open(tmp_path / "huge", "wb") as file:
        file.truncate(size)
    oid = home.git("hash-object", "-w", str(tmp_path / "huge")).stdout.strip()
    home.git("update-index", "--add", "--cacheinfo", f"100644,{oid},services/huge.yaml")
    home.git("commit", "-q", "--no-verify", "-m", "huge")
    finding = quick.wait("finding", file="services/huge.yaml")
    assert finding["code"] == "limit.file"
    code, output, _, peak = measured(tmp_path, EPOCHCTL, "-C", home.path, "check", "HEAD")
    assert code == 1 and "limit.file" in output and peak < 64 * 1024, (output, peak)
    resident = next(line for line in open(f"/proc/{quick.process.pid}/status", encoding="ascii") if line.startswith("VmHWM:"))
    assert int(resident.split()[1]) < 64 * 1024


# --- odd histories ---------------------------------------------------------------------------------------------------------


def test_f44__merges_reverts_and_empty_commits_are_epochs_that_change_what_they_change(home, quick):
    def epoch(number):
        committed = quick.committed(number)
        assert number == home.count() and committed["config_epoch"] == home.head()
        return committed["changed"]

    for name, file in (("one", "services/one.yaml"), ("two", "services/two.yaml"), ("three", "services/three.yaml")):
        home.git("checkout", "-q", "-b", name, "main")
        home.commit({file: "n: 1\n"}, name)
    home.git("checkout", "-q", "main")
    home.git("merge", "-q", "--no-ff", "-m", "merge", "one")
    assert epoch(3) == 1
    home.git("merge", "-q", "--no-ff", "-m", "octopus", "two", "three")
    assert epoch(6) == 2
    home.git("revert", "-m", "1", "--no-edit", "HEAD")
    assert epoch(7) == 2
    home.git("revert", "--no-edit", "HEAD")
    assert epoch(8) == 2
    home.git("commit", "-q", "--no-verify", "--allow-empty", "-m", "empty")
    assert epoch(9) == 0
    tree, tip = home.head("HEAD^{tree}"), home.head()
    again = home.git("commit-tree", tree, "-p", tip, "-m", "the same tree").stdout.strip()
    home.git("update-ref", "refs/heads/main", again)
    assert epoch(10) == 0


def test_f57__a_renamed_service_is_one_that_goes_and_one_that_comes_and_an_illegal_name_is_refused(home, quick):
    home.git("mv", ROUTER, "services/gateway.yaml")
    home.commit()
    assert quick.committed(2)["changed"] == 2
    home.git("mv", "services/gateway.yaml", "services/Gateway.yaml")
    home.commit()
    assert quick.wait("epoch_rejected")["code"] == "layout.name"
    names = {json.loads(message)["service"]: json.loads(message)["config"] for record in quick.journal() if record.get("epoch") == 2
             for message in record.get("services", {}).values()}
    assert names["router"] is None and names["gateway"]


def test_twins_that_differ_by_case_alone_are_refused_by_name(home, quick):
    home.commit({"services/twin.yaml": "n: 1\n", "services/TWIN.yaml": "n: 2\n"})
    assert quick.wait("finding", file="services/TWIN.yaml")["code"] == "layout.name"


def test_f45__objects_of_alternates_are_read_and_held_to_their_hash(tmp_path, home, ends):
    """Whose the other folder is does not matter: what it holds under a name has that hash, or is not taken."""
    clone = Repo(tmp_path / "clone", bare=True)
    shutil.rmtree(clone.path)
    subprocess.run(["git", "clone", "-q", "--bare", "--shared", str(home.path), str(clone.path)], check=True, env=environment())
    daemon = ends(Daemon(tmp_path / "epochd", clone, EPOCHD_REPOSITORY_POLL_S="1"))
    daemon.committed(1)
    commit = home.commit({ROUTER: "n: 2\n"})
    path = object_path(home, home.head(f"HEAD:{ROUTER}"))
    good = path.read_bytes()
    path.unlink()
    path.write_bytes(loose("blob", b"n: 666\n"))
    (clone.path / "refs/heads/main").write_text(commit + "\n")
    daemon.status_when(lambda status: status["state"] == "hold:repo-unreadable")
    path.unlink()
    path.write_bytes(good)
    daemon.committed(2)
    assert '"n": 2' in daemon.ctl("show", "router", "--at", "2", check=0).stdout


def test_grafts_are_a_local_opinion_and_not_followed(home, quick):
    home.commit({ROUTER: "n: 2\n"})
    quick.committed(2)
    (home.path / ".git/info").mkdir(exist_ok=True)
    (home.path / ".git/info/grafts").write_text(home.head() + "\n")  # says: it has no parent
    home.commit({ROUTER: "n: 3\n"})
    assert quick.committed(3)["config_epoch"] == home.head()


# --- the machine -----------------------------------------------------------------------------------------------------------


def test_f46__a_home_folder_that_cannot_be_read_does_not_matter(open_folder, ends):
    repo = Repo.home(open_folder / "config")
    locked = open_folder / "locked"
    locked.mkdir(mode=0o700)
    daemon = Daemon(open_folder / "epochd", repo, start=False, HOME=str(locked), EPOCHD_REPOSITORY_TRUSTED_UIDS=str(os.geteuid()))
    if os.geteuid() == 0:
        (open_folder / "epochd").chmod(0o777)
        daemon.wrapper = ["setpriv", f"--reuid={STRANGER}", f"--regid={STRANGER}", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]
    else:
        locked.chmod(0)
    ends(daemon).start()
    daemon.committed(1)


def test_f47__a_file_system_without_events_is_polled(tmp_path, home, ends):
    """Every watch is said to be there, and none is: what a network file system amounts to."""
    wrapper = ["strace", "-D", "-f", "-qq", "-o", "/dev/null", "-e", "trace=inotify_add_watch", "-e", "inject=inotify_add_watch:retval=1"]
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_REPOSITORY_POLL_S="1", wrapper=wrapper))
    daemon.committed(1)
    home.commit({ROUTER: "n: 2\n"})
    daemon.committed(2)


def test_f48__a_queue_that_overflowed_costs_at_most_a_poll(home, quick):
    limit = int(open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii").read())
    folder = home.path / ".git/refs/heads"
    os.kill(quick.process.pid, 19)  # SIGSTOP
    try:
        for n in range(limit // 2 + 10):  # names that differ, or the kernel tells them once
            path = folder / f"x{n % 7}"
            path.touch()
            path.unlink()
        home.commit({ROUTER: "n: 2\n"})
    finally:
        os.kill(quick.process.pid, 18)  # SIGCONT
    quick.committed(2)
    home.commit({ROUTER: "n: 3\n"})  # and the watch still works
    quick.committed(3)


@pytest.mark.skipif(os.geteuid() != 0, reason="the limit does not hold for root, and another user is needed to obey it")
def test_f14__without_a_thread_to_be_had_the_start_is_refused_and_the_next_one_goes_through(open_folder, ends):
    repo = Repo.home(open_folder / "config")
    (open_folder / "epochd").mkdir()
    (open_folder / "epochd").chmod(0o777)
    stranger = [word.replace(f"--reuid={STRANGER}", f"--reuid={STRANGER - 1}") for word in as_stranger()]
    daemon = Daemon(open_folder / "epochd", repo, start=False, EPOCHD_REPOSITORY_TRUSTED_UIDS="0")
    result = subprocess.run([*stranger, "prlimit", "--nproc=1", str(EPOCHD)], env=watched(stranger, daemon.env), text=True,
                            capture_output=True, timeout=STUCK_S, check=False)
    assert result.returncode == 3 and "thread" in json.loads(result.stderr.splitlines()[-1])["message"], result.stderr
    daemon.wrapper = stranger
    ends(daemon).start()
    daemon.committed(1)


def test_f15__deep_yaml_meets_the_limit_before_the_end_of_a_small_stack(tmp_path, home, ends):
    small = ["prlimit", "--stack=131072"]
    daemon = ends(Daemon(tmp_path / "epochd", home, wrapper=small))
    daemon.committed(1)
    home.commit({ROUTER: "a: " + "[" * 100_000})
    assert daemon.wait("epoch_rejected")["code"] == "limit.depth"
    home.commit({ROUTER: "a: " + "[" * 62 + "]" * 62})
    daemon.committed(3)
    assert ctl("-C", home.path, "check", "HEAD~1", wrapper=small).returncode == 1
