"""HTTP ports: aiohttp reads requests and writes answers, threads make the answers in between."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from aiohttp import web

_log = logging.getLogger(__name__)

# As of gRPC's messages.
_LARGEST_BODY = 2**31 - 1
# Requests that may wait for a thread, for each thread; more are refused at once.
_WAITING_PER_THREAD = 16
_BACKLOG = 1024
# What answers get to reach their clients once they are made.
_FLUSH_SECONDS = 1.0


@dataclass(frozen=True)
class Answer:
    """What goes back: status code, body, its type, and further headers."""

    code: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class HttpServer:
    """A port that answers HTTP requests.

    The event loop holds connections and bodies, so that clients that send slowly or keep idle
    connections hold no thread.

    Args:
      host: the address to listen at.
      port: 0 picks a free one.
      answer: (method, path as it was sent and without the query, body) to the answer.
      busy: the answer where too many requests wait for a thread.
      threads: answers that are made at once.
      body_seconds: how long a request may take to arrive.
      context: TLS; None for none.

    Raises:
      OSError: the port cannot be had.

    Attributes:
      port: listened at.
    """

    def __init__(
        self,
        host: str,
        port: int,
        answer: Callable[[str, str, bytes], Answer],
        busy: Answer,
        threads: int = 4,
        body_seconds: float = 60.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._answer = answer
        self._busy = busy
        self._body_seconds = body_seconds
        self._context = context
        self._most = threads * (1 + _WAITING_PER_THREAD)
        self._running = 0
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="http")
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        self._socket = socket.create_server(address[:2], family=family, backlog=_BACKLOG)
        self.port: int = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)

    def start(self) -> None:
        """Answers from now on."""
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """Closes the port, once the answers that are made have gone out."""
        if self._thread.ident is None:
            self._socket.close()
            self._loop.close()
        elif self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _run(self) -> None:
        app = web.Application(client_max_size=_LARGEST_BODY)
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(
            app, access_log=None, handle_signals=False, shutdown_timeout=_FLUSH_SECONDS
        )
        loop = self._loop
        try:
            loop.run_until_complete(runner.setup())
            site = web.SockSite(runner, self._socket, backlog=_BACKLOG, ssl_context=self._context)
            loop.run_until_complete(site.start())
            self._started.set()
            loop.run_forever()
            loop.run_until_complete(runner.cleanup())
        finally:
            self._started.set()
            loop.close()

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            body = await asyncio.wait_for(request.read(), self._body_seconds)
        except asyncio.TimeoutError as error:
            raise web.HTTPRequestTimeout from error
        if self._running >= self._most:
            answer = self._busy
        else:
            self._running += 1
            try:
                answer = await self._loop.run_in_executor(
                    self._pool,
                    self._answer,
                    request.method,
                    request.raw_path.partition("?")[0],
                    body,
                )
            finally:
                self._running -= 1
        return web.Response(
            status=answer.code,
            body=answer.body,
            headers={"Content-Type": answer.content_type, **answer.headers},
        )
