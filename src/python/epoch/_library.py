"""libepoch.so.0 as ctypes sees it: names, types and structs of <epoch/epoch.h>, and nothing else."""
from __future__ import annotations

import ctypes
import os
from ctypes import CFUNCTYPE, POINTER, Structure, c_bool, c_char, c_char_p, c_double, c_int, c_int64, c_size_t, c_uint32, c_uint64, c_void_p


class CError(Structure):
    _fields_ = [("code", c_char_p), ("sys", c_int), ("message", c_char * 768)]


class CStatus(Structure):
    _fields_ = [("size", c_size_t), ("freshness", c_int), ("freshness_name", c_char_p), ("reason", c_char_p), ("age_ms", c_int64),
                ("generation", c_uint64), ("epoch", c_uint64), ("is_connected", c_bool), ("is_unusable", c_bool), ("detail", c_char * 256)]


class CAlarm(Structure):
    _fields_ = [("size", c_size_t), ("code", c_char_p), ("message", c_char_p), ("where", c_char_p), ("is_attack", c_bool)]


class CEnv(Structure):
    _fields_ = [("service", c_char_p), ("pointer", c_char_p), ("variable", c_char_p), ("type", c_int)]


class CChange(Structure):
    _fields_ = [("pointer", c_char_p), ("before", c_void_p), ("after", c_void_p)]


ON_UPDATE = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p)
ON_STATUS = CFUNCTYPE(None, c_void_p, c_void_p, POINTER(CStatus))
ON_ALARM = CFUNCTYPE(None, c_void_p, c_void_p, POINTER(CAlarm))


class COptions(Structure):
    _fields_ = [
        ("size", c_size_t),
        ("service", c_char_p), ("services", POINTER(c_char_p)), ("services_len", c_size_t), ("follow_all", c_bool),
        ("url", c_char_p), ("username", c_char_p), ("password", c_char_p), ("password_file", c_char_p),
        ("ca_file", c_char_p), ("cert_file", c_char_p), ("key_file", c_char_p), ("client_id", c_char_p),
        ("source", c_char_p), ("prefix", c_char_p), ("root_file", c_char_p), ("root_text", c_char_p),
        ("lkg_file", c_char_p), ("lkg_key_file", c_char_p), ("cache", c_char_p),
        ("instance", c_char_p), ("instance_key", c_char_p), ("is_silent", c_bool),
        ("env", POINTER(CEnv)), ("env_len", c_size_t),
        ("policy", c_int), ("max_offline_s", c_uint32),
        ("context", c_void_p), ("on_update", ON_UPDATE), ("on_status", ON_STATUS), ("on_alarm", ON_ALARM),
    ]


FUNCTIONS: dict[str, tuple[object, list[object]]] = {
    "epoch_version": (c_char_p, []),
    "epoch_open": (c_int, [POINTER(c_void_p), POINTER(COptions), POINTER(CError)]),
    "epoch_close": (None, [c_void_p]),
    "epoch_fd": (c_int, [c_void_p]),
    "epoch_timeout_ms": (c_int, [c_void_p]),
    "epoch_dispatch": (c_int, [c_void_p, POINTER(CError)]),
    "epoch_start": (c_int, [c_void_p, POINTER(CError)]),
    "epoch_stop": (c_int, [c_void_p, POINTER(CError)]),
    "epoch_wait": (c_int, [c_void_p, c_int, c_int, POINTER(CError)]),
    "epoch_get_status": (c_int, [c_void_p, POINTER(CStatus), POINTER(CError)]),
    "epoch_get_config": (c_void_p, [c_void_p, c_char_p, POINTER(CError)]),
    "epoch_get_configs": (c_int, [c_void_p, POINTER(c_char_p), c_size_t, POINTER(c_void_p), POINTER(CError)]),
    "epoch_config_ref": (c_void_p, [c_void_p]),
    "epoch_config_unref": (None, [c_void_p]),
    "epoch_config_service": (c_char_p, [c_void_p]),
    "epoch_config_epoch": (c_uint64, [c_void_p]),
    "epoch_config_version": (c_uint64, [c_void_p]),
    "epoch_config_generation": (c_uint64, [c_void_p]),
    "epoch_config_commit": (c_char_p, [c_void_p]),
    "epoch_config_correlation_id": (c_char_p, [c_void_p]),
    "epoch_config_is_removed": (c_bool, [c_void_p]),
    "epoch_config_json": (c_char_p, [c_void_p, POINTER(c_size_t)]),
    "epoch_config_published": (c_char_p, [c_void_p, POINTER(c_size_t)]),
    "epoch_get_value": (c_void_p, [c_void_p, c_char_p, POINTER(c_int)]),
    "epoch_value_type": (c_int, [c_void_p]),
    "epoch_value_boolean": (c_bool, [c_void_p]),
    "epoch_value_integer": (c_int64, [c_void_p]),
    "epoch_value_number": (c_double, [c_void_p]),
    "epoch_value_string": (c_char_p, [c_void_p]),
    "epoch_value_count": (c_size_t, [c_void_p]),
    "epoch_value_at": (c_void_p, [c_void_p, c_size_t, POINTER(c_char_p)]),
    "epoch_value_source": (c_int, [c_void_p, c_char_p]),
    "epoch_value_variable": (c_char_p, [c_void_p, c_char_p]),
    "epoch_update_config": (c_void_p, [c_void_p]),
    "epoch_update_before": (c_void_p, [c_void_p]),
    "epoch_update_change_count": (c_size_t, [c_void_p]),
    "epoch_update_change": (POINTER(CChange), [c_void_p, c_size_t]),
    "epoch_update_touches": (c_bool, [c_void_p, c_char_p]),
    "epoch_update_refuse": (c_int, [c_void_p, c_char_p]),
    "epoch_update_needs_restart": (c_int, [c_void_p, c_char_p]),
}


def load() -> ctypes.CDLL:
    """EPOCH_LIBRARY names another file than the installed one: for tests."""
    library = ctypes.CDLL(os.environ.get("EPOCH_LIBRARY", "libepoch.so.0"))
    for name, (result, arguments) in FUNCTIONS.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


library = load()
