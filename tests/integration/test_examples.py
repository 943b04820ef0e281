"""The programs of examples/, as a reader would run them: with a real daemon, a real broker and a commit."""
import json

import pytest
from harness import BUILD, ROOT
from programs import Program

EXAMPLES = ROOT / "examples"
STT, TTS, ROUTER = "services/audio/stt-worker.yaml", "services/audio/tts-worker.yaml", "services/router.yaml"


@pytest.fixture
def run(daemon, broker, tmp_path, ends):
    """Starts an example with what all of them are told: URL, root.pub, a cache of its own."""

    def start(*program, more=(), **env):
        return ends(Program(*program, broker.url, daemon.state / "keys/root.pub", tmp_path / "cache", *more, **env))

    return start


def edited(home, path, old, new):
    return {path: (home.path / path).read_text().replace(old, new)}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("0*.c")), ids=lambda path: path.stem)
def test_examples_are_short(path):
    assert len(path.read_text().splitlines()) < 80


def test_01_once(run, daemon):
    program = run(BUILD / "examples/01-once")
    assert program.wait("vad_threshold") == "vad_threshold 0.55"
    assert program.wait("whisper_model") == "whisper_model base.en"
    assert program.wait("epoch 1")
    assert program.end() == 0
    daemon.stop()
    again = run(BUILD / "examples/01-once")  # the broker still has it; without one the cache does
    assert again.wait("vad_threshold") == "vad_threshold 0.55"


def test_01_once_without_anybody_says_what_is_built_in(tmp_path, daemon, ends):
    program = ends(Program(BUILD / "examples/01-once", "mqtt://127.0.0.1:1", daemon.state / "keys/root.pub", tmp_path / "cache"))
    assert program.wait("going on with what is built in")
    assert program.wait("vad_threshold") == "vad_threshold 0.5 (built in)"
    assert program.end() == 0


def test_02_own_loop(run, home):
    program = run(BUILD / "examples/02-own-loop")
    program.wait("changes: ")
    program.tell("/vad_threshold")
    assert program.wait("/vad_threshold:") == "/vad_threshold: 0.55"
    home.commit(edited(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6"))
    program.wait("changes: /vad_threshold")
    program.tell("/no/such")
    assert program.wait("/no/such") == "/no/such: is not there"
    assert program.end() == 0


def test_03_thread(run, home):
    program = run(BUILD / "examples/03-thread")
    program.wait("epoch 1")
    program.tell("good morning")
    assert program.wait("good morning") == "good morning: spoken by en_GB-alba-medium at 1.05, version 1"
    home.commit(edited(home, TTS, "speed: 1.05", "speed: 0.9"))
    program.wait("epoch 2")
    program.tell("good night")
    assert program.wait("good night") == "good night: spoken by en_GB-alba-medium at 0.9, version 2"
    assert program.end() == 0


def test_04_refuse(run, home, subscriber):
    program = run(BUILD / "examples/04-refuse", more=["en_GB-alba-medium", "de_DE-thorsten-medium"])
    program.wait("takes version 1, voice en_GB-alba-medium")
    home.commit(edited(home, TTS, "en_GB-alba-medium", "fr_FR-siwis-medium"))
    program.wait("refused: no such voice: fr_FR-siwis-medium")

    def refused():
        return [json.loads(payload) for topic, payload, _ in subscriber.messages
                if topic.startswith("system/ack/tts-worker/") and payload and json.loads(payload)["status"] == "refused"]

    home.commit(edited(home, TTS, "fr_FR-siwis-medium", "de_DE-thorsten-medium"))
    program.wait("takes version 3, voice de_DE-thorsten-medium")
    assert [(answer["version"], answer["reason"]) for answer in refused()][:1] == [(2, "no such voice: fr_FR-siwis-medium")]
    assert program.end() == 0


def test_05_services(run, home):
    program = run(BUILD / "examples/05-services", ROUTER_CONFIDENCE="0.9")
    assert program.wait("epoch 1:") == "epoch 1: confidence_threshold 0.9 (environment), voice en_GB-alba-medium"
    program.wait("  lights goes to home-automation")
    home.commit({**edited(home, TTS, "en_GB-alba-medium", "de_DE-thorsten-medium"), **edited(home, ROUTER, "service: timer", "service: clock")})
    assert program.wait("epoch 2:") == "epoch 2: confidence_threshold 0.9 (environment), voice de_DE-thorsten-medium"
    program.wait("  timer goes to clock")
    assert program.end() == 0


def test_plain_python(run, home):
    program = run(EXAMPLES / "python-plain/service.py")
    assert "'vad_threshold': 0.55" in program.wait("stt-worker runs version 1")
    home.commit(edited(home, STT, "silence_ms: 700", "silence_ms: 90"))
    home.commit(edited(home, STT, "silence_ms: 90", "silence_ms: 650"))
    assert "'silence_ms': 650" in program.wait("stt-worker runs version 3")
    program.stop()
    again = run(EXAMPLES / "python-plain/service.py")
    assert "'silence_ms': 650" in again.wait("stt-worker starts from disk")


def test_migration(daemon, broker, home, tmp_path, ends):
    """docs/MIGRATING.md: the same words before and after, then a change without a restart, then a refusal."""
    folder = EXAMPLES / "migration"
    home.commit({STT: None})
    added = daemon.ctl("-C", home.path, "add", "stt-worker", "--from", folder / "stt-worker.env", "--folder", "audio", check=0)
    assert '/whisper_model: "base.en"' in added.stdout
    (home.path / "schemas").mkdir(exist_ok=True)
    home.commit({"schemas/stt-worker.yaml": (folder / "stt-worker.schema.yaml").read_text(), "epoch.yaml": "{}\n"})
    daemon.committed(4)
    said = daemon.ctl("-C", home.path, "schema", "env", "stt-worker", check=0).stdout
    assert "STT_VAD_THRESHOLD\t/vad_threshold" in said

    before = ends(Program(folder / "before.py", STT_VAD_THRESHOLD="0.55"))
    before.tell("hello")
    sentence = before.wait("hello")
    assert sentence == "hello [base.en, 16000 Hz, threshold 0.55, 700 ms]"
    place = {"CONFIG_URL": broker.url, "CONFIG_ROOTS": str(daemon.state / "keys/root.pub"), "CONFIG_CACHE": str(tmp_path / "cache")}
    after = ends(Program(folder / "after.py", STT_VAD_THRESHOLD="0.55", **place))
    after.tell("hello")
    assert after.wait("hello") == sentence

    daemon.ctl("-C", home.path, "set", "stt-worker", "silence_ms=800", check=0)
    after.wait("configured: version 5")
    after.tell("after a change")
    assert after.wait("after a change") == "after a change [base.en, 16000 Hz, threshold 0.55, 800 ms]"
    refused = daemon.ctl("-C", home.path, "set", "stt-worker", "whisper_model=large", check=1)
    assert "schema.enum" in refused.stdout + refused.stderr
    daemon.status_when(lambda status: status["epoch"] == 5)
    daemon.stop()
    after.stop()
    again = ends(Program(folder / "after.py", **{**place, "CONFIG_URL": "mqtt://127.0.0.1:1"}))
    again.tell("alone")
    assert again.wait("alone [") == "alone [base.en, 16000 Hz, threshold 0.5, 800 ms]"
