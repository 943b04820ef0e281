"""rollback: old content as a new, higher epoch; nobody's edits are touched, and what cannot be is refused."""
import os

import pytest
from harness import EPOCHCTL, Daemon, Repo, ctl, run

STT = "services/audio/stt-worker.yaml"
ROUTER = "services/router.yaml"


@pytest.fixture
def repo(home):
    ctl("init", home.path, check=0)
    return home


def tree(repo, rev="HEAD"):
    return repo.git("rev-parse", f"{rev}^{{tree}}").stdout


@pytest.fixture
def served(tmp_path, repo, broker, ends):
    """Three published epochs: the home, stt-worker and router changed with a new lamp, then stt-worker again."""
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(1)
    repo.commit({STT: "rate: 2\n", ROUTER: "rate: 2\n", "services/new/lamp.yaml": "on: true\n", "schemas/x.json": "{}\n"}, "two")
    daemon.published(2)
    repo.commit({STT: "rate: 3\n"}, "three")
    daemon.published(3)
    return daemon


def rollback(served, repo, *args, check=0, **options):
    return served.ctl("-C", repo.path, "rollback", *args, check=check, **options)


def test_the_default_is_the_previous_published_epoch(served, repo):
    result = rollback(served, repo)
    assert result.stdout.startswith("~ stt-worker\n    /rate: 3 → 2\n")
    assert "  epoch 4 published: stt-worker (" in result.stdout
    assert tree(repo) == tree(repo, "HEAD~2") and repo.count() == 4
    assert repo.git("log", "-1", "--format=%B").stdout.strip() == "rollback to epoch 2\n\nEpoch-Rollback: 2"
    assert repo.git("status", "--porcelain").stdout == ""


def test_a_number_goes_back_further_and_takes_away_what_came_since(served, repo):
    result = rollback(served, repo, "1", "-m", "back\n\nRequest-Id: r-1")
    assert "- lamp\n" in result.stdout and "epoch 4 published" in result.stdout
    assert tree(repo) == tree(repo, "HEAD~3") and not (repo.path / "services/new/lamp.yaml").exists()
    assert repo.git("log", "-1", "--format=%B").stdout.strip() == "back\n\nRequest-Id: r-1\nEpoch-Rollback: 1"


def test_one_service_goes_back_alone_also_where_it_has_moved(served, repo):
    repo.git("mv", STT, "services/stt-worker.yaml")
    repo.commit(message="moved")
    served.published(4)
    result = rollback(served, repo, "2", "--service", "stt-worker")
    assert "/rate: 3 → 2" in result.stdout and "lamp" not in result.stdout
    assert (repo.path / STT).read_text() == "rate: 2\n" and not (repo.path / "services/stt-worker.yaml").exists()
    assert repo.git("log", "-1", "--format=%s").stdout == "rollback of stt-worker to epoch 2\n"


def test_a_refused_tip_goes_back_to_what_is_in_force(served, repo):
    repo.commit({STT: "a: 1\na: 2\n"}, "bad")
    served.wait("epoch_rejected")
    result = rollback(served, repo)
    assert "no service changes\n" in result.stdout and tree(repo) == tree(repo, "HEAD~2")
    assert repo.git("log", "-1", "--format=%s").stdout == "rollback to epoch 3\n"


def test_a_dry_run_prints_the_plan_alone(served, repo):
    head = repo.head()
    assert rollback(served, repo, "--dry-run").stdout == "~ stt-worker\n    /rate: 3 → 2\n1 service of 7 changes: 1 updated\ndry run: nothing was written\n"
    assert repo.head() == head


def test_edits_are_refused_by_name_where_they_are_in_the_way_and_kept_elsewhere(served, repo):
    repo.write({STT: "rate: 99\n"})
    head = repo.head()
    assert f"{STT}: there are edits that are not committed [repo.dirty]" in rollback(served, repo, check=1).stderr
    assert (repo.path / STT).read_text() == "rate: 99\n" and repo.head() == head
    repo.git("checkout", "-q", STT)
    repo.write({ROUTER: "rate: 99\n", "services/mine.yaml": "a: 1\n"})
    rollback(served, repo)
    assert repo.git("status", "--porcelain").stdout == f" M {ROUTER}\n?? services/mine.yaml\n"


def test_a_file_that_is_not_gits_is_not_overwritten(served, repo):
    repo.git("rm", "-q", "services/new/lamp.yaml")
    repo.commit(message="four")
    served.published(4)
    repo.write({"services/new/lamp.yaml": "mine: 1\n"})
    assert "services/new/lamp.yaml: there are edits" in rollback(served, repo, "3", check=1).stderr
    assert (repo.path / "services/new/lamp.yaml").read_text() == "mine: 1\n"


def test_what_is_so_already_is_no_commit(served, repo):
    assert rollback(served, repo, "3").stdout == "it is so already; nothing was written\n"


def test_a_service_that_was_never_there_is_refused(served, repo):
    assert "there is no service 'stt-wroker'; did you mean \"stt-worker\"?" in rollback(served, repo, "--service", "stt-wroker", check=2).stderr
    assert rollback(served, repo, "2", "--service", "tts-worker").stdout == "it is so already; nothing was written\n"


def test_an_epoch_that_nobody_knows_is_refused(served, repo):
    assert "the journal knows no epoch 77" in rollback(served, repo, "77", check=3).stderr


def test_a_commit_that_gc_took_is_refused_in_words(tmp_path, repo, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker, EPOCHD_REPOSITORY_REWRITE="allow"))
    daemon.published(1)
    repo.commit({STT: "rate: 2\n"})
    daemon.published(2)
    gone = repo.head()
    repo.git("commit", "-q", "--amend", "-m", "other")
    daemon.published(3)
    repo.git("reflog", "expire", "--expire=now", "--all")
    repo.git("gc", "-q", "--prune=now")
    result = rollback(daemon, repo, "2", check=3)
    assert f"is commit {gone[:12]}, which the repository {repo.path}/ does not have" in result.stderr


def test_many_services_go_only_when_it_is_said(tmp_path, repo, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(1)
    repo.commit({f"services/s{i}.yaml": "a: 1\n" for i in range(4)})
    daemon.published(2)
    assert "[guard.mass-removal]" in rollback(daemon, repo, check=1).stderr
    assert "epoch 3 published" in rollback(daemon, repo, "--allow-mass-removal").stdout
    assert repo.git("log", "-1", "--format=%B").stdout.strip().endswith("Epoch-Rollback: 1\nEpoch-Allow: mass-removal")


def test_without_a_journal_a_commit_can_be_named(repo):
    repo.commit({STT: "rate: 2\n"})
    run(EPOCHCTL, "-C", repo.path, "rollback", "HEAD~1", check=0, EPOCHD_STATE="/nonexistent", EPOCHD_RUN="/nonexistent")
    assert tree(repo) == tree(repo, "HEAD~2")
    result = run(EPOCHCTL, "-C", repo.path, "rollback", check=3, EPOCHD_STATE="/nonexistent")
    assert "looking for the previous epoch in the journal (a commit needs none: epochctl rollback HEAD~1): " in result.stderr


def test_a_bare_repository_goes_back_too(tmp_path, repo, broker, ends):
    path = tmp_path / "bare.git"
    repo.git("clone", "-q", "--bare", str(repo.path), str(path))
    bare = Repo(path)
    daemon = ends(Daemon(tmp_path / "epochd", bare, broker))
    daemon.published(1)
    repo.commit({STT: "rate: 2\n", "services/new/lamp.yaml": "on: true\n"})
    repo.git("push", "-q", str(path), "main")
    daemon.published(2)
    assert "epoch 3 published: -lamp, stt-worker" in daemon.ctl("-C", path, "rollback", check=0).stdout
    assert tree(bare, "main") == tree(bare, "main~2")
