#!/usr/bin/python3
"""schemas: what judging a document by its schema costs, beside ajv (npm) on the same document in the same rounds.

    schemas.py [--quick] [--out FILE]      prints a table and appends it to FILE (default build/bench.md)

Back to back means one after the other, hundreds of times, as long as a machine and a JIT like it best; alone means 20 ms after
the one before, as commits come. Medians over all rounds.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

sys.dont_write_bytecode = True
sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1] / "interop")]
import npm  # noqa: E402
import pytest  # noqa: E402
from world import ROOT, measure  # noqa: E402

TARGET_US = 60

SCHEMA = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": False,
    "required": ["host", "port", "rate", "model", "language"],
    "properties": {
        "host": {"type": "string", "pattern": "^[a-z0-9.-]+$", "maxLength": 253}, "port": {"type": "integer", "minimum": 1, "maximum": 65535},
        "rate": {"type": "integer", "enum": [8000, 16000, 44100, 48000]}, "channels": {"type": "integer", "minimum": 1, "maximum": 8},
        "gain": {"type": "number", "minimum": 0, "maximum": 4}, "vad": {"type": "boolean"}, "vad_threshold": {"type": "number", "minimum": 0, "maximum": 1},
        "model": {"type": "string", "minLength": 1}, "language": {"type": "string", "pattern": "^[a-z]{2}(-[A-Z]{2})?$"},
        "beam": {"type": "integer", "minimum": 1}, "log": {"enum": ["debug", "info", "warn", "error"]}, "device": {"type": ["string", "null"]},
        "timeout_ms": {"type": "integer", "minimum": 0}, "retries": {"type": "integer", "minimum": 0, "maximum": 10},
        "words": {"type": "array", "items": {"type": "string", "maxLength": 40}, "maxItems": 100, "uniqueItems": True},
        "url": {"type": "string", "format": "uri"}, "tags": {"type": "object", "additionalProperties": {"type": "string"}},
        "limits": {"type": "object", "properties": {"cpu": {"type": "number"}, "memory_mb": {"type": "integer", "minimum": 1}}},
        "warm_up": {"type": "boolean"}, "workers": {"type": "integer", "minimum": 1, "maximum": 64},
    },
}
DOCUMENT = {
    "host": "stt.example.org", "port": 8883, "rate": 16000, "channels": 1, "gain": 1.5, "vad": True, "vad_threshold": 0.4, "model": "small",
    "language": "de-DE", "beam": 5, "log": "info", "device": None, "timeout_ms": 2500, "retries": 3, "words": ["lamp", "kitchen", "hall"],
    "url": "mqtts://broker.example.org:8883", "tags": {"room": "hall", "floor": "1"}, "limits": {"cpu": 1.5, "memory_mb": 512},
    "warm_up": False, "workers": 4,
}

NODE_SCRIPT = r"""
const {schema, document, count, gap, batch} = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const Ajv = require('ajv/dist/2020'), addFormats = require('ajv-formats');
const validate = addFormats(new Ajv()).compile(schema), us = [];
const pause = () => new Promise(done => setTimeout(done, gap));
(async () => {
    for (let i = 0; i < 20000 * (gap == 0); i++) validate(document);
    for (let i = 0; i < count; i++) {
        if (gap > 0) await pause();
        const start = process.hrtime.bigint();
        for (let j = 0; j < batch; j++) if (!validate(document)) throw 'not valid';
        us.push(Number(process.hrtime.bigint() - start) / batch / 1000);
    }
    process.stdout.write(JSON.stringify(us));
})();
"""


def ajv(count, gap):
    question = {"schema": SCHEMA, "document": DOCUMENT, "count": count, "gap": gap, "batch": 1 if gap else 100}
    run = subprocess.run([npm.NODE, "-e", NODE_SCRIPT], input=json.dumps(question), capture_output=True, text=True, check=True,
                         env={**os.environ, "NODE_PATH": str(npm.node_modules())})
    return json.loads(run.stdout)


def has_ajv():
    try:
        npm.node_modules()
    except pytest.skip.Exception as why:
        print(f"bench: {why}", file=sys.stderr)
        return False
    return True


def table(lists, missing):
    def cell(name, gap):
        return f"{statistics.median(lists[name, gap]):.1f}" if lists[name, gap] else "-"

    rows = [("epochd, verdict", "judge"), ("epochd, findings", "validate"), ("ajv 8", "ajv"), ("reading the YAML", "read"),
            ("compiling the schema", "compile")]
    ours = statistics.median(lists["validate", 20])
    lines = ["", "## A document by its schema", "", f"{len(SCHEMA['properties'])} fields, {len(json.dumps(DOCUMENT))} bytes; µs a document.", "",
             "| | back to back | alone |", "|---|---|---|", *(f"| {title} | {cell(name, 0)} | {cell(name, 20)} |" for title, name in rows), "",
             f"At most {TARGET_US} µs more: {'met' if ours <= TARGET_US else 'missed'}, {ours:.1f}."]
    if missing:
        return "\n".join(lines + ["ajv was not there to compare with."])
    faster = {gap: statistics.median(lists["ajv", gap]) / statistics.median(lists["validate", gap]) for gap in (0, 20)}
    return "\n".join(lines + [f"Faster than ajv: {'met' if faster[20] > 1 else 'missed'}, {faster[20]:.1f} times alone, {faster[0]:.2f} times back to back."])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", default=ROOT / "build/bench.md", type=Path)
    args = parser.parse_args()
    rounds, count = (3, 50) if args.quick else (5, 150)
    lists, missing = defaultdict(list), not has_ajv()
    with tempfile.TemporaryDirectory(prefix="epochd-bench-") as folder:
        schema, document = Path(folder) / "schema.yaml", Path(folder) / "document.yaml"
        schema.write_text(json.dumps(SCHEMA, indent=1))
        document.write_text("".join(f"{key}: {json.dumps(value)}\n" for key, value in DOCUMENT.items()))
        for _ in range(rounds):
            for gap in (0, 20):
                for name, samples in measure("schema", schema=schema, file=document, count=count, gap=gap).items():
                    lists[name, gap] += samples
                if not missing:
                    lists["ajv", gap] += ajv(count, gap)
    text = table(lists, missing)
    with open(args.out, "a", encoding="utf-8") as out:
        out.write(text + "\n")
    print(text)


if __name__ == "__main__":
    main()
