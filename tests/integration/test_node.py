"""The client in examples/node, which is mqtt and node:crypto. npm gets mqtt into the build folder; without a registry this is skipped."""
import shutil
import subprocess

import pytest
from harness import BUILD, ROOT, STUCK_S
from programs import Program
from test_conformance import IS_FULL, Broker, all_pass, play

pytestmark = pytest.mark.xdist_group("node")  # installed once
NODE, NPM = shutil.which("node"), shutil.which("npm")
CORE = ["forged.", "order.", "keys.", "freshness.", "disk.", "application."]
SOME_OF_IT = ["forged.head-w", "forged.n", "order.", "keys.rot", "freshness.c", "disk.roll"]


@pytest.fixture(scope="module")
def node_folder():
    """The example's files beside its node_modules."""
    if NODE is None or NPM is None:
        pytest.skip("node and npm are not here: the client in JavaScript was not tried")
    folder = BUILD / "node"
    shutil.copytree(ROOT / "examples/node", folder, dirs_exist_ok=True)
    if not (folder / "node_modules/mqtt/package.json").exists():
        result = subprocess.run([NPM, "install", "--no-audit", "--no-fund", "--ignore-scripts"], cwd=folder, text=True, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, check=False, timeout=STUCK_S)
        if result.returncode:
            pytest.skip(f"npm cannot get mqtt: the client in JavaScript was not tried ({result.stdout.strip().splitlines()[-1:]})")
    return folder


def test_a_client_in_javascript_passes_the_core(node_folder, tmp_path, ends):
    all_pass(play(ends(Broker(tmp_path / "conformance")), tmp_path, [NODE, node_folder / "conformance.js"], CORE if IS_FULL else SOME_OF_IT), 50)


def test_its_service_follows_the_repository(node_folder, daemon, broker, home, tmp_path, ends):
    words = [NODE, node_folder / "service.js", broker.url, daemon.state / "keys/root.pub", tmp_path / "cache"]
    program = ends(Program(*words))
    assert '"vad_threshold":0.55' in program.wait("stt-worker runs version 1")
    path = "services/audio/stt-worker.yaml"
    home.commit({path: (home.path / path).read_text().replace("0.55", "0.6")})
    assert '"vad_threshold":0.6' in program.wait("stt-worker runs version 2")
    program.stop()
    assert '"vad_threshold":0.6' in ends(Program(*words)).wait("stt-worker starts from disk")
