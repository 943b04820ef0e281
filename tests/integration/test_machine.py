"""The machine around the process: it has no threads to give, and little stack."""
import os

import pytest
from harness import STRANGER, Daemon, Repo, as_stranger

QUICK = {"EPOCHD_REPOSITORY_POLL_S": "1", "EPOCHD_MQTT_HEARTBEAT_S": "1"}


# --- no threads -------------------------------------------------------------------------------------------------------


@pytest.fixture
def stranger(open_folder, broker, ends):
    """epochd as a user whose processes can be limited: root's cannot."""
    wrapper = as_stranger()
    repo = Repo.home(open_folder / "config")
    (open_folder / "epochd").mkdir()
    for folder, _, files in os.walk(open_folder):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
    return ends(Daemon(open_folder / "epochd", repo, broker, start=False, wrapper=wrapper, **QUICK))


def test_f14__a_start_without_threads_says_so_and_leaves_nothing_in_the_way(stranger):
    plain = stranger.wrapper
    stranger.wrapper = ["prlimit", "--nproc=1", *plain]
    stranger.start(wait=False)
    try:
        line = stranger.wait("not_started")
        assert "thread" in line["message"] or "process" in line["message"], line
    finally:
        stranger.stop()
    assert stranger.process.returncode == 3
    stranger.wrapper = plain
    stranger.start()
    stranger.published(1)


# --- a small stack ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("deep", ["[" * 100_000, "{a: " * 100_000, "&a [" * 20_000], ids=["lists", "mappings", "anchors"])
def test_f15__a_small_stack_is_enough_for_the_deepest_yaml(tmp_path, home, ends, deep):
    """128 KiB, a sixtieth of what is usual: the limit of depth comes first, and what is just within it is served."""
    daemon = ends(Daemon(tmp_path / "epochd", home, wrapper=["prlimit", "--stack=131072"], **QUICK))
    daemon.committed(1)
    bad = home.commit({"services/deep.yaml": f"deep: {deep}\n"}, "too deep")
    assert daemon.wait("epoch_rejected", config_epoch=bad)["code"] == "limit.depth"
    home.commit({"services/deep.yaml": f"deep: {'[' * 63}{']' * 63}\n"}, "deep")
    daemon.committed(3)
