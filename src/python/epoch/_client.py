"""A client: opens, follows the broker, tells what changed."""
from __future__ import annotations

import asyncio
import atexit
import logging
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ctypes import byref, c_char_p, c_void_p, sizeof
from math import ceil, inf
from threading import current_thread, main_thread
from time import monotonic
from typing import Any, NamedTuple, NoReturn, TypeVar, overload
from weakref import WeakSet

from ._config import Config, Update
from ._library import CEnv, CError, COptions, CStatus, ON_ALARM, ON_STATUS, ON_UPDATE, library

UNTIL = {"config": 0, "current": 1, "fresh": 2}
TYPES = {bool: 2, int: 3, float: 4, str: 5, list: 6, dict: 7}
KEEP_GOING, UNUSABLE_OFFLINE = 0, 1
SLICE_MS = 200  # wait() comes back to the interpreter so often: Ctrl-C ends it

log = logging.getLogger("epoch")
F = TypeVar("F", bound=Callable[..., Any])
Path = str | os.PathLike[str]


class Error(Exception):
    """What the library says: `code` is a stable name."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} [{code}]")
        self.code = code


class Refused(Exception):
    """Raise it in a callback of on_change: the previous configuration stays, and the reason goes out as the acknowledgement."""


class Status(NamedTuple):
    freshness: str         # "FRESH", "STALE", "LKG", "UNKNOWN"
    reason: str            # of STALE: "silent", "clock", "behind"; else ""
    age_s: float | None    # since a keepalive vouched last
    generation: int
    epoch: int
    is_connected: bool
    is_unusable: bool      # by max_offline_s
    detail: str            # why there is no connection


class Alarm(NamedTuple):
    code: str
    message: str
    where: str
    is_attack: bool        # it cannot come about without somebody who meddles


def status_of(status: CStatus) -> Status:
    return Status(status.freshness_name.decode(), status.reason.decode(), None if status.age_ms < 0 else status.age_ms / 1000,
                  status.generation, status.epoch, status.is_connected, status.is_unusable, status.detail.decode())


def encoded(value: Path | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def check(result: int, error: CError) -> None:
    if result != 0:
        raise Error(error.code.decode(), error.message.decode())


class Client:
    """Made by epoch.open(). A context manager; close() ends it.

    For one service it is a mapping of its values: client["/vad_threshold"]. For several, client.config("router")["/port"].
    Callbacks run on the library's thread, or where dispatch() or the event loop runs, one at a time.
    """

    def __init__(self, services: tuple[str, ...], options: COptions, keep: list[object]) -> None:
        self.services = services
        self._changes: list[tuple[str | None, Callable[[Update], object]]] = []
        self._statuses: list[Callable[[Status], object]] = []
        self._alarms: list[Callable[[Alarm], object]] = []
        self._keep = [*keep, ON_UPDATE(self._on_update), ON_STATUS(self._on_status), ON_ALARM(self._on_alarm)]
        options.on_update, options.on_status, options.on_alarm = self._keep[-3:]
        self.early_alarms: list[Alarm] = []  # of epoch_open, before anybody could ask to be told
        self._handle: c_void_p | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._interrupt: BaseException | None = None  # of a callback, for whoever drives: Ctrl-C, SystemExit
        handle, error = c_void_p(), CError()
        check(library.epoch_open(byref(handle), byref(options), byref(error)), error)
        self._handle = handle
        _unclosed.add(self)

    # --- reading

    def config(self, service: str | None = None) -> Config:
        """What is in force now. Error "no-configuration" where there is none yet."""
        error = CError()
        handle = library.epoch_get_config(self._open(), service.encode() if service else None, byref(error))
        if not handle:
            check(-1, error)
        return Config(handle)

    def configs(self) -> dict[str, Config]:
        """Of all services that are followed and have one: all of one epoch."""
        names = (c_char_p * len(self.services))(*(name.encode() for name in self.services))
        out, error = (c_void_p * len(names))(), CError()
        check(library.epoch_get_configs(self._open(), names, len(names), out, byref(error)), error)
        return {name: Config(handle) for name, handle in zip(self.services, out) if handle}

    def __getitem__(self, pointer: str) -> Any:
        return self.config()[pointer]

    def get(self, pointer: str, default: Any = None) -> Any:
        """The default also while there is no configuration at all."""
        try:
            return self.config().get(pointer, default)
        except Error as error:
            if error.code != "no-configuration":
                raise
            return default

    @property
    def status(self) -> Status:
        """How fresh it is and whether there is a connection, now."""
        status, error = CStatus(), CError()
        status.size = sizeof(CStatus)
        check(library.epoch_get_status(self._open(), byref(status), byref(error)), error)
        return status_of(status)

    @property
    def freshness(self) -> str:
        """status.freshness: "FRESH", "STALE", "LKG" or "UNKNOWN"."""
        return self.status.freshness

    # --- being told

    @overload
    def on_change(self, function: F, *, service: str | None = None) -> F: ...
    @overload
    def on_change(self, function: None = None, *, service: str | None = None) -> Callable[[F], F]: ...
    def on_change(self, function: Any = None, *, service: str | None = None) -> Any:
        """Calls function(update) before a changed configuration comes into force; also a decorator. Raise Refused to refuse it;
        any other exception refuses too, and is logged. Ctrl-C and SystemExit go on to whoever drives."""

        def register(wanted: F) -> F:
            self._changes.append((service, wanted))
            return wanted

        return register(function) if function is not None else register

    def on_status(self, function: Callable[[Status], object]) -> Callable[[Status], object]:
        """Calls function(status) when freshness or the connection changes."""
        self._statuses.append(function)
        return function

    def on_alarm(self, function: Callable[[Alarm], object]) -> Callable[[Alarm], object]:
        """Calls function(alarm) when something was not believed; at once for what was found while opening."""
        self._alarms.append(function)
        early, self.early_alarms = self.early_alarms, []
        for alarm in early:
            function(alarm)
        return function

    def _on_update(self, _context: int, _client: int, handle: int) -> int:
        reason = "the application failed"
        update: Update | None = None
        try:
            update = Update(handle)  # type: ignore[arg-type]
            for service, function in self._changes:
                if service in (None, update.config.service):
                    function(update)
            return 0
        except Refused as refused:
            reason = str(refused) or "refused"
        except BaseException as error:  # nothing may travel through the library's frames
            self._failed(error, "on_change failed; the configuration before stays")
            reason = f"{type(error).__name__} in the application"
        finally:
            if update is not None:
                update._handle = None
        return int(library.epoch_update_refuse(handle, reason.replace("\0", " ").encode("utf-8", "replace")))

    def _on_status(self, _context: int, _client: int, status: Any) -> None:
        self._tell(self._statuses, status_of(status.contents))

    def _on_alarm(self, _context: int, _client: int, alarm: Any) -> None:
        told = Alarm(alarm.contents.code.decode(), alarm.contents.message.decode(), alarm.contents.where.decode(), alarm.contents.is_attack)
        if not self._alarms and self._handle is None:
            self.early_alarms.append(told)
        log.warning("%s: %s [%s]", told.where, told.message, told.code)
        self._tell(self._alarms, told)

    def _tell(self, functions: Iterable[Callable[[Any], object]], what: object) -> None:
        for function in functions:
            try:
                function(what)
            except BaseException as error:
                self._failed(error, "a callback failed")

    def _failed(self, error: BaseException, what: str) -> None:
        if isinstance(error, Exception) or self in _running:
            log.error(what, exc_info=error)
        else:
            self._interrupt = error

    @contextmanager
    def _driving(self) -> Iterator[None]:
        """Ctrl-C while the library works is raised where Python goes on, and that may be the first step into a callback of ours, before
        any `try`: ctypes can only report it then, to this hook. Python raises it in the main thread alone."""
        if current_thread() is not main_thread():
            yield
            return
        before = sys.unraisablehook

        def keep(report: Any) -> None:
            if getattr(report.object, "__self__", None) is self and not isinstance(report.exc_value, Exception):
                self._interrupt = report.exc_value
            else:
                before(report)

        sys.unraisablehook = keep
        try:
            yield
        finally:
            sys.unraisablehook = before

    def _checked(self, result: int, error: CError) -> None:
        interrupt, self._interrupt = self._interrupt, None
        if interrupt is not None:
            raise interrupt
        check(result, error)

    # --- running

    def start(self) -> Client:
        """Follows the broker on a thread of the library's, until stop(), close() or the end of the program: also when nobody else
        holds the client."""
        error = CError()
        check(library.epoch_start(self._open(), byref(error)), error)
        _running.add(self)
        return self

    def stop(self) -> None:
        """Ends the thread, or leaves the event loop. What is known stays readable."""
        self._leave_loop()
        error = CError()
        check(library.epoch_stop(self._open(), byref(error)), error)
        _running.discard(self)

    def _leave_loop(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self.fileno())
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def fileno(self) -> int:
        """Readable when there is something to do: for select, poll and selectors."""
        return int(library.epoch_fd(self._open()))

    @property
    def timeout_s(self) -> float:
        """dispatch() wants to be called after so long, though fileno() was not readable."""
        return float(library.epoch_timeout_ms(self._open())) / 1000

    def dispatch(self) -> None:
        """Does what there is to do, callbacks too, and waits for nothing but the disk."""
        error = CError()
        with self._driving():
            result = library.epoch_dispatch(self._open(), byref(error))
        self._checked(result, error)

    def attach(self, loop: asyncio.AbstractEventLoop | None = None) -> Client:
        """Follows the broker in the event loop: callbacks run there, nothing blocks it but the disk."""
        self._loop = loop or asyncio.get_running_loop()
        self._loop.add_reader(self.fileno(), self._turn)
        self._turn()
        return self

    def _turn(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._loop is None or self._handle is None:
            return
        self.dispatch()
        if self._loop is not None and self._handle is not None:
            self._timer = self._loop.call_later(self.timeout_s, self._turn)

    def wait(self, until: str = "config", timeout_s: float | None = None) -> Client:
        """Waits for "config" (something to run with), "current" (what the broker has now), or "fresh". TimeoutError."""
        error = CError()
        deadline = inf if timeout_s is None else monotonic() + timeout_s
        while True:
            left_ms = min(float(SLICE_MS), max(0.0, (deadline - monotonic()) * 1000))
            with self._driving():
                result = library.epoch_wait(self._open(), UNTIL[until], ceil(left_ms), byref(error))
            if result == 0 or error.code != b"timed-out":
                self._checked(result, error)
                return self
            self._checked(0, error)
            if monotonic() >= deadline:
                raise TimeoutError(error.message.decode())

    def close(self) -> None:
        """Says goodbye and releases the client. Error "busy" in a callback: it runs on what would be ended."""
        if self._handle is None:
            return
        error = CError()
        if library.epoch_stop(self._handle, byref(error)) != 0 and error.code == b"busy":
            check(-1, error)  # epoch_close would do nothing, and its callbacks be called when nobody holds them any more
        self._leave_loop()
        _running.discard(self)
        handle, self._handle = self._handle, None
        library.epoch_close(handle)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_handle", None) is not None:
            self.close()

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError("an epoch.Client is neither copied nor pickled: open another one")

    def _open(self) -> c_void_p:
        if self._handle is None:
            raise Error("closed", "the client was closed")
        return self._handle


_unclosed: WeakSet[Client] = WeakSet()
_running: set[Client] = set()  # on a thread of the library's, which calls into them


@atexit.register
def _close_all() -> None:
    """A client that nobody closed says goodbye, before its thread would call into an interpreter that is gone."""
    for client in list(_unclosed):
        client.close()


def open(*services: str, url: str | None = None, username: str | None = None, password: str | None = None,
         password_file: Path | None = None, ca_file: Path | None = None, cert_file: Path | None = None, key_file: Path | None = None,
         client_id: str | None = None, source: str | None = None, prefix: str | None = None, root_file: Path | None = None,
         root_text: str | None = None, lkg_file: Path | None = None, lkg_key_file: Path | None = None, cache: Path | None = None,
         instance: str | None = None, instance_key: Path | None = None, is_silent: bool = False,
         env: Mapping[str, tuple[str, type]] | None = None, max_offline_s: int | None = None) -> Client:
    """Opens what is known on disk, at once and without network; start(), attach() or wait() then follows the broker.

    The options are those of <epoch/epoch.h>, None the library's default. `instance` is the host's name then: two clients of one service on
    one host need two names, else each overwrites what the other acknowledges (alarm "instance-shared"). env: {"/vad_threshold": ("STT_VAD_THRESHOLD", float)}.
    """
    if not services:
        raise ValueError("open() is told which services to follow")
    names = (c_char_p * len(services))(*(name.encode() for name in services))
    rows = [CEnv(None, pointer.encode(), variable.encode(), TYPES[kind]) for pointer, (variable, kind) in (env or {}).items()]
    overrides = (CEnv * len(rows))(*rows)
    options = COptions(
        services=names, services_len=len(names), url=encoded(url), username=encoded(username), password=encoded(password),
        password_file=encoded(password_file), ca_file=encoded(ca_file), cert_file=encoded(cert_file), key_file=encoded(key_file),
        client_id=encoded(client_id), source=encoded(source), prefix=encoded(prefix), root_file=encoded(root_file),
        root_text=encoded(root_text), lkg_file=encoded(lkg_file), lkg_key_file=encoded(lkg_key_file), cache=encoded(cache),
        instance=encoded(instance), instance_key=encoded(instance_key), is_silent=is_silent, env=overrides, env_len=len(rows),
        policy=KEEP_GOING if max_offline_s is None else UNUSABLE_OFFLINE, max_offline_s=max_offline_s or 0)
    options.size = sizeof(COptions)
    return Client(services, options, [names, overrides])
