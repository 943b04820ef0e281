"""The reader of YAML against the YAML Test Suite (github.com/yaml/yaml-test-suite, branch data): every case of it.

A case with a file `error` must be refused; one whose in.json holds exactly one value must be read as that value. What
else happens is written down, case by case and with the reason, in yaml-suite-expected.txt. A case that does something
else than is written there fails, and so does one that is written there and need not be any more.

$YAML_TEST_SUITE is where the suite is, $EPOCHD_BUILD where yaml_to_json is.
"""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / os.environ.get("YAML_TEST_SUITE", "../shared/yaml-test-suite")
YAML_TO_JSON = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/yaml_to_json"
EXPECTED = Path(__file__).with_name("yaml-suite-expected.txt")

CASES = sorted(str(path.parent.relative_to(SUITE)) for path in SUITE.glob("**/in.yaml"))
needs_suite = pytest.mark.skipif(not CASES, reason=f"NOT TESTED: no YAML Test Suite at {SUITE}; set YAML_TEST_SUITE")


def read_expected():
    """{case: what happens}; lines are: case, `refused`, `accepted` or `differs`, reason."""
    expected = {}
    for number, line in enumerate(EXPECTED.read_text(encoding="utf-8").splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        case, outcome, reason = line.split(maxsplit=2)
        assert outcome in ("refused", "accepted", "differs") and reason, f"{EXPECTED.name}:{number}"
        assert case not in expected, f"{EXPECTED.name}:{number}: {case} stands twice"
        expected[case] = outcome
    return expected


def values_of(text):
    """All JSON values of a text, one after the other."""
    decoder, values, at = json.JSONDecoder(parse_float=parse_float), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        value, at = decoder.raw_decode(text, at)
        values.append(value)
    return values


def parse_float(text):
    """1.0 is 1."""
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 2**53 else number


def spell(value):
    """One spelling for equal values; Python takes True for 1, a text does not."""
    return json.dumps(value, sort_keys=True)


def outcome_of(case):
    """`right`, or what yaml_to_json does instead."""
    folder = SUITE / case
    run = subprocess.run([YAML_TO_JSON], input=(folder / "in.yaml").read_bytes(), capture_output=True, timeout=300,
                         check=False)
    assert run.returncode in (0, 1), run.stderr.decode()
    is_refused = run.returncode == 1
    assert is_refused == (run.stdout == b"")
    assert not is_refused or run.stderr, "a refusal says why"
    if (folder / "error").exists():
        return "right" if is_refused else "accepted"
    wanted = values_of((folder / "in.json").read_text(encoding="utf-8")) if (folder / "in.json").exists() else []
    if is_refused:
        return "refused"
    if len(wanted) != 1:
        return "accepted"
    return "right" if spell(json.loads(run.stdout)) == spell(wanted[0]) else "differs"


@needs_suite
@pytest.mark.parametrize("case", CASES)
def test_case(case):
    assert YAML_TO_JSON.exists(), f"{YAML_TO_JSON} is not built"
    assert outcome_of(case) == read_expected().get(case, "right")


@needs_suite
def test_list_names_only_cases_of_the_suite():
    assert not set(read_expected()) - set(CASES)


def test_list_can_be_read():
    assert read_expected()
