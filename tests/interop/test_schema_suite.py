"""The schema engine against the official JSON Schema Test Suite (github.com/json-schema-org/JSON-Schema-Test-Suite).

Of drafts 2020-12 and 7 every required test must pass, file by file; of the optional ones it is written down in OPTIONAL how
many do, so that none is lost without a word: docs/SCHEMAS.md names the figures and what is left out.

$JSON_SCHEMA_TEST_SUITE is where the suite is, $EPOCHD_BUILD where schema_suite and epochctl are.
"""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / os.environ.get("JSON_SCHEMA_TEST_SUITE", "../shared/json-schema-test-suite")
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
RUNNER = BUILD / "tests/interop/schema_suite"
DRAFTS = {"2020-12": "draft2020-12", "7": "draft7"}
# How many required tests there are in the suite of commit 44401e0; another suite has other figures.
REQUIRED = {"2020-12": 1299, "7": 927}

FILES = [(draft, path) for draft, folder in DRAFTS.items() for path in sorted((SUITE / "tests" / folder).glob("*.json"))]
needs_suite = pytest.mark.skipif(
    not FILES, reason=f"NOT TESTED: no JSON Schema Test Suite at {SUITE}; set JSON_SCHEMA_TEST_SUITE")


def run(draft, formats, *paths):
    """{file name: (passed, failed)} and all the output."""
    result = subprocess.run([RUNNER, draft, formats, SUITE / "remotes", *paths], stdout=subprocess.PIPE, text=True,
                            timeout=300, check=True)
    found = re.findall(r"^(\d+) (\d+) (\S+)$", result.stdout, re.M)
    assert len(found) == len(paths), result.stdout
    return {Path(path).name: (int(passed), int(failed)) for passed, failed, path in found}, result.stdout


@needs_suite
@pytest.mark.parametrize("draft,path", FILES, ids=[f"{draft}-{path.stem}" for draft, path in FILES])
def test_every_required_test_passes(draft, path):
    counts, output = run(draft, "note", path)
    passed, failed = counts[path.name]
    assert failed == 0 and passed > 0, output


@needs_suite
@pytest.mark.parametrize("draft", DRAFTS)
def test_no_required_test_was_left_out(draft):
    counts, _ = run(draft, "note", *[path for of, path in FILES if of == draft])
    in_suite = sum(len(group["tests"]) for of, path in FILES if of == draft for group in json.loads(path.read_text()))
    assert sum(passed for passed, _ in counts.values()) == in_suite == REQUIRED[draft]


@needs_suite
@pytest.mark.parametrize("draft", DRAFTS)
def test_optional_tests_are_as_many_as_the_documents_say(draft):
    """Formats are notes in the first figure, as the suite has it, and assert in the second."""
    folder = SUITE / "tests" / DRAFTS[draft] / "optional"
    plain, told = run(draft, "note", *sorted(folder.glob("*.json")))
    formats, told_formats = run(draft, "assert", *sorted((folder / "format").glob("*.json")))
    page = (ROOT / "docs/SCHEMAS.md").read_text()
    line = f"| {DRAFTS[draft]} | {REQUIRED[draft]} of {REQUIRED[draft]} "
    for counts in (plain, formats):
        passed, failed = (sum(count[i] for count in counts.values()) for i in (0, 1))
        line += f"| {passed} of {passed + failed} "
    print(line + "|")
    assert line + "|" in page, told + told_formats


@needs_suite
def test_the_command_line_finds_remotes_through_its_map(tmp_path):
    """refRemote.json by epochctl itself: nothing is fetched, the suite's remotes/ stands where the URIs lead."""
    groups = json.loads((SUITE / "tests/draft2020-12/refRemote.json").read_text())
    for number, group in enumerate(groups):
        schema = tmp_path / f"schema-{number}.json"
        schema.write_text(json.dumps(group["schema"]))
        for at, test in enumerate(group["tests"]):
            data = tmp_path / f"data-{number}-{at}.json"
            data.write_text(json.dumps(test["data"]))
            result = subprocess.run([BUILD / "epochctl", "schema", "validate", "--map",
                                     f"http://localhost:1234/={SUITE / 'remotes'}", schema, data],
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False)
            assert result.returncode == (0 if test["valid"] else 1), (group["description"], test, result.stdout)
