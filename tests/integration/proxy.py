"""Two things that stand where a broker is expected: a proxy that is a bad network, and a server that is a bad broker.

Both listen on a free loopback port, know as much of MQTT v5 as they need to spoil it, and end with stop(). Every fault is a member
that may be set and taken back while connections are up.
"""
import socket
import struct
import threading
import time

from harness import PATIENCE_S, free_port

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, SUBSCRIBE, SUBACK, PINGREQ, PINGRESP, DISCONNECT = 1, 2, 3, 4, 5, 8, 9, 12, 13, 14
BUFFER = 65536


def varint(number):
    out = bytearray()
    while True:
        number, digit = number >> 7, number & 0x7F
        out.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(out)


def packet(kind, body=b"", flags=0):
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def split_packet(data):
    """(kind, flags, body, rest) of the first whole packet, None while it is not whole."""
    length = shift = 0
    for at in range(1, min(len(data), 5)):
        length |= (data[at] & 0x7F) << shift
        shift += 7
        if not data[at] & 0x80:
            end = at + 1 + length
            return (data[0] >> 4, data[0] & 15, data[at + 1:end], data[end:]) if len(data) >= end else None
    return None


def publish_parts(flags, body):
    """(topic, packet id or 0, payload) of a PUBLISH."""
    size = struct.unpack_from(">H", body)[0]
    topic, at = body[2:2 + size].decode(), 2 + size
    mid = 0
    if flags >> 1 & 3:
        mid, at = struct.unpack_from(">H", body, at)[0], at + 2
    return topic, mid, body[at + 1 + body[at]:]  # what we publish has few properties, one byte says how long


def puback(mid, reason=0):
    return packet(PUBACK, struct.pack(">HB", mid, reason))


def reset(connection):
    """Closes with RST instead of FIN."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    hang_up(connection)


def hang_up(connection):
    """A thread that reads it is woken; close alone would leave it there."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


class Listener:
    """Accepts until stop(); each connection is served by a thread of its own."""

    def __init__(self):
        self.server = socket.create_server(("127.0.0.1", free_port()), backlog=128)
        self.port = self.server.getsockname()[1]
        self.accepted, self.open = 0, set()
        self.ended = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self):
        return f"mqtt://127.0.0.1:{self.port}"

    def _accept(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with self._lock:
                self.accepted += 1
                self.open.add(connection)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass
        finally:
            hang_up(connection)
            with self._lock:
                self.open.discard(connection)

    def serve(self, connection):
        raise NotImplementedError

    def _all(self):
        with self._lock:
            return list(self.open)

    def reset_all(self):
        for connection in self._all():
            reset(connection)

    def stop(self):
        self.ended.set()
        hang_up(self.server)
        self.reset_all()


class Proxy(Listener):
    """A bad network between a client and the broker on `port`. "up" is towards the broker, "down" towards the client.

        refuses     connections are accepted and closed at once
        frozen      directions in which nothing is forwarded any more, while both connections stay: a set
        delay_s     every byte takes so long
        rate        bytes a second
        piece       at most so many bytes at once
        reset_after so many more bytes, either way, and the connection is reset, in the middle of a packet if it happens so
        spoil       function(direction, kind, flags, body, whole packet) -> bytes to send instead, or None for as it is
    """

    def __init__(self, port):
        self.target, self.refuses, self.frozen, self.delay_s, self.rate, self.piece = port, False, set(), 0.0, 0, 0
        self.reset_after, self.spoil = None, None
        self._changed = threading.Condition()
        super().__init__()

    def heal(self):
        """No fault any more; what was held back flows."""
        with self._changed:
            self.refuses, self.delay_s, self.rate, self.piece, self.reset_after, self.spoil = False, 0.0, 0, 0, None, None
            self.frozen = set()
            self._changed.notify_all()

    def serve(self, connection):
        if self.refuses:
            return
        far = socket.create_connection(("127.0.0.1", self.target))
        far.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._pump, args=("down", far, connection), daemon=True)
        back.start()
        self._pump("up", connection, far)
        back.join()
        hang_up(far)

    def _pump(self, direction, source, sink):
        waiting = b""
        try:
            while data := source.recv(BUFFER):
                if self.spoil is None:
                    self._forward(direction, waiting + data, source, sink)
                    waiting = b""
                    continue
                waiting += data
                while (found := split_packet(waiting)) is not None:
                    kind, flags, body, rest = found
                    whole, waiting = waiting[:len(waiting) - len(rest)], rest
                    spoil = self.spoil
                    instead = spoil(direction, kind, flags, body, whole) if spoil else None
                    self._forward(direction, whole if instead is None else instead, source, sink)
        except OSError:
            pass
        hang_up(source)
        hang_up(sink)

    def _forward(self, direction, data, source, sink):
        while data:
            with self._changed:
                while direction in self.frozen and not self.ended.is_set():
                    self._changed.wait(0.2)
                    if sink.fileno() < 0 or source.fileno() < 0:
                        raise OSError("over")
            piece, pause = data[:self.piece or len(data)], self.delay_s
            if self.rate:
                piece = data[:1]
                pause += 1 / self.rate
            if pause and self._pause(pause):
                raise OSError("over")
            if self.reset_after is not None:
                self.reset_after -= len(piece)
                if self.reset_after <= 0:
                    sink.sendall(piece[:max(1, len(piece) // 2)])
                    reset(sink)
                    reset(source)
                    raise OSError("reset")
            sink.sendall(piece)
            data = data[len(piece):]

    def _pause(self, seconds):
        """The fault itself, not a wait for something; over at once when it is healed. True: stopped."""
        with self._changed:
            self._changed.wait(seconds)
        return self.ended.is_set()


class FakeBroker(Listener):
    """A broker that keeps nothing and answers as it is told.

        connack     (reason, properties) of CONNACK; None: no answer
        acks        function(topic, packet id, payload) -> bytes to answer a PUBLISH of QoS 1 with; None: a plain PUBACK
        answers     packet kinds that are answered at all
        greeting    bytes sent right behind CONNACK
        after       what is sent behind the first PUBLISH of a connection, once
        spoken      how often greeting or after have been sent
        closing     reason of a DISCONNECT that is sent instead of the first SUBACK; None: as usual
    """

    def __init__(self):
        self.connack, self.acks, self.greeting, self.after, self.closing = (0, b""), None, b"", b"", None
        self.answers = {CONNECT, PUBLISH, SUBSCRIBE, PINGREQ}
        self.connected, self.published, self.retained, self.spoken = [], [], {}, 0
        self.news = threading.Condition()
        super().__init__()

    def serve(self, connection):
        data, state = b"", {"after": self.after}
        while more := connection.recv(BUFFER):
            data += more
            while (found := split_packet(data)) is not None:
                kind, flags, body, data = found
                answer = self._answer(kind, flags, body, state) if kind in self.answers else b""
                if answer is None:
                    return
                connection.sendall(answer)
                if self.greeting and kind == CONNECT or self.after and "after" not in state:
                    with self.news:
                        self.spoken += 1
                        self.news.notify_all()

    def _answer(self, kind, flags, body, state):
        if kind == CONNECT:
            self._note(self.connected, time.monotonic())
            if self.connack is None:
                return b""
            reason, properties = self.connack
            return packet(CONNACK, bytes([0, reason]) + varint(len(properties)) + properties) + self.greeting
        if kind == SUBSCRIBE:
            if self.closing is not None:
                return packet(DISCONNECT, bytes([self.closing, 0]))
            return packet(SUBACK, body[:2] + b"\0\x01")
        if kind == PUBLISH:
            topic, mid, payload = publish_parts(flags, body)
            self._note(self.published, (topic, payload))
            if flags & 1:
                self.retained[topic] = payload
            if not flags >> 1 & 3:
                return b""
            answer = puback(mid) if self.acks is None else self.acks(topic, mid, payload)
            return answer + state.pop("after", b"")
        if kind == PINGREQ:
            return packet(PINGRESP)
        return None if kind == DISCONNECT else b""

    def _note(self, where, what):
        with self.news:
            where.append(what)
            self.news.notify_all()

    def wait(self, accept, seconds=PATIENCE_S):
        """Until accept(self) is true; called after every packet that is noted."""
        with self.news:
            assert self.news.wait_for(lambda: accept(self), seconds), (self.accepted, self.published[-5:])
