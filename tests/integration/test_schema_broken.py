"""Schemas that are wrong themselves, or made to cost: the commit is refused with their line, what is in force stays."""
import pytest
from harness import Daemon, Repo

SCHEMA, SERVICE = "schemas/lamp.yaml", "services/lamp.yaml"
GOOD = {SCHEMA: "properties: {level: {type: integer}}\n", SERVICE: "level: 1\n"}
LADDER = "".join(f"  r{i}: {{anyOf: [{{$ref: '#/$defs/r{i + 1}'}}, {{$ref: '#/$defs/r{i + 1}'}}]}}\n" for i in range(30))
BROKEN = [
    ("invalid", {SCHEMA: "properties: {level: {type: integr}}\n"}, f"{SCHEMA}:1:28", "schema.invalid"),
    ("missing", {SCHEMA: "properties: {level: {$ref: levels.yaml}}\n"}, f"{SCHEMA}:1:28", "schema.ref"),
    ("remote", {SCHEMA: "$ref: https://example.org/lamp.json\n"}, f"{SCHEMA}:1:7", "schema.ref"),
    ("circle", {SCHEMA: "$ref: '#'\n"}, f"{SCHEMA}:1:1", "schema.cycle"),
    ("regex", {SCHEMA: "properties: {level: {pattern: '('}}\n"}, f"{SCHEMA}:1:31", "schema.regex"),
    ("ladder", {SCHEMA: f"$ref: '#/$defs/r0'\n$defs:\n{LADDER}  r30: {{type: string}}\n"}, f"{SERVICE}:1:1",
     "schema.too-expensive"),
    ("backtracking", {SCHEMA: "properties: {name: {pattern: '^(a+)+$'}}\n", SERVICE: "name: " + "a" * 30 + "!\n"},
     f"{SERVICE}:1:1", "schema.too-expensive"),
]


@pytest.fixture
def served(tmp_path, broker, ends):
    repo = Repo(tmp_path / "config")
    repo.commit(GOOD, "begin")
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    daemon.published(1)
    return repo, daemon


def test_f55_t16__a_schema_that_is_no_use_refuses_the_commit_and_the_next_good_one_moves_on(served):
    repo, daemon = served
    for name, files, place, code in BROKEN:
        commit = repo.commit({**GOOD, **files}, name)
        status = daemon.status_when(lambda s, commit=commit: any(
            r["commit"] == commit and r["verdict"] == "rejected" for r in s["recent"]))
        verdict = next(r for r in status["recent"] if r["commit"] == commit)
        errors = [(f"{f['file']}:{f['line']}:{f['column']}", f["code"]) for f in verdict["findings"] if f["severity"] == "error"]
        assert errors == [(place, code)], name
        assert status["epoch"] == 1
    repo.commit({**GOOD, SERVICE: "level: 2\n"}, "mended")
    daemon.published(len(BROKEN) + 2)
