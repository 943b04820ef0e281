"""Repositories of every kind: those that cannot be served are refused with cause and remedy, the others are served; what is in them
may be hostile, and then the last epoch stays in force."""
import json
import shutil
import subprocess

import pytest

import hostile_trees
from harness import EPOCHD, SOURCE, STRANGER, STUCK_S, Daemon, Repo, Subscriber, as_stranger, ctl, environment, run

STT = "services/audio/stt-worker.yaml"
CONFIG, VERSION = "config", "core.repositoryformatversion"


# --- what cannot be served -----------------------------------------------------------------------------------------------


def owned_by_another(repo):
    as_stranger()
    run("chown", "-R", str(STRANGER), repo.path, check=0)


def extended(name):
    def extend(repo):
        repo.git(CONFIG, VERSION, "1")
        repo.git(CONFIG, f"extensions.{name}", "true")
    return extend


def of_version_2(repo):
    repo.git(CONFIG, VERSION, "2")


def of_sha256(repo):
    shutil.rmtree(repo.path)
    subprocess.run(["git", "init", "-q", "-b", "main", "--object-format=sha256", str(repo.path)], check=True, env=environment())
    repo.commit({"services/a.yaml": "rate: 1\n"})


def shallow(repo):
    repo.commit({"services/a.yaml": "rate: 1\n"})
    whole = repo.path.rename(repo.path.with_name("whole"))
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{whole}", str(repo.path)], check=True, env=environment())


def missing(repo):
    shutil.rmtree(repo.path)


def plain(repo):
    shutil.rmtree(repo.path / ".git")


def in_a_work_tree(repo):
    repo.path /= "services"


REFUSED = {
    "of another owner": (owned_by_another, "repo.owner", f"belongs to uid {STRANGER}", f"add {STRANGER} to repository.trusted_uids"),
    "of sha256": (of_sha256, "repo.format", "uses extensions.objectformat", "git init --object-format=sha1"),
    "of version 2": (of_version_2, "repo.format", "unsupported repository version 2", "git clone"),
    "with an unknown extension": (extended("unheard"), "repo.format", "uses extensions.unheard", "git clone"),
    "that is shallow": (shallow, "repo.shallow", "epoch unknown (shallow clone: ", "git fetch --unshallow)"),
    "that is missing": (missing, "repo.missing", "there is no git repository at", "epochctl init"),
    "that is a plain folder": (plain, "repo.missing", "is no git repository", "epochctl init"),
    "above the path": (in_a_work_tree, "repo.missing", "config/services' is no git repository", "repository.path"),
}


def refused_at_start(daemon, code, *words):
    """epochd ends with 3 and says so in its log; --check does, to whoever asks."""
    result = subprocess.run([*daemon.wrapper, str(EPOCHD)], env=daemon.env, text=True, capture_output=True, timeout=STUCK_S, check=False)
    assert result.returncode == 3, result.stderr
    last = json.loads(result.stderr.splitlines()[-1])
    assert (last["event"], last["code"]) == ("not_started", code)
    check = subprocess.run([*daemon.wrapper, str(EPOCHD), "--check"], env=daemon.env, text=True, capture_output=True, timeout=STUCK_S, check=False)
    assert (check.returncode, check.stdout) == (3, "")
    assert check.stderr.startswith("epochd: ") and check.stderr.endswith(f"[{code}]\n")
    for word in words:
        assert word in last["message"] and word in check.stderr, word


@pytest.mark.parametrize("kind", REFUSED)
def test_f45_f46__a_repository_that_cannot_be_served_is_refused_with_cause_and_remedy(tmp_path, home, kind):
    spoil, code, *words = REFUSED[kind]
    spoil(home)
    refused_at_start(Daemon(tmp_path / "epochd", home, start=False), code, *words)


@pytest.mark.parametrize("part", [".", ".git"])
def test_a_repository_that_may_not_be_read_is_refused_by_the_file(open_folder, part):
    repo = Repo.home(open_folder / "config")
    owned_by_another(repo)
    denied = repo.path / part
    denied.chmod(0)
    (open_folder / "epochd").mkdir()
    (open_folder / "epochd").chmod(0o777)
    daemon = Daemon(open_folder / "epochd", repo, start=False, wrapper=as_stranger())
    refused_at_start(daemon, "repo.access", f"cannot read '{str(denied).removesuffix('/.')}'", "Permission denied")


def test_f46__a_trusted_owner_is_served(tmp_path, home, ends):
    owned_by_another(home)
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_REPOSITORY_TRUSTED_UIDS=str(STRANGER)))
    daemon.committed(1)


def test_a_clone_that_became_shallow_is_no_reason_to_stop_serving(tmp_path, home, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    daemon.published(1)
    daemon.stop()
    shallow(home)
    daemon.start()
    daemon.wait("epoch_held", code="repo.shallow")
    assert daemon.status()["epoch"] == 1
    home.git("fetch", "-q", "--unshallow")
    daemon.hup()
    daemon.committed(2)


# --- what can be served --------------------------------------------------------------------------------------------------


def bare(repo, path):
    subprocess.run(["git", "clone", "-q", "--bare", str(repo.path), str(path)], check=True, env=environment())
    return Repo(path)


def work_tree(repo, _path):
    return repo


def linked_work_tree(repo, path):
    repo.git("checkout", "-q", "--detach")
    repo.git("worktree", "add", "-q", str(path), "main")
    return Repo(path)


def shared_clone(repo, path):
    subprocess.run(["git", "clone", "-q", "--shared", str(repo.path), str(path)], check=True, env=environment())
    return Repo(path)


def packed(repo, _path):
    repo.git("gc", "-q", "--prune=now")
    repo.git("pack-refs", "--all", "--prune")
    assert not (repo.path / ".git/refs/heads/main").exists()
    return repo


def sparse(repo, _path):
    repo.git("sparse-checkout", "set", "schemas")
    assert not (repo.path / STT).exists()
    return repo


def detached(repo, _path):
    repo.git("checkout", "-q", "--detach")
    return repo


def on_another_branch(repo, _path):
    repo.git("checkout", "-q", "-b", "draft")
    repo.commit({STT: "broken: [\n"}, "on draft")
    return repo


@pytest.mark.parametrize("kind", [bare, work_tree, linked_work_tree, shared_clone, packed, sparse, detached, on_another_branch], ids=lambda f: f.__name__)
def test_f45__every_other_kind_is_served_and_followed(tmp_path, home, kind, ends):
    repo = kind(home, tmp_path / "other")
    daemon = ends(Daemon(tmp_path / "epochd", repo))
    checked = run(EPOCHD, "--check", **daemon.settings, check=0)
    assert checked.stdout.startswith(f"settings are fine; branch main of {repo.path} can be read\n")
    assert daemon.committed(1)["changed"] == 6
    commit = hostile_trees.commit_tree(repo.path, repo.head("main^{tree}"))
    assert daemon.committed(2)["config_epoch"] == commit
    assert daemon.wait("epoch_committed", epoch=2)["changed"] == 0


def test_the_work_tree_is_never_read(tmp_path, home, ends):
    (home.path / STT).write_text("broken: [\n")
    home.git("add", STT)
    (home.path / "services/not-committed.yaml").write_text("a: 1\n")
    daemon = ends(Daemon(tmp_path / "epochd", home))
    assert daemon.committed(1)["changed"] == 6


def test_replace_refs_are_a_local_opinion_and_not_followed(tmp_path, home, ends):
    genuine = home.head("main^{tree}")
    other = hostile_trees.root(home.path, services=[hostile_trees.blob(home.path, "forged.yaml", "a: 1\n")])
    home.git("replace", genuine, other)
    daemon = ends(Daemon(tmp_path / "epochd", home))
    assert daemon.committed(1)["changed"] == 6


# --- what is in them -----------------------------------------------------------------------------------------------------

@pytest.fixture
def served(tmp_path, ends):
    """A bare repository whose first epoch, one good service, is in force."""
    repo = Repo(tmp_path / "config.git", bare=True)
    hostile_trees.commit_tree(repo.path, hostile_trees.root(repo.path, services=[hostile_trees.blob(repo.path, "good.yaml", "rate: 0\n")]))
    daemon = ends(Daemon(tmp_path / "epochd", repo))
    daemon.committed(1)
    return repo, daemon


HELD = {  # these cannot be told from a damaged repository, which may be mended
    "a path that leaves the folder", "a slash in a name", "an absolute path", "no name", "a name of 4 KB", "one name twice",
    "a file and a folder of one name", "a mode that is no number", "a blob that is said to be a folder",
    "a folder that is said to be a blob", "a file that is missing", "a folder that is missing", "a tree that is cut off",
}


@pytest.mark.parametrize("case", hostile_trees.ALL)
def test_a_hostile_tree_is_turned_away_and_the_next_good_commit_served(served, case):
    repo, daemon = served
    commit = hostile_trees.commit_tree(repo.path, hostile_trees.services(repo.path, case))
    if case in HELD:
        assert daemon.wait("epoch_held")["code"].startswith("repo")
        daemon.state_is("hold:repo-unreadable")
    else:
        rejected = daemon.wait("epoch_rejected")
        assert (rejected["config_epoch"], rejected["in_force"]) == (commit, 1)
        assert daemon.wait("finding")["code"] == rejected["code"]
    assert daemon.status()["epoch"] == 1
    good = hostile_trees.root(repo.path, services=[hostile_trees.blob(repo.path, "good.yaml", "rate: 2\n")])
    hostile_trees.commit_tree(repo.path, good)
    assert daemon.committed(3)["changed"] == 1
    daemon.snapshot(3)
    assert "rate: 2" in daemon.ctl("show", "good", check=0).stdout
    assert daemon.stop() == 0


BOMBS = {
    "of aliases": "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(f"{b}: &{b} [{','.join([f'*{a}'] * 10)}]\n" for a, b in zip("abcdefgh", "bcdefghi")),
    "of long aliases": "a: &a " + "x" * 60000 + "\nb: [" + ",".join(["*a"] * 20) + "]\n",
    "of depth": "a: " + "[" * 50000 + "]" * 50000 + "\n",
    "of mappings in one line": "a: " + "{a: " * 5000 + "1" + "}" * 5000 + "\n",
    "of an alias to itself": "a: &a [*a]\n",
    "of values": "a: [" + "1," * 100001 + "]\n",
    "of keys": "".join(f"k{n}: 1\n" for n in range(60000)),
    "of anchors": "".join(f"k{n}: &a{n} 1\n" for n in range(50000)),
    "of spaces": "a:" + " " * (1 << 20) + "1\n",
    "of question marks": "? " * 100000 + "\n",
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_f42_f53__a_bomb_does_not_go_off(served, bomb):
    repo, daemon = served
    tree = hostile_trees.root(repo.path, services=[hostile_trees.blob(repo.path, "bomb.yaml", BOMBS[bomb])])
    hostile_trees.commit_tree(repo.path, tree)
    finding = daemon.wait("finding", level="error")
    assert finding["code"].startswith(("limit.", "yaml.")) and finding["file"] == "services/bomb.yaml"
    assert daemon.wait("epoch_rejected")["in_force"] == 1
    peak = next(line for line in open(f"/proc/{daemon.process.pid}/status", encoding="ascii") if line.startswith("VmHWM:"))
    assert int(peak.split()[1]) < 200 * 1024


# --- many, and their numbers ---------------------------------------------------------------------------------------------


def test_2000_services_in_folders_of_100_are_served_and_an_edit_publishes_one(tmp_path, broker, ends):
    repo = Repo(tmp_path / "config")
    repo.commit({f"services/f{n // 100:02}/s{n:04}.yaml": f"rate: {n}\n" for n in range(2000)}, "begin")
    heads = ends(Subscriber(broker.port, f"system/epoch/{SOURCE}"))  # for more mosquitto would queue 1,000 messages and drop the rest
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(1)
    head = json.loads(heads.epoch(1))
    assert head["services"] == 2000 and head["changed"] is None, "too many to be listed"
    news = ends(Subscriber(broker.port, "system/config/+", f"system/epoch/{SOURCE}", will_retain=False))
    repo.commit({"services/f07/s0777.yaml": "rate: 1\n"}, "edit")
    assert json.loads(news.epoch(2))["changed"] == {"s0777": 2}
    daemon.published(2)
    assert [topic for topic, _, _ in news.messages] == ["system/config/s0777", f"system/epoch/{SOURCE}"]


def test_an_epoch_is_what_git_counts_over_merges_too(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    for n in range(3):
        home.git("checkout", "-q", "-b", f"topic-{n}")
        for k in range(n + 1):
            home.commit({f"services/t{n}.yaml": f"k: {k}\n"}, "topic")
        home.git("checkout", "-q", "main")
        commit = home.commit({f"services/m{n}.yaml": f"n: {n}\n"}, "main")
        assert daemon.committed(home.count("main"))["config_epoch"] == commit
        home.git("merge", "-q", "--no-ff", "-m", "merge", f"topic-{n}")
        assert daemon.committed(home.count("main"))["config_epoch"] == home.head("main")
    home.git("checkout", "-q", "--orphan", "island")
    home.commit({}, "island")
    home.git("checkout", "-q", "main")
    home.git("merge", "-q", "--allow-unrelated-histories", "-s", "ours", "-m", "bridge", "island", "topic-0")
    assert home.count("main") == 15
    assert daemon.committed(15)["config_epoch"] == home.head("main")
    again = ends(Daemon(tmp_path / "again", home))
    assert again.committed(15)["config_epoch"] == home.head("main"), "counted whole, and step by step"


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_no_certificate_of_the_host_is_read_for_a_repository(tmp_path):
    repo = Repo.home(tmp_path / "home")
    trace = tmp_path / "trace"
    ctl("-C", repo.path, "check", "main", check=0, wrapper=["strace", "-f", "-e", "trace=open,openat", "-o", str(trace)])
    opened = trace.read_text()
    assert "libgit2" in opened and "objects/" in opened
    assert "/etc/ssl" not in opened
