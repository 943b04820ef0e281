"""Whole documents in canonical form, against node: JSON.parse, names sorted by UTF-16 units, JSON.stringify.

The documents are written in many spellings: escapes where none are needed, white space everywhere, members in any
order. The sequence is the same in each run. $EPOCHD_BUILD is where canonicalize is.
"""
import json
import os
import random
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CANONICALIZE = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/canonicalize"
NODE = shutil.which("node")
needs_node = pytest.mark.skipif(NODE is None, reason="node is not here: nothing to compare the canonical form with")

# JavaScript compares strings by UTF-16 units, which is the order RFC 8785 asks for.
NODE_SCRIPT = """
function canonical(value) {
    if (Array.isArray(value))
        return '[' + value.map(canonical).join(',') + ']';
    if (value === null || typeof value !== 'object')
        return JSON.stringify(value);
    const names = Object.keys(value).sort();
    return '{' + names.map(name => JSON.stringify(name) + ':' + canonical(value[name])).join(',') + '}';
}
const texts = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify(texts.map(text => canonical(JSON.parse(text)))));
"""

# Where the order of UTF-16 and the order of code points differ, and the edges of UTF-8's lengths.
EDGES = [0x01, 0x1F, 0x20, 0x22, 0x2F, 0x5C, 0x7F, 0x80, 0x7FF, 0x800, 0x2028, 0xD7FF, 0xE000, 0xFB33, 0xFEFF, 0xFFFF,
         0x10000, 0x1F600, 0x10FFFF]
SHORT_ESCAPES = {8: "\\b", 9: "\\t", 10: "\\n", 12: "\\f", 13: "\\r", 0x22: '\\"', 0x2F: "\\/", 0x5C: "\\\\"}
NUMBERS = ["0", "-0", "-0.0", "1.0", "10e-1", "1E3", "4.50", "2e-3", "0.000001", "0.0000001", "1e21", "1E+30", "-1e-7",
           "5e-324", "333333333.33333329", "1.7976931348623157e308", "9007199254740991", "-9007199254740991", "1e-400",
           "123456789.125"]


def canonicalize(text):
    assert CANONICALIZE.exists(), f"{CANONICALIZE} is not built"
    return subprocess.run([CANONICALIZE], input=text.encode(), capture_output=True, timeout=300, check=False)


def canonical_by_node(texts):
    run = subprocess.run([NODE, "-e", NODE_SCRIPT], input=json.dumps(texts).encode(), capture_output=True, timeout=300,
                         check=True)
    return json.loads(run.stdout)


def assert_same_as_node(texts):
    for text, expected in zip(texts, canonical_by_node(texts), strict=True):
        run = canonicalize(text)
        assert run.returncode == 0, run.stderr.decode()
        assert run.stdout.decode() == expected
        assert canonicalize(expected).stdout == run.stdout, "the canonical form is not its own"


def escaped(code, source):
    units = chr(code).encode("utf-16-be").hex()
    return "".join("\\u" + source.choice([str.lower, str.upper])(units[i:i + 4]) for i in range(0, len(units), 4))


class Speller:
    """Writes random values as JSON, in spellings no writer would choose."""

    def __init__(self, seed):
        self.source = random.Random(seed)

    def space(self):
        return self.source.choice(["", "", "", " ", "\n", "\t ", "\r\n"])

    def character(self):
        code = self.source.choice([self.source.choice(EDGES), self.source.randrange(1, 0x80),
                                   self.source.randrange(1, 0x110000)])
        return self.character() if 0xD800 <= code < 0xE000 else code

    def spelled(self, code):
        if code in SHORT_ESCAPES and self.source.random() < 0.5:
            return SHORT_ESCAPES[code]
        if code < 0x20 or code in (0x22, 0x5C) or self.source.random() < 0.3:
            return escaped(code, self.source)
        return chr(code)

    def string(self, codes):
        return '"' + "".join(self.spelled(code) for code in codes) + '"'

    def characters(self):
        return [self.character() for _ in range(self.source.randrange(0, 12))]

    def list_of(self, items):
        return (self.space() + "," + self.space()).join(items)

    def members(self, depth):
        names = {tuple(self.characters()) for _ in range(self.source.randrange(0, 8))}
        shuffled = sorted(names)
        self.source.shuffle(shuffled)
        return [self.string(name) + self.space() + ":" + self.space() + self.value(depth + 1) for name in shuffled]

    def value(self, depth=0):
        kind = self.source.randrange(6 if depth < 5 else 4)
        if kind == 0:
            return self.source.choice(["null", "true", "false"])
        if kind == 1:
            return self.source.choice(NUMBERS)
        if kind <= 3 and depth > 0:
            return self.string(self.characters())
        if kind % 2 == 0:
            items = [self.value(depth + 1) for _ in range(self.source.randrange(0, 6))]
            return "[" + self.space() + self.list_of(items) + self.space() + "]"
        return "{" + self.space() + self.list_of(self.members(depth)) + self.space() + "}"


@needs_node
def test_documents__come_out_as_from_node_however_they_are_spelled():
    assert_same_as_node([Speller(seed).value() for seed in range(200)])


@needs_node
def test_documents__keep_every_character_as_node_does():
    codes = [code for code in range(1, 0x11000) if not 0xD800 <= code < 0xE000]
    source = random.Random(8785)
    raw = [chr(code) for code in codes if code >= 0x20 and code not in (0x22, 0x5C)]
    spelled = [escaped(code, source) for code in codes]
    assert_same_as_node(['["' + '","'.join(strings) + '"]' for strings in (spelled, raw)])


@needs_node
def test_names__come_in_the_order_of_node():
    texts = [chr(a) + middle + chr(b) for a in EDGES for middle in ("", "m", "\U0001f600") for b in EDGES]
    source = random.Random(8785)
    for _ in range(5):
        source.shuffle(texts)
        members = dict.fromkeys(texts, 0)
        assert_same_as_node([json.dumps(members), json.dumps(members, ensure_ascii=False)])


def test_names__beyond_the_basic_plane_come_before_the_last_of_it():
    run = canonicalize('{"\ufb33":1,"\U0001f600":2}')
    assert run.stdout.decode() == '{"\U0001f600":2,"\ufb33":1}'


@pytest.mark.parametrize("text, place", [
    ('{"a":1,"b":2,\n"\\u0061":3}', "stdin:2:1:"),  # node keeps the last of the two
    ('["\\ud800"]', "stdin:1:3:"),                  # node keeps half a surrogate pair
    ("[9007199254740993]", "stdin:1:2:"),           # node makes ...992 of it
    ("[1e16]", "stdin:1:2:"),                       # and this would come out as such an integer
    ("[1e400]", "stdin:1:2:"),                      # node makes an infinity of it, and null of that
    ('["\\u0000"]', "stdin:1:3:"),
    ("[1,]", "stdin:1:4:"),
    ("", "stdin:1:1:"),
])
def test_documents__that_programs_disagree_on_are_refused_with_the_place(text, place):
    run = canonicalize(text)
    assert run.returncode == 1
    assert run.stdout == b""
    assert run.stderr.decode().startswith(place)
    assert run.stderr.decode().endswith("[message-form]\n")
