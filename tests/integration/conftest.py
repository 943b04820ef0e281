"""Fixtures: everything a test starts is ended with it."""
import os
import tempfile
from pathlib import Path

import pytest

from harness import Broker, Daemon, Repo, Subscriber


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
