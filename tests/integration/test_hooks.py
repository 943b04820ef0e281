"""The hooks that init installs: they judge what git is about to take, with the daemon's own code, before git takes it."""
import os

import pytest
from harness import EPOCHCTL, STRANGER, Repo, as_stranger, ctl, run

STT = "services/audio/stt-worker.yaml"
ROUTER = "services/router.yaml"
BAD = "a: 1\nb: 2\na: 3\n"
HOME_SERVICES = 6


@pytest.fixture
def repo(home):
    """The six services, with hooks."""
    ctl("init", home.path, check=0)
    return home


@pytest.fixture
def bare(tmp_path):
    path = tmp_path / "config.git"
    ctl("init", path, "--bare", check=0)
    return Repo(path)


@pytest.fixture
def laptop(home, bare):
    """A work tree without hooks, whose origin is the bare repository; its first commit is pushed."""
    home.git("remote", "add", "origin", str(bare.path))
    home.git("push", "-q", "origin", "main")
    return home


def commit(repo, *options, check=None, message="edit", **env):
    result = repo.git("commit", "-m", message, *options, check=False, **env)
    if check is not None:
        assert result.returncode == check, result.stderr
    return result


def push(repo, *refs, check, **env):
    result = repo.git("push", "origin", *refs, check=False, **env)
    assert result.returncode == check, result.stderr
    return result.stderr


# --- pre-commit ----------------------------------------------------------------------------------------------------------


def test_a_commit_is_told_what_it_changes(repo):
    repo.write({STT: "rate: 1\n", "services/new.yaml": "rate: 2\n", ROUTER: None})
    repo.git("add", "-A")
    told = commit(repo, "-q", check=0).stderr
    assert told.startswith("epochd: valid; 3 services of 7 change: +new, -router, stt-worker\n")
    assert "  + new\n      /rate: 2\n  - router\n  ~ stt-worker\n" in told and "      /rate: 1 added\n" in told
    repo.write({"README.md": "# words\n"})
    repo.git("add", "-A")
    assert "epochd: valid; no service changes\n" in commit(repo, "-q", check=0).stderr


def test_an_invalid_commit_is_refused_by_place(repo):
    tip = repo.head()
    repo.write({STT: BAD})
    result = commit(repo, "-a", check=1)
    assert result.stderr.splitlines() == [
        f"{STT}:3:1: key 'a' stands twice: first at 1:1 [yaml.duplicate-key]",
        "epochd: this commit would be refused; git commit --no-verify makes it all the same, and epochd keeps the last good epoch"]
    assert repo.head() == tip
    commit(repo, "-a", "--no-verify", check=0)


def test_what_is_staged_is_judged_and_not_the_files(repo):
    repo.write({STT: "rate: 1\n"})
    repo.git("add", STT)
    repo.write({STT: BAD})
    commit(repo, check=0)
    repo.git("add", STT)
    repo.write({STT: "rate: 1\n"})
    assert f"{STT}:3:1:" in commit(repo, check=1).stderr


def test_files_that_are_not_staged_do_not_matter(repo):
    repo.write({"services/draft.yaml": BAD, ROUTER: "rate: 3\n"})
    repo.git("add", ROUTER)
    commit(repo, check=0)


def test_a_file_that_is_only_promised_is_not_judged(repo):
    repo.write({"services/draft.yaml": BAD, ROUTER: "rate: 3\n"})
    repo.git("add", "--intent-to-add", "services/draft.yaml")
    repo.git("add", ROUTER)
    assert "1 service of 6 changes: router" in commit(repo, check=0).stderr


@pytest.mark.parametrize("option", ["--only", "--include"])
def test_a_partial_commit_is_judged_as_it_will_be(repo, option):
    """git commit -- PATH commits PATH as it is in the work tree; with --only nothing else, whatever is staged."""
    repo.write({STT: BAD})
    repo.git("add", STT)
    repo.write({ROUTER: "rate: 3\n"})
    result = commit(repo, option, "--", ROUTER)
    assert (result.returncode, f"{STT}:3:1:" in result.stderr) == ((0, False) if option == "--only" else (1, True))


def test_a_partial_commit_of_an_invalid_file_is_refused(repo):
    repo.write({ROUTER: "rate: 3\n"})
    repo.git("add", ROUTER)
    repo.write({STT: BAD})
    assert f"{STT}:3:1:" in commit(repo, "--", STT, check=1).stderr


def test_an_amended_commit_is_judged(repo):
    repo.write({STT: "rate: 1\n"})
    commit(repo, "-a", check=0)
    repo.write({STT: BAD})
    assert f"{STT}:3:1:" in commit(repo, "-a", "--amend", check=1).stderr
    repo.write({STT: "rate: 2\n"})
    assert "1 service of 6 changes: stt-worker" in commit(repo, "-a", "--amend", check=0).stderr


def test_the_first_commit_is_judged(tmp_path):
    path = tmp_path / "config"
    (path / "services").mkdir(parents=True)
    ctl("init", path, check=0)
    repo = Repo(path)
    repo.write({STT: BAD})
    repo.git("add", "-A")
    assert f"{STT}:3:1:" in commit(repo, check=1).stderr
    repo.write({STT: "rate: 1\n"})
    repo.git("add", "-A")
    assert "epochd: valid; 1 service\n" in commit(repo, check=0).stderr


def test_a_commit_from_a_folder_below_or_with_git_dir_is_judged(repo, tmp_path):
    repo.write({STT: BAD})
    env = {"GIT_DIR": str(repo.path / ".git"), "GIT_WORK_TREE": str(repo.path)}
    for cwd, more in ((repo.path / "services/audio", {}), (tmp_path, env)):
        result = run("git", "commit", "-a", "-m", "edit", cwd=cwd, **more)
        assert result.returncode == 1 and f"{STT}:3:1:" in result.stderr


def test_a_commit_in_a_linked_work_tree_is_judged(repo, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    linked = Repo(tmp_path / "linked")
    linked.write({STT: BAD})
    assert f"{STT}:3:1:" in commit(linked, "-a", check=1).stderr
    linked.write({STT: "rate: 2\n"})
    commit(linked, "-a", check=0)


def test_behind_a_refused_commit_the_last_valid_one_is_compared_with(repo):
    repo.commit({STT: BAD}, "past the hook")
    repo.write({STT: "rate: 2\n"})
    assert "1 service of 6 changes: stt-worker" in commit(repo, "-a", check=0).stderr


def test_mass_removal_is_warned_of_before_there_is_a_message(repo):
    """A trailer does not exist yet when pre-commit runs: it says what the push, and the daemon, will want."""
    repo.git("rm", "-q", "-r", "services/audio")
    warned = "services: warning: the commit removes 3 of 6 services; if it is meant, add the trailer `Epoch-Allow: mass-removal`"
    assert warned in run(EPOCHCTL, "plan", "--staged", cwd=repo.path, check=0).stderr
    told = commit(repo, check=0).stderr
    assert warned in told and "3 services of 6 change" in told
    assert "mass-removal" not in run(EPOCHCTL, "diff", "HEAD~1", "HEAD", cwd=repo.path, check=0).stderr


def test_an_index_that_cannot_be_read_refuses_and_says_how_to_go_on(repo):
    (repo.path / ".git/index").write_bytes(b"DIRC" + b"\0" * 40)
    result = run(EPOCHCTL, "hook", "pre-commit", cwd=repo.path, check=3)
    assert "epochctl: cannot read the index" in result.stderr
    assert "epochd: nothing was judged; git commit --no-verify goes on without" in result.stderr


# --- merges --------------------------------------------------------------------------------------------------------------


def diverge(repo, ours, theirs):
    repo.git("checkout", "-q", "-b", "side")
    repo.commit(theirs, "theirs")
    repo.git("checkout", "-q", "main")
    repo.commit(ours, "ours")


def test_a_clean_merge_of_two_valid_sides_is_judged(repo):
    diverge(repo, {"services/audio/lamp.yaml": "rate: 1\n"}, {"services/brain/lamp.yaml": "rate: 2\n"})
    tip = repo.head()
    refused = repo.git("merge", "--no-edit", "side", check=False)
    assert refused.returncode == 1 and "[layout.duplicate]" in refused.stderr and repo.head() == tip
    repo.git("rm", "-q", "-f", "services/brain/lamp.yaml")
    assert "epochd: valid" in commit(repo, check=0).stderr
    assert len(repo.git("log", "-1", "--format=%P").stdout.split()) == 2


def test_a_valid_merge_passes(repo):
    diverge(repo, {STT: "rate: 1\n"}, {ROUTER: "rate: 2\n"})
    assert "1 service of 6 changes: router" in repo.git("merge", "--no-edit", "side").stderr


def test_a_merge_with_conflicts_is_judged_when_it_is_committed(repo):
    diverge(repo, {STT: "rate: 1\n"}, {STT: "rate: 2\n"})
    assert repo.git("merge", "--no-edit", "side", check=False).returncode == 1
    repo.git("add", "-A")
    refused = commit(repo, check=1)
    assert f"{STT}:" in refused.stderr and "[yaml." in refused.stderr, "conflict markers"
    repo.write({STT: "rate: 3\n"})
    repo.git("add", "-A")
    commit(repo, check=0)


# --- pre-receive ---------------------------------------------------------------------------------------------------------


def test_a_push_is_told_what_it_changes(laptop, bare):
    laptop.commit({STT: "rate: 1\n"})
    laptop.commit({"services/new.yaml": "rate: 2\n"})
    assert "remote: epochd: valid; 2 services of 7 change: +new, stt-worker" in push(laptop, "main", check=0)
    assert bare.head("main") == laptop.head()


def test_a_push_of_an_invalid_tip_is_refused_by_place_and_leaves_nothing(laptop, bare):
    before = bare.head("main")
    laptop.commit({"services/new.yaml": "rate: 2\n"})
    bad = laptop.commit({STT: BAD})
    told = push(laptop, "main", check=1)
    assert f"remote: {STT}:3:1: key 'a' stands twice: first at 1:1 [yaml.duplicate-key]" in told
    assert "remote: epochd: refused; main stays where it is" in told and "pre-receive hook declined" in told
    assert bare.head("main") == before
    assert bare.git("cat-file", "-e", bad, check=False).returncode != 0, "the quarantine was thrown away"
    laptop.commit({STT: "rate: 3\n"})
    assert "2 services of 7 change: +new, stt-worker" in push(laptop, "main", check=0), "an invalid commit inside a range is no matter"


def test_a_push_into_a_work_tree_is_judged_and_updates_the_files(repo, tmp_path):
    run("git", "clone", "-q", repo.path, tmp_path / "clone", check=0)
    clone = Repo(tmp_path / "clone")
    clone.commit({STT: BAD})
    assert f"remote: {STT}:3:1:" in push(clone, "main", check=1)
    clone.commit({STT: "rate: 1\n"})
    assert "remote: epochd: valid; 1 service of 6 changes: stt-worker" in push(clone, "main", check=0)
    assert (repo.path / STT).read_text() == "rate: 1\n" and repo.git("status", "--porcelain").stdout == ""


def test_a_push_through_a_linked_work_tree_is_judged(repo, tmp_path):
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    run("git", "clone", "-q", tmp_path / "linked", tmp_path / "clone", check=0)
    clone = Repo(tmp_path / "clone")
    clone.commit({STT: BAD})
    assert f"remote: {STT}:3:1:" in push(clone, "HEAD:main", check=1)


def test_one_bad_ref_of_several_refuses_them_all(laptop, bare):
    laptop.git("branch", "try")
    laptop.commit({STT: BAD})
    assert f"{STT}:3:1:" in push(laptop, "main", "try", check=1)
    assert bare.git("branch", "--list", "try").stdout == ""


def test_other_branches_and_tags_pass_unjudged(laptop, bare):
    laptop.git("checkout", "-q", "-b", "try")
    laptop.commit({STT: BAD})
    laptop.git("tag", "bad")
    laptop.git("branch", "main/../x", check=False)
    assert "epochd" not in push(laptop, "try", "bad", check=0)
    laptop.git("checkout", "-q", "main")
    laptop.commit({STT: "rate: 1\n"})
    laptop.git("branch", "-f", "try")
    assert "epochd: valid" in push(laptop, "main", "+try", check=0)


def test_the_branch_that_is_served_is_the_one_of_the_config(laptop, bare):
    bare.git("config", "epochd.branch", "live/robot")
    laptop.commit({STT: BAD})
    assert "epochd" not in push(laptop, "main", check=0)
    assert f"{STT}:3:1:" in push(laptop, "main:live/robot", check=1)


def test_the_served_branch_is_not_deleted_by_a_push(laptop, bare):
    told = push(laptop, ":main", check=1)
    assert "remote: epochd: main is the branch that is served; it is not deleted by a push [ref-missing]" in told
    push(laptop, "main:other", check=0)
    push(laptop, ":other", check=0)


def test_a_rewind_is_denied_in_a_bare_repository(laptop, bare):
    laptop.commit({STT: "rate: 1\n"})
    push(laptop, "main", check=0)
    laptop.git("reset", "-q", "--hard", "HEAD~1")
    told = push(laptop, "+main", check=1)
    assert "rewinds are denied here [history-rewritten]" in told and "git pull --rebase" in told
    laptop.git("commit", "-q", "--allow-empty", "-m", "other")
    assert "[history-rewritten]" in push(laptop, "+main", check=1)


@pytest.mark.parametrize("policy", ["amend", "allow"])
def test_a_rewind_passes_where_the_policy_says_so_and_is_judged(laptop, bare, policy):
    bare.git("config", "epochd.rewrite", policy)
    laptop.commit({STT: "rate: 1\n"})
    push(laptop, "main", check=0)
    laptop.commit({STT: BAD}, "edit", "--amend")
    assert f"{STT}:3:1:" in push(laptop, "+main", check=1)
    laptop.commit({STT: "rate: 2\n"}, "edit", "--amend")
    assert "1 service of 6 changes: stt-worker" in push(laptop, "+main", check=0)


def test_a_rewind_passes_in_a_work_tree_unless_it_is_denied(repo, tmp_path):
    repo.commit({STT: "rate: 1\n"})
    run("git", "clone", "-q", repo.path, tmp_path / "clone", check=0)
    clone = Repo(tmp_path / "clone")
    clone.commit({STT: "rate: 2\n"}, "edit", "--amend")
    assert "epochd: valid" in push(clone, "+main", check=0)
    repo.git("config", "epochd.rewrite", "deny")
    clone.commit({STT: "rate: 3\n"}, "edit", "--amend")
    assert "[history-rewritten]" in push(clone, "+main", check=1)


def test_a_policy_that_is_not_known_is_named(laptop, bare):
    bare.git("config", "epochd.rewrite", "Deny")
    laptop.commit({STT: "rate: 1\n"})
    assert "epochd.rewrite is 'Deny', and not amend, deny or allow [settings]" in push(laptop, "main", check=1)


def test_mass_removal_needs_a_trailer(laptop, bare):
    laptop.git("rm", "-q", "-r", "services/audio")
    laptop.commit(message="no more audio")
    told = push(laptop, "main", check=1)
    assert "remote: services: the commit removes 3 of 6 services" in told and "[guard.mass-removal]" in told
    laptop.commit({}, "no more audio\n\nEpoch-Allow: mass-removal\n", "--amend")
    assert "3 services of 6 change: -stt-worker, -tts-worker, -wake-activation" in push(laptop, "main", check=0)


def test_mass_removal_behind_a_refused_tip_is_seen(laptop, bare):
    """What is in force is not what an invalid tip says."""
    bare.git("config", "--unset", "epochd.branch")
    laptop.commit({STT: BAD})
    (bare.path / "hooks/pre-receive").chmod(0o644)
    push(laptop, "main", check=0)
    (bare.path / "hooks/pre-receive").chmod(0o755)
    laptop.git("rm", "-q", "-r", "services/audio")
    laptop.commit(message="no more audio")
    assert "[guard.mass-removal]" in push(laptop, "main", check=1)


def test_a_first_push_into_an_empty_repository_is_judged(home, bare):
    home.git("remote", "add", "origin", str(bare.path))
    good = home.head()
    home.commit({STT: BAD})
    assert f"{STT}:3:1:" in push(home, "main", check=1)
    home.git("reset", "-q", "--hard", good)
    assert "epochd: valid; 6 services" in push(home, "main", check=0)


def test_a_push_from_a_shallow_clone_is_judged(laptop, bare, tmp_path):
    laptop.commit({STT: "rate: 1\n"})
    push(laptop, "main", check=0)
    run("git", "clone", "-q", "--depth", "1", f"file://{bare.path}", tmp_path / "shallow", check=0)
    shallow = Repo(tmp_path / "shallow")
    shallow.commit({STT: BAD})
    assert f"{STT}:3:1:" in push(shallow, "main", check=1)
    shallow.commit({STT: "rate: 2\n"})
    assert "1 service of 6 changes: stt-worker" in push(shallow, "main", check=0)


def test_somebody_else_pushes_into_a_shared_repository(home, open_folder):
    """The pusher is not the owner, cannot read HOME, and has no settings of epochd."""
    wrapper = as_stranger()
    if run("test", "-x", EPOCHCTL, wrapper=wrapper).returncode:
        pytest.skip(f"other users cannot run {EPOCHCTL}")
    bare = Repo(open_folder / "config.git", bare=True)
    bare.git("config", "core.sharedRepository", "group")
    ctl("init", bare.path, check=0)
    run("chgrp", "-R", STRANGER, bare.path, check=0)
    run("chmod", "-R", "g+rwX", bare.path, check=0)
    trust = open_folder / "gitconfig"
    trust.write_text("[safe]\n\tdirectory = *\n")
    closed = open_folder / "home"
    closed.mkdir(mode=0o700)
    receive = " ".join(["env", f"HOME={closed}", f"XDG_CONFIG_HOME={closed}", f"GIT_CONFIG_SYSTEM={trust}", "EPOCHD_CONFIG=/nowhere",
                        *wrapper, "git-receive-pack"])
    home.git("remote", "add", "origin", str(bare.path))
    home.git("config", "remote.origin.receivepack", receive)
    good = home.head()
    home.commit({STT: BAD})
    assert f"remote: {STT}:3:1:" in push(home, "main", check=1)
    home.git("reset", "-q", "--hard", good)
    assert "remote: epochd: valid; 6 services" in push(home, "main", check=0)
    assert os.stat(bare.path / "refs/heads/main").st_uid == STRANGER


# --- the verb itself -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("args", [[], ["commit-msg"]])
def test_a_hook_that_is_not_known_is_a_usage_error(repo, args):
    assert "usage: epochctl hook" in run(EPOCHCTL, "hook", *args, cwd=repo.path, check=2).stderr


@pytest.mark.parametrize("line", ["", "\n", "x\n", "0 0 refs/heads/main\n", f"{'0' * 40} {'g' * 40} refs/heads/main\n",
                                  f"{'0' * 40} {'1' * 40} refs/heads/{'x' * 300}\n", f"{'0' * 40} {'1' * 40} refs/heads/\n"])
def test_pre_receive_passes_over_what_is_no_push_to_the_served_branch(bare, line):
    run(EPOCHCTL, "hook", "pre-receive", cwd=bare.path, stdin=line, check=0)


@pytest.mark.parametrize("stdin", ["<&-", "</"])
def test_pre_receive_refuses_what_it_could_not_read(bare, stdin):
    result = run("sh", "-c", f"exec {EPOCHCTL} hook pre-receive {stdin}", cwd=bare.path, check=3)
    assert "cannot read what is pushed" in result.stderr and "nothing was judged" in result.stderr
