"""The connection: TLS, message sizes, and calls with a deadline and retries."""

import random
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import grpc

from tidegate.serving.client.errors import of_rpc

_INT32_MAX = 2**31 - 1
_OPTIONS = (
    # gRPC's own bounds are 4 MiB; TF Serving's is this.
    ("grpc.max_receive_message_length", _INT32_MAX),
    ("grpc.max_send_message_length", _INT32_MAX),
    # A dead peer behind a silent network is noticed while a request waits for it.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    # A server that is just starting is tried again soon; gRPC's own first pause is a second, and
    # its longest two minutes, in which each request would fail at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2_000),
)


@dataclass(frozen=True)
class Tls:
    """How the server proves who it is, and for mutual TLS also the client.

    Attributes:
      ca: PEM certificates of the authorities to trust; None for those of gRPC's own list.
      certificate: PEM certificate chain of the client, for mutual TLS.
      key: PEM private key of the client.
      server_name: the name in the server's certificate, where the address is another.
    """

    ca: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None
    server_name: str | None = None

    def __post_init__(self) -> None:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("mutual TLS takes the client's certificate and its key, both")

    @classmethod
    def from_files(
        cls,
        ca: str | Path | None = None,
        certificate: str | Path | None = None,
        key: str | Path | None = None,
        server_name: str | None = None,
    ) -> "Tls":
        """The same from PEM files.

        Raises:
          OSError: a file cannot be read.
          ValueError: a certificate without a key, or a key without a certificate.
        """
        ca_pem, certificate_pem, key_pem = (
            Path(path).read_bytes() if path else None for path in (ca, certificate, key)
        )
        return cls(ca_pem, certificate_pem, key_pem, server_name)


@dataclass(frozen=True)
class Retries:
    """When to try again after UNAVAILABLE: no server there, or one that is too busy just now.

    All that is asked of a model is safe to ask twice.

    The pause before try n + 1 is random between half of and all of ``first * 2**(n - 1)``, but
    at most `longest`. (Exponential backoff with jitter, M. Brooker, AWS Architecture Blog, 2015.)

    Attributes:
      attempts: how often a request is sent at most; 1 for no retries.
      first: seconds.
      longest: seconds.
    """

    attempts: int = 5
    first: float = 0.1
    longest: float = 5.0

    def __post_init__(self) -> None:
        if self.attempts < 1 or self.first < 0 or self.longest < 0:
            raise ValueError(f"expected attempts of at least 1 and no negative pause, got {self}")

    def pause(self, failed: int) -> float:
        """Seconds to wait after so many failed attempts, from 1."""
        # The exponent is bounded: a float is not as large as 2**1024.
        whole = min(self.longest, self.first * 2.0 ** min(failed - 1, 60))
        return random.uniform(whole / 2, whole)


class Calls(Protocol):
    """What a client calls methods on.

    Attributes:
      address: names it in errors.
    """

    address: str

    def call(self, service: str, method: str, request: Any, response: Any, *, end: float) -> Any:
        """See `Channel`."""

    def close(self) -> None:
        """Ends it."""


class Channel:
    """A connection that calls methods by name. Thread-safe.

    Retries are a loop of our own: gRPC's retryPolicy stops at five attempts whatever it is told,
    and a server's service config replaces it.

    Args:
      address: ``host:port``.
      tls: None for a plain connection.
      retries: when to try again.
      metadata: sent with each request, for example ``("authorization", "Bearer …")``.
    """

    def __init__(
        self,
        address: str,
        tls: Tls | None,
        retries: Retries,
        metadata: tuple[tuple[str, str], ...] = (),
    ) -> None:
        self.address = address
        self._retries = retries
        self._metadata = metadata
        self._closed = threading.Event()
        self._methods: dict[str, Any] = {}
        options: list[tuple[str, Any]] = list(_OPTIONS)
        if tls is None:
            self._channel = grpc.insecure_channel(address, options=options)
            return
        if tls.server_name:
            options.append(("grpc.ssl_target_name_override", tls.server_name))
        credentials = grpc.ssl_channel_credentials(tls.ca, tls.key, tls.certificate)
        self._channel = grpc.secure_channel(address, credentials, options=options)

    def close(self) -> None:
        """Ends the connection and what still runs on it."""
        self._closed.set()
        self._channel.close()

    def call(self, service: str, method: str, request: Any, response: Any, *, end: float) -> Any:
        """Calls a method, again where the server was not available, and gives its answer.

        Args:
          service: such as ``PredictionService``.
          method: such as ``Predict``.
          request: the message to send; one with a `model_spec`.
          response: the answer's class.
          end: when the deadline is, by `time.monotonic`; of all attempts together.

        Raises:
          ServingClientError: a subclass by the status code.
          ValueError: the client is closed.
        """
        path = f"/tensorflow.serving.{service}/{method}"
        call = self._methods.get(path)
        if call is None:
            call = self._methods[path] = self._channel.unary_unary(
                path,
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response.FromString,
            )
        failed = 0
        while True:
            if self._closed.is_set():
                raise ValueError("the client is closed")
            try:
                left = max(end - time.monotonic(), 0.0)
                return call(request, timeout=left, metadata=self._metadata)
            except grpc.RpcError as error:
                failed += 1
                pause = self._retries.pause(failed)
                again = (
                    error.code() is grpc.StatusCode.UNAVAILABLE
                    and failed < self._retries.attempts
                    and time.monotonic() + pause < end
                )
                if not again:
                    raise of_rpc(
                        error, model=request.model_spec.name, address=self.address, method=method
                    ) from None
                self._closed.wait(pause)
