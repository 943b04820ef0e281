"""epochctl init: a ready repository, out of nothing or out of what is there."""
import os
import shutil
import stat
from pathlib import Path

import pytest
from harness import EPOCHCTL, EPOCHD, STRANGER, Daemon, Repo, as_stranger, ctl, run

HOOKS = ("pre-commit", "pre-merge-commit", "post-commit", "post-merge", "post-rewrite", "pre-receive", "post-receive")
BAD = "a: 1\na: 2\n"


def init(path, *options, check=0, **more):
    return ctl("init", path, *options, check=check, **more)


def next_lines(result):
    """The two lines to type, as they are printed."""
    lines = result.stdout.splitlines()
    return [line.strip() for line in lines[lines.index("next:") + 1:]]


def type_line(line, cwd, **env):
    return run("sh", "-c", line, cwd=cwd, EDITOR="sed -i s/hello/hi/", check=0, **env)


def config(repo, key):
    return repo.git("config", "--local", "--get", key, check=False).stdout.strip()


def write_hook(path, text, mode=0o755):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(mode)


def commit(repo, files, *options, check=True, **env):
    """As a user does it, hooks and all."""
    repo.write(files)
    repo.git("add", "-A")
    return repo.git("commit", "-m", "edit", *options, check=check, **env)


def hooks_judge(repo):
    """A commit that is invalid is stopped, and what stops it is ours."""
    name = "services/probe.yaml"
    refused = commit(repo, {name: BAD}, check=False)
    assert refused.returncode == 1 and f"{name}:2:1:" in refused.stderr and "[yaml.duplicate-key]" in refused.stderr, refused.stderr
    accepted = commit(repo, {name: "a: 1\n"})
    assert "epochd: valid" in accepted.stderr
    return True


# --- out of nothing ------------------------------------------------------------------------------------------------------


def test_an_empty_folder_becomes_a_ready_repository(tmp_path):
    result = init(tmp_path / "config")
    repo = Repo(tmp_path / "config")
    assert result.stdout.startswith(f"made {repo.path}, branch main, with hooks that judge and answer\n")
    assert result.stderr == ""
    assert repo.git("status", "--porcelain", "--branch").stdout == "## main\n"
    assert repo.git("ls-files").stdout.split() == ["README.md", "schemas/hello.yaml", "services/hello.yaml"]
    assert repo.git("log", "--format=%an <%ae> %s").stdout == "epochctl <epochctl@localhost> config: begin\n"
    assert ctl("check", cwd=repo.path, check=0).stdout == "ok: 1 service, 0 warnings\n"
    assert hooks_judge(repo)


def test_the_folder_may_be_here_or_below_folders_that_are_not_there_yet(tmp_path):
    here = tmp_path / "here"
    here.mkdir()
    assert f"made {here}," in ctl("init", cwd=here, check=0).stdout
    assert (here / "services/hello.yaml").is_file()
    init(tmp_path / "a/b/config")
    assert (tmp_path / "a/b/config/services/hello.yaml").is_file()


def test_settings_are_durable_and_say_what_is_served(tmp_path):
    init(tmp_path / "config")
    repo = Repo(tmp_path / "config")
    assert {key: config(repo, key) for key in ("core.fsync", "core.logAllRefUpdates", "receive.fsckObjects",
                                               "receive.denyCurrentBranch", "epochd.branch")} == {
        "core.fsync": "all", "core.logAllRefUpdates": "true", "receive.fsckObjects": "true",
        "receive.denyCurrentBranch": "updateInstead", "epochd.branch": "main"}


def test_git_takes_the_durable_settings_without_a_word(tmp_path):
    init(tmp_path / "config")
    repo = Repo(tmp_path / "config")
    result = commit(repo, {"services/a.yaml": "rate: 1\n"}, "-q")
    assert result.stderr.startswith("epochd: valid; 1 service of 2 changes: +a\n")


def test_bare(tmp_path):
    bare = tmp_path / "config.git"
    result = init(bare, "--bare")
    repo = Repo(bare)
    assert config(repo, "core.bare") == "true" and config(repo, "receive.denyCurrentBranch") == ""
    assert repo.git("symbolic-ref", "HEAD").stdout == "refs/heads/main\n"
    laptop = Repo(tmp_path / "laptop")
    laptop.commit({"services/a.yaml": "rate: 1\n"}, "begin")
    pushed = run("sh", "-c", next_lines(result)[0], cwd=laptop.path, check=0)
    assert "remote: epochd: valid; 1 service" in pushed.stderr
    assert repo.head("main") == laptop.head()


# --- the lines to type ---------------------------------------------------------------------------------------------------


def as_the_shell(line):
    """The same line, only that the shell becomes epochd, and so has a pid that is known."""
    assert line.endswith(" epochd")
    return line.removesuffix("epochd") + "exec epochd"


def serve(line, folder, ends, repo):
    """Types the line that starts epochd, which must name the repository itself."""
    daemon = ends(Daemon(folder, "/nowhere", start=False, wrapper=["sh", "-c", as_the_shell(line)]))
    daemon.start()
    status = daemon.status_when(lambda s: s["state"] == "ok" and s["committed"] == repo.count())
    assert status["pid"] == daemon.process.pid and daemon.stop() == 0
    return status


@pytest.mark.parametrize("name", ["config", "a config", "it's \"my\" $HOME; `config` *", "-config", "größe"])
def test_the_next_lines_work_as_they_are(tmp_path, ends, name):
    (tmp_path / "elsewhere").mkdir()
    result = ctl("init", "--", name, cwd=tmp_path, check=0)
    edit, start = next_lines(result)
    edited = type_line(edit, cwd=tmp_path / "elsewhere")
    assert "epochd: valid; 1 service of 1 changes: hello" in edited.stderr
    repo = Repo(tmp_path / name)
    assert repo.count() == 2
    status = serve(start, tmp_path / "epochd", ends, repo)
    assert status["repository"] == str(repo.path) and status["config_epoch"] == repo.head()


def test_the_next_lines_work_for_files_that_are_there(tmp_path, ends):
    shutil.copytree(Path(__file__).parents[2] / "examples/home", tmp_path / "config")
    commit_line, start = next_lines(init(tmp_path / "config"))
    assert "epochd: valid; 6 services" in type_line(commit_line, cwd=tmp_path).stderr
    repo = Repo(tmp_path / "config")
    assert repo.count() == 1
    assert serve(start, tmp_path / "epochd", ends, repo)["service_count"] == 6


def test_the_next_lines_work_for_a_repository_with_a_history_on_another_branch(tmp_path, ends):
    repo = Repo(tmp_path / "config", branch="trunk")
    repo.commit({"services/a.yaml": "rate: 1\n"})
    result = init(repo.path)
    assert "branch trunk," in result.stdout and config(repo, "epochd.branch") == "trunk"
    check, start = next_lines(result)
    assert type_line(check, cwd=tmp_path).stdout == "ok: 1 service, 0 warnings\n"
    assert serve(start, tmp_path / "epochd", ends, repo)["branch"] == "trunk"


def test_the_next_lines_work_without_root(open_folder, ends):
    wrapper = as_stranger()
    home = open_folder / "home"
    home.mkdir()
    os.chown(home, STRANGER, STRANGER)
    for program in (EPOCHCTL, EPOCHD):
        if run("test", "-x", program, wrapper=wrapper).returncode:
            pytest.skip(f"other users cannot run {program}")
    edit, start = next_lines(ctl("init", "config", cwd=home, wrapper=wrapper, HOME=str(home), check=0))
    run("sh", "-c", edit, cwd=home, wrapper=wrapper, HOME=str(home), EDITOR="sed -i s/hello/hi/", check=0)
    state, run_folder = home / ".local/state/epochd", home / ".local/state/epochd-run"
    daemon = Daemon(open_folder / "unused", "/nowhere", start=False, wrapper=[*wrapper, "sh", "-c", as_the_shell(start)], HOME=str(home),
                    EPOCHD_STATE="/nowhere", EPOCHD_RUN="/nowhere")
    ends(daemon)
    daemon.start()
    daemon.committed(2)
    assert state.stat().st_uid == STRANGER and run_folder.stat().st_uid == STRANGER
    assert daemon.stop() == 0


# --- what is there -------------------------------------------------------------------------------------------------------


def test_a_second_time_changes_nothing(tmp_path):
    init(tmp_path / "config")
    repo = Repo(tmp_path / "config")
    before = {name: (repo.path / ".git" / name).read_bytes() for name in ["config", *(f"hooks/{hook}" for hook in HOOKS)]}
    tip = repo.head()
    assert init(repo.path).stdout.startswith(f"completed {repo.path}, branch main,")
    assert {name: (repo.path / ".git" / name).read_bytes() for name in before} == before
    assert repo.head() == tip and not list((repo.path / ".git/hooks").glob("*.before-epochd"))


def test_files_that_are_there_are_left_alone(tmp_path):
    path = tmp_path / "config"
    (path / "services").mkdir(parents=True)
    (path / "services/a.yaml").write_text("rate: 1\n")
    (path / "README.md").write_text("mine\n")
    init(path)
    assert Repo(path).git("status", "--porcelain").stdout == "?? README.md\n?? services/\n"
    assert (path / "README.md").read_text() == "mine\n"


def test_a_readme_is_no_obstacle(tmp_path):
    path = tmp_path / "config"
    path.mkdir()
    (path / "README.md").write_text("mine\n")
    init(path)
    assert Repo(path).git("ls-files").stdout.split() == ["schemas/hello.yaml", "services/hello.yaml"]
    assert (path / "README.md").read_text() == "mine\n"


def test_what_somebody_has_chosen_stays(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.commit({"services/a.yaml": "rate: 1\n"})
    repo.git("branch", "served")
    repo.git("config", "receive.denyCurrentBranch", "refuse")
    repo.git("config", "epochd.branch", "served")
    assert "branch served," in init(repo.path).stdout
    assert config(repo, "receive.denyCurrentBranch") == "refuse" and config(repo, "epochd.branch") == "served"


def test_a_work_tree_does_not_become_bare(tmp_path):
    repo = Repo(tmp_path / "config")
    result = init(repo.path, "--bare", check=2)
    assert "is a repository with a work tree" in result.stderr and config(repo, "core.bare") == "false"


def test_what_cannot_be_written_is_named(open_folder):
    result = ctl("init", open_folder / "config", wrapper=as_stranger(), check=3)
    assert str(open_folder / "config") in result.stderr and "ermission denied" in result.stderr


# --- hooks that are there ------------------------------------------------------------------------------------------------


def test_a_hook_that_is_there_runs_first_and_its_exit_status_counts(tmp_path):
    repo = Repo(tmp_path / "config")
    hook = repo.path / ".git/hooks/pre-commit"
    write_hook(hook, f'echo ran >>{tmp_path}/log\nexec test ! -e {tmp_path}/stop\n')
    init(repo.path)
    assert (hook.parent / "pre-commit.before-epochd").is_file()
    assert hooks_judge(repo)
    assert (tmp_path / "log").read_text() == "ran\n" * 2
    (tmp_path / "stop").touch()
    stopped = commit(repo, {"services/probe.yaml": "a: 2\n"}, check=False)
    assert stopped.returncode == 1 and "epochd" not in stopped.stderr
    init(repo.path)
    assert (hook.parent / "pre-commit.before-epochd").read_text().startswith("#!/bin/sh\necho ran")


def test_a_kept_pre_receive_gets_what_is_pushed(tmp_path):
    bare = Repo(tmp_path / "config.git", bare=True)
    write_hook(bare.path / "hooks/pre-receive", f"cat >{tmp_path}/refs\nexit $(cat {tmp_path}/code)\n")
    init(bare.path)
    laptop = Repo(tmp_path / "laptop")
    laptop.commit({"services/a.yaml": "rate: 1\n"}, "begin")
    laptop.git("branch", "try")
    (tmp_path / "code").write_text("7\n")
    refused = laptop.git("push", str(bare.path), "main", "try", check=False)
    assert refused.returncode == 1 and "pre-receive hook declined" in refused.stderr and "epochd" not in refused.stderr
    (tmp_path / "code").write_text("0\n")
    assert "remote: epochd: valid" in laptop.git("push", str(bare.path), "main", "try").stderr
    zero, tip = "0" * 40, laptop.head()
    assert sorted((tmp_path / "refs").read_text().splitlines()) == [f"{zero} {tip} refs/heads/{name}" for name in ("main", "try")]


def test_a_kept_hook_may_be_a_link_or_a_big_program(tmp_path):
    repo = Repo(tmp_path / "config")
    hooks = repo.path / ".git/hooks"
    write_hook(repo.path / "tools/judge", f"echo linked >>{tmp_path}/log\n")
    hooks.mkdir(exist_ok=True)
    (hooks / "pre-commit").symlink_to("../../tools/judge")
    write_hook(hooks / "pre-receive", "exit 0\n# " + "x" * 2_000_000 + "\n")
    init(repo.path)
    assert (hooks / "pre-commit.before-epochd").is_symlink() and not (hooks / "pre-commit").is_symlink()
    assert (hooks / "pre-receive.before-epochd").stat().st_size > 2_000_000
    assert hooks_judge(repo)
    assert (tmp_path / "log").read_text() == "linked\n" * 2


def test_a_hook_that_was_switched_off_stays_off(tmp_path):
    repo = Repo(tmp_path / "config")
    write_hook(repo.path / ".git/hooks/pre-commit", "exit 1\n", mode=0o644)
    init(repo.path)
    assert stat.S_IMODE((repo.path / ".git/hooks/pre-commit.before-epochd").stat().st_mode) == 0o644
    assert hooks_judge(repo)


def test_a_kept_hook_is_never_lost_to_a_third_one(tmp_path):
    repo = Repo(tmp_path / "config")
    hooks = repo.path / ".git/hooks"
    write_hook(hooks / "pre-commit", "echo first\n")
    init(repo.path)
    write_hook(hooks / "pre-commit", "echo third\n")
    result = init(repo.path, check=3)
    assert "'pre-commit' is not ours and 'pre-commit.before-epochd' is there too" in result.stderr
    assert "first" in (hooks / "pre-commit.before-epochd").read_text() and "third" in (hooks / "pre-commit").read_text()


# --- where git looks for hooks -------------------------------------------------------------------------------------------


def test_hooks_go_where_hooks_path_says(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.git("config", "core.hooksPath", str(tmp_path / "shared/git hooks"))
    init(repo.path)
    assert sorted(p.name for p in (tmp_path / "shared/git hooks").iterdir()) == sorted(HOOKS)
    assert hooks_judge(repo) and push_is_judged(tmp_path, repo)


def test_a_hooks_path_may_begin_in_the_home_folder(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.git("config", "core.hooksPath", "~/hooks")
    init(repo.path, HOME=str(tmp_path))
    assert (tmp_path / "hooks/pre-commit").is_file()
    assert "[yaml.duplicate-key]" in commit(repo, {"services/a.yaml": BAD}, check=False, HOME=str(tmp_path)).stderr


def test_a_relative_hooks_path_counts_from_where_the_hook_runs(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.git("config", "core.hooksPath", "tools/hooks")
    init(repo.path)
    assert (repo.path / "tools/hooks/pre-commit").is_file()
    assert hooks_judge(repo) and push_is_judged(tmp_path, repo)


def test_a_relative_hooks_path_in_a_bare_repository(tmp_path):
    bare = Repo(tmp_path / "config.git", bare=True)
    bare.git("config", "core.hooksPath", "our-hooks")
    init(bare.path)
    laptop = Repo(tmp_path / "laptop")
    laptop.commit({"services/a.yaml": BAD})
    assert "[yaml.duplicate-key]" in laptop.git("push", str(bare.path), "main", check=False).stderr


def push_is_judged(tmp_path, repo):
    run("git", "clone", "-q", repo.path, tmp_path / "clone", check=0)
    clone = Repo(tmp_path / "clone")
    clone.commit({"services/pushed.yaml": BAD})
    refused = clone.git("push", "origin", "HEAD:main", check=False)
    assert refused.returncode == 1 and "services/pushed.yaml:2:1:" in refused.stderr, refused.stderr
    return True


def test_a_linked_work_tree(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.commit({"services/a.yaml": "rate: 1\n"})
    repo.git("worktree", "add", "-q", "-b", "side", str(tmp_path / "linked"))
    linked = Repo(tmp_path / "linked", branch="side")
    assert "branch main," in init(linked.path).stdout
    assert (repo.path / ".git/hooks/pre-commit").is_file()
    assert hooks_judge(linked) and hooks_judge(repo)


# --- epochctl goes away --------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path):
    """epochctl at a place of its own, and a PATH without any."""
    path = tmp_path / "opt/it's here/epochctl"
    path.parent.mkdir(parents=True)
    shutil.copy(EPOCHCTL, path)
    return path, os.pathsep.join(p for p in os.environ["PATH"].split(os.pathsep) if not (Path(p) / "epochctl").exists())


def test_a_hook_finds_epochctl_outside_of_the_path(tmp_path, installed):
    program, path = installed
    run(program, "init", tmp_path / "config", PATH=path, check=0)
    refused = commit(Repo(tmp_path / "config"), {"services/a.yaml": BAD}, check=False, PATH=path)
    assert refused.returncode == 1 and "[yaml.duplicate-key]" in refused.stderr


def test_without_epochctl_nothing_is_blocked_and_it_is_said(tmp_path, installed):
    program, path = installed
    repo = Repo(tmp_path / "config")
    write_hook(repo.path / ".git/hooks/pre-commit", "echo kept >&2\n")
    run(program, "init", repo.path, PATH=path, check=0)
    program.unlink()
    result = commit(repo, {"services/a.yaml": BAD}, PATH=path)
    assert result.stderr.splitlines()[:2] == ["kept", "epochd: epochctl is not installed here, nothing was checked"]
