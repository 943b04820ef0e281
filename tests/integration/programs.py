"""A program that talks in lines: examples, and services that are written with them."""
import os
import queue
import signal
import subprocess
import threading
import time

import pytest
from harness import BUILD, PATIENCE_S, ROOT

# A sanitizer's runtime must be there before python is: the package is tried with the plain library.
LIBRARY = (ROOT / "build" if BUILD.name.startswith(("build-asan", "build-tsan")) else BUILD) / "libepoch.so.0"
needs_library = pytest.mark.skipif(not LIBRARY.exists(), reason=f"{LIBRARY} is not built: the Python package was not tried")


class Program:
    """Its lines as they come, of stdout and stderr; `wait` gives the first that has the text, from the beginning."""

    def __init__(self, *words, cwd=None, **env):
        self.lines, self._queue = [], queue.Queue()
        environment = {**os.environ, "EPOCH_LIBRARY": str(LIBRARY), "PYTHONPATH": str(ROOT / "src/python"), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen([*map(str, words)], env={**environment, **env}, cwd=cwd, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    def wait(self, text, seconds=PATIENCE_S):
        deadline, at = time.monotonic() + seconds, 0
        while True:
            for line in self.lines[at:]:
                if text in line:
                    return line
            at = len(self.lines)
            try:
                line = self._queue.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no line with {text!r}: {self.lines}") from None
            assert line is not None, f"it ended, exit {self.process.wait()}, before {text!r}: {self.lines}"
            self.lines.append(line)

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self):
        """Closes its input; gives its exit code."""
        self.process.stdin.close()
        return self.process.wait(PATIENCE_S)

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
        self.process.wait(PATIENCE_S)
