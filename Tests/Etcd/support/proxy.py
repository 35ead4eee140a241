"""A proxy between the engine and etcd that understands HTTP/2's frames: it loses answers, or changes them."""

import contextlib
import socket
import threading

CUT = object()  # the connection ends, and the answer is lost
LOSE = object()  # the answer is lost, and nobody notices
DATA, HEADERS, END_STREAM, PREFACE = 0, 1, 1, 24


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if not byte & 128:
            return value, at
        shift += 7


def encoded(value):
    result = b""
    while value > 127:
        result += bytes([value & 127 | 128])
        value >>= 7
    return result + bytes([value])


def fields(message):
    """[(number, value)] of a protobuf message; value is an int or bytes."""
    found, at = [], 0
    while at < len(message):
        tag, at = varint(message, at)
        if tag & 7 == 0:
            value, at = varint(message, at)
        else:
            size, at = varint(message, at)
            value, at = message[at : at + size], at + size
        found.append((tag >> 3, value))
    return found


def message(found):
    result = b""
    for number, value in found:
        if isinstance(value, int):
            result += encoded(number << 3) + encoded(value)
        else:
            result += encoded(number << 3 | 2) + encoded(len(value)) + value
    return result


class Exchange:
    """A request, with its answer's message."""

    def __init__(self, request, answer):
        self.request, self.answer = dict(fields(request)), fields(answer)

    @property
    def is_grant(self):
        return isinstance(self.request.get(1), int) and 2 in self.request

    @property
    def is_lease_call(self):
        """Of LeaseRevoke or LeaseKeepAlive."""
        return isinstance(self.request.get(1), int) and 2 not in self.request

    @property
    def is_keep_alive(self):
        return self.is_lease_call and any(number == 2 for number, _ in self.answer)

    @property
    def is_revoke(self):
        return self.is_lease_call and not self.is_keep_alive

    @property
    def is_enter(self):
        """A transaction that has something to do if its conditions do not hold."""
        return isinstance(self.request.get(1), bytes) and 3 in self.request and isinstance(self.request[3], bytes)

    @property
    def has_events(self):
        return any(number == 11 for number, _ in self.answer)

    def header_with(self, number, value):
        """The answer's header with another value of a field; the bytes of the answer."""
        changed = [
            (field, message([(n, value if n == number else v) for n, v in fields(content)]) if field == 1 else content)
            for field, content in self.answer
        ]
        return message(changed)

    def without(self, number):
        return message([(field, value) for field, value in self.answer if field != number])


class _Stream:
    """One direction of a connection, as frames."""

    def __init__(self, connection, skipped):
        self._connection, self._buffer, self._skipped = connection, b"", skipped

    def _take(self, count):
        while len(self._buffer) < count:
            data = self._connection.recv(65536)
            if not data:
                raise EOFError
            self._buffer += data
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def frames(self):
        """(bytes before it, type, stream, payload)"""
        with contextlib.suppress(EOFError, OSError):
            if self._skipped:
                yield self._take(self._skipped), None, 0, b""
            while True:
                header = self._take(9)
                payload = self._take(int.from_bytes(header[:3]))
                yield header, header[3], int.from_bytes(header[5:]) & 0x7FFFFFFF, payload


class Proxy:
    """`answer(exchange)` is called for each answer: it returns None to pass it, bytes for another message, CUT or
    LOSE. A context manager; `endpoint` is where it listens."""

    def __init__(self, upstream, answer=lambda exchange: None):
        self._upstream, self.answer = upstream, answer
        self._open, self._lock = [], threading.Lock()
        self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = "127.0.0.1:%d" % self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._listener.close()
        self.cut()

    def cut(self):
        """Ends all connections."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
                connection.close()
            self._open.clear()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._open += [client, server]
            requests = {}
            for target, arguments in (
                (self._requests, (client, server, requests)),
                (self._answers, (server, client, requests)),
            ):
                threading.Thread(target=target, args=arguments, daemon=True).start()

    @staticmethod
    def _end(*connections):
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _requests(self, client, server, requests):
        for header, kind, stream, payload in _Stream(client, PREFACE).frames():
            if kind == DATA:
                requests[stream] = requests.get(stream, b"") + payload
            try:
                server.sendall(header + payload)
            except OSError:
                break
        self._end(client, server)

    def _answers(self, server, client, requests):
        answered = set()
        for header, kind, stream, payload in _Stream(server, 0).frames():
            # A refusal has no message, only headers.
            refused = kind == HEADERS and header[4] & END_STREAM and stream not in answered
            if refused or (kind == DATA and len(payload) >= 5):
                answered.add(stream)
                verdict = self.answer(Exchange(requests.get(stream, b"")[5:], b"" if refused else payload[5:]))
                if verdict is CUT:
                    break
                if verdict is LOSE:
                    continue
                if verdict is not None and not refused:
                    payload = b"\0" + len(verdict).to_bytes(4) + verdict
                    header = len(payload).to_bytes(3) + header[3:]
            try:
                client.sendall(header + payload)
            except OSError:
                break
        self._end(client, server)


class BlackHole:
    """Takes connections, and never says anything."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.endpoint = "127.0.0.1:%d" % self._listener.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._listener.close()
