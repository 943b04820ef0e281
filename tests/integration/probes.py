"""probe.c, a program on libepoch's public header alone, as the tests drive it."""
import json
import subprocess
import threading
import time

from harness import BUILD, PATIENCE_S, environment


class Probe:
    """A running probe. `wait` reads its JSON lines, each once; what it passed over is read no more."""

    def __init__(self, *words, env=None):
        self.process = subprocess.Popen([BUILD / "tests/integration/probe", *words], env=environment(**(env or {})), text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.lines, self._cursor, self._has_ended = [], 0, False
        self._news = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            with self._news:
                self.lines.append(json.loads(line))
                self._news.notify_all()
        with self._news:
            self._has_ended = True
            self._news.notify_all()

    def _find(self, begin, accept, wanted, seconds):
        """Where the first accepted line from `begin` on is."""
        deadline = time.monotonic() + seconds
        with self._news:
            while True:
                for at in range(begin, len(self.lines)):
                    if accept(self.lines[at]):
                        return at
                begin = len(self.lines)
                assert not self._has_ended, f"the probe ended before {wanted}; last: {self.lines[-8:]}"
                left = deadline - time.monotonic()
                assert left > 0 and self._news.wait(left), f"no {wanted}; last: {self.lines[-8:]}"

    def wait(self, event, seconds=PATIENCE_S, **members):
        """The next line of that event with those members."""
        def accept(line):
            return line["event"] == event and all(line.get(name) == value for name, value in members.items())

        at = self._find(self._cursor, accept, f"{event} {members}", seconds)
        self._cursor = at + 1
        return self.lines[at]

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def get(self, service, pointer=""):
        """What is asked now; what else comes meanwhile is there for `wait`."""
        begin = len(self.lines)
        self.say(f"get {service} {pointer}")
        return self.lines[self._find(begin, lambda line: line["event"] in ("value", "error"), f"value of {service}", PATIENCE_S)]

    def seen(self, event):
        return [line for line in self.lines if line["event"] == event]

    def stop(self):
        if self.process.poll() is None:
            try:
                self.say("quit")
            except BrokenPipeError:
                pass
        self.process.wait(PATIENCE_S)
        self.process.stdin.close()


def lkg(daemon):
    return [f"lkg={daemon.state / 'config.lkg.json'}", f"lkg_key={daemon.state / 'keys/lkg.key'}"]


def answer(subscriber, service="stt-worker", **members):
    """The first acknowledgement of that service with these members."""
    def accept(payload):
        return payload and all(json.loads(payload)[name] == value for name, value in members.items())

    return json.loads(subscriber.wait(f"system/ack/{service}/here", accept))
