"""As a container has it: process 1 of a pid namespace, a read-only root, no settings file, everything from the environment."""
import os
import signal
import subprocess

import pytest

from harness import EPOCHD, PATIENCE_S, ROOT, Daemon, Repo, run

NAMESPACES = ["unshare", "-m", "-p", "-f", "--kill-child", "--mount-proc"]

# Everything becomes read-only but the two folders that a container would mount: the state and the run folder.
INSIDE = """
set -e
for writable in "$1" "$2"; do mount --bind "$writable" "$writable"; done
mount -o remount,ro,bind /
shift 2
exec "$@"
"""


def why_not(tmp_path):
    if os.geteuid() != 0:
        return "a mount namespace needs root"
    tried = run(*NAMESPACES, "sh", "-c", INSIDE, "inside", tmp_path, tmp_path, "true")
    return tried.stderr.strip() if tried.returncode else None


def test_process_1_with_a_read_only_root_and_the_environment_alone(tmp_path, ends):
    missing = why_not(tmp_path)
    if missing:
        pytest.skip(missing)
    folder = tmp_path / "epochd"
    for name in ("state", "run"):
        (folder / name).mkdir(mode=0o750, parents=True)
    wrapper = [*NAMESPACES, "sh", "-c", INSIDE, "inside", str(folder / "state"), str(folder / "run")]
    epochd = ends(Daemon(folder, Repo.home(tmp_path / "config"), start=False, wrapper=wrapper))
    epochd.start()
    assert epochd.status_when(lambda status: status["epoch"] == 1)["pid"] == 1
    assert epochd.ctl("status", "-q").returncode == 0
    inside = subprocess.run(["pgrep", "-P", str(epochd.process.pid)], text=True, stdout=subprocess.PIPE, check=True).stdout.split()
    os.kill(int(inside[0]), signal.SIGTERM)
    assert epochd.process.wait(PATIENCE_S) == 0


def test_the_example_names_settings_that_exist():
    compose = (ROOT / "examples/container/compose.yaml").read_text()
    named = {line.split(":")[0].strip() for line in compose.splitlines() if line.strip().startswith("EPOCHD_")}
    assert named
    checked = run(EPOCHD, "--print-settings", EPOCHD_REPOSITORY_PATH="/srv/config", EPOCHD_REPOSITORY_TRUSTED_UIDS="1000",
                  EPOCHD_MQTT_URL="mqtt://broker:1883", check=0)
    assert named == {"EPOCHD_REPOSITORY_PATH", "EPOCHD_REPOSITORY_TRUSTED_UIDS", "EPOCHD_MQTT_URL"}
    assert "1000" in checked.stdout and "unknown" not in checked.stderr
