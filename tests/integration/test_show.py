"""epochctl show: what is in force, and what an epoch said."""
import json
import re

import pytest
from harness import Daemon, Repo, ctl
from worlds import MEMORY, STT, damage, in_copy


def test_show_tells_what_is_in_force(world):
    shown = world.ctl("show", "stt-worker", check=0).stdout
    assert shown == f"# stt-worker, version 7, commit {world.commits[7][:12]}, by Ada <ada@example.org>: stt-worker: seven\nrate: 7\n"
    told = json.loads(world.ctl("show", "stt-worker", "--json", check=0).stdout)
    for time in ("updated_at", "created_at"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", told.pop(time))
    assert told == {"about": None, "tags": [], "title": None, "active": True, "config": {"rate": 7}, "config_epoch": world.commits[7], "description": "stt-worker: seven",
                    "service": "stt-worker", "created_by": "Ada <ada@example.org>", "updated_by": "Ada <ada@example.org>", "version": 7}


def test_show_without_a_service_lists_them(world, tmp_path):
    rows = [line.split("\t") for line in world.ctl("show", check=0).stdout.splitlines()]
    assert [row[:2] for row in rows] == [["llm-worker", "1"], ["router", "1"], ["stt-worker", "7"], ["tts-worker", "1"], ["wake-activation", "1"]]
    assert rows[2][3:] == ["Ada <ada@example.org>", STT, "-"]
    listed = json.loads(world.ctl("show", "--json", check=0).stdout)
    assert [one["service"] for one in listed] == [row[0] for row in rows]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", listed[2].pop("updated_at"))
    assert listed[2] == {"config_epoch": world.commits[7], "description": "stt-worker: seven", "path": STT, "service": "stt-worker", "title": None,
                         "updated_by": "Ada <ada@example.org>", "version": 7}
    alone = json.loads(world.ctl("show", "--json", EPOCHD_REPOSITORY_PATH=str(tmp_path), check=0).stdout)
    assert (alone[2]["version"], alone[2]["updated_by"], alone[2]["path"]) == (7, None, None)


def test_show_lists_what_an_epoch_had(world, tmp_path):
    listed = {one["service"]: one for one in json.loads(world.ctl("show", "--at", "5", "--json", check=0).stdout)}
    assert sorted(listed) == ["llm-worker", "memory-worker", "router", "stt-worker", "tts-worker", "wake-activation"]
    assert (listed["stt-worker"]["version"], listed["stt-worker"]["config_epoch"]) == (5, world.commits[5])
    laptop = json.loads(world.ctl("show", "--at", "main", "--json", EPOCHD_STATE=str(tmp_path / "never"), check=0).stdout)
    assert laptop[2]["version"] is None and laptop[2]["path"] == STT


def test_show_without_the_repository(world, tmp_path):
    told = json.loads(world.ctl("show", "stt-worker", "--json", EPOCHD_REPOSITORY_PATH=str(tmp_path), check=0).stdout)
    assert (told["config"], told["version"], told["updated_by"], told["tags"]) == ({"rate": 7}, 7, None, None)


def test_show_names_the_tags_of_the_commit_the_configuration_is_of(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    home.git("tag", "v1")
    home.git("tag", "-a", "-m", "as delivered", "delivered/2026")
    home.git("tag", "-a", "-m", "a tag of a tag", "again", "delivered/2026")
    home.git("tag", "tree", "HEAD^{tree}")
    home.commit({"services/router.yaml": "round: 2\n"})
    home.git("tag", "v2")
    daemon.committed(2)

    def tags(*args):
        return json.loads(daemon.ctl("show", *args, "--json", check=0).stdout)["tags"]

    assert tags("stt-worker") == tags("stt-worker", "--at", "1") == ["delivered/2026", "v1"]
    assert tags("router") == ["v2"]
    home.git("pack-refs", "--all")
    assert tags("stt-worker") == ["delivered/2026", "v1"]


@pytest.mark.parametrize("epoch", [2, 5, 6, 7])
def test_show_at_an_epoch_or_a_commit(world, epoch):
    for at in (str(epoch), world.commits[epoch], world.commits[epoch][:8]):
        told = json.loads(world.ctl("show", "stt-worker", "--at", at, "--json", check=0).stdout)
        assert (told["config"], told["config_epoch"], told["version"]) == ({"rate": epoch}, world.commits[epoch], epoch)
    told = json.loads(world.ctl("show", "router", "--at", str(epoch), "--json", check=0).stdout)
    assert (told["version"], told["config_epoch"]) == (1, world.commits[1]) and told["created_by"] == told["updated_by"]


def test_show_at_a_commit_needs_neither_state_nor_keys(world, tmp_path):
    told = world.ctl("show", "stt-worker", "--at", "main~1", "--json", EPOCHD_STATE=str(tmp_path / "never"), check=0)
    assert json.loads(told.stdout)["config"] == {"rate": 7}


def test_show_at_a_commit_in_a_clone_that_nobody_serves(world, tmp_path):
    clone = tmp_path / "clone"
    world.repo.git("clone", "-q", str(world.repo.path), str(clone))
    nowhere = {"EPOCHD_REPOSITORY_PATH": str(tmp_path / "none"), "EPOCHD_STATE": str(tmp_path / "never")}
    told = world.ctl("-C", str(clone), "show", "stt-worker", "--at", "main~1", "--json", check=0, **nowhere)
    assert json.loads(told.stdout)["config"] == {"rate": 7}
    result = world.ctl("-C", str(tmp_path), "show", "stt-worker", "--at", "main~1", check=3, **nowhere)
    assert "there is no git repository at or above" in result.stderr and "[repo.missing]" in result.stderr


def test_show_says_what_there_is_not(world, copy, tmp_path):
    assert "there is no service 'nobody' in epoch 8; epochctl log nobody tells" in world.ctl("show", "nobody", check=2).stderr
    assert "there is no service 'memory-worker' in epoch 8" in world.ctl("show", "memory-worker", check=2).stderr
    assert 'did you mean "router"? [no-service]' in world.ctl("show", "ruter", check=2).stderr
    assert "there is no service 'nobody' at " in world.ctl("show", "nobody", "--at", "2", check=2).stderr
    assert 'did you mean "router"?' in world.ctl("show", "ruter", "--at", "2", check=2).stderr
    for epoch in ("0", "3", "4", "9", "4711", "99999999999999999999999"):
        assert "[repo.rev]" in world.ctl("show", "stt-worker", "--at", epoch, check=3).stderr
    assert f"is not a valid configuration: epochctl check {world.bad[:12]}" in world.ctl("show", "router", "--at", world.bad, check=3).stderr
    fresh = tmp_path / "fresh"
    in_copy(world, fresh, "keys", "init", check=0)
    assert "there is no snapshot yet" in in_copy(world, fresh, "show", "stt-worker", check=3).stderr
    never = ctl("show", "stt-worker", EPOCHD_STATE=str(tmp_path / "never"), check=3)
    assert "What to do: start epochd" in never.stderr


def test_show_reads_the_journal_where_the_snapshot_is_behind_or_missing(tmp_path, home, ends):
    """The snapshot is written after the epoch is committed: nobody sees the time between."""
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.snapshot(1)
    behind = (daemon.state / "config.lkg.json").read_bytes()
    home.commit({STT: "rate: 2\n", MEMORY: None}, "two")
    daemon.snapshot(2)
    daemon.stop()
    (daemon.state / "config.lkg.json").write_bytes(behind)
    assert daemon.ctl("show", "stt-worker", check=0).stdout.endswith("rate: 2\n")
    assert "there is no service 'memory-worker' in epoch 2" in daemon.ctl("show", "memory-worker", check=2).stderr
    (daemon.state / "config.lkg.json").unlink()
    assert json.loads(daemon.ctl("show", "stt-worker", "--json", check=0).stdout)["version"] == 2
    assert json.loads(daemon.ctl("show", "router", "--json", check=0).stdout)["version"] == 1
    (daemon.state / "keys/journal.key").unlink()
    refused = daemon.ctl("show", "stt-worker", check=3).stderr
    assert "the journal is for the daemon's user and root" in refused and "--at HEAD" not in refused
    (daemon.state / "config.lkg.json").write_bytes(behind)
    assert daemon.ctl("show", "router", check=0).stderr == ""
    (daemon.run / "status.json").write_text('{"committed":2}')
    shown = daemon.ctl("show", "router", check=0)
    assert shown.stderr.startswith("epochctl: epoch 2 is committed and not in the snapshot yet")


@pytest.mark.parametrize("file", ["lkg.key", "root.pub"])
@pytest.mark.parametrize("verb", [["show", "router"], ["verify", "lkg"]], ids=" ".join)
def test_a_missing_key_is_no_missing_daemon(world, copy, file, verb):
    (copy / "keys" / file).unlink()
    refused = in_copy(world, copy, *verb, check=3).stderr
    assert file in refused and "[key-file]" in refused
    assert "What to do: Restore it from the backup" in refused and "start epochd" not in refused


def test_show_refuses_a_snapshot_that_does_not_verify(world, copy):
    damage(copy / "config.lkg.json", b'\\"rate\\":7', b'\\"rate\\":8')
    assert "[lkg-bad-mac]" in in_copy(world, copy, "show", "stt-worker", check=3).stderr


def test_a_number_that_is_no_epoch_may_be_a_commit(world, tmp_path):
    """git log --oneline abbreviates one commit in thirty to digits alone."""
    repo = Repo.home(tmp_path / "config")
    for n in range(1000):
        commit = repo.git("commit-tree", "HEAD^{tree}", "-m", str(n)).stdout.strip()
        if commit[:7].isdigit():
            break
    told = world.ctl("show", "stt-worker", "--at", commit[:7], "--json", EPOCHD_REPOSITORY_PATH=str(repo.path), check=0)
    assert json.loads(told.stdout)["config_epoch"] == commit


def test_what_show_prints_reads_back_as_the_same(home):
    config = {"plain": "text", "yes": "no", "null": None, "1": 1.5, "": "", "a b": ["x", {"y": []}], "Größe": "♫\u2028\u0085\u009b31m\u202e\ufeff\u007f𝄞", "-": {},
              "nested": {"deep": {"deeper": "a\nb", "on": True}, "key: x": -0.5}, "#": "# no comment", "a-1": 1e21}
    text = json.dumps(config).replace(json.dumps("𝄞")[1:-1], "𝄞")
    home.commit({"services/odd.yaml": text, "services/none.yaml": "{}\n"})
    for name, wanted in (("odd", config), ("none", {})):
        text = ctl("show", name, "--at", "HEAD", EPOCHD_REPOSITORY_PATH=str(home.path), check=0).stdout
        home.commit({f"services/{name}.yaml": text}, "as it was shown")
        again = ctl("show", name, "--at", "HEAD", "--json", EPOCHD_REPOSITORY_PATH=str(home.path), check=0)
        assert json.loads(again.stdout)["config"] == wanted
