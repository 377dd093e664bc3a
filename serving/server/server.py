"""The server: gRPC's services and the REST API, ports, threads, start and stop."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import grpc

from tidegate.serving.server import health, metrics, model_service, prediction_service, status
from tidegate.serving.server.calls import SlowCalls, unknown_method
from tidegate.serving.server.front_options import FrontOptions
from tidegate.serving.server.health import Health
from tidegate.serving.server.http import Answer, HttpServer
from tidegate.serving.server.metrics import Metrics
from tidegate.serving.server.model_service import ModelService
from tidegate.serving.server.options import ConfigError
from tidegate.serving.server.prediction_service import PredictionService
from tidegate.serving.server.reflection import Reflection
from tidegate.serving.server.request_log import RequestLog
from tidegate.serving.server.rest import Rest, error_answer

if TYPE_CHECKING:
    from tidegate.serving.server.manager import ModelManager

_log = logging.getLogger(__name__)

_INT32_MAX = 2**31 - 1
# Threads of status, health and reflection, which must answer under any load.
_CONTROL_THREADS = 8
# What answers get to reach their clients once they are made.
_FLUSH_SECONDS = 1.0
# Calls that may wait for a thread, for each thread; more are RESOURCE_EXHAUSTED at once.
_WAITING_PER_THREAD = 16
_OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", _INT32_MAX),
    ("grpc.max_send_message_length", _INT32_MAX),
    # Without this a second server on the same port would take a share of the connections.
    ("grpc.so_reuseport", 0),
    # Peers that vanished without a word are found and their calls ended.
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)


class Server:
    """Serves a manager's models.

    Call `start`, then `open` once the models are loaded, and `stop` in the end.

    Args:
      manager: the models; started and stopped by the caller.
      options: ports, threads, TLS.
      request_log: takes a sample of the requests; started and stopped with the server. None for
        one of nothing.

    Raises:
      ConfigError: a port cannot be had.

    Attributes:
      port: listened at; chosen by the system where the options say 0.
      rest_port: of the REST API; None where there is none.
      monitoring_port: of the metrics page; None where there is none.
    """

    def __init__(
        self,
        manager: ModelManager,
        options: FrontOptions,
        request_log: RequestLog | None = None,
    ) -> None:
        self._options = options
        self._request_log = request_log = request_log or RequestLog()
        self.metrics = Metrics([lambda: self._further_counts(manager)])
        self._health = Health()
        self._prediction = PredictionService(manager, self.metrics, request_log)
        self._slow = SlowCalls(options.message_timeout_seconds)
        self._pools = [
            ThreadPoolExecutor(threads, thread_name_prefix=name)
            for name, threads in (
                ("request", options.grpc_max_threads),
                ("control", _CONTROL_THREADS),
                ("reflection", _CONTROL_THREADS),
            )
        ]
        requests, control, reflections = self._pools
        self._server = grpc.server(
            requests,
            options=(*_OPTIONS, *options.grpc_channel_arguments),
            maximum_concurrent_rpcs=options.grpc_max_threads * _WAITING_PER_THREAD,
        )
        services = [prediction_service.NAME, model_service.NAME]
        if options.enable_grpc_healthcheck_service:
            services.append(health.NAME)
        models = ModelService(manager, request_log, options.takes_configurations)
        handlers = [
            self._prediction.handlers(self._slow),
            models.handlers(self._slow, control),
            *Reflection(services).handlers(self._slow, reflections),
        ]
        if options.enable_grpc_healthcheck_service:
            handlers.append(self._health.handlers(self._slow, control))
        handlers.append(unknown_method(control))
        self._server.add_generic_rpc_handlers(handlers)
        self.port = self._listen()
        rest = Rest(
            self._prediction,
            models,
            self.metrics,
            options.monitoring_path if options.rest_monitoring else None,
            options.rest_api_timeout_in_ms / 1000,
            options.rest_api_enable_cors_support,
        )
        self._rest = self._http(
            "rest_api_port",
            options.rest_api_port,
            rest.answer,
            threads=options.rest_api_num_threads or options.grpc_max_threads,
            context=None if options.ssl is None else options.ssl.context(),
        )
        self._monitoring = self._http("monitoring_port", options.monitoring_port, self._page)
        self.rest_port = None if self._rest is None else self._rest.port
        self.monitoring_port = None if self._monitoring is None else self._monitoring.port

    @property
    def rest_address(self) -> str | None:
        """The start of the REST API's addresses."""
        if self.rest_port is None:
            return None
        scheme = "http" if self._options.ssl is None else "https"
        return f"{scheme}://{_address(self._options.bind, self.rest_port)}"

    @property
    def address(self) -> str:
        """Where it listens, as clients are told it."""
        return _address(self._options.bind, self.port)

    def start(self) -> None:
        """Answers status and health from now on; predictions are UNAVAILABLE until `open`."""
        self._request_log.start()
        self._slow.start()
        self._server.start()
        for port in (self._rest, self._monitoring):
            if port is not None:
                port.start()

    def open(self) -> None:
        """Answers predictions from now on; health is SERVING."""
        self._prediction.open()
        self._health.set(True)

    def close(self) -> None:
        """Refuses predictions as UNAVAILABLE from now on; health is NOT_SERVING."""
        self._health.set(False)
        self._prediction.close()

    def stop(self, grace: float) -> None:
        """Refuses new requests, finishes those that run, and closes the port.

        Args:
          grace: seconds that requests may still take; then they are cancelled.
        """
        self.close()
        # The port stays open meanwhile: gRPC would end what comes in late as CANCELLED, which
        # clients do not try again elsewhere, and not as UNAVAILABLE.
        self._prediction.drain(grace)
        # What is left are answers on their way, and streams that would never end: Watch.
        stopped = self._server.stop(_FLUSH_SECONDS)
        for port in (self._rest, self._monitoring):
            if port is not None:
                port.stop()
        stopped.wait(_FLUSH_SECONDS + 1)
        for pool in self._pools:
            pool.shutdown(wait=False, cancel_futures=True)
        self._slow.stop()
        self._request_log.stop()

    def _listen(self) -> int:
        options = self._options
        address = _address(options.bind, options.port)
        try:
            if options.grpc_socket_path:
                self._server.add_insecure_port(f"unix:{options.grpc_socket_path}")
            if options.ssl is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, options.ssl.credentials())
        except RuntimeError as error:
            raise ConfigError(
                f"--port={options.port}: cannot listen at {address}: {error}"
            ) from error

    def _http(
        self, flag: str, port: int | None, answer: Callable[[str, str, bytes], Answer], **how: Any
    ) -> HttpServer | None:
        if port is None:
            return None
        host = self._options.bind
        try:
            return HttpServer(
                host,
                port,
                answer,
                error_answer(status.resource_exhausted("Too many requests wait for a thread.")),
                body_seconds=self._options.message_timeout_seconds,
                **how,
            )
        except OSError as error:
            raise ConfigError(
                f"--{flag}={port}: cannot listen at {_address(host, port)}: "
                f"{error.strerror or error}"
            ) from error

    def _page(self, method: str, path: str, body: bytes) -> Answer:
        """The metrics' own port."""
        if path == self._options.monitoring_path:
            return self.metrics.answer()
        text = f"The metrics are at {self._options.monitoring_path}\n"
        return Answer(404, text.encode(), "text/plain")

    def _further_counts(self, manager: ModelManager) -> Iterator[metrics.Count]:
        yield metrics.load_counts(manager.load_counts())
        yield metrics.log_counts(self._request_log.counts())


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
