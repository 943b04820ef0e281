"""Clients, ours and other people's, through tests/conformance; and that its cases can fail.

libepoch is driven through every case, what starts slower through those named here. CONFORMANCE_FULL=1 plays every case with every
client, and every case that a flaw must be seen by; tests/torture/clients.py does that.
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness import BUILD, PATIENCE_S, ROOT
from programs import LIBRARY, needs_library

sys.path.insert(0, str(ROOT / "tests/conformance"))
import runner  # noqa: E402
from registry import CASES  # noqa: E402
from stage import Broker  # noqa: E402

BROKEN = ROOT / "tests/conformance/broken.py"
AT_ONCE = 3
IS_FULL = bool(os.environ.get("CONFORMANCE_FULL"))
PLAIN_CASES = ["order.", "disk.", "forged.head", "forged.v", "keys.r", "keys.g", "freshness.f", "snapshot.f", "a"]
PYTHON_CASES = ["application.", "acknowledge.", "freshness.s", "order.t", "order.e", "disk.r", "snapshot.o"]


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path / "broker")
    yield broker
    broker.stop()


def play(broker, folder, command, names=(), patience=PATIENCE_S, at_once=AT_ONCE):
    """{case: why it failed, or None} for the cases whose name begins with one of `names`."""
    cases = [case for case in CASES if case.name.startswith(tuple(names) or "")]
    with ThreadPoolExecutor(at_once) as pool:
        results = pool.map(lambda case: runner.play(case, list(map(str, command)), broker, folder / case.name, patience), cases)
    return {result.case.name: result.why for result in results}


def all_pass(results, at_least):
    failed = {name: why for name, why in results.items() if why}
    assert not failed, failed
    assert len(results) >= at_least


def test_a_client_in_one_file_passes(broker, tmp_path):
    all_pass(play(broker, tmp_path, [ROOT / "examples/python-plain/conformance.py"], () if IS_FULL else PLAIN_CASES), 80)


def test_f67_f69_f71_f76_f77_f79_f80__libepoch_passes_every_case(broker, tmp_path):
    all_pass(play(broker, tmp_path, [BUILD / "tests/conformance/driver"]), 200)


@needs_library
def test_the_python_package_passes(broker, tmp_path, monkeypatch):
    monkeypatch.setenv("EPOCH_LIBRARY", str(LIBRARY))
    all_pass(play(broker, tmp_path, [ROOT / "tests/conformance/driver.py"], () if IS_FULL else PYTHON_CASES), 30)


def flaws():
    lines = subprocess.run([BROKEN, "--list"], text=True, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    return {flaw: cases for flaw, *cases in map(str.split, lines)}


def test_each_flaw_is_seen_by_the_cases_that_are_for_it(broker, tmp_path):
    by_name = {case.name: case for case in CASES}
    pairs = [(flaw, by_name[name]) for flaw, names in flaws().items() for name in (names if IS_FULL else names[:1])]

    def unseen(pair):
        flaw, case = pair
        result = runner.play(case, [str(BROKEN), flaw], broker, tmp_path / flaw / case.name, 3, prefix=f"{flaw}-{case.name}")
        return [] if result.why else [f"{flaw}: {case.name}"]

    assert len(pairs) >= 30
    with ThreadPoolExecutor(2 * AT_ONCE) as pool:
        assert not [line for lines in pool.map(unseen, pairs) for line in lines]


@pytest.mark.parametrize("program", ["/bin/true", "/bin/cat", "/nonexistent"])
def test_what_is_no_client_fails_every_case(broker, tmp_path, program):
    results = play(broker, tmp_path, [program], ["order.cold-start", "disk.restart-after-kill"], patience=3)
    assert len(results) == 2 and all(results.values())


def test_a_program_that_is_not_there_is_a_matter_of_usage(tmp_path):
    result = subprocess.run([ROOT / "tests/conformance/conformance", tmp_path / "client"], text=True, capture_output=True, check=False,
                            timeout=PATIENCE_S)
    assert result.returncode == 2 and result.stderr == f"there is no program {tmp_path}/client, or it may not be run\n"


def test_the_program_says_what_failed_and_exits_1(tmp_path):
    junit, report = tmp_path / "junit.xml", tmp_path / "report.json"
    result = subprocess.run([ROOT / "tests/conformance/conformance", "--junit", junit, "--json", report, "--patience", "3",
                             "--only", "forged.unsigned", "--only", "order.cold-start", BROKEN, "tail"],
                            text=True, stdout=subprocess.PIPE, check=False)
    assert (result.returncode, result.stdout.splitlines()[-1]) == (1, "1 passed, 1 failed of 2")
    assert "FAILED forged.unsigned" in result.stdout and "ok     order.cold-start" in result.stdout
    assert 'failures="1"' in junit.read_text() and '"passed": 1' in report.read_text()
