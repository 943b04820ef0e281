"""Who may see what: strangers, members of the group, root, owners of repositories."""
import json
import os
import shutil
from pathlib import Path

import pytest
from harness import EPOCHCTL, STRANGER, Daemon, as_stranger, ctl, run
from worlds import hold_lock


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


def give(path, uid):
    for folder, _, files in os.walk(path):
        for name in (".", *files):
            os.chown(Path(folder) / name, uid, uid, follow_symlinks=False)


def test_a_users_own_daemon_is_started_by_their_own_manager(shared):
    as_other(shared, "--version", check=0)  # or skip
    state = shared / "home/.local/state/epochd"
    state.parent.mkdir(parents=True)
    (shared / "state").rename(state)
    for path in ("home", "config"):
        give(shared / path, STRANGER)

    def said(*verb, code):
        result = ctl(*verb, wrapper=as_stranger(), cwd=shared / "config", HOME=str(shared / "home"), EPOCHD_STATE=str(state),
                     EPOCHD_RUN=str(shared / "run"), EPOCHD_REPOSITORY_PATH=str(shared / "config"), check=code)
        return result.stdout + result.stderr

    assert "What to do: systemctl --user start epochd; journalctl --user-unit epochd -e says why it stopped\n" in said("status", code=3)
    assert ": systemctl --user start epochd [not-running]" in said("pause", "-m", "for a moment", code=3)
    assert "epochd is not running: systemctl --user start epochd" in said("set", "stt-worker", "rate=9", code=0)
    assert "What to do: systemctl --user start epochd; journalctl --user-unit " in said("doctor", code=1)


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
