"""Profiles: switching one is an epoch of exactly the services it changes; all of them are right at every commit."""
import json

import pytest
from harness import Daemon, Repo, ctl

FILES = {
    "services/a.yaml": "v: 1\nw: {x: 1, y: 2}\n", "services/b.yaml": "v: 1\n", "services/c.yaml": "v: 1\n",
    "profiles/loud/b.yaml": "v: 9\n", "profiles/loud/c.yaml": "v: 1\n",
    "profiles/quiet/a.yaml": "v: 0\nw: {x: null}\n",
    "schemas/a.yaml": "properties: {v: {type: integer, minimum: 0}, w: {properties: {x: {default: 5}}}}\n",
}


@pytest.fixture
def config(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.commit(FILES, "begin")
    return repo


@pytest.fixture
def served(tmp_path, config, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", config, broker))
    daemon.published(1)
    return daemon


def config_of(subscriber, service, version):
    return json.loads(subscriber.wait(f"system/config/{service}", lambda p: p and json.loads(p)["version"] == version))["config"]


def test_a_switch_is_one_epoch_of_the_services_it_changes(config, served, subscriber):
    subscriber.epoch(1)
    config.commit({"epoch.yaml": "profile: quiet\n"}, "quiet")
    assert json.loads(subscriber.epoch(2))["changed"] == {"a": 2}
    assert config_of(subscriber, "a", 2) == {"v": 0, "w": {"y": 2}}, "what a patch took away, no default fills in"
    config.commit({"epoch.yaml": "profile: loud\n"}, "loud")
    assert json.loads(subscriber.epoch(3))["changed"] == {"a": 3, "b": 3}, "c has a patch that changes nothing"
    config.commit({"epoch.yaml": None}, "none")
    assert json.loads(subscriber.epoch(4))["changed"] == {"b": 4}


def test_a_patch_of_a_profile_that_sleeps_is_judged_and_changes_nothing(config, served, subscriber):
    subscriber.epoch(1)
    config.commit({"profiles/quiet/a.yaml": "v: 3\n"}, "asleep")
    assert json.loads(subscriber.epoch(2))["changed"] == {}
    config.commit({"profiles/quiet/a.yaml": "v: -1\n"}, "wrong")
    served.wait("epoch_rejected")
    config.commit({"profiles/quiet/a.yaml": "v: 3\n"}, "right")
    subscriber.epoch(4)


def test_a_rollback_goes_back_over_a_switch(config, served, subscriber):
    config.commit({"epoch.yaml": "profile: quiet\n"}, "quiet")
    subscriber.epoch(2)
    config.commit({"services/b.yaml": "v: 2\n"}, "b")
    subscriber.epoch(3)
    served.ctl("-C", config.path, "rollback", "1", check=0)
    assert json.loads(subscriber.epoch(4))["changed"] == {"a": 4, "b": 4}
    assert config_of(subscriber, "a", 4) == {"v": 1, "w": {"x": 1, "y": 2}}
    assert not (config.path / "epoch.yaml").exists()


def test_show_tells_the_configuration_under_the_active_profile(config, served):
    config.commit({"epoch.yaml": "profile: quiet\n"}, "quiet")
    served.snapshot(2)
    assert json.loads(served.ctl("show", "a", "--json", check=0).stdout)["config"] == {"v": 0, "w": {"y": 2}}
    assert "/v: 1 → 0" in ctl("-C", config.path, "diff", "HEAD~1", "HEAD", check=0).stdout


def test_a_profile_with_a_patch_for_each_of_many_services_is_one_epoch(tmp_path, broker, ends, subscriber):
    count = 300
    repo = Repo(tmp_path / "config")
    repo.commit({f"services/s{i}.yaml": "v: 1\n" for i in range(count)} | {f"profiles/quiet/s{i}.yaml": "v: 2\n" for i in range(count)}, "begin")
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(1)
    repo.commit({"epoch.yaml": "profile: quiet\n"}, "quiet")
    assert len(json.loads(subscriber.epoch(2))["changed"]) == count
