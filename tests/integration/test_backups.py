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
    assert "does not belong to this journal" in daemon.wait("snapshot_refused")["message"]
    daemon.wait("recovered", epoch=7)
    # That journal never saw the services that were in force before it began, so they are issued anew, under a higher number.
    assert committed(daemon) == before + [8]
    assert json.loads(subscriber.epoch(8))["services"] == 6
    commit(home, 8)
    head = json.loads(subscriber.epoch(9))
    assert head["changed"] == {"router": 9} and head["services"] == 6


def test_a_newer_snapshot_than_the_journal_is_believed(tmp_path, home, daemon, subscriber):
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
