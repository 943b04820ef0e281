"""libepoch in applications that have habits of their own (host.c, plugin.c)."""
import os
import subprocess

import pytest
from harness import BUILD, PATIENCE_S, Broker, Daemon, Repo, environment

STT = "services/audio/stt-worker.yaml"
SANITIZED = "ASAN_OPTIONS" in os.environ or "-asan" in str(BUILD) or "-tsan" in str(BUILD)


class Host:
    def __init__(self, *words, env=None, program="host"):
        self.process = subprocess.Popen([BUILD / "tests/integration" / program, *map(str, words)], env=environment(**(env or {})), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def ready(self):
        line = self.process.stdout.readline()
        assert line == "ready\n", self.process.communicate(timeout=PATIENCE_S)

    def ends(self):
        out, err = self.process.communicate(timeout=2 * PATIENCE_S)
        assert self.process.returncode == 0 and out.endswith("ok\n"), (self.process.returncode, out, err)

    def stop(self):
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def numbered(tmp_path, broker, ends):
    """A daemon whose stt-worker says `sample_rate: 1`."""
    repo = Repo(tmp_path / "numbered")
    repo.commit({STT: "sample_rate: 1\nthreshold: 0.25\n"})
    d = ends(Daemon(tmp_path / "epochd", repo, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    d.published(1)
    d.repo = repo
    return d


@pytest.fixture
def played(tmp_path, numbered, ends):
    def play(habit, *more, env=None, url=None):
        return ends(Host(habit, url or numbered.settings["EPOCHD_MQTT_URL"], numbered.state / "keys/root.pub", tmp_path / "cache", *more, env=env))
    return play


@pytest.mark.parametrize("habit", ["signals", "mosquitto"])
def test_lives_with_a_host_that(habit, numbered, played):
    host = played(habit)
    host.ready()
    numbered.repo.commit({STT: "sample_rate: 2\n"})
    host.ends()


def test_lives_without_the_standard_descriptors(played):
    played("closed").ends()


def test_two_clients_of_two_publishers_are_strangers(tmp_path, numbered, played, ends):
    broker = ends(Broker(tmp_path / "other-broker"))
    repo = Repo(tmp_path / "other")
    repo.commit({STT: "sample_rate: 100\n"})
    other = ends(Daemon(tmp_path / "other-epochd", repo, broker, EPOCHD_MQTT_HEARTBEAT_S="1", EPOCHD_MQTT_SOURCE="other", EPOCHD_MQTT_PREFIX="far"))
    other.published(1)
    host = played("two", broker.url, other.state / "keys/root.pub", "other", "far", tmp_path / "other-cache")
    host.ready()
    numbered.repo.commit({STT: "sample_rate: 2\n"})
    host.ends()


def test_numbers_do_not_follow_the_locale(tmp_path, played):
    source, made = tmp_path / "comma", tmp_path / "comma.UTF-8"
    source.write_text('LC_CTYPE\ncopy "POSIX"\nEND LC_CTYPE\nLC_NUMERIC\ndecimal_point ","\nthousands_sep "."\ngrouping 3\nEND LC_NUMERIC\n')
    # Its exit code tells of the other categories that it has not.
    subprocess.run(["localedef", "-c", "-i", source, "-f", "UTF-8", made], check=False, capture_output=True)
    if not (made / "LC_NUMERIC").exists():
        pytest.skip("package locales is not here: a decimal comma was not tried")
    played("comma", env={"LOCPATH": str(tmp_path), "LC_NUMERIC": made.name}).ends()


def test_opened_and_closed_again_and_again_leaves_nothing(played):
    played("cycles", 1000).ends()


@pytest.mark.skipif(SANITIZED, reason="a library with a sanitizer cannot be unloaded")
def test_loaded_and_unloaded_while_a_name_is_looked_up(numbered, ends):
    url = numbered.settings["EPOCHD_MQTT_URL"].replace("127.0.0.1", "localhost")
    ends(Host(BUILD / "libepoch.so", url, numbered.state / "keys/root.pub", program="plugin")).ends()
