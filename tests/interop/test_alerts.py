"""docs/alerts.yml: at most eight rules, over metrics that exist, naming every code that can be behind them and no other."""
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from test_docs import BUILD, CODES, DOCS, STATES, names, source

FILE = DOCS / "alerts.yml"
RULES = {rule["alert"]: rule for group in yaml.safe_load(FILE.read_text())["groups"] for rule in group["rules"]}
METRICS = names(r'(?:head|number|seconds|histogram)\(out, "([a-z_]+)"', source("daemon/metrics.c"))


STATE_CODES = {row[1] for row in STATES}


def test_there_are_at_most_eight():
    assert 0 < len(RULES) <= 8


@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_over_metrics_that_exist(name):
    used = re.findall(r"epochd_([a-z_]+)", RULES[name]["expr"])
    assert used and [metric for metric in used if metric not in METRICS] == []


@pytest.mark.parametrize("name", RULES)
def test_a_rule_links_codes_that_exist(name):
    notes = RULES[name]["annotations"]
    assert notes["summary"] and notes["action"]
    if notes["codes"] == "{{ $labels.code }}":
        assert re.search(r'epochd_condition\{kind="(hold|degraded)"', RULES[name]["expr"])
    else:
        assert [code for code in notes["codes"].split() if code not in CODES and code not in STATE_CODES] == []


@pytest.fixture
def promtool():
    """The program alone, out of the package: installing that would start a server here."""
    path = shutil.which("promtool") or BUILD / "promtool/usr/bin/promtool"
    if not Path(path).exists():
        if not shutil.which("apt-get"):
            pytest.skip("PROMTOOL IS NOT TO BE HAD: there is neither promtool nor apt-get")
        folder = BUILD / "promtool"
        folder.mkdir(parents=True, exist_ok=True)
        got = subprocess.run(["apt-get", "download", "-q", "prometheus"], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if got.returncode != 0:
            pytest.skip(f"PROMTOOL IS NOT TO BE HAD: {got.stdout.splitlines()[-1:]}")
        package = next(folder.glob("prometheus_*.deb"))
        content = subprocess.run(["dpkg-deb", "--fsys-tarfile", package], stdout=subprocess.PIPE, check=True).stdout
        subprocess.run(["tar", "-x", "-C", folder, "./usr/bin/promtool"], input=content, check=True)
        package.unlink()
    return path


def test_prometheus_takes_them(promtool):
    checked = subprocess.run([promtool, "check", "rules", str(FILE)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    assert checked.returncode == 0, checked.stdout
