"""Schemas and bases: the same words wherever a mistake is met, and exactly the services judged again that a change touches."""
import hashlib
import json

import pytest
from harness import SOURCE, Daemon, Repo, Subscriber, ctl

STT, TTS, LAMP = "services/stt-worker.yaml", "services/tts-worker.yaml", "services/house/lamp.yaml"
SPEECH = """type: object
additionalProperties: false
required: [rate]
properties:
  rate: {type: integer, maximum: 48000}
  gain: {type: number, minimum: 0, maximum: 1, default: 0.5}
  region: {type: string}
"""
FILES = {
    "epoch.yaml": 'schemas: {"*-worker": speech}\nbases: {"*": [common]}\n',
    "bases/common.yaml": "region: home\n",
    "schemas/speech.yaml": SPEECH,
    STT: "rate: 16000\n", TTS: "rate: 48000\ngain: 1\n", LAMP: "bright: true\n",
}
BAD_VALUE = (STT, "# in Hz\nrate: 96000\n", f"{STT}:2:7: rate: 96000 is above the maximum 48000 [schema.maximum]")


@pytest.fixture
def config(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.commit(FILES, "begin")
    return repo


@pytest.fixture
def served(tmp_path, config, broker, ends):
    daemon = ends(Daemon(tmp_path / "epochd", config, broker))
    daemon.published(1)
    return daemon


def update_of(subscriber, service, version):
    return json.loads(subscriber.wait(f"system/config/{service}", lambda p: p and json.loads(p)["version"] == version))


def rejected(subscriber):
    data = json.loads(subscriber.wait(f"system/health/{SOURCE}", lambda p: json.loads(p)["data"]["event"] == "rejected"))["data"]
    return [f"{f['file']}:{f['line']}:{f['column']}: {f['message']} [{f['code']}]" for f in data["findings"]]


def test_a_service_gets_defaults_base_and_file_and_names_its_schema(served, subscriber):
    stt, lamp = update_of(subscriber, "stt-worker", 1), update_of(subscriber, "lamp", 1)
    assert stt["config"] == {"gain": 0.5, "rate": 16000, "region": "home"}
    assert stt["schema"] == hashlib.sha256(SPEECH.encode()).hexdigest()
    assert (lamp["config"], lamp["schema"]) == ({"bright": True, "region": "home"}, None)


def test_a_base_changes_exactly_the_services_under_it(config, served, subscriber):
    subscriber.epoch(1)
    config.commit({"epoch.yaml": 'schemas: {"*-worker": speech}\nbases: {"*-worker": [common]}\n'}, "not the lamp")
    assert json.loads(subscriber.epoch(2))["changed"] == {"lamp": 2}
    config.commit({"bases/common.yaml": "region: office\ngain: 0.1\n"}, "move")
    assert json.loads(subscriber.epoch(3))["changed"] == {"stt-worker": 3, "tts-worker": 3}
    assert update_of(subscriber, "tts-worker", 3)["config"] == {"gain": 1, "rate": 48000, "region": "office"}
    config.commit({"bases/common.yaml": "region: office\ngain: 0.1 # quietly\n"}, "a comment")
    assert json.loads(subscriber.epoch(4))["changed"] == {}


def test_a_default_of_a_schema_changes_who_has_none_of_their_own(config, served, subscriber):
    subscriber.epoch(1)
    config.commit({"schemas/speech.yaml": SPEECH.replace("default: 0.5", "default: 0.7")}, "louder")
    assert json.loads(subscriber.epoch(2))["changed"] == {"stt-worker": 2}
    config.commit({"schemas/speech.yaml": SPEECH.replace("default: 0.5", "default: 0.7") + "title: Speech\n"}, "a title")
    assert json.loads(subscriber.epoch(3))["changed"] == {}, "a configuration is what it was, whatever its schema says of it"
    config.commit({STT: "rate: 8000\n"}, "slower")
    schema = (config.path / "schemas/speech.yaml").read_bytes()
    assert update_of(subscriber, "stt-worker", 4)["schema"] == hashlib.sha256(schema).hexdigest()


@pytest.mark.parametrize("path, text, finding", [
    BAD_VALUE,
    ("bases/common.yaml", "region: 7\n", "bases/common.yaml:1:9: region: 7 is an integer, must be a string: write it in quotes (in the service stt-worker and 1 other) [schema.type]"),
    ("profiles/loud/stt-worker.yaml", "gain: 11\n", "profiles/loud/stt-worker.yaml:1:7: gain: 11 is above the maximum 1 [schema.maximum]"),
    ("profiles/loud/sst-worker.yaml", "gain: 1\n",
     "profiles/loud/sst-worker.yaml: there is no service 'sst-worker' to lay this over; did you mean \"stt-worker\"? [profile.unknown-service]"),
    ("schemas/speech.yaml", SPEECH + "maximum: high\n", None),
    ("schemas/speech.yaml", None, "epoch.yaml:1:23: there is no schema 'speech' [rules.unknown-schema]"),
    ("bases/common.yaml", None, "epoch.yaml:2:15: there is no base 'common' [rules.unknown-base]"),
    ("epoch.yaml", "profle: loud\n", 'epoch.yaml:1:1: "profle" is not known here; did you mean "profile"? [schema.additionalProperties]'),
    ("epoch.yaml", "profile: loud\n", "epoch.yaml:1:10: there is no profile 'loud' [rules.unknown-profile]"),
], ids=["value", "base", "patch", "nobody", "schema", "schema gone", "base gone", "key", "profile"])
def test_a_mistake_is_refused_everywhere_with_the_same_words(config, served, subscriber, tmp_path, path, text, finding):
    bare, tip = Repo(tmp_path / "bare.git", bare=True), config.head()
    config.git("push", "-q", str(bare.path), "main")
    ctl("init", bare.path, check=0)
    ctl("init", config.path, check=0)
    config.write({path: text})
    told = ctl("-C", config.path, "check", "--worktree", check=1).stdout.splitlines()[:-1]
    if finding is not None:
        assert told == [finding]
    config.git("add", "-A")
    assert ctl("-C", config.path, "check", "--staged", check=1).stdout.splitlines()[:-1] == told
    hook = config.git("commit", "-m", "wrong", check=False)
    assert hook.returncode == 1 and hook.stderr.splitlines()[:-1] == told
    config.git("commit", "-q", "--no-verify", "-m", "wrong")
    assert ctl("-C", config.path, "check", check=1).stdout.splitlines()[:-1] == told
    assert ctl("-C", config.path, "check", f"{tip}..HEAD", check=1).stdout.splitlines()[:-1] == told
    push = config.git("push", str(bare.path), "main", check=False)
    assert push.returncode == 1
    assert [line.removeprefix("remote: ").rstrip() for line in push.stderr.splitlines() if line.startswith("remote: ")][:len(told)] == told
    assert rejected(subscriber) == [line.replace(".yaml: ", ".yaml:0:0: ", 1) if ".yaml: " in line.split(" ")[0] + " " else line for line in told]
    assert served.status()["epoch"] == 1


def test_require_schema_names_every_service_that_has_none(config):
    config.write({"epoch.yaml": 'schemas: {"*-worker": speech}\nrequire_schema: true\n', "services/fan.yaml": "on: true\n"})
    told = ctl("-C", config.path, "check", "--worktree", check=1).stdout
    assert "epoch.yaml:2:17: the service 'lamp' has no schema: add schemas/lamp.yaml, or a line for it under `schemas`" in told
    assert "the service 'fan' has no schema" in told and told.count("[rules.schema-required]") == 2


def test_a_schema_that_is_only_its_services_goes_and_takes_its_defaults_along(config, served, subscriber):
    subscriber.epoch(1)
    config.commit({"schemas/lamp.yaml": "properties: {warmth: {default: 2700}}\n"}, "a schema")
    assert update_of(subscriber, "lamp", 2)["config"] == {"bright": True, "region": "home", "warmth": 2700}
    config.commit({"schemas/lamp.yaml": None}, "and none")
    lamp = update_of(subscriber, "lamp", 3)
    assert (lamp["config"], lamp["schema"]) == ({"bright": True, "region": "home"}, None)


def test_a_breaking_schema_is_refused_where_the_policy_says_so(config, served, subscriber):
    subscriber.epoch(1)
    config.commit({"epoch.yaml": FILES["epoch.yaml"] + "policy: {breaking: refuse}\n"}, "policy")
    subscriber.epoch(2)
    narrow = SPEECH.replace("maximum: 1,", "maximum: 1.0, exclusiveMinimum: -1,").replace("region: {type: string}", "region: {enum: [home, office]}")
    config.commit({"schemas/speech.yaml": narrow}, "narrower")
    assert any("[schema.breaking]" in finding and finding.startswith("schemas/speech.yaml:7:") for finding in rejected(subscriber))
    config.commit({"epoch.yaml": FILES["epoch.yaml"] + "policy: {breaking: warn}\n"}, "as it was meant")
    assert json.loads(subscriber.epoch(4))["changed"] == {}


def test_check_compares_schemas_with_the_commit_below(config):
    """Without a word about what it is pushed over: the files, what is staged, a commit."""
    config.commit({"epoch.yaml": FILES["epoch.yaml"] + "policy: {breaking: refuse}\n"})
    config.write({"schemas/speech.yaml": SPEECH.replace("region: {type: string}", "region: {enum: [home]}")})
    for args in (["--worktree"], ["--staged"], []):
        told = ctl("-C", config.path, "check", *args, check=1)
        assert "[schema.breaking]" in told.stdout and "refused: 1 error" in told.stdout, args
        config.git("add", "-A")
        if args == ["--staged"]:
            config.git("commit", "-qm", "narrower")
    assert ctl("-C", config.path, "diff", "HEAD~1", check=0).stdout.startswith("no service changes")  # what was is only looked at
    config.commit({"services/new.yaml": "a: 1\n"})
    assert ctl("-C", config.path, "check", check=0).stdout.startswith("ok")


def test_what_epochd_refused_is_no_before_for_a_schema(config, served, subscriber, tmp_path):
    """After a breaking commit past the hooks, whoever judges on the same host compares with what is in force, as epochd does."""
    config.commit({"epoch.yaml": FILES["epoch.yaml"] + "policy: {breaking: refuse}\n"}, "policy")
    served.published(2)
    in_force = config.head()
    refused = config.commit({"schemas/speech.yaml": SPEECH.replace("region: {type: string}", "region: {enum: [home]}")}, "past the hooks")
    served.status_when(lambda s: any(r["commit"] == refused and r["verdict"] == "rejected" for r in s["recent"]))
    config.write({STT: "rate: 8000\n"})
    said = f"compared with {in_force[:12]}, which is in force as epoch 2: epochd refused {refused[:12]}"

    def judge(*args):
        return served.ctl("-C", config.path, *args, check=1)

    checked, planned = judge("check", "--worktree"), judge("plan")
    assert "[schema.breaking]" in checked.stdout and said.replace("compared with", "schemas were compared with those of") in checked.stdout
    assert "[schema.breaking]" in planned.stderr and f"epochctl: {said}\n" in planned.stderr
    config.git("add", "-A")
    hook = judge("hook", "pre-commit")
    assert "[schema.breaking]" in hook.stderr and f"epochd: {said}\n" in hook.stderr
    config.git("commit", "-qm", "on top of it")
    assert json.loads(judge("check", "--json").stdout)["compared_with"] == in_force
    served.wait("epoch_rejected", config_epoch=config.head())
    clone = tmp_path / "clone"
    config.git("clone", "-q", config.path, clone)
    told = json.loads(ctl("-C", clone, "check", "--json", check=0).stdout)
    assert told["compared_with"] == refused and told["errors"] == 0  # nobody tells a clone


def test_a_breaking_schema_is_seen_right_after_a_start_too(config, served, subscriber, broker):
    config.commit({"epoch.yaml": FILES["epoch.yaml"] + "policy: {breaking: refuse}\n"}, "policy")
    served.published(2)
    served.stop()
    config.commit({"schemas/speech.yaml": SPEECH.replace("region: {type: string}", "region: {enum: [home]}")}, "narrower")
    served.start()
    assert [f["code"] for f in served.wait("epoch_rejected", config_epoch=config.head()) and served.status_when(
        lambda s: any(r["verdict"] == "rejected" for r in s["recent"]))["recent"][0]["findings"]] == ["schema.breaking"]


def test_a_second_start_makes_the_same_of_it(config, served, subscriber, broker, ends):
    config.commit({STT: "rate: 8000\n", "profiles/loud/stt-worker.yaml": "gain: 1\n"}, "more")
    subscriber.epoch(2)
    served.snapshot(2)
    before = [line for line in served.journal() if line["kind"] == "committed"]
    for _ in range(2):
        served.stop()
        served.start()
        served.wait("started")
    config.commit({"services/fan.yaml": "speed: 1\n"}, "a fan")
    late = ends(Subscriber(broker.port))
    head = json.loads(late.epoch(3))
    assert head["changed"] == {"fan": 3} and head["offset"] == 0
    assert [line for line in served.journal() if line["kind"] == "committed"][:-1] == before
