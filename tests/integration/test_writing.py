"""What the verbs that write share: repositories in the middle of something, bare ones, somebody else's; pushes; the answer."""
import subprocess

import pytest
from harness import STRANGER, Daemon, Repo, as_stranger, ctl, run
from writings import STT, TEXT, at, commented, text, untouched


@pytest.fixture
def repo(home):
    return commented(home)


@pytest.fixture
def bare(repo, tmp_path):
    path = tmp_path / "bare.git"
    repo.git("clone", "-q", "--bare", str(repo.path), str(path))
    return Repo(path)


@pytest.mark.parametrize("doing", ["merge", "cherry-pick", "rebase"])
def test_nothing_is_written_in_the_middle_of(repo, doing):
    repo.git("switch", "-q", "-c", "side")
    repo.commit({STT: TEXT + "a: 1\n"})
    repo.git("switch", "-q", "main")
    repo.commit({STT: TEXT + "a: 2\n"})
    assert repo.git(doing, "side", check=False).returncode != 0
    before = untouched(repo)
    for verb in (["set", "router", "a=1"], ["add", "new"], ["rm", "router"], ["mv", "router", "r2"], ["edit", "router"], ["rollback", "HEAD~1"]):
        refused = at(repo, *verb, check=1, EDITOR="false")
        assert f"a {doing} is in progress: git {doing} --continue, or git {doing} --abort [repo.dirty]" in refused.stderr
    assert untouched(repo) == before


def test_a_bare_repository_is_written_on_its_tip(bare):
    tip = bare.head("main")
    at(bare, "set", "stt-worker", "model=large", "-m", "stt: larger\n\nBecause.", check=0)
    assert text(bare, rev="main") == TEXT.replace("base ", "large ")
    assert bare.head("main^") == tip
    assert bare.git("log", "-1", "--format=%an|%B", "main").stdout.rstrip() == "Ada|stt: larger\n\nBecause."
    assert bare.git("fsck", "--strict").returncode == 0


def test_the_first_commit_of_a_bare_repository_is_pushed(tmp_path):
    ctl("init", "--bare", tmp_path / "new.git", check=0)
    assert "branch main has no commit yet: git push brings the first" in at(Repo(tmp_path / "new.git"), "add", "lamp", check=2).stderr


def test_a_branch_that_git_holds_is_not_written(bare):
    lock = bare.path / "refs/heads/main.lock"
    lock.write_text("")
    result = at(bare, "set", "stt-worker", "model=large", check=3)
    assert "cannot move the branch" in result.stderr and text(bare, rev="main") == TEXT


def test_push_is_for_work_trees(bare, repo):
    assert "--push is for work trees" in at(bare, "set", "router", "level=debug", "--push", check=2).stderr
    repo.git("remote", "add", "origin", str(bare.path))
    repo.git("push", "-q", "-u", "origin", "main")
    at(repo, "set", "router", "level=debug", "--push", check=0)
    assert bare.head("main") == repo.head()


def test_a_push_that_can_go_nowhere_is_refused_before_the_commit(repo):
    before = untouched(repo)
    assert "there is nowhere to push to, and nothing was written" in at(repo, "set", "router", "level=debug", "--push", check=2).stderr
    assert untouched(repo) == before


def test_a_push_that_fails_says_that_the_commit_is_there(repo, tmp_path):
    repo.git("remote", "add", "origin", str(tmp_path / "nothing"))
    result = at(repo, "set", "router", "level=debug", "--push", check=3)
    assert f"committed as {repo.head()[:12]}, and not pushed" in result.stderr
    assert "router: set /level" in repo.git("log", "-1", "--format=%s").stdout


@pytest.mark.parametrize("kind", ["work tree", "bare"])
def test_root_acts_as_the_owner(repo, open_folder, kind):
    as_stranger()  # skips where we are not root
    path = open_folder / "config"
    repo.git("clone", "-q", *(["--bare"] if kind == "bare" else []), str(repo.path), str(path))
    hook = path / ("hooks" if kind == "bare" else ".git/hooks") / "post-commit"
    hook.write_text(f"#!/bin/sh\nid -u > {open_folder}/uid\n")
    hook.chmod(0o755)
    open_folder.chmod(0o777)
    subprocess.run(["chown", "-R", f"{STRANGER}:{STRANGER}", str(path)], check=True)
    at(Repo(path), "set", "stt-worker", "model=large", check=0)
    others = subprocess.run(["find", str(path), "!", "-uid", str(STRANGER)], text=True, stdout=subprocess.PIPE, check=True).stdout
    assert others == ""
    if kind == "work tree":
        assert (open_folder / "uid").read_text() == f"{STRANGER}\n", "hooks run with the owner's rights"
        assert (path / STT).read_text() == TEXT.replace("base ", "large ")
    log = run("git", "-c", f"safe.directory={path}", "-C", path, "log", "-1", "--format=%an|%s", "main", wrapper=as_stranger())
    assert log.stdout == "Ada|stt-worker: set /model\n"


@pytest.fixture
def served(tmp_path, repo, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(2)
    daemon.snapshot(2)
    return daemon


def test_it_says_what_became_of_the_commit(served, repo):
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1].startswith(f"{repo.head()[:12]}  epoch 3 published: stt-worker (")


def test_it_says_that_another_branch_is_served(served, repo):
    repo.git("checkout", "-q", "-b", "try")
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1] == f"{repo.head()[:12]}  this is branch try; epochd serves main"


def test_it_says_that_the_broker_is_away(served, repo, broker):
    broker.kill()
    served.state_is("degraded:broker-away")
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1].endswith("epoch 3 committed, broker away: stt-worker")


def test_it_says_that_epochd_does_not_run(served, repo):
    served.stop()
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=0)
    assert result.stdout.splitlines()[-1].endswith("epochd is not running: systemctl start epochd")


def test_on_a_laptop_it_says_that_a_push_is_what_is_missing(repo):
    repo.git("remote", "add", "origin", "host:config.git")
    result = at(repo, "set", "router", "level=debug", check=0, EPOCHD_STATE="/nonexistent", EPOCHD_RUN="/nonexistent")
    assert result.stdout.splitlines()[-1].endswith("epochd does not run here; git push takes it to where it does")


def test_the_wait_is_the_repositorys(served, repo):
    repo.git("config", "epochd.wait", "soon")
    assert "epochd.wait is 'soon'" in served.ctl("-C", repo.path, "set", "stt-worker", "model=large", check=3).stderr


def test_expect_is_a_lock_in_the_words_everybody_knows(served, repo):
    before = untouched(repo)
    result = served.ctl("-C", repo.path, "set", "stt-worker", "model=large", "--expect", "1", check=1)
    assert result.stderr == "epochctl: Version mismatch: expected 1, current is 2 [version-mismatch]\n"
    assert untouched(repo) == before
    served.ctl("-C", repo.path, "set", "stt-worker", "model=large", "--expect", "2", check=0)
    served.snapshot(3)
    assert "current is 3" in served.ctl("-C", repo.path, "set", "stt-worker", "model=x", "--expect", "2", check=1).stderr
    served.ctl("-C", repo.path, "set", "router", "level=debug", "--expect", "2", check=0)


def test_expect_sees_commits_that_are_not_in_force_yet(served, repo):
    served.stop()
    repo.commit({STT: TEXT.replace("base", "other")})
    assert "expected 2, current is 3" in served.ctl("-C", repo.path, "set", "stt-worker", "model=x", "--expect", "2", check=1).stderr
    served.ctl("-C", repo.path, "set", "router", "level=debug", "--expect", "2", check=0)
