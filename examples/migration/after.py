#!/usr/bin/python3
"""Speech to text, as it is now: settings from the repository, followed while it runs. before.py is what it was.

Three variables are left, and they say where this runs, not how: CONFIG_URL, CONFIG_ROOTS, CONFIG_CACHE.
"""
import os
import sys

import epoch

MODELS = {"tiny.en", "base.en", "small.en"}  # what is installed here

# As long as somebody still sets them: they win, and `epochctl drift` says where.
OLD_VARIABLES = {
    "/whisper_model": ("STT_WHISPER_MODEL", str),
    "/vad_threshold": ("STT_VAD_THRESHOLD", float),
    "/silence_ms": ("STT_SILENCE_MS", int),
}


def take(update):
    """Before a new configuration comes into force: what cannot be done is refused, with the reason."""
    model = update.config.string("/whisper_model", "base.en")
    if model not in MODELS:
        raise epoch.Refused(f"no model {model} on this host")
    print(f"configured: version {update.config.version}", file=sys.stderr, flush=True)


def transcribe(sentence, config):
    return (f"{sentence} [{config.string('/whisper_model', 'base.en')}, {config.integer('/sample_rate', 16000)} Hz, "
            f"threshold {config.number('/vad_threshold', 0.5)}, {config.integer('/silence_ms', 700)} ms]")


def main():
    with epoch.open("stt-worker", url=os.environ.get("CONFIG_URL", "mqtt://localhost"), root_file=os.environ.get("CONFIG_ROOTS"),
                    cache=os.environ.get("CONFIG_CACHE"), env=OLD_VARIABLES) as client:
        client.on_change(take)
        client.wait("config", timeout_s=30)  # at a first start; later the disk has it
        client.start()
        for line in sys.stdin:
            print(transcribe(line.strip(), client.config()), flush=True)  # one sentence, one configuration


if __name__ == "__main__":
    main()
