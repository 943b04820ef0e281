"""One grammar for a point of the history: a number, a commit, a time, wherever a verb asks for an epoch."""
import json

import pytest
from harness import Daemon, Repo, ctl
from worlds import STT


def in_force_at(world, epoch):
    """A moment in which that epoch was in force, as it may be typed: the journal's own time of it."""
    line = next(line for line in world.daemon.journal() if line["kind"] == "committed" and line["epoch"] == epoch)
    return line["time"]


def checked(world, *args, **options):
    return json.loads(world.ctl("check", *args, "--json", cwd=world.repo.path, **options).stdout)


@pytest.mark.parametrize("verb", [["check", "{}"], ["diff", "{}"], ["diff", "{}..HEAD"], ["show", "stt-worker", "--at", "{}"], ["show", "--at", "{}"],
                                  ["explain", "stt-worker", "--at", "{}"], ["plan", "{}"]], ids=" ".join)
def test_a_number_a_commit_and_a_time_are_the_same_point(world, verb):
    told = [world.ctl(*(word.format(point) for word in verb), cwd=world.repo.path, check=0).stdout
            for point in ("5", world.commits[5], "HEAD~3", in_force_at(world, 5), in_force_at(world, 5).replace("T", " "))]
    assert told[0] and len(set(told)) == 1


def test_check_judges_between_two_points(world):
    """What went from the seventh to the eighth is one service of six: few enough."""
    assert checked(world, "7..8", check=0) == checked(world, f"{world.commits[7]}..HEAD", check=0) == checked(world, "7..", check=0)
    assert checked(world, "2", check=0)["services"] == 6 and checked(world, "8", check=0)["services"] == 5
    assert checked(world, world.bad, check=1)["errors"] == 1


@pytest.mark.parametrize("verb", [["check", "5"], ["check", "HEAD..5"], ["diff", "5", "7"], ["plan", "5"], ["explain", "stt-worker", "--at", "5"],
                                  ["rollback", "5", "--dry-run"]], ids=" ".join)
def test_from_another_repository_an_epoch_is_refused_with_the_name_of_where_it_was_looked_for(world, tmp_path, verb):
    other = Repo.home(tmp_path / "other")
    told = world.ctl(*verb, cwd=other.path, check=3).stderr
    assert f"epoch 5 is commit {world.commits[5][:12]}, which the repository {other.path}/ does not have" in told and "[repo.rev]" in told
    assert world.ctl("show", "stt-worker", "--at", "5", cwd=other.path, check=0).stdout, "the journal has it"


@pytest.mark.parametrize("point", ["..8", "7...8", "..", ""])
def test_half_a_range_is_refused(world, point):
    for verb in ("check", "diff"):
        assert world.ctl(verb, point, cwd=world.repo.path, check=2).stderr.splitlines()[-1].startswith(f"usage: epochctl {verb} ")


def test_a_time_is_the_epoch_that_was_in_force_then(world):
    """The rejected commit and the one that was overtaken before it was published never were."""
    after_bad = next(line["time"] for line in world.daemon.journal() if line["kind"] == "rejected")
    shown = json.loads(world.ctl("show", "stt-worker", "--at", after_bad, "--json", check=0).stdout)
    assert (shown["version"], shown["config"]) == (2, {"rate": 2})
    shown = json.loads(world.ctl("show", "stt-worker", "--at", in_force_at(world, 6), "--json", check=0).stdout)
    assert (shown["version"], shown["config"]) == (5, {"rate": 5})
    shown = json.loads(world.ctl("show", "stt-worker", "--at", "2099-01-01", "--json", check=0).stdout)
    assert (shown["version"], shown["config"]) == (7, {"rate": 7})


@pytest.mark.parametrize(("point", "words"), [
    ("999", "the journal knows no epoch 999; epochctl log lists them"), ("0", "the journal knows no epoch 0"),
    ("2000-01-01", "the journal knows no epoch that was in force at 2000-01-01T00:00:00.000Z (2000-01-01)"),
    ("last tuesday", "there is no commit 'last tuesday'"), ("nothing", "there is no commit 'nothing'"),
])
def test_what_is_no_point_is_named(world, point, words):
    for verb in (["check", point], ["diff", point], ["show", "stt-worker", "--at", point], ["rollback", point, "--dry-run"]):
        assert words in world.ctl(*verb, cwd=world.repo.path, check=3).stderr


def test_a_branch_of_that_name_is_no_time(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    home.git("branch", "yesterday")
    second = home.commit({STT: "rate: 2\n"})
    daemon.committed(2)
    assert json.loads(daemon.ctl("show", "stt-worker", "--at", "yesterday", "--json", check=0).stdout)["config_epoch"] == home.head("HEAD~1")
    assert json.loads(daemon.ctl("show", "stt-worker", "--at", second, "--json", check=0).stdout)["config"] == {"rate": 2}


@pytest.mark.parametrize("verb", [["show"], ["show", "stt-worker"]], ids=" ".join)
def test_an_epoch_whose_commit_git_took_is_told_to_be_gone(tmp_path, home, ends, verb):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    home.commit({STT: "rate: 2\n"}, "two")
    daemon.committed(2)
    gone = home.head()
    home.commit({STT: "rate: 3\n"}, "instead of it", "--amend")
    daemon.committed(3)
    home.git("reflog", "expire", "--expire=now", "--all")
    home.git("gc", "-q", "--prune=now")
    told = daemon.ctl(*verb, "--at", "2", check=3).stderr
    assert f"epoch 2 is commit {gone[:12]}" in told and "git gc took the commit" in told


def test_a_rollback_to_a_time_names_its_epoch(world):
    """The bystander's clone of it: nothing is committed."""
    told = world.ctl("rollback", in_force_at(world, 5), "--dry-run", cwd=world.repo.path, check=0)
    assert "stt-worker" in told.stdout and "memory-worker" in told.stdout


def test_a_clone_without_a_journal_has_commits(tmp_path):
    """Digits alone may be an abbreviated id there too; a number that is none says what was looked for, and where."""
    repo = Repo.home(tmp_path / "config")
    repo.git("tag", "20261121")
    settings = {"EPOCHD_STATE": str(tmp_path / "none"), "cwd": repo.path}
    assert "ok: 6 services" in ctl("check", "20261121", check=0, **settings).stdout
    for point in ("412", "yesterday"):
        refused = ctl("check", point, check=3, **settings).stderr
        assert "the state folder (setting: state)" in refused and "looking for" in refused
    (tmp_path / "broken.yaml").write_text("state: 7\n")
    assert "ok: 6 services" in ctl("--config", tmp_path / "broken.yaml", "check", "HEAD", check=0, **settings).stdout
