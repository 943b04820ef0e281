"""Free ports of the loopback, each for one process alone."""
import fcntl
import os
import random
import socket
import tempfile
import threading

PORTS = range(15000, 32000)  # below those that the kernel gives to clients, which might take one first

_book, _given, _turn = None, set(), threading.Lock()


def free_port():
    """Ours until this process ends, also while nobody listens there: no other run of the tests takes it between two lives of a broker.

    A port is a byte of a file of the user's, locked by whom it was given to."""
    global _book
    with _turn:
        if _book is None:
            _book = open(os.path.join(tempfile.gettempdir(), f"epochd-test-ports-{os.geteuid()}"), "ab")
        while True:
            port = random.choice(PORTS)
            if port not in _given and _is_ours(port) and _is_free(port):
                _given.add(port)
                return port


def _is_ours(port):
    try:
        fcntl.lockf(_book, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        return True
    except BlockingIOError:
        return False


def _is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
            return True
        except OSError:
            return False
