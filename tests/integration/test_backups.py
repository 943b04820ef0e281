"""What comes out of backups: a snapshot and a journal that do not belong together."""
import json
import shutil

from harness import SOURCE, Daemon

STT = "services/audio/stt-worker.yaml"


def commit(home, n):
    text = (home.path / "services/router.yaml").read_text().split("\nround:")[0]
    return home.commit({"services/router.yaml": f"{text.rstrip()}\nround: {n}\n"}, f"round {n}")


def committed(daemon):
    return [record["epoch"] for record in daemon.journal() if record["kind"] == "committed"]


def test_a_snapshot_alone_brings_everything_back(home, daemon, subscriber):
    commit(home, 2)
    daemon.snapshot(2)
    daemon.stop()
    (daemon.state / "journal.jsonl").write_bytes(b"")
    daemon.start()
    daemon.wait("recovered", epoch=2)
    commit(home, 3)
    assert json.loads(subscriber.epoch(3))["parent"]["epoch"] == 2


def test_an_older_snapshot_of_another_journal_does_not_hide_its_epochs(tmp_path, home, daemon, subscriber):
    """The journal began anew after the snapshot of epoch 2; then that old snapshot comes back."""
    commit(home, 2)
    daemon.snapshot(2)
    daemon.stop()
    shutil.copy(daemon.state / "config.lkg.json", tmp_path / "old.json")
    (daemon.state / "journal.jsonl").write_bytes(b"")
    daemon.start()
    for n in range(3, 8):
        commit(home, n)
        daemon.published(n)
    daemon.snapshot(7)
    daemon.stop()
    shutil.copy(tmp_path / "old.json", daemon.state / "config.lkg.json")
    before = committed(daemon)
    daemon.start()
    daemon.wait("recovered", epoch=7, services=6)
    assert committed(daemon) == before
    commit(home, 8)
    head = json.loads(subscriber.epoch(8))
    assert head["changed"] == {"router": 8} and head["services"] == 6


def test_a_journal_begun_anew_is_not_taken_for_the_whole_and_never_snapshotted_as_such(home, daemon):
    """The snapshot that covers the rest is gone too, and the repository cannot be read: nothing is served that is not whole."""
    daemon.snapshot(1)
    daemon.stop()
    (daemon.state / "journal.jsonl").write_bytes(b"")
    daemon.start()
    commit(home, 2)
    daemon.snapshot(2)
    daemon.stop()
    (daemon.state / "config.lkg.json").unlink()
    away = home.path.rename(home.path.with_name("away"))
    daemon.start()
    daemon.wait("recovered_incomplete", epoch=2)
    daemon.state_is("hold:repo-unreadable")
    daemon.wait("broker_connected")
    assert not (daemon.state / "config.lkg.json").exists()
    away.rename(home.path)
    daemon.hup()
    daemon.committed(3)  # the same commit, whole, under a higher number
    daemon.snapshot(3)
    assert "6 services" in daemon.ctl("verify", "lkg", check=0).stdout


def test_a_service_removed_while_the_broker_was_away_gets_its_tombstone(home, daemon, broker, subscriber):
    daemon.stop()
    home.commit({"services/brain/memory-worker.yaml": None}, "forget")
    daemon.start()
    tombstone = subscriber.wait("system/config/memory-worker", lambda p: p and json.loads(p)["config"] is None)
    assert json.loads(tombstone)["version"] == 2
    assert subscriber.wait("system/config/memory-worker", lambda p: p == b"") == b""
    assert tombstone in subscriber.on("config/update")


def test_f25__a_lost_state_is_found_again_by_the_next_start(home, daemon, broker):
    daemon.stop()
    broker.kill()
    (daemon.state / "journal.jsonl").unlink()
    (daemon.state / "config.lkg.json").unlink()
    daemon.start()
    daemon.state_is("hold:state-lost")
    daemon.stop()
    daemon.start()
    daemon.state_is("hold:state-lost")


def test_f30__a_newer_snapshot_than_the_journal_is_believed(tmp_path, home, daemon, subscriber):
    """The journal comes out of a backup, the snapshot does not: numbers never go back."""
    daemon.snapshot(1)
    daemon.stop()
    shutil.copy(daemon.state / "journal.jsonl", tmp_path / "old.jsonl")
    daemon.start()
    for n in (2, 3, 4):
        commit(home, n)
        daemon.published(n)
    daemon.snapshot(4)
    daemon.stop()
    shutil.copy(tmp_path / "old.jsonl", daemon.state / "journal.jsonl")
    daemon.start()
    daemon.wait("recovered", epoch=4)
    commit(home, 5)
    head = json.loads(subscriber.epoch(5))
    assert head["changed"] == {"router": 5} and head["parent"]["epoch"] == 4
    assert [json.loads(p)["epoch"] for p in subscriber.on(f"system/epoch/{SOURCE}")][-1] == 5


def test_a_journal_that_was_moved_away_holds_and_one_that_is_back_goes_on(home, daemon, subscriber):
    journal = daemon.state / "journal.jsonl"
    away = journal.rename(journal.with_name("moved"))
    commit(home, 2)
    daemon.state_is("hold:journal-unwritable")
    assert [json.loads(p)["epoch"] for p in subscriber.on(f"system/epoch/{SOURCE}")] in ([], [1])
    away.rename(journal)
    daemon.hup()
    subscriber.epoch(2)
    daemon.wait("status_written", state="ok", epoch=2)


def test_the_trailer_of_any_commit_of_the_range_allows_a_mass_removal(home, daemon, subscriber):
    daemon.stop()
    home.commit({f"services/{name}.yaml": None for name in ("audio/stt-worker", "audio/tts-worker", "router")},
                "fewer\n\nEpoch-Allow: mass-removal")
    home.commit({"README.md": "fewer\n"}, "tell so")
    daemon.start()
    assert json.loads(subscriber.epoch(3))["services"] == 3
