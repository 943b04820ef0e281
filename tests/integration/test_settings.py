"""The settings as somebody meets them who starts epochd: wrong ones are named by their place, none has to be in a file, and no secret
comes out again."""
import json
import os
import subprocess

import pytest

from harness import EPOCHD, STRANGER, STUCK_S, Broker, Daemon, Repo, as_stranger, environment, run

USER, PASSWORD = "ada-of-the-url", "hunter2-of-the-url"


def start(daemon, *args):
    """The finished epochd: for settings with which it ends by itself."""
    return subprocess.run([*daemon.wrapper, str(EPOCHD), *args], env=daemon.env, text=True, capture_output=True, timeout=STUCK_S, check=False)


def last_line(result):
    return json.loads(result.stderr.splitlines()[-1])


# --- what is wrong -------------------------------------------------------------------------------------------------------

WRONG = {  # one wrong value of every kind, its place and what would be right
    'repository: {path: here}\n': ("1:20", "an absolute path, not 'here'"),
    'repository:\n  branch: refs/heads/main\n': ("2:11", "without refs/heads/"),
    'repository:\n  branch: "a..b"\n': ("2:11", "the name of a branch"),
    'repository:\n  rewrite: maybe\n': ("2:12", "one of auto, amend, deny, allow, not 'maybe'"),
    'repository:\n  trusted_uids: 5\n': ("2:17", "a list of at most 64 user ids, not an integer"),
    'repository:\n  trusted_uids: [0, ada]\n': ("2:21", "user ids, not a string"),
    'repository:\n  trusted_uids: [4294967295]\n': ("2:18", "no user id"),
    'repository:\n  poll_s: 0\n': ("2:11", "an integer from 1 to 3600, not 0"),
    'repository: /srv/config\n': ("1:13", "repository is a section"),
    'state: 5\n': ("1:8", "an absolute path, not an integer (quote it)"),
    'state: ""\n': ("1:8", "an absolute path, not empty"),
    'keys: keys\n': ("1:7", "an absolute path, or \"\", not 'keys'"),
    'mqtt:\n  url: http://localhost\n': ("2:8", "mqtt://[user[:password]@]host[:port]"),
    'mqtt:\n  url: mqtt://localhost:99999\n': ("2:8", "the port is not a number from 1 to 65535"),
    'mqtt:\n  source: Config\n': ("2:11", "lower-case letters, digits and '-', a letter first"),
    'mqtt:\n  prefix: "a/#"\n': ("2:11", "levels of letters"),
    'mqtt:\n  heartbeat_s: ten\n': ("2:16", "an integer from 1 to 3600, not a string"),
    'mqtt:\n  heartbeat_s: 1.5\n': ("2:16", "an integer from 1 to 3600, not a number"),
    'mqtt:\n  username: "a\\tb"\n': ("2:13", "one line of at most 256 bytes"),
    'mqtt:\n  backoff_min_ms: 500\n  backoff_max_ms: 400\n': ("2:19", "must not be larger than mqtt.backoff_max_ms"),
    'mqtt:\n  url: mqtts://localhost\n  cert_file: /c.pem\n': ("3:14", "mqtt.cert_file needs mqtt.key_file"),
    'log:\n  level: loud\n': ("2:10", "one of debug, info, warn, error, not 'loud'"),
    'log: {format: [json]}\n': ("1:15", "one of auto, text, json, not an array"),
    'repositroy: {}\n': ("1:1", "there is no setting 'repositroy'; did you mean \"repository\"?"),
    'mqtt:\n  ulr: "off"\n': ("2:3", "there is no setting 'mqtt.ulr'; did you mean \"mqtt.url\"?"),
    'mqtt.url: "off"\n': ("1:1", "a line in it, without a dot"),
    'run: /x\nrun: /y\n': ("2:1", "key 'run' stands twice: first at 1:1"),
    'run: [\n': ("2:1", ""),
    '- a\n': ("1:1", ""),
}


@pytest.mark.parametrize("text", WRONG)
def test_a_wrong_setting_is_named_by_its_place(tmp_path, text):
    place, words = WRONG[text]
    (tmp_path / "epochd.yaml").write_text(text)
    for more in ((), ("--check",), ("--print-settings",)):
        result = run(EPOCHD, "--config", "epochd.yaml", *more, cwd=tmp_path, check=1)
        assert result.stdout == ""
        line, = result.stderr.splitlines()
        assert line.startswith(f"epochd.yaml:{place}: ") and words in line and line.endswith("]"), line


def test_everything_that_is_wrong_is_told_at_once(tmp_path):
    (tmp_path / "epochd.yaml").write_text("state: 5\nmqtt: {url: tcp://x, source: A}\nlog: {level: loud}\n")
    result = run(EPOCHD, EPOCHD_CONFIG=str(tmp_path / "epochd.yaml"), EPOCHD_REPOSITORY_POLL_S="often", check=1)
    assert [line.split(": ")[0].rpartition("/")[2] for line in result.stderr.splitlines()] == [
        "epochd.yaml:1:8", "epochd.yaml:2:13", "epochd.yaml:2:30", "epochd.yaml:3:14", "environment"]


@pytest.mark.parametrize(("variable", "value"), [
    ("REPOSITORY_POLL_S", "0"), ("REPOSITORY_TRUSTED_UIDS", "1,ada"), ("STATE", ""), ("MQTT_URL", "http://x"), ("LOG_LEVEL", "LOUD"),
    ("REPOSITORY_BRANCH", "-x"), ("MQTT_SOURCE", "a_b"), ("MQTT_PREFIX", "/a")])
def test_a_wrong_variable_is_named(variable, value):
    line, = run(EPOCHD, **{f"EPOCHD_{variable}": value}, check=1).stderr.splitlines()
    assert line.startswith(f"environment: EPOCHD_{variable}") and line.endswith(" [settings]")


@pytest.mark.parametrize(("name", "words"), [
    ("no-such.yaml", "No such file or directory [system]"), (".", "[file-unsafe]"), ("large.yaml", "[file-too-large]")])
def test_a_file_that_was_named_must_be_one(tmp_path, name, words):
    (tmp_path / "large.yaml").write_text("#" * (64 * 1024 + 1))
    result = run(EPOCHD, "--check", "--config", tmp_path / name, check=3)
    assert result.stderr.startswith("epochd: reading the settings: ") and result.stderr.rstrip().endswith(words)


def test_a_file_that_may_not_be_read_is_refused(open_folder):
    file = open_folder / "epochd.yaml"
    file.write_text("{}\n")
    file.chmod(0o600)
    result = run(EPOCHD, "--check", "--config", file, wrapper=as_stranger(), check=3)
    assert result.stderr == f"epochd: reading the settings: cannot open '{file.name}': Permission denied [system]\n"


# --- the environment -----------------------------------------------------------------------------------------------------


def test_everything_works_from_the_environment_alone(tmp_path, home, broker, subscriber, ends):
    home.git("branch", "site/kitchen")
    (tmp_path / "secret").mkdir()
    daemon = Daemon(tmp_path / "epochd", home, broker, start=False, EPOCHD_REPOSITORY_BRANCH="site/kitchen", EPOCHD_REPOSITORY_POLL_S="7",
                    EPOCHD_REPOSITORY_REWRITE="deny", EPOCHD_REPOSITORY_TRUSTED_UIDS="1,2", EPOCHD_KEYS=str(tmp_path / "secret/keys"),
                    EPOCHD_MQTT_SOURCE="kitchen", EPOCHD_MQTT_PREFIX="site/a", EPOCHD_MQTT_CLIENT_ID="one", EPOCHD_MQTT_HEARTBEAT_S="3")
    del daemon.settings["EPOCHD_CONFIG"]
    ends(daemon.start())
    daemon.published(1)
    assert json.loads(subscriber.wait("site/a/system/epoch/kitchen"))["source"] == "kitchen"
    assert (tmp_path / "secret/keys").is_dir() and not (daemon.state / "keys").exists()


def test_a_variable_goes_before_the_file(tmp_path):
    (tmp_path / "epochd.yaml").write_text("mqtt: {heartbeat_s: 20}\nrepository: {poll_s: 9}\n")
    printed = run(EPOCHD, "-c", tmp_path / "epochd.yaml", "--print-settings", EPOCHD_MQTT_HEARTBEAT_S="30", check=0).stdout
    assert "heartbeat_s: 30\n" in printed and "poll_s: 9\n" in printed


def test_an_unknown_variable_warns_and_is_no_reason_to_end():
    result = run(EPOCHD, "--print-settings", EPOCHD_LOG_FORMATT="json", EPOCHD_ZZZZZZZZ="1", check=0)
    assert result.stderr.splitlines() == [
        "environment: warning: EPOCHD_LOG_FORMATT is no setting; did you mean \"EPOCHD_LOG_FORMAT\"? [settings]",
        "environment: warning: EPOCHD_ZZZZZZZZ is no setting [settings]"]


def test_what_is_printed_reads_back_as_the_same(tmp_path):
    first = run(EPOCHD, "--print-settings", EPOCHD_MQTT_URL="mqtts://host:8883", EPOCHD_REPOSITORY_PATH='/srv/a "b"\u00e9', check=0,
                EPOCHD_REPOSITORY_TRUSTED_UIDS="0,1000", EPOCHD_REPOSITORY_BRANCH="no", EPOCHD_LOG_LEVEL="debug", EPOCHD_MQTT_USERNAME="5")
    (tmp_path / "epochd.yaml").write_text(first.stdout)
    again = run(EPOCHD, "--print-settings", "-c", tmp_path / "epochd.yaml", check=0)
    assert (again.stdout, again.stderr) == (first.stdout, "")
    assert first.stdout != run(EPOCHD, "--print-settings", check=0).stdout


def test_an_unknown_key_that_may_hold_a_password_is_not_repeated(tmp_path):
    file = tmp_path / "epochd.yaml"
    file.write_text('mqtt:\n  "mqtt://ann:hunter2@host": ~\n')
    result = run(EPOCHD, "--check", "--config", file, check=1)
    assert "2:3: there is no setting '…'" in result.stderr and "hunter2" not in result.stderr


def test_check_looks_at_keys_state_password_and_certificates_too(tmp_path, daemon):
    said = start(daemon, "--check").stdout
    assert f"keys: {daemon.state}/keys is complete" in said and f"epochd runs with it, pid {daemon.process.pid}" in said
    daemon.stop()
    for setting in ("EPOCHD_MQTT_PASSWORD_FILE", "EPOCHD_MQTT_CA_FILE"):
        settings = {**daemon.settings, "EPOCHD_MQTT_URL": "mqtts://localhost", setting: str(tmp_path / "missing")}
        assert "missing" in run(EPOCHD, "--check", check=3, **settings).stderr
    assert 'did you mean "main"?' in run(EPOCHD, "--check", check=3, **{**daemon.settings, "EPOCHD_REPOSITORY_BRANCH": "mian"}).stderr
    (daemon.state / "keys/signing.key").write_text("")
    before = {file.name: file.read_bytes() for file in (daemon.state / "keys").iterdir()}
    assert "signing.key" in run(EPOCHD, "--check", check=3, **daemon.settings).stderr
    assert {file.name: file.read_bytes() for file in (daemon.state / "keys").iterdir()} == before


def test_check_says_what_is_fine(tmp_path, home):
    empty = Repo(tmp_path / "empty")
    for repo, words in ((home, "can be read"), (empty, "has no commit yet")):
        daemon = Daemon(tmp_path / "epochd", repo, start=False)
        result = start(daemon, "--check")
        assert (result.returncode, result.stdout.split("\n")[0], result.stderr) == (0, f"settings are fine; branch main of {repo.path} {words}", "")
        assert not daemon.state.exists() and not daemon.run.exists(), "it starts nothing"


# --- folders -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", ["STATE", "RUN"])
def test_a_folder_is_made_but_not_its_parents(tmp_path, home, folder):
    lost = tmp_path / "no-such" / "folder"
    result = start(Daemon(tmp_path / "epochd", home, start=False, **{f"EPOCHD_{folder}": str(lost)}))
    assert result.returncode == 3 and not lost.parent.exists()
    line = last_line(result)
    assert line["event"] == "not_started"
    assert line["message"] == f"the {folder.lower()} folder (setting: {folder.lower()}): cannot make the folder '{lost}': No such file or directory"


def test_the_run_folder_of_systemd_is_taken(tmp_path, home, ends):
    daemon = Daemon(tmp_path / "epochd", home, start=False, RUNTIME_DIRECTORY=f"{tmp_path}/rt:{tmp_path}/other")
    del daemon.settings["EPOCHD_RUN"]
    ends(daemon.start()).committed(1)
    daemon.wait("status_written")
    assert (tmp_path / "rt/status.json").exists() and not (tmp_path / "other").exists()


def test_the_run_folder_is_for_everybody_and_the_state_is_not(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home))
    assert (daemon.run.stat().st_mode & 0o777, daemon.state.stat().st_mode & 0o777) == (0o755, 0o750)


# --- the log -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("text", False), ("auto", False)])
def test_the_log_has_the_form_that_was_asked_for(tmp_path, home, form, is_json):
    result = start(Daemon(tmp_path / "epochd", home, start=False, EPOCHD_LOG_FORMAT=form, EPOCHD_STATE="/proc/none"))
    assert result.returncode == 3
    line, = result.stderr.splitlines()
    assert line.startswith("{") == is_json
    if is_json:
        assert json.loads(line)["code"] == "system"
    else:
        assert " error daemon not_started code=system message=" in line


def test_the_log_has_the_level_that_was_asked_for(tmp_path, home, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_LOG_LEVEL="info"))
    daemon.committed(1)
    assert daemon.stop() == 0
    daemon.wait("stopped")
    assert "debug" not in {line["level"] for line in daemon.lines}


# --- secrets -------------------------------------------------------------------------------------------------------------


def with_password(tmp_path, mode):
    file = tmp_path / "password"
    file.write_text(PASSWORD + "\n")
    file.chmod(mode)
    return {"EPOCHD_MQTT_USERNAME": USER, "EPOCHD_MQTT_PASSWORD_FILE": str(file)}


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o660, 0o602])
def test_a_password_that_others_can_read_or_write_is_refused(tmp_path, home, broker, mode):
    result = start(Daemon(tmp_path / "epochd", home, broker, start=False, **with_password(tmp_path, mode)))
    assert result.returncode == 3 and PASSWORD not in result.stderr
    line = last_line(result)
    assert (line["event"], line["code"]) == ("not_started", "file-unsafe")
    assert line["message"].startswith("reading the MQTT password: 'password' ") and f"{mode:04o}" in line["message"]


def test_a_password_of_another_user_is_refused(tmp_path, home, broker):
    as_stranger()
    settings = with_password(tmp_path, 0o600)
    os.chown(settings["EPOCHD_MQTT_PASSWORD_FILE"], STRANGER, STRANGER)
    result = start(Daemon(tmp_path / "epochd", home, broker, start=False, **settings))
    assert result.returncode == 3 and f"belongs to user {STRANGER}" in last_line(result)["message"]


def everything_said(daemon):
    pages = [daemon.ctl(*args).stdout + daemon.ctl(*args).stderr for args in (("status",), ("status", "--json"), ("log",))]
    # a temporary file is gone the next moment, and its bytes are in the one it became
    files = [path for folder in (daemon.run, daemon.state) for path in folder.rglob("[!.]*") if path.is_file()]
    assert daemon.run / "status.json" in files
    return json.dumps(daemon.lines) + "".join(pages) + "".join(path.read_text(errors="replace") for path in files)


def secretive_broker(tmp_path, password):
    (tmp_path / "users").write_text(f"{USER}:{password}\n")
    run("mosquitto_passwd", "-U", tmp_path / "users", check=0)
    (tmp_path / "users").chmod(0o644)
    return Broker(tmp_path / "broker", f"allow_anonymous false\npassword_file {tmp_path}/users")


@pytest.mark.parametrize("is_right", [True, False])
def test_user_and_password_of_the_url_work_and_are_never_said(tmp_path, home, ends, is_right):
    broker = ends(secretive_broker(tmp_path, PASSWORD if is_right else "another"))
    daemon = ends(Daemon(tmp_path / "epochd", home, EPOCHD_MQTT_URL=f"mqtt://{USER}:{PASSWORD}@127.0.0.1:{broker.port}"))
    if is_right:
        daemon.published(1)
        daemon.wait("status_written", published=1)
    else:
        daemon.state_is("degraded:broker-refused")
        daemon.wait("status_written", state="degraded:broker-refused")
    said = everything_said(daemon)
    assert f"127.0.0.1:{broker.port}" in said
    assert USER not in said and PASSWORD not in said
    assert daemon.stop() == 0


def test_the_url_is_printed_without_its_user():
    printed = run(EPOCHD, "--print-settings", EPOCHD_MQTT_URL=f"mqtt://{USER}:{PASSWORD}@host", check=0)
    assert 'url: "mqtt://host:1883"\n' in printed.stdout
    assert USER not in printed.stdout + printed.stderr and PASSWORD not in printed.stdout + printed.stderr


@pytest.mark.parametrize("url", ["mqtt://{0}:{1}@host:99999", "tcp://{0}:{1}@host", "mqtt://{0}:{1}@", "mqtt://{0}:{1}@ho st", "{0}:{1}"])
def test_a_wrong_url_is_refused_without_repeating_it(tmp_path, url):
    wrong = url.format(USER, PASSWORD)
    (tmp_path / "epochd.yaml").write_text(f'mqtt:\n  url: "{wrong}"\n')
    for result in (run(EPOCHD, "-c", tmp_path / "epochd.yaml", check=1), run(EPOCHD, EPOCHD_MQTT_URL=wrong, check=1)):
        assert "a broker's URL has the form" in result.stderr
        assert USER not in result.stderr and PASSWORD not in result.stderr


def test_settings_that_cannot_be_printed_are_a_failure():
    with open("/dev/full", "w", encoding="ascii") as full:
        result = subprocess.run([EPOCHD, "--print-settings"], env=environment(EPOCHD_CONFIG="/dev/null"), stdout=full, stderr=subprocess.PIPE,
                                text=True, check=False)
    assert result.returncode == 3 and "cannot write to standard output" in result.stderr
