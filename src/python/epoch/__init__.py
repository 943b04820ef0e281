"""The configuration that epochd publishes, verified, in Python: a thin, typed layer over libepoch.

    import epoch

    cfg = epoch.open("stt-worker", url="mqtt://localhost", cache="/var/lib/stt-worker/config")
    threshold = cfg["/vad_threshold"]              # from disk, before any network

    @cfg.on_change
    def changed(update):
        if update.config["/voice"] not in VOICES:
            raise epoch.Refused("no such voice")   # the configuration before stays, and the publisher is told why
        ...

    cfg.start()                                    # a thread of the library's; or cfg.attach() in asyncio, or cfg.dispatch()
    cfg.freshness                                  # "FRESH", "STALE", "LKG" or "UNKNOWN"
"""
from . import _library
from ._client import Alarm, Client, Error, Refused, Status, open
from ._config import Change, Config, Update

__all__ = ["Alarm", "Change", "Client", "Config", "Error", "Refused", "Status", "Update", "open", "version"]


def version() -> str:
    """Of the library in use."""
    return str(_library.library.epoch_version().decode())
