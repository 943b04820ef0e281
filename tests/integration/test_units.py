"""The units: what systemd says of them, and the packages as they live in a booted machine."""
import json
import shutil
import subprocess
import sys

import pytest

import nspawn
import units_inside
from harness import ROOT, run

UNITS = ROOT / "systemd"


def test_every_line_of_a_unit_has_its_reason_above():
    for unit in (UNITS / "epochd.service", UNITS / "user/epochd.service", *(UNITS / "drop-ins").glob("*.conf")):
        has_reason = True  # a heading needs none
        for line in unit.read_text().splitlines():
            if line.startswith("["):
                has_reason = line in ("[Unit]", "[Install]")
            elif line.startswith("#"):
                has_reason = True
            elif not line.strip():
                has_reason = False
            else:
                assert has_reason, f"{unit.name}: no reason above {line}"


def as_installed(folder, drop_in=None):
    folder.mkdir()
    unit = folder / "epochd.service"
    unit.write_text((UNITS / "epochd.service").read_text().replace("@SBINDIR@", "/usr/sbin"))
    if drop_in:
        (folder / "epochd.service.d").mkdir()
        shutil.copy(UNITS / "drop-ins" / drop_in, folder / "epochd.service.d")
    return unit


@pytest.mark.parametrize("drop_in, tenths", [(None, 10), ("unix-socket.conf", 3), ("home-repository.conf", 10), ("trusted-owner.conf", 12)])
def test_the_exposure_is_what_is_promised(tmp_path, drop_in, tenths):
    unit = as_installed(tmp_path / "units", drop_in)
    scored = run("systemd-analyze", "security", "--offline=true", f"--threshold={tenths}", f"./{unit.name}", cwd=unit.parent)
    assert scored.returncode == 0, scored.stdout + scored.stderr


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    missing = nspawn.why_not()
    if missing:
        pytest.skip(missing)
    folder = tmp_path_factory.mktemp("machine")
    debs = []
    for number, version in enumerate(("0.1.0", "0.1.1"), 1):
        output = folder / f"debs{number}"
        subprocess.run(["make", "-s", "deb", f"VERSION={version}", f"DEB={output}"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        for deb in output.glob("*.deb"):
            name = deb.with_name(deb.name.replace("_", f"_{number}_", 1))
            deb.rename(name)
            debs.append(name)
    test = nspawn.boot(folder, (ROOT / "tests/integration/units_inside.py").read_text(), debs)
    if not (test / "results.json").exists():
        pytest.fail(f"the machine did not come up:\n{(test / 'console').read_text()[-4000:]}")
    return test


@pytest.mark.xdist_group("machine")  # booted once
@pytest.mark.parametrize("name", [check.__name__ for check in units_inside.CHECKS])
def test_the_package_in_a_booted_machine(machine, name):
    found = json.loads((machine / "results.json").read_text())
    if found.get(name, "it was not reached") is not None:
        print((machine / "output").read_text()[-20000:], file=sys.stderr)
        pytest.fail(found.get(name) or "it was not reached")
