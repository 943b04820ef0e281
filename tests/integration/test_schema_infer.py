"""A first schema out of what is there: what epochctl prints is good to be committed as it is."""
import json

import pytest
from harness import Repo, ctl

LAMP, LAMP2 = "services/lamp.yaml", "services/hall/lamp2.yaml"
FILES = {
    "epoch.yaml": 'schemas: {"lamp*": lamp}\nbases: {"lamp*": [common]}\n',
    "bases/common.yaml": "mqtt: {url: mqtt://broker, password: hunter2}\n",
    "schemas/lamp.yaml": "{}\n",
    LAMP: "bright: true\nlevel: 3\n", LAMP2: "bright: false\n",
}
KEY_MISSPELT = f'{LAMP}:1:1: "brigth" is not known here; did you mean "bright"? [schema.additionalProperties]'


@pytest.fixture
def config(tmp_path):
    repo = Repo(tmp_path / "config")
    repo.commit(FILES, "begin")
    return repo


def test_the_schema_of_what_is_there_fits_it_and_finds_what_is_misspelt(config):
    run = ctl("-C", config.path, "schema", "infer", "lamp", "lamp2")
    assert run.returncode == 0, run.stderr
    assert "hunter2" not in run.stdout and "x-secret: true" in run.stdout
    assert "required:\n  - bright\n  - mqtt\n" in run.stdout
    config.commit({"schemas/lamp.yaml": run.stdout}, "a schema")
    assert ctl("-C", config.path, "check").returncode == 0
    (config.path / LAMP).write_text("brigth: true\n")
    run = ctl("-C", config.path, "check", "--worktree")
    assert run.returncode == 1 and KEY_MISSPELT in run.stdout + run.stderr


def test_for_a_program_it_is_one_json_object_that_says_the_same(config):
    text = ctl("-C", config.path, "schema", "infer", "lamp", "lamp2", "--json", check=0).stdout
    schema = json.loads(text)
    assert text.count("\n") == 1 and schema["title"] == "lamp" and schema["required"] == ["bright", "mqtt"]
    assert schema["properties"]["level"] == {"type": "integer"} and "hunter2" not in text
    config.commit({"schemas/lamp.yaml": None, "schemas/lamp.json": text}, "a schema")
    assert ctl("-C", config.path, "check").returncode == 0


def test_the_file_that_it_is_printed_into_is_empty_already(config):
    (config.path / "schemas/lamp.yaml").write_text("")
    run = ctl("-C", config.path, "schema", "infer", "lamp")
    assert run.returncode == 0 and run.stdout.startswith("# What 1 configuration holds today")


def test_before_the_first_commit_it_is_the_files(tmp_path):
    repo = Repo(tmp_path / "new")
    repo.write({"services/lamp.yaml": "bright: true\n"})
    assert "  bright:\n    type: boolean\n" in ctl("-C", repo.path, "schema", "infer", "lamp", check=0).stdout


def test_an_unknown_service_is_named_with_the_nearest(config):
    run = ctl("-C", config.path, "schema", "infer", "lamb")
    assert run.returncode != 0 and 'did you mean "lamp"?' in run.stderr
