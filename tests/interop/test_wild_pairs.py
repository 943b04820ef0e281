"""Schemas and documents from the wild (wild-pairs.txt): epochctl says what ajv says, of each pair and of what becomes of its
document when it is damaged here and there.

Nothing of them is kept with the tests: they come out of npm packages, one version each (npm.py).
"""
import copy
import json
import os
import random
import re
import subprocess
from pathlib import Path

import npm
import pytest

EPOCHCTL = npm.ROOT / os.environ.get("EPOCHD_BUILD", "build") / "epochctl"
PAIRS = Path(__file__).with_name("wild-pairs.txt")
PAIRS_AT_LEAST, DAMAGED_EACH = 50, 12

# Reads jobs {schema, documents, others: {URI: file}} and answers each with the verdicts of its documents. The $dynamicRef
# of the OpenAPI schema is what ajv 8 goes astray at; in a document of its own it can only lead to that one definition.
NODE_SCRIPT = r"""
const fs = require('fs'), YAML = require('yaml'), addFormats = require('ajv-formats');
const Ajv07 = require('ajv'), Ajv2020 = require('ajv/dist/2020');
const read = file => (file.endsWith('.json') ? JSON.parse : YAML.parse)(fs.readFileSync(file, 'utf8'));
const judge = job => {
    const text = fs.readFileSync(job.schema, 'utf8').replaceAll('"$dynamicRef": "#meta"', '"$ref": "#/$defs/schema"');
    const schema = JSON.parse(text), Ajv = schema.$schema.includes('2020-12') ? Ajv2020 : Ajv07;
    const ajv = addFormats(new Ajv({strict: false, logger: false}));
    for (const [uri, file] of Object.entries(job.others))
        ajv.addSchema(read(file), uri);
    const validate = (schema.$id && ajv.getSchema(schema.$id)) || ajv.compile(schema);
    return job.documents.map(document => validate(read(document)));
};
process.stdout.write(JSON.stringify(JSON.parse(fs.readFileSync(0, 'utf8')).map(judge)));
"""


class Wild:
    """What wild-pairs.txt says, with the files where they are now."""

    def __init__(self):
        self.packages, self.places, rows = {}, {}, []
        for line in PAIRS.read_text(encoding="utf-8").splitlines():
            words = line.partition("#")[0].split() if not line.startswith("package") else line.split()
            if words and words[0] == "package":
                self.packages[words[1]] = words[2]
                self.places.update({uri: words[2] for uri in words[3:]})
            elif words:
                rows.append(words)
        npm.need(self.packages.values())
        self.jobs = [self.job(*row) for row in rows]

    def files(self, pattern):
        key, _, path = pattern.partition("/")
        found = sorted(npm.folder_of(self.packages[key]).glob(path))
        assert found, f"{PAIRS.name}: {pattern} is nothing"
        return found

    def job(self, verdict, schema, *documents):
        (path,) = self.files(schema)
        others = {}
        for uri in re.findall(r'"\$ref": "(https?:[^"#]+)', path.read_text(encoding="utf-8")):
            for prefix, package in self.places.items():
                if uri.startswith(prefix):
                    others[uri] = str(npm.folder_of(package) / uri[len(prefix) + 1:])
        found = [str(file) for pattern in documents for file in self.files(pattern)]
        return {"schema": str(path), "documents": found, "others": others, "valid": verdict == "valid"}


@pytest.fixture(scope="module")
def wild():
    npm.node_modules()
    return Wild()


def ajv_verdicts(jobs):
    run = subprocess.run([npm.NODE, "-e", NODE_SCRIPT], input=json.dumps(jobs), capture_output=True, text=True, check=False,
                         env={**os.environ, "NODE_PATH": str(npm.node_modules())})
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def our_verdicts(wild, job):
    maps = [f"--map={prefix}={npm.folder_of(package)}" for prefix, package in wild.places.items()]
    run = subprocess.run([EPOCHCTL, "schema", "validate", "--json", *maps, job["schema"], *job["documents"]],
                         capture_output=True, text=True, check=False)
    assert run.returncode in (0, 1), run.stdout + run.stderr
    wrong = {finding["file"] for finding in json.loads(run.stdout)["findings"] if finding["severity"] == "error"}
    assert wrong <= set(job["documents"]), run.stdout[:2000]
    return [document not in wrong for document in job["documents"]]


def places(value, path=()):
    """The ways to all that is inside of a value."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in entries:
        yield path + (key,)
        yield from places(below, path + (key,))


def damaged(document, source):
    """A copy with one thing removed, replaced or added; each is as likely as the other."""
    document = copy.deepcopy(document)
    way = source.choice(list(places(document)))
    inside = document
    for key in way[:-1]:
        inside = inside[key]
    kind = source.randrange(4)
    if kind == 0:
        del inside[way[-1]]
    elif kind == 1 and isinstance(inside, dict):
        inside[source.choice(["unknown", "type", "x-other", "$ref", "name", "items"])] = source.choice([1, "x", {}, [], None, True])
    else:
        inside[way[-1]] = source.choice([None, True, 0, -1, 1.5, "", "x", "https://example.org", [], {}, ["x"], [1, 1]])
    return document


def disagreements(wild, jobs):
    theirs = ajv_verdicts(jobs)
    return [f"{job['schema']} {document}: {ours}, ajv: {other}"
            for job, verdicts in zip(jobs, theirs)
            for document, ours, other in zip(job["documents"], our_verdicts(wild, job), verdicts) if ours != other]


def test_pairs_from_the_wild_are_judged_as_ajv_judges_them(wild):
    assert sum(len(job["documents"]) for job in wild.jobs) >= PAIRS_AT_LEAST
    assert not disagreements(wild, wild.jobs)
    for job in wild.jobs:
        assert our_verdicts(wild, job) == [job["valid"]] * len(job["documents"]), job


def test_damaged_documents_are_judged_as_ajv_judges_them(wild, tmp_path):
    source, jobs = random.Random(7), []
    for job in wild.jobs:
        copies = []
        for original in job["documents"]:
            if not original.endswith(".json"):
                continue
            document = json.loads(Path(original).read_text(encoding="utf-8"))
            for _ in range(DAMAGED_EACH):
                copies.append(tmp_path / f"{len(jobs)}-{len(copies)}.json")
                copies[-1].write_text(json.dumps(damaged(document, source)), encoding="utf-8")
        if copies:
            jobs.append({**job, "documents": [str(path) for path in copies]})
    assert not disagreements(wild, jobs)
