#!/usr/bin/python3
"""Speech to text, as it was: settings in the environment, in a default behind it, and in the code.

Each line of standard input stands for a sentence that was heard.
"""
import os
import sys

SAMPLE_RATE = 16000  # "never changes"
MODEL = os.environ.get("STT_WHISPER_MODEL", "base.en")
VAD_THRESHOLD = float(os.environ.get("STT_VAD_THRESHOLD", "0.5"))
SILENCE_MS = int(os.environ.get("STT_SILENCE_MS", "700"))


def transcribe(sentence):
    return f"{sentence} [{MODEL}, {SAMPLE_RATE} Hz, threshold {VAD_THRESHOLD}, {SILENCE_MS} ms]"


for line in sys.stdin:
    print(transcribe(line.strip()), flush=True)
