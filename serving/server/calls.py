"""Turns a function from request message to response message into a gRPC handler.

Every call of the server goes through here: reading the one request, its deadline, and whatever
goes wrong becomes one status.
"""

from __future__ import annotations

import logging
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import grpc
from google.protobuf.message import DecodeError, Message

from tidegate.serving.server import status
from tidegate.serving.server.status import ServingError

_log = logging.getLogger(__name__)

# It becomes a status; see _parse.
warnings.filterwarnings("ignore", "Unexpected end-group tag", RuntimeWarning)

Request = TypeVar("Request", bound=Message)
_Received = TypeVar("_Received")

# gRPC gives calls without a deadline one in the far future.
_NO_DEADLINE = 10 * 365 * 86_400.0
_MAX_DETAILS = 1024
_TRUNCATED = "...TRUNCATED"


class SlowCalls:
    """Cancels calls whose request does not arrive in time.

    A thread waits for the message of each call. A client that opens calls and sends nothing would
    hold all threads for as long as it likes.

    Args:
      limit: seconds that a request may take to arrive.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._waiting: dict[int, tuple[float, grpc.ServicerContext]] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="slow-calls", daemon=True)

    def start(self) -> None:
        """Watches from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the watch."""
        self._ended.set()
        self._thread.join()

    def first(
        self, messages: Iterator[_Received], context: grpc.ServicerContext
    ) -> _Received | None:
        """The first message of a call; None where the client is gone or sent none."""
        key = id(context)
        self._waiting[key] = (time.monotonic() + self._limit, context)
        try:
            return next(messages, None)
        except grpc.RpcError:
            return None
        finally:
            del self._waiting[key]

    def each(
        self, messages: Iterator[_Received], context: grpc.ServicerContext
    ) -> Iterator[_Received]:
        """All messages of a call, each of which must arrive in time."""
        while (message := self.first(messages, context)) is not None:
            yield message

    def _watch(self) -> None:
        while not self._ended.wait(min(1.0, self._limit / 2)):
            now = time.monotonic()
            for limit, context in list(self._waiting.values()):
                if limit < now:
                    _log.warning(
                        "cancelled a call of %s: no request in %g s", context.peer(), self._limit
                    )
                    context.cancel()


def deadline(context: grpc.ServicerContext) -> float | None:
    """When the client stops waiting, in seconds of ``time.monotonic()``; None for never."""
    remaining = context.time_remaining()
    if remaining is None or remaining > _NO_DEADLINE:
        return None
    return time.monotonic() + remaining


def shortened(message: str) -> str:
    """A message as it fits into a status: TF Serving cuts at 1,024 bytes and marks the place.

    It ends in no white space: HTTP/2 libraries drop a header value that does, and Node's clients
    would get no text at all.
    """
    message = message.rstrip()
    data = message.encode("utf-8", "replace")
    if len(data) <= _MAX_DETAILS + len(_TRUNCATED):
        return message
    return data[:_MAX_DETAILS].decode("utf-8", "ignore") + _TRUNCATED


def handler(
    name: str,
    request_type: type[Request],
    answer: Callable[[Request, float | None], Message],
    slow: SlowCalls,
    pool: ThreadPoolExecutor | None = None,
) -> grpc.RpcMethodHandler:
    """A handler of one unary method.

    It is registered as one that streams requests, which is the same on the wire: only so does it
    run before the request is there, and can be stopped if the request never comes.

    Args:
      name: of the method, for the log.
      request_type: the request's message.
      answer: makes the response of a request, given the deadline in seconds of
        ``time.monotonic()`` or None; it may raise ServingError.
      slow: the watch over requests that do not arrive.
      pool: threads of its own; the server's if not given.
    """

    def serve(messages: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        data = slow.first(messages, context)
        if data is None:
            context.abort(grpc.StatusCode.CANCELLED, "No request arrived.")
            raise AssertionError("abort raises")
        try:
            limit = deadline(context)
            if (limit is not None and limit <= time.monotonic()) or not context.is_active():
                # It waited for a thread for too long; nobody listens any more.
                raise status.deadline_exceeded("Deadline exceeded before the request was run.")
            return answer(_parse(request_type, data), limit).SerializeToString()
        except ServingError as error:
            code, details = error.code, error.message
        except MemoryError:
            _log.exception("out of memory in %s", name)
            code, details = grpc.StatusCode.RESOURCE_EXHAUSTED, "The server is out of memory."
        except Exception as error:
            # The one place where whatever was not foreseen ends: the client gets a status, the
            # log the trace, and the server goes on.
            _log.exception("%s failed", name)
            code = grpc.StatusCode.INTERNAL
            details = f"{type(error).__name__}: {' '.join(str(error).split())}"
        context.abort(code, shortened(details))
        raise AssertionError("abort raises")

    if pool is not None:
        serve.experimental_thread_pool = pool  # type: ignore[attr-defined]
    return grpc.stream_unary_rpc_method_handler(serve)


def unknown_method(pool: ThreadPoolExecutor) -> grpc.GenericRpcHandler:
    """A handler, to be registered last, of methods that nobody serves: as gRPC's C++ servers.

    Args:
      pool: threads of its own.
    """

    def refuse(_: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "")
        raise AssertionError("abort raises")

    refuse.experimental_thread_pool = pool  # type: ignore[attr-defined]

    class Unknown(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            return grpc.stream_unary_rpc_method_handler(refuse)

    return Unknown()


def _parse(request_type: type[Request], data: bytes) -> Request:
    """The request; what does not parse is INTERNAL, as gRPC's C++ servers have it."""
    request = request_type()
    try:
        # It stops without an error at a tag that ends a group.
        complete = request.MergeFromString(data) == len(data)
    except (DecodeError, UnicodeDecodeError, RuntimeError) as error:
        raise _malformed(request_type) from error
    if not complete:
        raise _malformed(request_type)
    return request


def _malformed(request_type: type[Message]) -> ServingError:
    return status.internal(f"The request is no {request_type.DESCRIPTOR.full_name}.")
