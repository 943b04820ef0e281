"""The formats against the JSON Schema Test Suite (optional/format of both drafts): every test of every format.

A format that asserts must say what the suite says. Formats that assert nothing are named as NOTES.

$JSON_SCHEMA_TEST_SUITE is where the suite is, $EPOCHD_BUILD where judge_texts is.
"""
import json
import os
import random
import subprocess
import unicodedata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SUITE = ROOT / os.environ.get("JSON_SCHEMA_TEST_SUITE", "../shared/json-schema-test-suite")
JUDGE_TEXTS = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/judge_texts"
FILES = sorted((SUITE / "tests").glob("draft*/optional/format/*.json"))
needs_suite = pytest.mark.skipif(not FILES, reason=f"NOT TESTED: no JSON Schema Test Suite at {SUITE}; set JSON_SCHEMA_TEST_SUITE")

# Host names in a script of their own: which characters IDNA allows is a table of Unicode that is not carried.
NOTES = {"idn-hostname"}


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
        if (letter == "y") != valid:
            wrong.append(f"{name}: {group}: {test}: {letter}, {valid}")
    assert not wrong, "\n".join(wrong)


def test_labels_that_python_encodes_are_read():
    """Punycode is decoded as Python's codec encodes it: letters of any script, and what is cut off is refused."""
    chance = random.Random(4)
    letters = [chr(c) for c in range(128, 0x20000) if unicodedata.category(chr(c)) in ("Ll", "Lo") and c not in (0xAA, 0xB5)] + list("abc019")
    labels = ["xn--" + "".join(chance.choices(letters, k=chance.randint(1, 12))).encode("punycode").decode() for _ in range(3000)]
    labels = [label for label in labels if len(label) <= 63 and not label.endswith("-")]
    assert len(labels) > 2000
    wrong = [label for label, letter in zip(labels, judge([["format", "hostname", label] for label in labels])) if letter != "y"]
    assert not wrong
    assert judge([["format", "hostname", "xn--" + text] for text in ("", "a", "99999999", "z" * 50, "a-9999")]) == "nnnnn"
