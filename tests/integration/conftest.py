"""Fixtures: everything a test starts is ended with it."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness import PATIENCE_S, Broker, Daemon, Repo, Subscriber, environment, free_port
from probes import Probe
from worlds import World


@pytest.fixture
def ends():
    """Things with stop() or close(), ended in reverse order."""
    things = []
    yield lambda thing: things.append(thing) or thing
    for thing in reversed(things):
        (getattr(thing, "stop", None) or thing.close)()


@pytest.fixture
def open_folder():
    """A folder that other users may enter, which pytest's are not."""
    with tempfile.TemporaryDirectory(prefix="epochd-test-") as path:
        os.chmod(path, 0o755)
        yield Path(path)


@pytest.fixture
def broker(tmp_path, ends):
    return ends(Broker(tmp_path / "broker"))


@pytest.fixture
def home(tmp_path):
    """A work tree with the six services of examples/home, one commit."""
    return Repo.home(tmp_path / "config")


@pytest.fixture
def subscriber(broker, ends):
    return ends(Subscriber(broker.port))


@pytest.fixture
def daemon(tmp_path, home, broker, ends):
    """epochd on `home` and `broker`, its first epoch published."""
    d = ends(Daemon(tmp_path / "epochd", home, broker))
    d.published(1)
    return d


@pytest.fixture(scope="session")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def copy(world, tmp_path):
    """The state of the world, to be damaged."""
    shutil.copytree(world.daemon.state, tmp_path / "state")
    return tmp_path / "state"


@pytest.fixture
def lively(tmp_path, home, broker, ends):
    d = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    d.published(1)
    d.snapshot(1)
    return d


@pytest.fixture
def opened(tmp_path, ends):
    """A probe of this daemon's, with a cache; further words may follow."""
    def make(daemon, *words, cache="cache", service="stt-worker", env=None):
        url = [f"url={daemon.settings['EPOCHD_MQTT_URL']}"] if daemon.settings["EPOCHD_MQTT_URL"] != "off" else []
        what = [f"service={service}"] if service else []
        return ends(Probe(*what, *url, f"root={daemon.state / 'keys/root.pub'}", f"cache={tmp_path / cache}", "instance=here", *words, env=env))

    return make


class Ended:
    def __init__(self, process):
        self.process = process

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        self.process.stderr.close()


@pytest.fixture
def sshd(open_folder, ends):
    """A real sshd on loopback, with keys of its own, and an `ssh` that finds it."""
    if os.geteuid() != 0 or not shutil.which("sshd", path="/usr/sbin"):
        pytest.skip("sshd needs root, and openssh-server")
    os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
    port, folder = free_port(), open_folder
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "authorized").write_text((folder / "user.pub").read_text())
    (folder / "authorized").chmod(0o600)
    (folder / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\nPidFile none\n"
        f"PasswordAuthentication no\nPermitRootLogin yes\nUsePAM no\nStrictModes no\nSetEnv PATH={environment()['PATH']} {{more}}\n")
    (folder / "known").write_text(f"[127.0.0.1]:{port} {(folder / 'host.pub').read_text()}")
    (folder / "bin").mkdir()
    (folder / "bin/ssh").write_text(f"#!/bin/sh\nexec {shutil.which('ssh')} -F none -p {port} -i {folder}/user "
                                    f"-o UserKnownHostsFile={folder}/known -o BatchMode=yes \"$@\"\n")
    (folder / "bin/ssh").chmod(0o755)

    def start(**env):
        config = folder / "sshd_config"
        more = " ".join(f"{name}={value}" for name, value in env.items())
        config.write_text(config.read_text().replace("{more}", more))
        process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", config], stderr=subprocess.PIPE, text=True)
        ends(Ended(process))
        for line in process.stderr:
            if "Server listening" in line:
                return {"PATH": f"{folder}/bin:{environment()['PATH']}"}
        raise AssertionError("sshd did not start")

    return start
