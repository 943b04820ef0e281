"""What became of it: the hooks that run after a commit, a merge, a rebase or a push tell it to whoever made it."""
import re

import pytest

from harness import EPOCHCTL, Daemon, Repo, ctl, run

STT, ROUTER = "services/audio/stt-worker.yaml", "services/router.yaml"


@pytest.fixture
def served(home, daemon):
    """The six services with hooks, served; `git` of it answers by that daemon."""
    ctl("init", home.path, check=0)
    return home


def told(repo, daemon, *command, check=True, **env):
    return repo.git(*command, check=check, **{**daemon.settings, **env}).stderr


def edit(repo, value, file=STT):
    repo.write({file: f"rate: {value}\n"})
    repo.git("add", "-A")


def test_a_commit_is_told_its_epoch_and_services(served, daemon):
    edit(served, 1)
    assert re.search(r"^epochd: epoch 2 published: stt-worker \(\d+\.\d s\)$", told(served, daemon, "commit", "-qm", "one"), re.M)
    assert re.search(r"^epochd: epoch 3 published: no service changes", told(served, daemon, "commit", "-qm", "x", "--allow-empty"), re.M)


SCHEMA = '{"properties": {"gain": {"type": "integer", "default": %d}}}\n'


def answered(repo, daemon, files):
    repo.write(files)
    repo.git("add", "-A")
    return re.search(r"^epochd: epoch \d+ published(.*) \(\d+\.\d s\)$", told(repo, daemon, "commit", "-qm", "shared"), re.M)[1]


def test_what_services_share_is_told_by_the_services_it_changes(served, daemon):
    """Each commit leaves the files of the services as they are."""
    assert answered(served, daemon, {"bases/loud.yaml": "volume: 9\n", "schemas/router.json": '{"title": "Router"}\n'}) == ": no service changes"
    assert answered(served, daemon, {"epoch.yaml": 'bases: {"stt-*": [loud], "tts-*": [loud]}\n'}) == ": stt-worker, tts-worker"
    assert answered(served, daemon, {"bases/loud.yaml": "volume: 10\n"}) == ": stt-worker, tts-worker"
    assert answered(served, daemon, {"schemas/router.json": SCHEMA % 3}) == ": router"
    assert answered(served, daemon, {"profiles/quiet/tts-worker.yaml": "volume: 1\n"}) == ": no service changes"
    assert answered(served, daemon, {"epoch.yaml": 'bases: {"stt-*": [loud], "tts-*": [loud]}\nprofile: quiet\n'}) == ": tts-worker"
    assert answered(served, daemon, {"bases/loud.yaml": "volume: 11\n", ROUTER: "rate: 1\n"}) == ": router, stt-worker"


def test_of_many_services_the_first_and_a_number_are_told(served, daemon):
    served.commit({f"services/many/s{n:02}.yaml": "a: 1\n" for n in range(30)})
    daemon.published(2)
    assert answered(served, daemon, {"bases/all.yaml": "b: 2\n", "epoch.yaml": 'bases: {"s*": [all]}\n'}) == \
        ": s00, s01, s02, s03, s04, s05, s06, s07 and 23 more"


def test_an_amended_commit_is_told_once(served, daemon):
    edit(served, 1)
    told(served, daemon, "commit", "-qm", "one")
    edit(served, 2)
    answers = told(served, daemon, "commit", "-q", "--amend", "-m", "two")
    assert len(re.findall(r"^epochd: epoch \d+ published", answers, re.M)) == 1


def test_what_an_amend_and_a_pull_change_is_told_against_where_the_branch_was(served, daemon, tmp_path):
    edit(served, 1)
    told(served, daemon, "commit", "-qm", "one")
    assert "published: no service changes" in told(served, daemon, "commit", "-q", "--amend", "-m", "another word")
    edit(served, 2, ROUTER)
    assert "published: router (" in told(served, daemon, "commit", "-q", "-a", "--amend", "--no-edit")
    run("git", "clone", "-q", served.path, tmp_path / "clone", check=0)
    clone = Repo(tmp_path / "clone")
    for value, file in ((3, STT), (3, ROUTER)):
        clone.commit({file: f"rate: {value}\n"}, file)
    assert "published: router, stt-worker (" in told(served, daemon, "pull", "-q", "--ff-only", str(clone.path), "main")


def test_a_merge_a_cherry_pick_and_a_revert_are_told(served, daemon):
    served.git("switch", "-qc", "side")
    edit(served, 1, ROUTER)
    assert "epochd: this is branch side; epochd serves main" in told(served, daemon, "commit", "-qm", "router")
    served.git("switch", "-q", "main")
    edit(served, 1)
    told(served, daemon, "commit", "-qm", "stt")
    assert re.search(r"^epochd: epoch \d+ published: router", told(served, daemon, "merge", "-q", "--no-edit", "side"), re.M)
    assert re.search(r"^epochd: epoch \d+ published: router", told(served, daemon, "revert", "--no-edit", "-m", "1", "HEAD"), re.M)
    served.git("switch", "-qc", "other", "HEAD~1")
    edit(served, 7, "services/extra.yaml")
    served.git("commit", "-qm", "extra")
    served.git("switch", "-q", "main")
    assert re.search(r"^epochd: epoch \d+ published: extra", told(served, daemon, "cherry-pick", "other"), re.M)


def test_a_fast_forward_is_told(served, daemon):
    served.git("switch", "-qc", "side")
    edit(served, 1)
    served.git("commit", "-qm", "one")
    served.git("switch", "-q", "main")
    assert "epoch 2 published: stt-worker" in told(served, daemon, "merge", "--ff-only", "side")


def test_a_rebase_is_told_at_its_end_alone(served, daemon):
    served.git("switch", "-qc", "side")
    for value in (1, 2):
        edit(served, value, ROUTER)
        served.git("commit", "-qm", f"router {value}")
    served.git("switch", "-q", "main")
    edit(served, 3)
    told(served, daemon, "commit", "-qm", "stt")
    served.git("switch", "-q", "side")
    answers = told(served, daemon, "rebase", "-q", "main")
    assert answers.count("epochd: this is branch side; epochd serves main") == 1


def test_a_squash_waits_for_its_commit(served, daemon):
    served.git("switch", "-qc", "side")
    edit(served, 1)
    served.git("commit", "-qm", "one")
    served.git("switch", "-q", "main")
    assert "epochd" not in told(served, daemon, "merge", "-q", "--squash", "side")


def test_what_is_no_branch_is_told_too(served, daemon):
    served.git("switch", "-q", "--detach")
    edit(served, 1)
    assert "epochd: HEAD is detached; epochd serves main" in told(served, daemon, "commit", "-qm", "one")


def test_a_linked_work_tree_answers_as_its_main_one(served, daemon, tmp_path):
    served.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    linked = Repo(tmp_path / "linked")
    edit(linked, 1)
    assert "this is branch side; epochd serves main" in told(linked, daemon, "commit", "-qm", "one")


def test_a_rejected_commit_is_told_with_its_findings(served, daemon):
    served.write({STT: "a: 1\na: 2\n"})
    answers = told(served, daemon, "commit", "-aqm", "bad", "--no-verify")
    assert "epochd: REJECTED [yaml.duplicate-key]" in answers and f"{STT}:2:1: " in answers and "[yaml.duplicate-key]" in answers


def test_a_hold_is_told_with_what_to_type(home, tmp_path, broker, ends):
    ctl("init", home.path, check=0)
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny"))
    daemon.published(1)
    home.git("config", "epochd.wait", "0")  # it may end while it is waited for: the whole time is
    edit(home, 1)
    told(home, daemon, "commit", "-q", "--amend", "-m", "another beginning")
    daemon.state_is("hold:history-rewritten")
    daemon.status_when(lambda status: status["state"] == "hold:history-rewritten")
    answers = told(home, daemon, "commit", "-q", "--amend", "-m", "and another")
    assert f"epochd: NOT served: epochd is in HOLD(history-rewritten) → epochctl accept-rewrite {home.head()[:12]}" in answers


def test_a_broker_that_is_away_is_told(served, daemon, broker):
    broker.stop()
    daemon.state_is("degraded:broker-away")
    edit(served, 1)
    assert "epochd: epoch 2 committed, broker away" in told(served, daemon, "commit", "-qm", "one")


def test_a_daemon_that_does_not_run_is_told(served, daemon):
    daemon.stop()
    edit(served, 1)
    assert told(served, daemon, "commit", "-qm", "one").splitlines()[-1] == "epochd is not running: systemctl start epochd"


def test_where_it_never_ran_nothing_is_said(home, tmp_path):
    ctl("init", home.path, check=0)
    edit(home, 1)
    nowhere = {"EPOCHD_STATE": str(tmp_path / "none"), "EPOCHD_RUN": str(tmp_path / "none-either")}
    assert home.git("commit", "-qm", "one", **nowhere).stderr.splitlines()[-1].strip().startswith("/")


@pytest.mark.parametrize("kind", ["bare", "work tree"])
def test_a_push_over_a_path_is_told_what_it_did(home, tmp_path, broker, ends, kind):
    home.git("clone", "-q", *(["--bare"] if kind == "bare" else []), str(home.path), str(tmp_path / "there"))
    target = Repo(tmp_path / "there")
    ctl("init", target.path, check=0)
    daemon = ends(Daemon(tmp_path / "epochd", target, broker))
    edit(home, 1)
    home.git("commit", "-qm", "one")
    answers = told(home, daemon, "push", "-q", str(target.path), "main")
    assert re.search(r"remote: epochd: epoch \d+ published: .*stt-worker.*\(\d+\.\d s\)", answers), answers
    edit(home, "info", "bases/loud.yaml")
    home.commit({"epoch.yaml": 'bases: {router: [loud]}\n'}, "a base for the router")
    answers = told(home, daemon, "push", "-q", str(target.path), "main")
    assert re.search(r"remote: epochd: epoch \d+ published: router \(\d+\.\d s\)", answers), answers
    home.git("switch", "-qc", "try")
    answers = told(home, daemon, "push", "-q", str(target.path), "try")
    assert "remote: epochd: this is branch try; epochd serves main" in answers


def test_a_push_over_ssh_is_told_what_it_did(home, tmp_path, broker, ends, sshd):
    bare = Repo(tmp_path / "there.git", bare=True)
    ctl("init", bare.path, "--bare", check=0)
    daemon = ends(Daemon(tmp_path / "epochd", bare, broker))
    env = sshd(**{name: value for name, value in daemon.settings.items() if value})
    answers = home.git("push", "-q", f"root@127.0.0.1:{bare.path}", "main", GIT_SSH=str(env["PATH"]).split(":", 1)[0] + "/ssh", **env).stderr
    assert re.search(r"remote: epochd: epoch 1 published: ", answers), answers
    home.write({STT: "a: 1\na: 2\n"})
    home.commit({STT: "a: 1\na: 2\n"})
    refused = home.git("push", "-q", f"root@127.0.0.1:{bare.path}", "main", check=False,
                       GIT_SSH=str(env["PATH"]).split(":", 1)[0] + "/ssh", **env)
    assert refused.returncode == 1 and f"remote: {STT}:2:1: " in refused.stderr and "published" not in refused.stderr


@pytest.mark.parametrize("name", ["post-commit", "post-merge", "post-rewrite", "post-receive"])
def test_afterwards_nothing_fails(tmp_path, name):
    """git has done its work: an error here would only confuse."""
    run(EPOCHCTL, "hook", name, cwd=tmp_path, check=0, stdin="")


def test_it_waits_as_long_as_it_is_told_to(served, daemon, broker):
    """A broker that stands still acknowledges nothing: with 0 the commit alone is told, at once."""
    served.git("config", "epochd.wait", "0")
    edit(served, 1)
    assert re.search(r"^epochd: ", told(served, daemon, "commit", "-qm", "one"), re.M)
    served.git("config", "epochd.wait", "soon")
    edit(served, 2)
    assert "epochd.wait is 'soon'" in told(served, daemon, "commit", "-qm", "two")
