"""A repository with every layer: a schema with annotations, a base, two profiles."""
from harness import EPOCHCTL, Repo, run

STT = "services/audio/stt-worker.yaml"
TTS = "services/audio/tts-worker.yaml"
SECRET = "canary-in-a-base"

SCHEMA = """\
type: object
title: Speech to text
description: Hears what is said.
properties:
  vad_threshold:
    title: Voice detector threshold
    description: How sure the voice detector has to be.
    type: number
    minimum: 0
    maximum: 1
    default: 0.5
    examples: [0.4, 0.6]
    x-env: STT_VAD
    x-complexity: simple
  whisper_model:
    enum: [tiny.en, base.en, small.en, medium.en]
    x-restart: true
  api_key: {type: string, x-secret: true, x-env: STT_KEY}
  language: {type: string, default: en, deprecated: true}
"""
RULES = """\
# what holds for all
schemas: {stt-worker: speech}   # the rest has none
bases: {"*": [common]}
profile: quiet
"""


def layered(path):
    """The six services, then the layers in a second commit."""
    repo = Repo.home(path)
    repo.commit({
        "schemas/speech.yaml": SCHEMA, "epoch.yaml": RULES,
        "bases/common.yaml": f"log_level: info\napi_key: {SECRET}\n",
        "profiles/quiet/stt-worker.yaml": "vad_threshold: 0.7\n",
        "profiles/night/tts-worker.yaml": "volume: 0.2\n",
    }, "layers")
    return repo


def at(repo, *args, check=None, **options):
    return run(EPOCHCTL, "-C", repo.path, *args, check=check, **options)
