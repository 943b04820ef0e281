"""Numbers as the canonical form writes them, against the ECMAScript engine of node: the same text for the same bits.

Random bit patterns find the ordinary mistakes; the powers of two and of ten, their neighbours, the short decimals and the
subnormals are where the rare ones live. The sequence is the same in each run. $EPOCHD_BUILD is where print_numbers is.
"""
import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PRINT_NUMBERS = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/print_numbers"
NODE = shutil.which("node")

NODE_SCRIPT = """
const lines = require('fs').readFileSync(0, 'latin1').split('\\n').slice(0, -1);
const view = new DataView(new ArrayBuffer(8));
for (let i = 0; i < lines.length; i++) {
    view.setBigUint64(0, BigInt('0x' + lines[i]));
    lines[i] = JSON.stringify(view.getFloat64(0));
}
process.stdout.write(lines.join('\\n') + '\\n');
"""

SIGN = 1 << 63
INFINITY = 0x7FF0000000000000


def bits_of(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


def around(bits, distance):
    """The pattern and its neighbours, as far as they are finite."""
    return range(max(bits - distance, 0), min(bits + distance + 1, INFINITY))


def random_patterns():
    source = random.Random(8785)
    for _ in range(250_000):
        bits = source.getrandbits(64)
        if bits & INFINITY != INFINITY:
            yield bits


def powers_of_two():
    for exponent in range(-1074, 1024):
        yield from around(bits_of(2.0**exponent), 3)


def powers_of_ten():
    for exponent in range(-324, 309):
        for digit in range(1, 10):
            yield from around(bits_of(float(f"{digit}e{exponent}")), 2)


def short_decimals():
    source = random.Random(7493)
    for _ in range(100_000):
        digits = source.randint(0, 10 ** source.randint(1, 17))
        yield bits_of(float(f"{digits}e{source.randint(-25, 10)}")) | source.choice([0, SIGN])


def integers():
    source = random.Random(53)
    for power in range(50, 75):
        for _ in range(400):
            yield bits_of(float(source.getrandbits(power)))
        yield from around(bits_of(2.0**power), 20)
    yield from (bits_of(float(n)) for n in range(2000))


def subnormals():
    source = random.Random(1074)
    yield from range(2000)
    for _ in range(30_000):
        yield source.getrandbits(source.randint(1, 52))


def extremes():
    return [0, SIGN, 1, SIGN | 1, INFINITY - 1, SIGN | (INFINITY - 1), 1 << 52, (1 << 52) - 1]


def answers(command, patterns):
    text = "".join(f"{bits:016x}\n" for bits in patterns)
    result = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.splitlines()


@pytest.mark.skipif(NODE is None, reason="node is not here: nothing to compare numbers with")
@pytest.mark.parametrize(
    "make, at_least",
    [(random_patterns, 200_000), (powers_of_two, 2098), (powers_of_ten, 5000), (short_decimals, 100_000),
     (integers, 10_000), (subnormals, 30_000), (extremes, 8)],
    ids=lambda value: getattr(value, "__name__", ""))
def test_numbers__are_written_as_ecmascript_writes_them(make, at_least):
    assert PRINT_NUMBERS.exists(), f"{PRINT_NUMBERS} is not built"
    patterns = list(make())
    assert len(patterns) >= at_least
    ours = answers([str(PRINT_NUMBERS)], patterns)
    theirs = answers([NODE, "-e", NODE_SCRIPT], patterns)
    assert len(ours) == len(theirs) == len(patterns)
    wrong = [f"{bits:016x}: {our} instead of {their}"
             for bits, our, their in zip(patterns, ours, theirs) if our != their]
    assert not wrong, f"{len(wrong)} of {len(patterns)}, first: " + "; ".join(wrong[:5])
