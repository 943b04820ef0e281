"""epochctl schema validate: any schema, any files; exit codes, output, where documents come from that a schema refers to."""
import json

import pytest
from harness import ctl


@pytest.fixture
def folder(tmp_path):
    def write(**files):
        for name, text in files.items():
            path = tmp_path / name.replace("__", "/").replace("_", ".")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path
    return write


def validate(at, *arguments):
    return ctl("schema", "validate", *arguments, cwd=at)


def test_files_that_fit_are_counted(folder):
    at = folder(s_yaml="type: object", a_yaml="a: 1", b_json='{"b": 2}')
    result = validate(at, "s.yaml", "a.yaml", "b.json")
    assert (result.returncode, result.stdout) == (0, "valid: 2 files, 0 errors, 0 warnings\n")


def test_findings_name_file_line_and_column_of_all_files(folder):
    at = folder(s_json='{"properties": {"a": {"maximum": 1}}}', a_yaml="b: 0\na: 2\n", b_json='{"a":\n  3}')
    result = validate(at, "s.json", "b.json", "a.yaml")
    assert result.returncode == 1
    assert result.stdout == ("a.yaml:2:4: a: 2 is above the maximum 1 [schema.maximum]\n"
                             "b.json:2:3: a: 3 is above the maximum 1 [schema.maximum]\n"
                             "not valid: 2 files, 2 errors, 0 warnings\n")


def test_json_is_for_programs(folder):
    at = folder(s_yaml="required: [a]", a_yaml="b: 1")
    result = validate(at, "--json", "s.yaml", "a.yaml")
    told = json.loads(result.stdout)
    assert result.returncode == 1 and told["ok"] is False and told["errors"] == 1 and told["files"] == 1
    assert told["findings"] == [{"code": "schema.required", "column": 1, "file": "a.yaml", "line": 1,
                                 "message": '"a" is missing', "severity": "error"}]


def test_a_schema_that_is_wrong_is_told_in_its_own_file(folder):
    at = folder(s_yaml="type: integr", a_yaml="1")
    result = validate(at, "s.yaml", "a.yaml")
    assert result.returncode == 1 and result.stdout.startswith('s.yaml:1:7: type: "integr" is not one of ')


def test_text_that_is_no_json_or_yaml_is_a_finding(folder):
    at = folder(s_json='{"type": "object",}', t_yaml="type: object", a_json='{"a": }', b_yaml="a: [1")
    assert "s.json:1:19: " in validate(at, "s.json", "b.yaml").stdout
    result = validate(at, "t.yaml", "a.json", "b.yaml")
    assert result.returncode == 1 and "a.json:1:7: " in result.stdout and "[json.syntax]" in result.stdout
    assert "b.yaml:" in result.stdout and "[yaml.syntax]" in result.stdout


def test_large_numbers_are_doubles_and_nul_is_a_character_in_json(folder):
    at = folder(s_json='{"properties": {"n": {"type": "integer", "minimum": 12345678901234567890},'
                       '"t": {"const": "a\\u0000b"}, "u": {"pattern": "^a.b$"}}}',
                a_json='{"n": 98249283749234923498293171823948729348710298301928331, "t": "a\\u0000b", "u": "a\\u0000b"}')
    result = validate(at, "s.json", "a.json")
    assert result.returncode == 0, result.stdout


def test_what_stands_beside_a_schema_may_be_referred_to_and_nothing_above(folder):
    at = folder(in__s_yaml="properties: {a: {$ref: parts/p.yaml}, b: {$ref: parts/q}}", in__parts__p_yaml="type: integer",
                in__parts__q_json='{"type": "string"}', above_yaml="true", in__up_yaml="$ref: ../above.yaml",
                in__sly_yaml="$ref: parts/%2e%2e/%2e%2e/above.yaml", a_yaml="{a: 1, b: x}", b_yaml="{a: x, b: 1}")
    assert validate(at, "in/s.yaml", "a.yaml").returncode == 0
    assert validate(at, "in/s.yaml", "b.yaml").stdout.count("[schema.type]") == 2
    for schema in ("in/up.yaml", "in/sly.yaml"):
        result = validate(at, schema, "a.yaml")
        assert result.returncode == 1 and "[schema.ref]" in result.stdout


def test_documents_of_a_uri_come_from_where_map_says(folder):
    at = folder(s_yaml="prefixItems: [{$ref: 'https://example.org/a/n.json'}, {$ref: 'https://example.net/t'}]",
                one__n_json='{"type": "integer"}', two__t_yaml="type: string", a_yaml="[1, x]", b_yaml="[x, 1]")
    maps = ("--map", "https://example.org/a=one", "--map", "https://example.net/=two")
    assert validate(at, *maps, "s.yaml", "a.yaml").returncode == 0
    assert validate(at, *maps, "s.yaml", "b.yaml").stdout.count("[schema.type]") == 2
    result = validate(at, "s.yaml", "a.yaml")
    assert result.returncode == 1 and result.stdout.count("nothing is ever fetched [schema.ref]") == 2


def test_draft_is_what_a_schema_without_one_is(folder):
    at = folder(s_yaml="items: [{type: string}]", a_yaml="[1]")
    assert "[schema.invalid]" in validate(at, "s.yaml", "a.yaml").stdout
    assert "[schema.type]" in validate(at, "--draft", "7", "s.yaml", "a.yaml").stdout


def test_usage_and_files_that_are_not_there(folder):
    at = folder(s_yaml="true", a_yaml="1")
    assert validate(at, "s.yaml").returncode == 2
    assert validate(at, "--map", "nothing", "s.yaml", "a.yaml").returncode == 2
    assert validate(at, "--map", "no-scheme=.", "s.yaml", "a.yaml").returncode == 2
    assert validate(at, "--draft", "4", "s.yaml", "a.yaml").returncode == 2
    assert validate(at, "s.yaml", "none.yaml").returncode == 3
    assert validate(at, "none.yaml", "a.yaml").returncode == 3


def test_secrets_are_not_told(folder):
    at = folder(s_yaml="properties: {key: {type: integer, x-secret: true}, all: {x-secret: true, items: {enum: [a]}}}",
                a_yaml="key: canary-1\nall: [canary-2]\n")
    for form in ((), ("--json",)):
        result = validate(at, *form, "s.yaml", "a.yaml")
        assert result.returncode == 1 and "canary" not in result.stdout + result.stderr


def test_t16__schemas_made_to_cost_are_refused_in_time(folder):
    ladder = "$ref: '#/$defs/r0'\n$defs:\n" + "".join(
        f"  r{i}: {{anyOf: [{{$ref: '#/$defs/r{i + 1}'}}, {{$ref: '#/$defs/r{i + 1}'}}]}}\n" for i in range(30))
    at = folder(ladder_yaml=ladder + "  r30: {type: string}\n", regex_yaml="pattern: ^(a+)+$", one_yaml="1",
                a_yaml="a" * 30 + "!")
    for schema, value in (("ladder.yaml", "one.yaml"), ("regex.yaml", "a.yaml")):
        result = validate(at, schema, value)
        assert result.returncode == 1 and "[schema.too-expensive]" in result.stdout
