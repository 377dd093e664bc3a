"""A real HTTP server for one file, which can hang up, refuse, or know no ranges."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class FileServer:
    """Serves `content` on 127.0.0.1 and remembers which ranges were asked for.

    Attributes:
        content: the bytes of the file.
        ranges: whether it answers Range requests with 206; otherwise it sends the whole file.
        cuts: for each request in turn, after how many bytes of the body it hangs up.
        statuses: for each request in turn, an error status to answer instead; 0 for none.
        stall: if set, a cut waits for this event before it hangs up.
        asked: the Range header of each request, None where there was none.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.ranges = True
        self.cuts: list[int] = []
        self.statuses: list[int] = []
        self.stall: threading.Event | None = None
        self.asked: list[str | None] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}/aclImdb_v1.tar.gz"

    def __enter__(self) -> FileServer:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        if self.stall:
            self.stall.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        asked = request.headers.get("Range")
        self.asked.append(asked)
        status = self.statuses.pop(0) if self.statuses else 0
        if status:
            request.send_error(status)
            return
        start, size = 0, len(self.content)
        if asked and self.ranges:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])  # type: ignore[index]
            if start >= size:
                request.send_response(416)
                request.send_header("Content-Range", f"bytes */{size}")
                request.end_headers()
                return
            request.send_response(206)
            request.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        else:
            request.send_response(200)
        request.send_header("Content-Length", str(size - start))
        request.end_headers()
        body = self.content[start:]
        if self.cuts:
            request.wfile.write(body[: self.cuts.pop(0)])
            request.wfile.flush()
            if self.stall:
                self.stall.wait(20)
            return
        request.wfile.write(body)


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(b"") as running:
        yield running
