"""Completion, as the shells do it: bash and zsh on a terminal of their own, fish by the question it asks itself."""
import os
import pty
import re
import select
import shutil
import subprocess
import time

import pytest
from harness import BUILD, EPOCHCTL, PATIENCE_S, ROOT, Repo, ctl, environment
from layered import layered

PROMPT = "ready> "


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    repo = Repo.home(tmp_path_factory.mktemp("completion") / "config")
    repo.git("branch", "feature-x")
    return repo.path


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    sanitizer = BUILD.name.partition("-")[2]  # or make would build the other kind over it
    subprocess.run(["make", "-s", "-C", ROOT, "install", f"O={BUILD}", f"SAN={sanitizer if sanitizer in ('asan', 'tsan') else ''}",
                    f"DESTDIR={folder}", "PREFIX=/usr"], check=True, stdout=subprocess.DEVNULL)
    return folder / "usr/share"


def candidates(*words, cwd):
    lines = ctl("complete", "--", *words, cwd=cwd, check=0).stdout.splitlines()
    return [line.split("\t")[0] for line in lines]


@pytest.mark.parametrize(("words", "expected"), [
    (["sta"], ["status"]),
    (["show", "st"], ["stt-worker"]),
    (["show", "--at", "1", "st"], ["stt-worker"]),
    (["log", "--j"], ["--json"]),
    (["check", "--format", ""], ["text", "json", "sarif", "github", "gitlab"]),
    (["check", "--format", "j"], ["json"]),
    (["check", "--format", "=", "j"], ["json"]),
    (["check", "--format", "="], ["text", "json", "sarif", "github", "gitlab"]),
    (["check", "--format=j"], ["--format=json"]),
    (["check", ""], [":rev"]),
    (["keys", ""], ["init", "list"]),
    (["keys", "list", "--keys", ""], [":dir"]),
    (["verify", "lkg", ""], [":file"]),
    (["-C", ""], [":dir"]),
    (["-H", ""], [":host"]),
    (["-H", "elsewhere", "sho"], ["show"]),
    (["-H", "elsewhere", "show", ""], []),
    (["--config", "x", "sta"], ["status"]),
    (["help", "yaml.dup"], ["yaml.duplicate-key"]),
    (["help", "stat"], ["state-lost", "status"]),
    (["nothing", ""], []),
    (["status", "x", ""], []),
    (["help", "--", "--"], []),
], ids=" ".join)
def test_the_word_at_the_cursor(config, words, expected):
    assert candidates(*words, cwd=config) == expected


@pytest.mark.parametrize(("words", "expected"), [
    (["explain", "stt"], ["stt-worker"]),
    (["explain", "stt-worker", "/v"], ["/vad_aggressiveness", "/vad_threshold"]),
    (["set", "stt-worker", "/l"], ["/language", "/log_level"]),
    (["explain", "router", "/w"], []),
    (["explain", "stt-worker", "--profile", ""], ["night", "quiet"]),
    (["profile", ""], ["list", "show", "diff", "use", "save"]),
    (["profile", "use", ""], ["night", "quiet"]),
    (["profile", "save", "loud", "tts"], ["tts-worker"]),
    (["schema", ""], ["validate", "print", "env", "infer"]),
], ids=" ".join)
def test_keys_come_from_every_layer_and_the_schema_and_profiles_are_known(tmp_path, words, expected):
    repo = layered(tmp_path / "config")
    repo.write({"profiles/quiet/tts-worker.yaml": "volume: 1\n"})
    assert candidates(*words, cwd=repo.path) == expected


def test_a_key_is_told_with_its_title(tmp_path):
    repo = layered(tmp_path / "config")
    lines = ctl("complete", "--", "explain", "stt-worker", "/vad_t", cwd=repo.path, check=0).stdout.splitlines()
    assert lines == ["/vad_threshold\tVoice detector threshold"]
    repo.write({"services/audio/stt-worker.yaml": "a: 1\na: 2\n"})
    lines = ctl("complete", "--", "explain", "stt-worker", "/wh", cwd=repo.path, check=0).stdout.splitlines()
    assert lines == ["/whisper_model\t"], "of a file that cannot be read the schema still knows its keys"


def test_a_key_that_a_terminal_or_a_line_would_obey_is_not_offered(tmp_path):
    repo = layered(tmp_path / "config")
    repo.write({"services/odd.yaml": '"a\\nrm\\t-r": 1\n"\\e[31mred": 1\n"\\u202Eleft": 1\n"é": 1\nplain: 1\n'})
    found = candidates("explain", "odd", "/", cwd=repo.path)
    assert {"/plain", "/é"} < set(found) and all(word.startswith("/") and word.isprintable() for word in found)


def test_every_verb_and_every_option_is_offered(config):
    verbs = [line.split()[0] for line in ctl("help").stdout.split("\n\n")[1].splitlines()]
    assert candidates("", cwd=config) == verbs
    for verb in verbs:
        usage = ctl("help", verb).stdout
        told = re.findall(r"^  (?:-\w, |    )?(--[a-z-]+|-\w)", usage.split("\n\n", 1)[1], re.M)
        assert set(candidates(verb, "-", cwd=config)) == {*told, "--help"}


def test_services_come_from_the_folder_of_the_directory_option(config, tmp_path):
    assert candidates("-C", str(config), "show", "mem", cwd=tmp_path) == candidates("show", "mem", cwd=config) != []


def test_services_of_a_bare_repository(config, tmp_path):
    subprocess.run(["git", "clone", "-q", "--bare", str(config), str(tmp_path / "bare")], check=True, env=environment())
    assert candidates("show", "st", cwd=tmp_path / "bare") == ["stt-worker"]


def test_nothing_is_said_where_nothing_can_be_read(tmp_path):
    result = ctl("complete", "--", "show", "", cwd=tmp_path, check=0, EPOCHD_REPOSITORY_PATH=str(tmp_path / "none"))
    assert result.stdout == "" and result.stderr == ""


class Terminal:
    """A shell on a terminal, spoken to by key."""

    def __init__(self, command, cwd, **env):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(command[0], command, environment(TERM="dumb", EPOCHD_CONFIG="/dev/null", **env))
        self.seen = ""

    def until(self, pattern):
        deadline = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.seen):
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.fd], [], [], left)[0], (pattern, self.seen)
            self.seen += os.read(self.fd, 65536).decode(errors="replace")
        found, self.seen = self.seen, ""
        return found

    def type(self, text):
        os.write(self.fd, text.encode())

    def stop(self):
        os.close(self.fd)
        os.waitpid(self.pid, 0)


def bash(config, installed):
    terminal = Terminal(["bash", "--norc", "--noprofile", "-i"], config)
    terminal.type(f"PS1='{PROMPT[:3]}''{PROMPT[3:]}'; bind 'set bell-style none'; . {installed}/bash-completion/completions/epochctl\n")
    terminal.until(PROMPT)
    return terminal


def zsh(config, installed):
    terminal = Terminal(["zsh", "-f", "-i"], config)
    terminal.type(f"PS1='{PROMPT[:3]}''{PROMPT[3:]}'; unsetopt beep zle_bracketed_paste; fpath=({installed}/zsh/site-functions $fpath); "
                  "autoload -Uz compinit; compinit -u -D\n")
    terminal.until(PROMPT)
    return terminal


@pytest.mark.parametrize("shell", [bash, zsh])
@pytest.mark.parametrize(("typed", "completed"), [
    ("epochctl stat", "epochctl status"),
    ("epochctl show stt", "epochctl show stt-worker"),
    ("epochctl log --js", "epochctl log --json"),
    ("epochctl check --format=j", "epochctl check --format=json"),
    ("epochctl check feat", "epochctl check feature-x"),
    ("epochctl verify lkg serv", "epochctl verify lkg services/"),
    ("epochctl help yaml.dup", "epochctl help yaml.duplicate-key"),
])
def test_a_shell_completes_what_is_typed(config, installed, ends, shell, typed, completed):
    assert shutil.which(shell.__name__), "tests/tools/deps.sh installs it"
    terminal = ends(shell(config, installed))
    terminal.type(typed + "\t")
    terminal.until(re.escape(completed))


@pytest.mark.parametrize(("typed", "completed"), [
    ("epochctl stat", "status"), ("epochctl show stt", "stt-worker"), ("epochctl log --js", "--json"),
    ("epochctl check --format=j", "--format=json"), ("epochctl check feat", "feature-x"), ("epochctl verify lkg serv", "services/"),
    ("epochctl help yaml.dup", "yaml.duplicate-key"),
])
def test_fish_completes_what_is_typed(config, installed, tmp_path, typed, completed):
    assert shutil.which("fish"), "tests/tools/deps.sh installs it"
    script = f"source {installed}/fish/vendor_completions.d/epochctl.fish; complete -C '{typed}'"
    result = subprocess.run(["fish", "--no-config", "-c", script], cwd=config, env=environment(HOME=str(tmp_path)), text=True,
                            stdout=subprocess.PIPE, check=True)
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [completed]


@pytest.fixture
def told(tmp_path):
    """A run folder in which a daemon has told of two epochs."""
    (tmp_path / "status.json").write_text('{"pid":1,"recent":[{"epoch":4120},{"epoch":null},{"epoch":3911}]}')
    return tmp_path


def test_a_point_of_the_history_is_an_epoch_or_what_git_names(config, told):
    """git's names are the shell's to find; elsewhere nothing of this host is one."""
    for words in (["check", ""], ["diff", ""], ["diff", "1", ""], ["show", "--at", ""], ["rollback", ""], ["wait", ""]):
        lines = ctl("complete", "--", *words, cwd=config, check=0, EPOCHD_RUN=str(told)).stdout.splitlines()
        assert [line.split("\t")[0] for line in lines] == [":rev", "4120", "3911"]
    assert candidates("-H", "elsewhere", "check", "", cwd=config) == []


@pytest.mark.parametrize("shell", [bash, zsh])
@pytest.mark.parametrize(("typed", "completed"), [("epochctl show --at 41", "epochctl show --at 4120"),
                                                  ("epochctl diff feat", "epochctl diff feature-x")])
def test_a_shell_completes_epochs_and_branches_alike(config, installed, told, ends, shell, typed, completed):
    terminal = ends(shell(config, installed))
    terminal.type(f"export EPOCHD_RUN={told}; echo set\"\"tled\n")
    terminal.until("settled")
    terminal.type(typed + "\t")
    terminal.until(re.escape(completed))


@pytest.mark.parametrize(("typed", "completed"), [("epochctl show --at 41", "4120"), ("epochctl diff feat", "feature-x")])
def test_fish_completes_epochs_and_branches_alike(config, installed, told, typed, completed):
    script = f"source {installed}/fish/vendor_completions.d/epochctl.fish; complete -C '{typed}'"
    result = subprocess.run(["fish", "--no-config", "-c", script], cwd=config, text=True, stdout=subprocess.PIPE, check=True,
                            env=environment(HOME=str(told), EPOCHD_RUN=str(told), EPOCHD_CONFIG="/dev/null"))
    assert [line.split("\t")[0] for line in result.stdout.splitlines()] == [completed]


@pytest.mark.parametrize(("shell", "path"), [("bash", "bash-completion/completions/epochctl"), ("zsh", "zsh/site-functions/_epochctl"),
                                             ("fish", "fish/vendor_completions.d/epochctl.fish")])
def test_what_is_installed_is_what_is_printed(installed, shell, path):
    assert (installed / path).read_text() == ctl("completion", shell, check=0).stdout
    subprocess.run([shell, "-n", installed / path], check=True)
    assert os.access(EPOCHCTL, os.X_OK)
