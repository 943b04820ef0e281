"""epochctl wait: for scripts that go on when what they committed is served."""
import json
import resource
import subprocess

import pytest
from harness import EPOCHCTL, PATIENCE_S, Daemon, Repo, ctl

STT = "services/audio/stt-worker.yaml"


def test_wait_for_what_was_just_committed(daemon, home):
    assert daemon.ctl("wait", check=0).stdout == f"commit {home.head()[:12]} published\n"
    home.commit({STT: "rate: 2\n"})
    assert daemon.ctl("wait", check=0).stdout == f"commit {home.head()[:12]} published\n"
    home.commit({STT: "rate: 3\n"})
    assert daemon.ctl("wait", "3", "--for", "committed", check=0).stdout == "epoch 3 committed\n"
    assert daemon.ctl("wait", "2", check=0).stdout == "epoch 2 published\n"
    told = json.loads(daemon.ctl("wait", "HEAD", "--json", check=0, cwd=home.path).stdout)
    assert told == {"answer": "reached", "code": None, "commit": home.head(), "epoch": 3, "for": "published"}
    told = json.loads(daemon.ctl("wait", "2", "--json", check=0).stdout)
    assert (told["commit"], told["epoch"]) == (home.head("HEAD~1"), 2)
    early = json.loads(daemon.ctl("wait", "9", "--json", "--timeout", "0", check=4).stdout)
    assert (early["commit"], early["epoch"]) == (None, 9)


def test_wait_begins_before_the_epoch_is_there(daemon, home):
    process = subprocess.Popen([EPOCHCTL, "wait", "2", "--timeout", str(PATIENCE_S)], env=daemon.env, stdout=subprocess.PIPE, text=True)
    home.commit({STT: "rate: 2\n"})
    assert process.communicate(timeout=PATIENCE_S)[0] == "epoch 2 published\n" and process.returncode == 0


def test_wait_tells_what_was_refused_and_what_is_contained(daemon, home):
    daemon.stop()
    first = home.commit({STT: "rate: 2\n"})
    home.commit({STT: "rate: 3\n"})
    daemon.start()
    daemon.published(3)
    daemon.ctl("wait", first, cwd=home.path, check=0)
    home.git("commit", "-q", "--no-verify", "--amend", "-m", "other words")
    daemon.published(4)
    daemon.ctl("wait", check=0)
    bad = home.commit({STT: "a: 1\na: 2\n"})
    assert daemon.ctl("wait", check=1).stdout == f"commit {bad[:12]} rejected [yaml.duplicate-key]\n"
    assert json.loads(daemon.ctl("wait", "--json", check=1).stdout)["code"] == "yaml.duplicate-key"


def test_wait_of_a_commit_that_is_long_past(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    first = home.head()
    daemon.published(1)
    daemon.stop()
    for number in range(70):  # more than status.json tells of
        home.commit({STT: f"rate: {number}\n"})
    daemon.start()
    daemon.published(71)
    assert daemon.ctl("wait", first, cwd=home.path, check=0).stdout == f"commit {first[:12]} published\n"


def test_wait_without_a_broker_is_for_committed_alone(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_MQTT_URL="mqtt://127.0.0.1:1"))
    daemon.committed(1)
    daemon.ctl("wait", "1", "--for=committed", check=0)
    late = daemon.ctl("wait", "1", "--timeout", "0", check=4)
    assert late.stdout == "epoch 1 not published in time; epochctl status says why\n"


def test_wait_without_a_daemon(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    daemon.kill()
    assert daemon.ctl("wait", "1", check=3).stdout == "epoch 1 not published: epochd does not run\n"


def test_wait_notices_a_daemon_that_is_killed(daemon):
    process = subprocess.Popen([EPOCHCTL, "wait", "2"], env=daemon.env, stdout=subprocess.PIPE, text=True)
    daemon.kill()
    assert "epochd does not run" in process.communicate(timeout=PATIENCE_S)[0] and process.returncode == 3


def test_wait_costs_next_to_nothing(daemon):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    daemon.ctl("wait", "4711", "--timeout", "3", check=4)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime) < 0.5
    assert after.ru_nvcsw - before.ru_nvcsw < 100


@pytest.mark.parametrize(("args", "words"), [(["--timeout", "x"], "--timeout takes seconds"), (["--for", "eaten"], "is not published, committed or applied"),
                                             (["1", "2"], "'2' is one argument too many")])
def test_wait_usage(daemon, args, words):
    assert words in daemon.ctl("wait", *args, check=2).stderr


def test_wait_for_nothing_that_is_there(tmp_path, ends):
    daemon = ends(Daemon(tmp_path / "epochd", Repo(tmp_path / "config")))
    assert "has no commit" in daemon.ctl("wait", check=3).stderr
    assert "[repo.rev]" in daemon.ctl("wait", "nothing-like-that", cwd=tmp_path / "config", check=3).stderr


def test_where_there_is_no_repository_starting_epochd_is_no_advice(tmp_path):
    missing = ctl("wait", EPOCHD_REPOSITORY_PATH=str(tmp_path / "none"), EPOCHD_STATE=str(tmp_path / "state"), check=3)
    assert "[repo.missing]" in missing.stderr and "start epochd" not in missing.stderr
