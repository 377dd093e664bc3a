"""One gRPC connection for load tests: as little work per call as Python can do.

gRPC's own client takes about as much processor time per call as the server, which on a machine of
two cores halves what the server can show. This one sends the frames of a call (RFC 9113) as bytes
made beforehand, with headers that need no compression state (RFC 7541, 6.2.2), one call at a time
on a connection, and takes a call for answered when a message came: a failed call has none.
"""

import socket
import struct
from collections.abc import Sequence

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST, _SETTINGS, _PING, _GOAWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_FRAME = 16_384
_WINDOW_MAX = 2**31 - 1
_FIRST_WINDOW = 65_535


class Connection:
    """A connection on which calls of one method follow each other.

    Args:
      address: HOST:PORT.
      path: the method's.

    Attributes:
      socket: for a selector; it does not block.

    Raises:
      OSError: nobody listens.
    """

    def __init__(self, address: str, path: str) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._headers = b"".join(
            _literal(name, value)
            for name, value in (
                (":method", "POST"),
                (":scheme", "http"),
                (":path", path),
                (":authority", address),
                ("te", "trailers"),
                ("content-type", "application/grpc"),
            )
        )
        self._stream = -1
        self._send_window = _FIRST_WINDOW
        self._unsent = bytearray()
        self._held = bytearray()
        self._answered = False
        self._received = 0
        settings = struct.pack("!HI", 4, _WINDOW_MAX)
        wide = struct.pack("!I", _WINDOW_MAX - _FIRST_WINDOW)
        self.socket.sendall(
            _PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW, 0, 0, wide)
        )
        self.socket.setblocking(False)

    def call(self, request: bytes) -> None:
        """Begins a call; the one before must have ended.

        Args:
          request: the message, at most as large as HTTP/2's first window (64 KiB).
        """
        self._stream += 2
        self._answered = False
        message = b"\0" + struct.pack("!I", len(request)) + request
        frames = [_frame(_HEADERS, _END_HEADERS, self._stream, self._headers)]
        for begin in range(0, len(message), _FRAME):
            part = message[begin : begin + _FRAME]
            last = _END_STREAM if begin + _FRAME >= len(message) else 0
            frames.append(_frame(_DATA, last, self._stream, part))
        self._send_window -= len(message)
        self._unsent += b"".join(frames)
        self._flush()

    def receive(self) -> bool | None:
        """Reads what is there.

        Returns:
          Whether the call was answered, once it has ended; None before.

        Raises:
          ConnectionError: the server closed the connection.
        """
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return None
        if not data:
            raise ConnectionError("the server closed the connection")
        self._held += data
        at = 0
        ended = None
        while len(self._held) - at >= 9:
            size = int.from_bytes(self._held[at : at + 3], "big")
            if len(self._held) - at - 9 < size:
                break
            kind, flags = self._held[at + 3], self._held[at + 4]
            payload = self._held[at + 9 : at + 9 + size]
            at += 9 + size
            if self._frame(kind, flags, payload):
                ended = self._answered
        del self._held[:at]
        return ended

    def close(self) -> None:
        """Closes the connection, with or without a call that runs."""
        self.socket.close()

    def _frame(self, kind: int, flags: int, payload: bytearray) -> bool:
        """Handles a frame; whether it ended the call."""
        if kind == _DATA:
            # An empty message is five bytes: no flag, no length.
            self._answered = self._answered or len(payload) >= 5
            self._received += len(payload)
            if self._received > _WINDOW_MAX // 4:
                more = struct.pack("!I", self._received)
                self._reply(_frame(_WINDOW, 0, 0, more))
                self._received = 0
        elif kind == _WINDOW:
            self._send_window += int.from_bytes(payload, "big")
            self._flush()
        elif kind == _SETTINGS and not flags & _ACK:
            self._reply(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self._reply(_frame(_PING, _ACK, 0, bytes(payload)))
        elif kind == _GOAWAY:
            raise ConnectionError("the server goes away")
        elif kind == _RST:
            self._answered = False
            return True
        return kind in (_DATA, _HEADERS) and bool(flags & _END_STREAM)

    def _reply(self, frame: bytes) -> None:
        """Sends a frame of the connection, which may not stand inside another."""
        self._unsent += frame
        self._flush()

    def _flush(self) -> None:
        # Frames are never cut: what a window or the socket does not take yet waits here.
        if not self._unsent or self._send_window < 0:
            return
        try:
            sent = self.socket.send(self._unsent)
        except BlockingIOError:
            return
        del self._unsent[:sent]
        if self._unsent:
            self.socket.setblocking(True)
            self.socket.sendall(self._unsent)
            self.socket.setblocking(False)
            self._unsent.clear()


def _frame(kind: int, flags: int, stream: int, payload: bytes | bytearray) -> bytes:
    head = struct.pack("!IBI", len(payload) << 8 | kind, flags, stream)
    return head + bytes(payload)


def _literal(name: str, value: str) -> bytes:
    """A header field that neither side remembers: no index, no Huffman code."""
    return b"\0" + _string(name) + _string(value)


def _string(text: str) -> bytes:
    data = text.encode("ascii")
    size = len(data)
    if size < 127:
        return bytes([size]) + data
    rest, more = size - 127, bytearray([127])
    while rest >= 128:
        more.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*more, rest]) + data


def opened(address: str, path: str, count: int) -> Sequence[Connection]:
    """Several connections."""
    return [Connection(address, path) for _ in range(count)]
