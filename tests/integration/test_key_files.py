"""Key files that are not what they should be: epochd refuses to start, says which one, and never makes another over a trust anchor."""
import os

import pytest
from harness import EPOCHD, PATIENCE_S, run

FILES = ["signing.key", "journal.key", "lkg.key", "keyset.json", "root.pub"]
DAMAGE = ["missing", "empty", "truncated", "garbage", "writable", "owner", "symlink", "hardlink", "fifo", "folder"]


def damage(path, how, elsewhere):
    content = path.read_bytes()
    if how in ("missing", "symlink", "fifo", "folder"):
        path.rename(elsewhere)
    if how == "empty":
        path.write_bytes(b"")
    elif how == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif how == "garbage":
        path.write_bytes(os.urandom(len(content)))
    elif how == "writable":
        path.chmod(0o666)
    elif how == "owner":
        os.chown(path, 54321, 54321)
    elif how == "symlink":
        path.symlink_to(elsewhere)
    elif how == "hardlink":
        os.link(path, elsewhere)
    elif how == "fifo":
        os.mkfifo(path, 0o600)
    elif how == "folder":
        path.mkdir()


def seen(folder):
    return {file.name: (file.lstat().st_mode, file.lstat().st_ino, file.read_bytes() if file.is_file() else None) for file in folder.iterdir()}


@pytest.mark.parametrize(("name", "how"), [(name, how) for name in FILES for how in DAMAGE if (name, how) != ("keyset.json", "missing")])
def test_f74__a_key_file_that_is_not_what_it_should_be_is_refused_and_never_made_anew(tmp_path, daemon, name, how):
    if how == "owner" and os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    daemon.snapshot(1)
    daemon.stop()
    keys = daemon.state / "keys"
    damage(keys / name, how, tmp_path / "elsewhere")
    before = seen(keys)
    result = run(EPOCHD, **daemon.settings)
    assert result.returncode == 3 and name.removesuffix(".json") in result.stderr, result.stderr
    assert '"not_started"' in result.stderr
    assert seen(keys) == before


@pytest.mark.parametrize("kept", ["journal.jsonl", "config.lkg.json"])
def test_f74__a_folder_of_keys_that_is_gone_is_refused_where_something_was_signed(tmp_path, daemon, kept):
    """A disk that is not mounted: new keys would be another publisher."""
    daemon.snapshot(1)
    daemon.stop()
    keys, other = daemon.state / "keys", {"journal.jsonl", "config.lkg.json"} - {kept}
    keys.rename(tmp_path / "elsewhere")
    for name in other:
        (daemon.state / name).unlink()
    for _ in range(2):
        daemon.start(wait=False)
        assert "holds neither keyset.json nor signing.key" in daemon.wait("not_started", code="key-file")["message"]
        assert daemon.process.wait(PATIENCE_S) == 3
        assert "holds neither keyset.json nor signing.key" in daemon.ctl("keys", "init", check=3).stderr
        assert not keys.exists() or not list(keys.iterdir())
    if keys.exists():
        keys.rmdir()
    (tmp_path / "elsewhere").rename(keys)
    daemon.start()
    daemon.wait("recovered", epoch=1)


def test_f74__a_folder_without_its_keyset_is_completed_with_the_keys_that_are_there(daemon):
    daemon.snapshot(1)
    daemon.stop()
    keys = daemon.state / "keys"
    before = {name: (keys / name).read_bytes() for name in FILES if name != "keyset.json"}
    (keys / "keyset.json").unlink()
    daemon.start()
    assert {name: (keys / name).read_bytes() for name in before} == before and (keys / "keyset.json").exists()


def test_f74__a_running_daemon_does_not_care(daemon, home, subscriber):
    (daemon.state / "keys/signing.key").unlink()
    home.commit({"services/router.yaml": "round: 2\n"}, "next")
    subscriber.epoch(2)
