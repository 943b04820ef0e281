"""examples/pipelines do what they say: their own lines are run in a clone, and what they write is what GitHub and GitLab read:
SARIF by the schema of its standard (ajv and epochctl judge it), code quality by what GitLab's documentation asks for."""
import json
import os
import re
import shutil
import subprocess

import npm
import pytest
import yaml

BUILD = npm.ROOT / os.environ.get("EPOCHD_BUILD", "build")
PIPELINES = npm.ROOT / "examples/pipelines"
SARIF = "@microsoft/jest-sarif@1.0.0-beta.0"  # ships the schema of the standard, rtm.5

# https://docs.gitlab.com/ci/testing/code_quality: what a report must have.
CODE_QUALITY = {
    "$schema": "http://json-schema.org/draft-07/schema#",
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": {"type": "string", "minLength": 1},
            "check_name": {"type": "string", "minLength": 1},
            "fingerprint": {"type": "string", "minLength": 1},
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object", "required": ["path"],
                "properties": {"path": {"type": "string", "pattern": "^[^./][^:]*$"},
                               "lines": {"type": "object", "required": ["begin"], "properties": {"begin": {"type": "integer", "minimum": 1}}},
                               "positions": {"type": "object", "required": ["begin"]}},
                "anyOf": [{"required": ["lines"]}, {"required": ["positions"]}],
            },
        },
    },
}

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
    "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org", "EPOCHD_CONFIG": "/dev/null",
}


class Clone:
    """What a pipeline has checked out: a branch of the layered example, over its main."""

    def __init__(self, folder):
        self.folder, self.bare = folder / "clone", folder / "bare.git"
        shutil.copytree(npm.ROOT / "examples/layers", folder / "work")
        self.env = {**os.environ, **ENVIRONMENT, "PATH": f"{BUILD}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": str(folder / "summary.md")}
        self.sh(f"git init -q -b main {folder}/work && cd {folder}/work && git add . && git commit -qm main && git checkout -qb try && "
                "sed -i s/0.55/0.6/ services/audio/stt-worker.yaml && git commit -qam good && git checkout -qb bad && "
                "sed -i s/0.6/1.6/ services/audio/stt-worker.yaml && git commit -qam bad && "
                f"git clone -q --bare . {self.bare} && git clone -q {self.bare} {self.folder}", cwd=folder)

    def sh(self, script, cwd=None, **more):
        return subprocess.run(["bash", "-e", "-c", script], cwd=cwd or self.folder, env={**self.env, **more}, capture_output=True,
                              text=True, check=False)

    def checkout(self, branch):
        assert self.sh(f"git checkout -q {branch}").returncode == 0


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def github_steps():
    jobs = yaml.safe_load((PIPELINES / "github.yml").read_text())["jobs"]
    for step in jobs["check"]["steps"]:
        if "epochctl " in step.get("run", "") and "apt-get" not in step["run"]:
            yield step["name"], re.sub(r"\$\{\{ github.base_ref \}\}", "main", step["run"])


def test_github_reads_what_its_steps_write(clone, tmp_path):
    steps = dict(github_steps())
    assert list(steps) == ["findings at their lines", "findings under Security", "what it would change"]
    clone.checkout("try")
    for name, script in steps.items():
        result = clone.sh(script)
        assert result.returncode == 0, (name, result.stderr)
    assert "| `/vad_threshold` | `0.55` | `0.6` |" in (tmp_path / "summary.md").read_text()
    clone.checkout("bad")
    refused = clone.sh(steps["findings at their lines"])
    assert refused.returncode == 1 and refused.stdout.startswith("::error file=services/audio/stt-worker.yaml,line=3,col=16,")
    assert clone.sh(steps["findings under Security"]).returncode == 0
    run = json.loads((clone.folder / "config.sarif").read_text())["runs"][0]
    assert [result["ruleId"] for result in run["results"]] == ["schema.maximum"]


def gitlab_script():
    return "\n".join(yaml.safe_load((PIPELINES / "gitlab.yml").read_text())["configuration"]["script"])


def test_gitlab_reads_what_its_script_writes(clone):
    job = yaml.safe_load((PIPELINES / "gitlab.yml").read_text())["configuration"]
    report = job["artifacts"]["reports"]["codequality"]
    base = clone.sh("git rev-parse origin/main").stdout.strip()
    clone.checkout("try")
    result = clone.sh(gitlab_script(), CI_MERGE_REQUEST_DIFF_BASE_SHA=base)
    assert result.returncode == 0, result.stderr
    assert json.loads((clone.folder / report).read_text()) == []
    assert "| `/vad_threshold` | `0.55` | `0.6` |" in (clone.folder / "plan.md").read_text()
    clone.checkout("bad")
    assert clone.sh(gitlab_script(), CI_MERGE_REQUEST_DIFF_BASE_SHA=base).returncode == 1
    assert [entry["check_name"] for entry in json.loads((clone.folder / report).read_text())] == ["schema.maximum"], "told all the same"


# --- the forms ---------------------------------------------------------------------------------------------------------------


def report_of(clone, form):
    """A report with findings of every kind of place: a line, a whole file, a warning, a name to be encoded."""
    clone.checkout("bad")
    clone.sh("mkdir -p services/x && printf 'a: 1\\na: 2\\n' >'services/x/twice.yaml' && printf 'a: no\\n' >>services/router.yaml && "
             "printf 'x' >'services/a file%.yaml' && ln -s router.yaml services/link.yaml && git add . && git commit -qm more")
    result = clone.sh(f"epochctl check --format {form} HEAD")
    assert result.returncode == 1, result.stderr
    return json.loads(result.stdout)


def ajv_says(schema, document):
    """Errors of ajv, which is not ours; formats are asserted."""
    script = ("const Ajv = require('ajv'), addFormats = require('ajv-formats'); const [s, d] = JSON.parse(require('fs').readFileSync(0));"
              "const ajv = addFormats(new Ajv({strict: false, allErrors: true, logger: false, unicodeRegExp: false})); const v = ajv.compile(s); v(d);"
              "process.stdout.write(JSON.stringify(v.errors || []));")
    run = subprocess.run([npm.NODE, "-e", script], input=json.dumps([schema, document]), capture_output=True, text=True, check=True,
                         env={**os.environ, "NODE_PATH": str(npm.node_modules())})
    return json.loads(run.stdout)


def ours_says(clone, schema, document):
    for name, value in (("schema.json", schema), ("document.json", document)):
        (clone.folder / name).write_text(json.dumps(value))
    return clone.sh("epochctl schema validate schema.json document.json").stdout


@pytest.mark.parametrize("form", ["sarif", "gitlab"])
def test_a_report_is_valid_by_its_schema(clone, form):
    if form == "sarif":
        npm.need([SARIF])
        schema = json.loads(next((npm.folder_of(SARIF) / "lib/schemas").glob("sarif-2.1.0*.json")).read_text())
    else:
        schema = CODE_QUALITY
    report = report_of(clone, form)
    assert len(report["runs"][0]["results"] if form == "sarif" else report) >= 4
    # The standard's is written in draft-04, and but for the names of two keywords it is draft-07 as well.
    schema = {"$schema": "http://json-schema.org/draft-07/schema#", **{key: value for key, value in schema.items() if key not in ("$schema", "id")}}
    if npm.NODE is not None:
        assert ajv_says(schema, report) == []
    assert ours_says(clone, schema, report).startswith("valid:"), "and ours says so too"
    broken = json.loads(json.dumps(report).replace('"error"', '"fatal"').replace('"major"', '"fatal"').replace('"critical"', '"fatal"'))
    assert not ours_says(clone, schema, broken).startswith("valid:"), "it can say no"


def test_the_pipelines_are_yaml_of_their_kind():
    github = yaml.safe_load((PIPELINES / "github.yml").read_text())
    assert set(github) == {"name", True, "permissions", "jobs"}, "`on` is true in YAML 1.1, which GitHub reads by itself"
    for job in github["jobs"].values():
        assert {"runs-on", "steps"} <= set(job) and all(("run" in step) != ("uses" in step) for step in job["steps"])
        assert all(re.fullmatch(r"[\w-]+/[\w/-]+@v\d+", step["uses"]) for step in job["steps"] if "uses" in step)
    gitlab = yaml.safe_load((PIPELINES / "gitlab.yml").read_text())["configuration"]
    assert all(isinstance(line, str) for line in gitlab["script"] + gitlab["before_script"])
