"""Patterns against the regular expressions of node (flag u): the same verdict for patterns and texts made up at random.

Where node refuses with the flag u and we do not, node must accept without it and say the same, unless the pattern means
something else without it. Where we refuse, node must too, but for what PCRE2 cannot. The sequence is the same in each run. $EPOCHD_BUILD is where judge_texts is.
"""
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
JUDGE_TEXTS = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/judge_texts"
SUITE = ROOT / os.environ.get("JSON_SCHEMA_TEST_SUITE", "../shared/json-schema-test-suite")
SUITE_FILES = sorted((SUITE / "tests").glob("draft*/optional/*regex.json")) + sorted((SUITE / "tests").glob("draft*/pattern.json"))
NODE = shutil.which("node")
QUESTIONS = 20_000

NODE_SCRIPT = r"""
const questions = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const judge = (pattern, flags, text) => {
    try { return new RegExp(pattern, flags).test(text) ? 'y' : 'n'; } catch (error) { return 'r'; }
};
process.stdout.write(questions.map(([, pattern, text]) => judge(pattern, 'u', text) + judge(pattern, '', text)).join(' '));
"""

ATOMS = ["a", "b", "c", "A", "0", "7", "_", "-", " ", ":", "\u00e9", "\U0001f432", "\\n", "\\t", "\\.", "\\/", "\\-", "\\d", "\\D", "\\w",
         "\\W", "\\s", "\\S", ".", ".", "\\u0061", "\\x62", "\\u{1f432}", "\\ud83d\\udc32", "\\cJ", "\\0", "\\p{L}", "\\P{Lu}",
         "\\p{Script=Greek}", "\\p{Nd}", "\\p{ASCII}", "{", "}", "]", "a{", "\\Z", "\\q", "[a-c]", "[^a-c]", "[\\w-]", "[\\w-.]", "[^\\s]",
         "[\\S]", "[]", "[^]", "[[:alpha:]]", "[\\b]", "[\\u0061-\\u007a]", "[\\ud83d\\udc32]", "[c-a]", "[^\\p{L}0]", "\\ud83d"]
EDGES = ["^", "$", "\\b", "\\B"]
REPEATS = ["*", "+", "?", "*?", "+?", "??", "{2}", "{1,}", "{0,2}", "{1,3}?", "{2,1}", "{,2}", "++"]
OPENINGS = ["(", "(", "(?:", "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?<n>", "(?i)", "(?>"]
TEXTS = ["", "a", "b", "ab", "ba", "abc", "aab", "abab", "cab", "A", "0", "a0", "a-b", "a b", "_", "\n", "a\n", "\u00a0", "\u00e9", "a\u00e9",
         "\U0001f432", "a\U0001f432b", "{", "a{", "}", "]", "\u2028", "\ufeff", "\u03b1", "x" * 9, ":", "a:]", "\0", "\b", "/", "{,2}", "77"]


def made_up(source, depth):
    """A pattern, now and then a wrong one."""
    terms = []
    for _ in range(source.choice((1, 1, 2, 2, 3, 4))):
        kind = source.random()
        if kind < 0.12:
            terms.append(source.choice(EDGES))
            continue
        if kind < 0.3 and depth < 3:
            opening = source.choice(OPENINGS)
            # What repeats inside of a group that repeats takes node very long.
            term = opening + made_up(source, depth + 1) + ("" if source.random() < 0.03 else ")")
        elif kind < 0.34:
            term = source.choice(["\\1", "\\2", "\\k<n>"]) if depth == 0 else "c"
        else:
            term = source.choice(ATOMS)
        if source.random() < 0.3:
            term += source.choice(REPEATS)
        terms.append(term)
    pattern = "".join(terms)
    return pattern + "|" + made_up(source, depth + 1) if source.random() < 0.15 and depth < 3 else pattern


def our_letters(questions):
    """The letters, and what was said of each refused pattern."""
    run = subprocess.run([JUDGE_TEXTS], input=json.dumps(questions), capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout, dict(line.rsplit(": ", 1) for line in run.stderr.splitlines() if ": " in line)


@pytest.mark.skipif(NODE is None, reason="NOT TESTED: no node to compare patterns with")
def test_patterns_find_what_node_finds():
    source = random.Random(262)
    questions = [["pattern", made_up(source, 0), source.choice(TEXTS)] for _ in range(QUESTIONS)]
    letters, _ = our_letters(questions)
    run = subprocess.run([NODE, "-e", NODE_SCRIPT], input=json.dumps(questions), capture_output=True, text=True, check=True)
    wrong, agreed = [], {"y": 0, "n": 0, "r": 0}
    for (_, pattern, text), ours, theirs in zip(questions, letters, run.stdout.split(" ")):
        strict, lax = theirs
        is_same_without_u = not any(part in pattern + text for part in ("\\p", "\\P", "\\u{", "\\ud83d", "\U0001f432"))
        if ours == strict or (strict == "r" and ours == lax):
            agreed[ours] += 1
        elif strict == "r" and lax != "r" and not is_same_without_u:
            continue
        elif "\\B" in pattern and "\U0001f432" in text:
            continue  # node looks between the halves of a surrogate pair
        elif not (ours == "r" and ("(?<=" in pattern or "(?<!" in pattern)):
            wrong.append(f"{pattern!r} on {text!r}: {ours}, node: {strict}, without u: {lax}")
    assert not wrong, f"{len(wrong)} of {QUESTIONS}\n" + "\n".join(wrong[:50])
    assert min(agreed.values()) > QUESTIONS / 20, agreed


@pytest.mark.skipif(not SUITE_FILES, reason=f"NOT TESTED: no JSON Schema Test Suite at {SUITE}; set JSON_SCHEMA_TEST_SUITE")
@pytest.mark.parametrize("path", SUITE_FILES, ids=[f"{path.parent.parent.name}/{path.stem}" for path in SUITE_FILES])
def test_patterns_find_what_the_suite_says(path):
    cases = [(group["schema"], test) for group in json.loads(path.read_text(encoding="utf-8")) for test in group["tests"]]
    cases = [(schema["pattern"], test) for schema, test in cases if "pattern" in schema and isinstance(test["data"], str)]
    letters, _ = our_letters([["pattern", pattern, test["data"]] for pattern, test in cases])
    assert letters == "".join("y" if test["valid"] else "n" for _, test in cases)
    assert letters
