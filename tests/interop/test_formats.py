"""The formats against the JSON Schema Test Suite (optional/format of both drafts): every test of every format.

A format that asserts must say what the suite says. Where it does not, the test is named in EXCEPTIONS with the reason; one
that is named there and agrees fails too. Formats that assert nothing are named as NOTES.

$JSON_SCHEMA_TEST_SUITE is where the suite is, $EPOCHD_BUILD where judge_texts is.
"""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / os.environ.get("JSON_SCHEMA_TEST_SUITE", "../shared/json-schema-test-suite")
JUDGE_TEXTS = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/judge_texts"
FILES = sorted((SUITE / "tests").glob("draft*/optional/format/*.json"))
needs_suite = pytest.mark.skipif(not FILES, reason=f"NOT TESTED: no JSON Schema Test Suite at {SUITE}; set JSON_SCHEMA_TEST_SUITE")

# Host names in a script of their own: which characters IDNA allows is a table of Unicode that is not carried.
NOTES = {"idn-hostname"}
# Of xn-- labels the letters, digits and dashes are checked, not what they decode to.
A_LABELS = ("hostname", "validation of A-label (punycode) host names")
EXCEPTIONS = {A_LABELS: {
    "invalid Punycode",
    "contains illegal char U+302E Hangul single dot tone mark",
    "Begins with a Spacing Combining Mark",
    "Begins with a Nonspacing Mark",
    "Begins with an Enclosing Mark",
    "Exceptions that are DISALLOWED, right-to-left chars",
    "Exceptions that are DISALLOWED, left-to-right chars",
    "MIDDLE DOT with no preceding 'l'",
    "MIDDLE DOT with nothing preceding",
    "MIDDLE DOT with no following 'l'",
    "MIDDLE DOT with nothing following",
    "Greek KERAIA not followed by Greek",
    "Greek KERAIA not followed by anything",
    "Hebrew GERESH not preceded by Hebrew",
    "Hebrew GERESH not preceded by anything",
    "Hebrew GERSHAYIM not preceded by Hebrew",
    "Hebrew GERSHAYIM not preceded by anything",
    "KATAKANA MIDDLE DOT with no Hiragana, Katakana, or Han",
    "KATAKANA MIDDLE DOT with no other characters",
    "Arabic-Indic digits mixed with Extended Arabic-Indic digits",
    "ZERO WIDTH JOINER not preceded by Virama",
    "ZERO WIDTH JOINER not preceded by anything",
    'contains "--" in the 3rd and 4th position',
}}


def judge(questions):
    """One letter for each [kind, rule, text]."""
    run = subprocess.run([JUDGE_TEXTS], input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert len(run.stdout) == len(questions)
    return run.stdout


def cases_of(path):
    """(group, test, format, text, valid) of all tests about strings."""
    for group in json.loads(path.read_text(encoding="utf-8")):
        for test in group["tests"]:
            if isinstance(test["data"], str):
                yield group["description"], test["description"], group["schema"]["format"], test["data"], test["valid"]


@needs_suite
@pytest.mark.parametrize("path", FILES, ids=[f"{path.parts[-4]}/{path.stem}" for path in FILES])
def test_format_says_what_the_suite_says(path):
    tests = list(cases_of(path))
    letters = judge([["format", name, text] for _, _, name, text, _ in tests])
    wrong = []
    for (group, test, name, _, valid), letter in zip(tests, letters):
        if letter == "u":
            assert name in NOTES or path.stem == "unknown", f"{name} asserts nothing"
            continue
        assert name not in NOTES
        is_exception = test in EXCEPTIONS.get((name, group), ())
        if (letter == "y") != (valid != is_exception):
            wrong.append(f"{name}: {group}: {test}: {letter}, {'an exception' if is_exception else valid}")
    assert not wrong, "\n".join(wrong)
