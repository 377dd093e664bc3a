"""One gRPC connection for load tests: as little work per call as Python can do.

gRPC's own client takes about as much processor time per call as the server, which on a machine of
two cores halves what the server can show. So would h2, which keeps HTTP/2's whole state. This
client sends and reads hyperframe's frames, with headers that are encoded when it connects. It makes
one call at a time on a connection, and takes a call for answered when a message came: a failed call
has none.
"""

import socket
from collections.abc import Sequence

from hpack import Encoder, NeverIndexedHeaderTuple
from hyperframe.frame import (
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD = 9
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
        # Never indexed: the same bytes are right for every call.
        self._headers = Encoder().encode(
            NeverIndexedHeaderTuple(name, value)
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
        settings = SettingsFrame(0, {SettingsFrame.INITIAL_WINDOW_SIZE: _WINDOW_MAX})
        wide = WindowUpdateFrame(0, _WINDOW_MAX - _FIRST_WINDOW)
        self.socket.sendall(_PREFACE + settings.serialize() + wide.serialize())
        self.socket.setblocking(False)

    def call(self, request: bytes) -> None:
        """Begins a call; the one before must have ended.

        Args:
          request: the message, at most as large as HTTP/2's first window (64 KiB).
        """
        self._stream += 2
        self._answered = False
        message = b"\0" + len(request).to_bytes(4, "big") + request
        self._unsent += HeadersFrame(self._stream, self._headers, flags=["END_HEADERS"]).serialize()
        for begin in range(0, len(message), _FRAME):
            last = ["END_STREAM"] if begin + _FRAME >= len(message) else []
            part = message[begin : begin + _FRAME]
            self._unsent += DataFrame(self._stream, part, flags=last).serialize()
        self._send_window -= len(message)
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
        held = memoryview(bytes(self._held))
        at = 0
        ended = None
        while len(held) - at >= _HEAD:
            frame, size = Frame.parse_frame_header(held[at : at + _HEAD])
            end = at + _HEAD + size
            if len(held) < end:
                break
            frame.parse_body(held[at + _HEAD : end])
            at = end
            if self._handle(frame):
                ended = self._answered
        del self._held[:at]
        return ended

    def close(self) -> None:
        """Closes the connection, with or without a call that runs."""
        self.socket.close()

    def _handle(self, frame: Frame) -> bool:
        """Handles a frame; whether it ended the call."""
        if isinstance(frame, DataFrame):
            # An empty message is five bytes: no flag, no length.
            self._answered = self._answered or len(frame.data) >= 5
            self._received += len(frame.data)
            if self._received > _WINDOW_MAX // 4:
                self._reply(WindowUpdateFrame(0, self._received))
                self._received = 0
        elif isinstance(frame, WindowUpdateFrame):
            self._send_window += frame.window_increment
            self._flush()
        elif isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
            self._reply(SettingsFrame(0, flags=["ACK"]))
        elif isinstance(frame, PingFrame) and "ACK" not in frame.flags:
            self._reply(PingFrame(0, frame.opaque_data, flags=["ACK"]))
        elif isinstance(frame, GoAwayFrame):
            raise ConnectionError("the server goes away")
        elif isinstance(frame, RstStreamFrame):
            self._answered = False
            return True
        return "END_STREAM" in frame.flags

    def _reply(self, frame: Frame) -> None:
        """Sends a frame of the connection, which may not stand inside another."""
        self._unsent += frame.serialize()
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


def opened(address: str, path: str, count: int) -> Sequence[Connection]:
    """Several connections."""
    return [Connection(address, path) for _ in range(count)]
