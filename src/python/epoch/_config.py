"""A configuration: immutable, held as long as you like. What differs between two of them."""
from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from ctypes import byref, c_char_p, c_int, c_void_p
from typing import Any, NoReturn, TypeVar, overload

from ._library import CChange, library

NULL, BOOLEAN, INTEGER, NUMBER, STRING, ARRAY, OBJECT = range(1, 8)
FOUND, BAD_POINTER = 0, 3
SOURCES = ("default", "repository", "environment")

T = TypeVar("T")
REQUIRED: Any = object()  # no default was given


def text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode()


def word(raw: bytes) -> str:
    return raw.decode()


def bytes_of(pointer: str) -> bytes:
    if "\0" in pointer:
        raise ValueError("a JSON Pointer holds no NUL")
    return pointer.encode()


def python_value(value: int | None) -> Any:
    """The value as Python's own: dict, list, str, int, float, bool or None."""
    kind = library.epoch_value_type(value)
    if kind == BOOLEAN:
        return library.epoch_value_boolean(value)
    if kind == INTEGER:
        return library.epoch_value_integer(value)
    if kind == NUMBER:
        return library.epoch_value_number(value)
    if kind == STRING:
        return text(library.epoch_value_string(value))
    places = range(library.epoch_value_count(value))
    if kind == ARRAY:
        return [python_value(library.epoch_value_at(value, at, None)) for at in places]
    if kind == OBJECT:
        members = {}
        for at in places:
            name = c_char_p()
            item = library.epoch_value_at(value, at, byref(name))
            members[text(name.value)] = python_value(item)
        return members
    return None


class Config(Mapping[str, Any]):
    """What a service is configured with, environment laid over it.

    A mapping by JSON Pointer: config["/audio/rate"], config.get("/words/0", "stop"), config[""] for the whole. A pointer to nothing
    is a KeyError. Iterating gives the pointers of the top-level members.
    """

    def __init__(self, handle: int) -> None:
        self._handle: int | None = handle  # one reference, ours

    def __del__(self) -> None:
        handle, self._handle = getattr(self, "_handle", None), None
        if handle:
            library.epoch_config_unref(handle)

    def _find(self, pointer: str) -> int | None:
        found = c_int()
        value = library.epoch_get_value(self._handle, bytes_of(pointer), byref(found))
        if found.value == BAD_POINTER:
            raise ValueError(f"{pointer!r} is not a JSON Pointer: it begins with '/'")
        return value if found.value == FOUND else None

    def __getitem__(self, pointer: str) -> Any:
        value = self._find(pointer)
        if value is None:
            raise KeyError(pointer)
        return python_value(value)

    def __iter__(self) -> Iterator[str]:
        return ("/" + name.replace("~", "~0").replace("/", "~1") for name in self[""])

    def __len__(self) -> int:
        return int(library.epoch_value_count(self._find("")))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.json == other.json

    def __hash__(self) -> int:
        return hash(self.json)

    def __copy__(self) -> Config:
        return self  # immutable

    def __deepcopy__(self, _memo: object) -> Config:
        return self

    def __reduce_ex__(self, _protocol: object) -> NoReturn:
        raise TypeError('an epoch.Config is not pickled: its values are, config[""]')

    def __repr__(self) -> str:
        return f"<epoch.Config {self.service} version {self.version} of epoch {self.epoch}>"

    def _typed(self, pointer: str, kinds: tuple[int, ...], what: str, default: Any) -> Any:
        value = self._find(pointer)
        if value is None:
            if default is REQUIRED:
                raise KeyError(pointer)
            return default
        if library.epoch_value_type(value) not in kinds:
            raise TypeError(f"{pointer} of {self.service} is not {what}")
        return python_value(value)

    @overload
    def string(self, pointer: str) -> str: ...
    @overload
    def string(self, pointer: str, default: T) -> str | T: ...
    def string(self, pointer: str, default: Any = REQUIRED) -> Any:
        """Absent: the default, or KeyError without one. Of another type, null too: TypeError."""
        return self._typed(pointer, (STRING,), "a string", default)

    @overload
    def integer(self, pointer: str) -> int: ...
    @overload
    def integer(self, pointer: str, default: T) -> int | T: ...
    def integer(self, pointer: str, default: Any = REQUIRED) -> Any:
        """As string(); 1.0 is an integer."""
        return self._typed(pointer, (INTEGER,), "an integer", default)

    @overload
    def number(self, pointer: str) -> float: ...
    @overload
    def number(self, pointer: str, default: T) -> float | T: ...
    def number(self, pointer: str, default: Any = REQUIRED) -> Any:
        """As string(); an integer will do."""
        return self._typed(pointer, (INTEGER, NUMBER), "a number", default)

    @overload
    def boolean(self, pointer: str) -> bool: ...
    @overload
    def boolean(self, pointer: str, default: T) -> bool | T: ...
    def boolean(self, pointer: str, default: Any = REQUIRED) -> Any:
        """As string()."""
        return self._typed(pointer, (BOOLEAN,), "true or false", default)

    def source(self, pointer: str) -> str:
        """"environment", "repository", or "default" where nothing is there."""
        return SOURCES[library.epoch_value_source(self._handle, bytes_of(pointer))]

    def variable(self, pointer: str) -> str | None:
        """The variable of the environment that overrides the value."""
        return text(library.epoch_value_variable(self._handle, bytes_of(pointer)))

    @property
    def json(self) -> str:
        """The whole as canonical JSON (RFC 8785)."""
        return word(library.epoch_config_json(self._handle, None))

    @property
    def published(self) -> dict[str, Any]:
        """As it was signed: without the environment."""
        return dict(json.loads(library.epoch_config_published(self._handle, None)))

    @property
    def service(self) -> str:
        """Whose it is."""
        return word(library.epoch_config_service(self._handle))

    @property
    def version(self) -> int:
        """The epoch in which it last changed."""
        return int(library.epoch_config_version(self._handle))

    @property
    def epoch(self) -> int:
        """The epoch of the head it was applied with."""
        return int(library.epoch_config_epoch(self._handle))

    @property
    def generation(self) -> int:
        """Of the keys that signed it."""
        return int(library.epoch_config_generation(self._handle))

    @property
    def commit(self) -> str:
        """The commit of its version, 40 hex digits."""
        return word(library.epoch_config_commit(self._handle))

    @property
    def correlation_id(self) -> str:
        """Of its version: the same in the publisher's logs."""
        return word(library.epoch_config_correlation_id(self._handle))

    @property
    def is_removed(self) -> bool:
        """The service is no longer configured; these are its last values."""
        return bool(library.epoch_config_is_removed(self._handle))


def held(borrowed: int | None) -> Config | None:
    """A Config of a handle that somebody else owns."""
    return Config(library.epoch_config_ref(borrowed)) if borrowed else None


class Change:
    """One value that differs: its JSON Pointer, what it was and what it becomes. `absent` where there is none."""

    absent: Any = type("absent", (), {"__repr__": lambda self: "absent", "__bool__": lambda self: False})()

    def __init__(self, change: CChange) -> None:
        self.pointer = change.pointer.decode()
        self.before = python_value(change.before) if change.before else self.absent
        self.after = python_value(change.after) if change.after else self.absent

    def __repr__(self) -> str:
        return f"<epoch.Change {self.pointer}>"  # never a value: it may be a secret


class Update:
    """What a callback of on_change is given. Its configurations may be kept; nothing else of it outlives the call."""

    def __init__(self, handle: c_void_p) -> None:
        self._handle: Any = handle
        config = held(library.epoch_update_config(handle))
        assert config is not None
        self.config: Config = config
        self.before: Config | None = held(library.epoch_update_before(handle))

    def __iter__(self) -> Iterator[Change]:
        """What differs, in canonical order."""
        for at in range(library.epoch_update_change_count(self._alive())):
            yield Change(library.epoch_update_change(self._alive(), at).contents)

    def touches(self, pointer: str) -> bool:
        """Anything at, below or above that pointer differs."""
        return bool(library.epoch_update_touches(self._alive(), bytes_of(pointer)))

    def needs_restart(self, pointer: str) -> None:
        """Tells the publisher that this change takes effect at the next restart. ValueError: no JSON Pointer, longer than 128 bytes,
        or the 65th."""
        if library.epoch_update_needs_restart(self._alive(), bytes_of(pointer)) != 0:
            raise ValueError(f"not acknowledged as waiting for a restart: {pointer!r}")

    def _alive(self) -> Any:
        if self._handle is None:
            raise RuntimeError("an Update ends with the callback it was given to")
        return self._handle
