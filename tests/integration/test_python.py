"""The Python package, against a real daemon: what its docstrings say."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

import pytest
from harness import PATIENCE_S, ROOT
from programs import LIBRARY, Program, needs_library

pytestmark = needs_library

STT = "services/audio/stt-worker.yaml"
PRELUDE = """
import asyncio, sys, threading
import epoch
url, roots, cache = sys.argv[1:4]
def open(*services, **more):
    return epoch.open(*(services or ("stt-worker",)), url=url, root_file=roots, cache=cache, lkg_file="", **more)
"""


@pytest.fixture
def python(daemon, broker, tmp_path, ends):
    """Runs a program in a process of its own, as applications are."""

    def start(source, *more, **env):
        path = tmp_path / "program.py"
        path.write_text(PRELUDE + source)
        return ends(Program(sys.executable, path, broker.url, daemon.state / "keys/root.pub", tmp_path / "cache", *more, **env))

    return start


def changed(home, old, new, path=STT):
    home.commit({path: (home.path / path).read_text().replace(old, new)})


def test_reading(python):
    program = python("""
with open().wait("current", 30) as cfg:
    config = cfg.config()
    print(cfg["/vad_threshold"], cfg.get("/no/such", "absent"), config.string("/whisper_model"), config.integer("/silence_ms"))
    print(config.number("/sample_rate"), config.boolean("/streaming_partials"), config.source("/vad_threshold"), config.source("/no"))
    print(sorted(config)[0], len(config), "/silence_ms" in config, config.service, config.version, config.epoch, len(config.commit))
    for wrong in (lambda: cfg["/no/such"], lambda: config.integer("/whisper_model"), lambda: cfg["no-slash"], lambda: cfg.config("router")):
        try:
            wrong()
        except (KeyError, TypeError, ValueError, epoch.Error) as error:
            print(type(error).__name__)
    print(config == cfg.config(), hash(config) == hash(cfg.config()), repr(config))
try:
    cfg["/vad_threshold"]
except epoch.Error as error:
    print(error.code)
print(config["/vad_threshold"], "still there")
""")
    assert program.wait("0.55") == "0.55 absent base.en 700"
    program.wait("16000 True repository default")
    program.wait("/padding_ms 7 True stt-worker 1 1 40")
    assert [program.wait(name) for name in ("KeyError", "TypeError", "ValueError", "Error")]
    program.wait("True True <epoch.Config stt-worker version 1 of epoch 1>")
    program.wait("closed")
    program.wait("0.55 still there")
    assert program.end() == 0


def test_a_refusal_is_told_and_the_configuration_before_stays(python, home, subscriber):
    program = python("""
cfg = open()

@cfg.on_change
def changed(update):
    if update.before is not None and update.config["/silence_ms"] < 650:
        raise epoch.Refused("below 650, the recorder's buffer")
    print("takes", update.config.version, [change.pointer for change in update], update.touches("/silence_ms"), flush=True)

cfg.start()
for line in sys.stdin:
    print("runs", cfg["/silence_ms"], flush=True)
cfg.close()
""")
    program.wait("takes 1 [''] True")
    changed(home, "silence_ms: 700", "silence_ms: 600")
    assert next_answer(subscriber, "refused")["reason"] == "below 650, the recorder's buffer"
    program.tell("what?")
    program.wait("runs 700")
    changed(home, "silence_ms: 600", "silence_ms: 800")
    program.wait("takes 3 ['/silence_ms'] True")
    assert program.end() == 0


def next_answer(subscriber, status, service="stt-worker"):
    """The first acknowledgement of that service with that status."""
    found = []

    def accept(payload):
        found[:] = [json.loads(payload)] if payload else []
        return bool(found) and found[0]["status"] == status

    subscriber.wait(f"system/ack/{service}/{socket.gethostname().lower()}", accept, PATIENCE_S)
    return found[0]


def test_an_error_in_a_callback_refuses_and_ends_nothing(python, home, subscriber):
    program = python("""
cfg = open()
cfg.on_change(lambda update: 1 / 0 if update.config["/silence_ms"] == 600 else print("takes", update.config.version, flush=True))
cfg.start()
sys.stdin.read()
""")
    program.wait("takes 1")
    changed(home, "silence_ms: 700", "silence_ms: 600")
    assert next_answer(subscriber, "refused")["reason"] == "ZeroDivisionError in the application"
    changed(home, "silence_ms: 600", "silence_ms: 800")
    program.wait("takes 3")


def test_a_callback_that_closes_its_client_is_told_and_the_client_goes_on(python, home):
    program = python("""
cfg = open()
def changed(update):
    try:
        cfg.close()
    except epoch.Error as error:
        print(error.code, update.config["/silence_ms"], flush=True)
cfg.on_change(changed)
cfg.start()
sys.stdin.read()
cfg.close()
print("threads", threading.active_count(), flush=True)
""")
    program.wait("busy 700")
    changed(home, "silence_ms: 700", "silence_ms: 600")
    program.wait("busy 600")
    assert program.end() == 0
    program.wait("threads 1")


def test_asyncio(python, home):
    program = python("""
async def main():
    fresh, second = asyncio.Event(), asyncio.Event()
    with open("stt-worker", "router") as cfg:
        cfg.on_status(lambda status: status.freshness == "FRESH" and fresh.set())

        @cfg.on_change(service="stt-worker")
        def changed(update):
            assert threading.current_thread() is threading.main_thread()
            print("takes", update.config.version, flush=True)
            if update.config.version == 2:
                second.set()

        cfg.attach()
        await second.wait()
        await asyncio.sleep(0)
        print({name: config.version for name, config in cfg.configs().items()}, cfg.status.epoch, cfg.status.is_connected, flush=True)
        await fresh.wait()
        print(cfg.freshness, cfg.status.age_s is not None, flush=True)
        cfg.stop()
asyncio.run(main())
print("over")
""")
    program.wait("takes 1")
    changed(home, "silence_ms: 700", "silence_ms: 800")
    program.wait("takes 2")
    program.wait("{'stt-worker': 2, 'router': 1} 2 True")
    program.wait("FRESH True")
    program.wait("over")
    assert program.process.wait(PATIENCE_S) == 0


def test_a_client_that_nobody_closed_says_goodbye_at_the_end(python, subscriber):
    """Also one whose event loop is over; and no time to wait is too long or none at all."""
    program = python("""
import math
async def run(cfg):
    cfg.attach()
    while cfg.freshness == "UNKNOWN":
        await asyncio.sleep(0.01)
looped = epoch.open("router", url=url, root_file=roots, lkg_file="", instance="looped")
asyncio.run(run(looped))
kept = open(instance="kept").start().wait("current", 30 * 24 * 3600).wait("config", math.inf)
for wrong in (0, -5):
    try:
        epoch.open("stt-worker", url="mqtt://127.0.0.1:9", root_file=roots, lkg_file="").wait("current", wrong)
    except TimeoutError:
        print("in time")
print("over")
""")
    for _ in range(2):
        program.wait("in time")
    program.wait("over")
    assert program.end() == 0
    for topic in ("system/ack/stt-worker/kept", "system/ack/router/looped"):
        subscriber.wait(topic, lambda payload: payload == b"")


def test_the_environment_overrides_and_says_so(python):
    program = python("""
with open(env={"/vad_threshold": ("STT_VAD_THRESHOLD", float)}).wait("current", 30) as cfg:
    config = cfg.config()
    print(config["/vad_threshold"], config.source("/vad_threshold"), config.variable("/vad_threshold"), config.published["vad_threshold"])
""", STT_VAD_THRESHOLD="0.8")
    program.wait("0.8 environment STT_VAD_THRESHOLD 0.55")


def test_what_is_wrong_is_an_error_with_a_code(tmp_path, ends):
    program = tmp_path / "program.py"
    program.write_text("""
import epoch
try:
    epoch.open("stt-worker", root_file="/nonexistent/root.pub")
except epoch.Error as error:
    print(error.code, epoch.version())
try:
    epoch.open()
except ValueError:
    print("told what to follow")
""")
    running = ends(Program(sys.executable, program))
    assert running.wait("0.1.0")
    running.wait("told what to follow")
    assert running.end() == 0


def test_the_structs_are_those_of_the_header(tmp_path):
    """Sizes and places as the C compiler sees them, for every struct that ctypes repeats."""
    sys.path.insert(0, str(ROOT / "src/python"))
    script = """
import ctypes, json
from epoch import _library
structs = {"epoch_error": _library.CError, "epoch_status": _library.CStatus, "epoch_alarm": _library.CAlarm, "epoch_env": _library.CEnv,
           "epoch_change": _library.CChange, "epoch_options": _library.COptions}
print(json.dumps({name: [ctypes.sizeof(s), [[f[0], getattr(s, f[0]).offset] for f in s._fields_]] for name, s in structs.items()}))
"""
    seen = json.loads(subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT / "src/python"),
                                     "EPOCH_LIBRARY": str(LIBRARY)}, text=True, stdout=subprocess.PIPE, check=True).stdout)
    checks = "".join(f"_Static_assert(sizeof(struct {name}) == {size}, \"size\");\n" + "".join(
        f"_Static_assert(offsetof(struct {name}, {field}) == {offset}, \"{field}\");\n" for field, offset in fields)
        for name, (size, fields) in seen.items())
    source = tmp_path / "structs.c"
    source.write_text(f"#include <epoch/epoch.h>\n{checks}int main(void) {{ return 0; }}\n")
    subprocess.run(["cc", "-std=gnu11", f"-I{ROOT / 'include'}", "-fsyntax-only", source], check=True)


@pytest.mark.skipif(shutil.which("mypy") is None, reason="mypy is not here: the types of the Python package were not checked")
def test_its_types_hold(tmp_path):
    result = subprocess.run(["mypy", "--strict", "--cache-dir", tmp_path, "epoch"], cwd=ROOT / "src/python", text=True, stdout=subprocess.PIPE, check=False)
    assert result.returncode == 0, result.stdout


def test_every_function_of_the_library_is_declared_or_left_out_on_purpose():
    left_out = {"epoch_integer", "epoch_number", "epoch_boolean", "epoch_string", "epoch_value_member", "epoch_value_find", "epoch_value_json",
                "epoch_each_service", "epoch_config_schema", "epoch_config_time_ms"}
    names = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], text=True, stdout=subprocess.PIPE, check=True).stdout
    exported = {line.split()[-1].split("@")[0] for line in names.splitlines() if " T " in line}
    declared = (ROOT / "src/python/epoch/_library.py").read_text()
    assert {name for name in exported if f'"{name}"' not in declared} == left_out


def test_ctrl_c_ends_a_wait(python):
    program = python("""
import signal, os
cfg = epoch.open("stt-worker", url="mqtt://127.0.0.1:9", root_file=roots, lkg_file="")
try:
    print("waiting", flush=True)
    cfg.wait("current")
except KeyboardInterrupt:
    print("interrupted", flush=True)
""")
    program.wait("waiting")
    program.process.send_signal(signal.SIGINT)
    program.wait("interrupted")
    assert program.end() == 0


def test_ctrl_c_on_the_way_into_a_callback_ends_a_wait_too(python):
    """Where Python raises it before any `try` of the package's: simulated by what the callback calls first."""
    program = python("""
import epoch._client
cfg = epoch.open("stt-worker", url="mqtt://127.0.0.1:9", root_file=roots, lkg_file="")
def interrupted(_status):
    raise KeyboardInterrupt
epoch._client.status_of = interrupted
try:
    cfg.wait("current", 60)
except KeyboardInterrupt:
    print("interrupted", flush=True)
""")
    program.wait("interrupted")
    assert program.end() == 0


def test_ctrl_c_in_a_callback_goes_to_whoever_drives(python, subscriber):
    program = python("""
cfg = open()
def changed(update):
    raise KeyboardInterrupt
cfg.on_change(changed)
try:
    cfg.wait("current", 60)
except KeyboardInterrupt:
    print("interrupted", cfg.status.epoch, flush=True)
cfg.wait("current", 60)
sys.stdin.read()
""")
    program.wait("interrupted 1")
    assert next_answer(subscriber, "refused")["reason"] == "KeyboardInterrupt in the application"
    assert program.end() == 0


def test_a_started_client_lives_though_nobody_holds_it(python, home):
    program = python("""
import gc
def begin():
    cfg = open()
    cfg.on_change(lambda update: print("takes", update.config.version, flush=True))
    cfg.start()
begin()
gc.collect()
print("collected", flush=True)
sys.stdin.read()
""")
    program.wait("takes 1")
    program.wait("collected")
    changed(home, "silence_ms: 700", "silence_ms: 600")
    program.wait("takes 2")
    assert program.end() == 0


def test_what_holds_the_library_is_not_pickled_and_a_copy_is_itself(python):
    program = python("""
import copy, gc, pickle
cfg = open().wait("current", 60)
config = cfg.config()
print(copy.copy(config) is config, copy.deepcopy({"a": config})["a"] is config)
for it in (config, cfg):
    for act in (pickle.dumps, copy.copy):
        try:
            act(it)
        except TypeError as error:
            print(error)
gc.collect()
print(pickle.loads(pickle.dumps(config[""])) == config[""])
""")
    program.wait("True True")
    program.wait('an epoch.Config is not pickled: its values are, config[""]')
    for _ in range(2):
        program.wait("an epoch.Client is neither copied nor pickled: open another one")
    program.wait("True")
    assert program.end() == 0


USER = """
import epoch

cfg: epoch.Client = epoch.open("stt-worker", cache="/tmp/none", env={"/a": ("A", float)})


@cfg.on_change
def changed(update: epoch.Update) -> None:
    if update.touches("/voice") and update.config.string("/voice") not in ("a", "b"):
        raise epoch.Refused("no such voice")


@cfg.on_change(service="stt-worker")
def other(update: epoch.Update) -> None:
    pointers: list[str] = [change.pointer for change in update]
    print(pointers)


@cfg.on_status
def status(now: epoch.Status) -> None:
    age: float | None = now.age_s
    print(now.freshness, age)


threshold: float = cfg.config().number("/vad_threshold", 0.5)
voice: str | None = cfg.config().string("/voice", None)
with cfg.start() as running:
    running.wait("fresh", 1.5)
reveal_type(changed)
"""


@pytest.mark.skipif(shutil.which("mypy") is None, reason="mypy is not here: the types of the Python package were not checked")
def test_a_user_who_is_strict_finds_the_types(tmp_path):
    (tmp_path / "user.py").write_text(USER)
    result = subprocess.run(["mypy", "--strict", "--cache-dir", tmp_path / "mypy", tmp_path / "user.py"], text=True, stdout=subprocess.PIPE,
                            check=False, env={**os.environ, "MYPYPATH": str(ROOT / "src/python")})
    assert result.returncode == 0, result.stdout
    assert 'Revealed type is "def (update: epoch._config.Update)"' in result.stdout


def test_help_says_something_of_everything_that_is_public():
    script = """
import inspect, epoch
for name in epoch.__all__:
    thing = getattr(epoch, name)
    if thing.__doc__ is None:
        print(name)
    for member, what in vars(thing).items() if inspect.isclass(thing) and thing.__module__.startswith("epoch") else ():
        if not member.startswith("_") and (inspect.isfunction(what) or isinstance(what, property)) and (what.__doc__ or "").strip() == "":
            print(name, member)
"""
    result = subprocess.run([sys.executable, "-c", script], env={"PYTHONPATH": str(ROOT / "src/python"), "EPOCH_LIBRARY": str(LIBRARY)}, text=True,
                            stdout=subprocess.PIPE, check=True)
    assert result.stdout == ""
