"""What is said of two versions of a schema, held against values: each schema of a file of the JSON Schema Test Suite taken as
the next version of those before it, with all values of both. Where no change is said to break or to be unclear, every value
that was valid has to be valid still.

$JSON_SCHEMA_TEST_SUITE is where the suite is, $EPOCHD_BUILD where compare_schemas is.
"""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / os.environ.get("JSON_SCHEMA_TEST_SUITE", "../shared/json-schema-test-suite")
COMPARE_SCHEMAS = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/compare_schemas"
NEIGHBOURS = 6  # all of them take twenty seconds
DRAFTS = sorted((SUITE / "tests").glob("draft*"))
needs_suite = pytest.mark.skipif(not DRAFTS, reason=f"NOT TESTED: no JSON Schema Test Suite at {SUITE}; set JSON_SCHEMA_TEST_SUITE")


def pairs_of(path):
    groups = json.loads(path.read_text(encoding="utf-8"))
    for number, before in enumerate(groups):
        for after in (groups + groups)[number:number + min(len(groups), NEIGHBOURS)]:
            yield [before["schema"], after["schema"], [test["data"] for group in (before, after) for test in group["tests"]]]


@needs_suite
@pytest.mark.parametrize("draft", DRAFTS, ids=lambda path: path.name)
def test_no_value_is_broken_by_what_is_said_to_be_compatible(draft):
    pairs = [pair for path in sorted(draft.glob("*.json")) for pair in pairs_of(path)]
    run = subprocess.run([COMPARE_SCHEMAS], input=json.dumps(pairs), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    wrong = [json.dumps(pair[:2]) for pair, letter in zip(pairs, run.stdout, strict=True) if letter == "X"]
    assert not wrong, f"{len(wrong)} of {len(pairs)}\n" + "\n".join(wrong[:20])
    assert all(run.stdout.count(letter) > len(pairs) / 50 for letter in "cub"), run.stdout
