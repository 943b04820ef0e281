"""What the benchmarks run: a repository made by git fast-import, a stock mosquitto, a daemon; each ended by pid."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / os.environ.get("EPOCHD_BUILD", "build")
BENCH, EPOCHD, EPOCHCTL = BUILD / "tests/bench/bench", BUILD / "epochd", BUILD / "epochctl"
PATIENCE_S = 60
RUN = next((place for place in ("/dev/shm", "/run") if os.access(place, os.W_OK)), None)  # in memory, as /run/epochd is
SBIN = os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"

ENV = {k: v for k, v in os.environ.items() if not k.startswith(("GIT_", "EPOCHD_"))}
ENV.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null", EPOCHD_CONFIG="/dev/null", PATH=f"{BUILD}:{SBIN}",
           GIT_AUTHOR_NAME="Ada", GIT_AUTHOR_EMAIL="ada@example.org", GIT_COMMITTER_NAME="Ada", GIT_COMMITTER_EMAIL="ada@example.org")

VALUES = "".join(f"  option_{i:02}: {{enabled: true, weight: {i}, label: value}}\n" for i in range(7))


def config(name, revision):
    """430 bytes, more or less, of a service."""
    return f"# {name}\nname: {name}\nrevision: {revision}\nlisten: 127.0.0.1:8080\noptions:\n{VALUES}"


SHARED = {
    "epoch.yaml": 'profile: quiet\nbases: {"*": [common]}\nschemas: {"*": service}\nrequire_schema: true\n',
    "bases/common.yaml": "region: home\nlog: {level: info, format: text}\n",
    "schemas/service.yaml": """type: object
properties:
  name: {type: string, pattern: "^[a-z0-9-]+$"}
  revision: {type: integer, minimum: 0}
  listen: {type: string, maxLength: 64}
  log: {type: object, properties: {level: {enum: [debug, info, warn]}, format: {type: string}}, additionalProperties: false}
  region: {type: string}
  timeout_s: {type: number, default: 2.5, exclusiveMinimum: 0}
  options:
    type: object
    additionalProperties:
      type: object
      properties: {enabled: {type: boolean}, weight: {type: integer}, label: {type: string}}
      required: [enabled]
      additionalProperties: false
required: [name, revision]
additionalProperties: false
""",
}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def have(program):
    return shutil.which(program, path=SBIN)


def measure(verb, **options):
    """A verb of the bench program: its lists of microseconds."""
    args = [part for name, value in options.items() for part in (f"--{name.replace('_', '-')}", str(value))]
    result = subprocess.run([BENCH, verb, *args], env=ENV, text=True, stdout=subprocess.PIPE, check=True)
    return json.loads(result.stdout) if result.stdout else {}


class Repo:
    """Services `service-00000` and so on, flat or a hundred to a folder, made without a work tree. `shared`: with a schema and a
    base for all, and an active profile with a patch for each."""

    def __init__(self, folder, services, flat, shared=False):
        self.path, self.services, self.flat, self.revision = Path(folder), services, flat, 0
        self.files = {**SHARED, **{f"profiles/quiet/{self.name(i)}.yaml": "log: {level: warn}\n" for i in range(services)}} if shared else {}
        self.git_dir = self.path
        self.git("init", "-q", "--bare", "-b", "main", self.path, inside=False)
        self.tip = self.make([range(services)], keep_loose=False)[0]
        self.git("update-ref", "refs/heads/main", self.tip)

    def git(self, *args, inside=True, stdin=None):
        command = ["git", *(["-C", self.path] if inside else []), *args]
        return subprocess.run(command, env=ENV, input=stdin, check=True, stdout=subprocess.PIPE).stdout.decode().strip()

    def name(self, i):
        return f"service-{i:05}"

    def file(self, i):
        return f"services/{self.name(i)}.yaml" if self.flat else f"services/group-{i // 100:03}/{self.name(i)}.yaml"

    def make(self, commits, keep_loose=True):
        """Makes commits, each changing those services, on top of the last; moves no branch. The ids in order."""
        stream, mark = [], 0
        for changed in commits:
            mark += 1
            self.revision += 1
            stream.append(f"commit refs/heads/made\nmark :{mark}\ncommitter Ada <ada@example.org> {1700000000 + self.revision} +0000\n"
                          f"data 6\nchange\n" + (f"from {self.tip}\n" if mark == 1 and getattr(self, "tip", None) else ""))
            for path, text in [*self.files.items(), *((self.file(i), config(self.name(i), self.revision)) for i in changed)]:
                stream.append(f"M 100644 inline {path}\ndata {len(text)}\n{text}\n")
            self.files = {}
        marks = self.path / "marks"
        limit = 1000 * 1000 if keep_loose else 1
        self.git("-c", f"fastimport.unpackLimit={limit}", "fast-import", "--quiet", "--force", f"--export-marks={marks}",
                 stdin="".join(stream).encode())
        ids = dict(line.split() for line in marks.read_text().splitlines())
        made = [ids[f":{n}"] for n in range(1, mark + 1)]
        self.tip = made[-1]
        return made

    def listed(self, commits):
        """A file with those ids, for the bench program."""
        path = self.path / "commits"
        path.write_text("\n".join(commits) + "\n")
        return path


class Process:
    """A server in the background; ended by pid."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen([str(part) for part in command], env=options.pop("env", ENV), **options)

    @property
    def pid(self):
        return self.process.pid

    def status(self, field):
        """A number of /proc/PID/status: VmRSS (kB), or context switches added up over all threads."""
        if field.startswith("Vm"):
            return int(next(line.split()[1] for line in open(f"/proc/{self.pid}/status") if line.startswith(field + ":")))
        return sum(int(line.split()[1]) for task in Path(f"/proc/{self.pid}/task").iterdir()
                   for line in open(task / "status") if line.startswith(field))

    def cpu_us(self):
        """Run time of all threads, from the scheduler."""
        return sum(int(open(task / "schedstat").read().split()[0]) for task in Path(f"/proc/{self.pid}/task").iterdir()) / 1000

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(PATIENCE_S)


def await_port(port, seconds=PATIENCE_S):
    end = time.monotonic() + seconds
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < end, f"nothing listens on {port}"
        time.sleep(0.02)  # a connection refused is no event to wait for


class Broker(Process):
    """mosquitto as it comes: no setting but where it listens and who may."""

    def __init__(self, folder):
        self.port = free_port()
        path = Path(folder)
        path.mkdir(parents=True, exist_ok=True)
        user = "user root\n" if os.geteuid() == 0 else ""
        (path / "mosquitto.conf").write_text(f"listener {self.port} 127.0.0.1\nallow_anonymous true\n{user}")
        super().__init__([have("mosquitto"), "-c", path / "mosquitto.conf"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(self.port)


class Daemon(Process):
    """epochd over a repository; its log is read, as events."""

    def __init__(self, folder, repo, port=None, wrapper=(), **settings):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.state, self.repo = folder / "state", repo
        self.run = tempfile.mkdtemp(prefix="epochd-bench-", dir=RUN)
        self.env = {**ENV, "EPOCHD_REPOSITORY_PATH": str(repo.path), "EPOCHD_STATE": str(self.state), "EPOCHD_RUN": self.run,
                    "EPOCHD_MQTT_URL": f"mqtt://127.0.0.1:{port}" if port else "off", "EPOCHD_LOG_FORMAT": "json", **settings}
        self.started_at = time.monotonic()
        super().__init__([*wrapper, EPOCHD], env=self.env, stderr=subprocess.PIPE, text=True)
        self.events, self.news = [], threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stderr:
            now = time.monotonic()
            with self.news:
                self.events.append((now, json.loads(line) if line.startswith("{") else {"event": "text", "text": line}))
                self.news.notify_all()

    def wait(self, event, **fields):
        """When the first such event was said, and the event."""
        at, end = 0, time.monotonic() + PATIENCE_S
        with self.news:
            while True:
                for when, said in self.events[at:]:
                    if said.get("event") == event and all(said.get(k) == v for k, v in fields.items()):
                        return when, said
                at = len(self.events)
                assert self.news.wait(end - time.monotonic()), f"no {event} {fields}: {self.events[-3:]}"

    def stop(self, how=signal.SIGTERM):
        super().stop(how)
        shutil.rmtree(self.run, ignore_errors=True)

    def said(self, event):
        return [said for _, said in self.events if said.get("event") == event]


class World:
    """A repository of so many services, served; on another file system than the state if `repo_in` names one."""

    def __init__(self, folder, services, flat=False, repo_in=None):
        self.name = f"{services} {'flat' if flat else 'in folders'}"
        self.services, self.folder = services, Path(folder)
        self.folder.mkdir(parents=True)
        self.apart = tempfile.TemporaryDirectory(prefix="epochd-bench-", dir=repo_in) if repo_in else None
        self.repo = Repo(Path(self.apart.name if self.apart else self.folder) / "config.git", services, flat)
        self.broker = Broker(self.folder)
        self.daemon = Daemon(self.folder, self.repo, self.broker.port)
        self.daemon.wait("update_config_complete")

    @property
    def keys(self):
        return self.daemon.state / "keys"

    def road(self, commits, gap, services=1, topic=None):
        """Moves the branch along those commits: lists `value` and `whole`."""
        topic = topic or f"system/config/{self.repo.name(self.services // 2)}"
        return measure("road", git_dir=self.repo.path, commits=self.repo.listed(commits), keys=self.keys, port=self.broker.port,
                       gap=gap, services=services, topic=topic)

    def one(self, count, gap):
        """`count` commits of one service each."""
        return self.road(self.repo.make([[self.services // 2]] * count), gap)

    def stop(self):
        self.daemon.stop()
        self.broker.stop()
        if self.apart:
            self.apart.cleanup()
