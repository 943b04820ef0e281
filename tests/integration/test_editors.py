"""What editors are given: the schemas of our own files, and the line in a service that names its schema."""
import json
import re
import shutil

import pytest
from harness import EPOCHCTL, ROOT, Repo, ctl, run
from layered import at, layered


def printed(name):
    return json.loads(ctl("schema", "print", name, check=0).stdout)


@pytest.fixture
def schema(tmp_path):
    """The schemas that are printed, as files."""
    for name in ("epoch.yaml", "epochd.yaml"):
        (tmp_path / f"{name}.json").write_text(ctl("schema", "print", name, check=0).stdout)

    def judge(name, text):
        (tmp_path / name).write_text(text)
        result = ctl("schema", "validate", tmp_path / f"{name}.json", tmp_path / name)
        return result.returncode, result.stdout + result.stderr

    return judge


def test_the_schemas_of_our_own_files_are_schemas():
    for name in ("epoch.yaml", "epochd.yaml"):
        assert printed(name)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert all("description" in p or "properties" in p or "$ref" in p for p in printed(name)["properties"].values())


@pytest.mark.parametrize("text, rc", [
    ("repository: {path: /srv/config, branch: main, trusted_uids: [1000]}\nmqtt:\n  url: mqtts://broker.example\nlog:\n", 0),
    ("mqtt: {heartbeat_s: 0}\n", 1),
    ("mqtt: {hearbeat_s: 10}\n", 1),
    ("log: {level: loud}\n", 1),
    ("state: relative/path\n", 1),
    ("mqtt: {url: broker.example}\n", 1),
    ("mqtt: {prefix: /a}\n", 1),
])
def test_the_schema_of_the_settings_says_what_epochd_says(schema, tmp_path, text, rc):
    code, told = schema("epochd.yaml", text)
    assert code == rc, told
    (tmp_path / "s.yaml").write_text(text)
    result = run(EPOCHCTL.parent / "epochd", "--config", tmp_path / "s.yaml", "--print-settings")
    assert (result.returncode == 0) == (rc == 0), result.stderr


@pytest.mark.parametrize("text, rc", [
    ("profile: quiet\nschemas: {\"stt-*\": audio}\nbases: {\"*\": [common]}\nrequire_schema: true\npolicy: {breaking: refuse}\nconsumers: {a: 1}\n", 0),
    ("profle: quiet\n", 1),
    ("require_schema: perhaps\n", 1),
    ("policy: {breaking: never}\n", 1),
])
def test_the_schema_of_epoch_yaml(schema, text, rc):
    code, told = schema("epoch.yaml", text)
    assert code == rc, told


@pytest.mark.parametrize("args", [["print"], ["print", "other.yaml"], ["print", "epoch.yaml", "x"], ["env"], ["env", "a", "b"]])
def test_a_wrong_command_line_is_told(args):
    assert "usage: epochctl schema" in ctl("schema", *args, check=2).stderr


def test_a_new_repository_has_a_schema_that_its_service_names(tmp_path):
    ctl("init", tmp_path / "config", check=0)
    repo = Repo(tmp_path / "config")
    first = (repo.path / "services/hello.yaml").read_text().splitlines()[0]
    assert (repo.path / "services" / re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)[1]).resolve() == repo.path / "schemas/hello.yaml"
    at(repo, "check", "HEAD", check=0)
    assert "repeat: 30 is above the maximum 10 [schema.maximum]" in at(repo, "set", "hello", "repeat=30", check=1).stderr
    assert "integer, 1 to 10" in at(repo, "explain", "hello", "repeat", check=0).stdout


@pytest.mark.parametrize("target, line", [
    ("ears", "# yaml-language-server: $schema=../schemas/ears.yaml"),
    ("audio/box/ears", "# yaml-language-server: $schema=../../../schemas/ears.yaml"),
    ("lamp", "{}"),
])
def test_a_service_that_is_added_names_its_schema(home, target, line):
    home.commit({"schemas/ears.yaml": "type: object\n"})
    at(home, "add", target, check=0)
    text = (home.path / f"services/{target}.yaml").read_text()
    assert text.splitlines()[0] == line
    if line.startswith("#"):
        assert (home.path / f"services/{target}.yaml").parent.joinpath(line.split("=")[1]).resolve() == home.path / "schemas/ears.yaml"


def test_yaml_that_is_added_is_taken_as_it_is(home, tmp_path):
    home.commit({"schemas/ears.yaml": "type: object\n"})
    (tmp_path / "x.yaml").write_text("a: 1\n")
    at(home, "add", "ears", "--from", tmp_path / "x.yaml", check=0)
    assert (home.path / "services/ears.yaml").read_text() == "a: 1\n"


def test_which_variable_overrides_which_value(tmp_path):
    repo = layered(tmp_path / "config")
    assert at(repo, "schema", "env", "stt-worker", check=0, STT_VAD="1").stdout.splitlines() == [
        "STT_KEY\t/api_key\t-\tstring", "STT_VAD\t/vad_threshold\tset here\tnumber, 0 to 1"]
    assert json.loads(at(repo, "schema", "env", "stt-worker", "--json", check=0).stdout) == [
        {"is_set": False, "pointer": "/api_key", "type": "string", "variable": "STT_KEY"},
        {"is_set": False, "pointer": "/vad_threshold", "type": "number", "variable": "STT_VAD"}]
    assert at(repo, "schema", "env", "router", "--json", check=0).stdout == "[]\n"
    assert 'did you mean "stt-worker"?' in at(repo, "schema", "env", "stt-wroker", check=2).stderr


# --- the example with all layers ---------------------------------------------------------------------------------------------


@pytest.fixture
def example(tmp_path):
    repo = Repo(tmp_path / "layers")
    shutil.copytree(ROOT / "examples/layers", repo.path, dirs_exist_ok=True)
    repo.commit(message="config: the home, in layers")
    return repo


def test_the_example_is_valid_under_every_profile(example):
    assert at(example, "check", "HEAD", check=0).stdout == "ok: 3 services, 0 warnings\n"
    for profile in ("quiet", "night", "-"):
        at(example, "explain", "tts-worker", "--profile", profile, check=0)


def test_each_service_of_the_example_names_the_schema_that_judges_it(example):
    for path in sorted((example.path / "services").rglob("*.yaml")):
        first = path.read_text().splitlines()[0]
        schema = (path.parent / re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)[1]).resolve()
        told = json.loads(at(example, "explain", path.stem, "--json", check=0).stdout)
        assert schema == (example.path / told["schema"]).resolve()


def test_what_the_pages_show_is_what_it_prints(example):
    page = (ROOT / "docs/USING.md").read_text()
    for words in (["set", "stt-worker", "vad_threshold=1.4"], ["set", "stt-worker", "vad_treshold=0.6"], ["profile", "list"], ["profile", "diff", "night"]):
        result = at(example, *words)
        assert f"$ epochctl {' '.join(words)}\n{result.stdout}{result.stderr}" in page, words
    told = at(example, "explain", "stt-worker", "vad_threshold", check=0).stdout
    shown = page.split("$ epochctl explain stt-worker vad_threshold\n")[1].split("```")[0]
    masked = re.compile(r"set by     [0-9a-f]{12}  [0-9-]{10}")
    assert masked.sub("", told) == masked.sub("", shown)
