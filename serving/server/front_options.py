"""Settings of the gRPC front, named as TF Serving's flags where these exist."""

from __future__ import annotations

import ipaddress
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from tidegate.serving.server import textproto
from tidegate.serving.server.config_messages import message_class
from tidegate.serving.server.options import ConfigError
from tidegate.serving.server.tls import SslConfig

DEFAULT_PORT = 8500
DEFAULT_REST_PORT = 8501
DEFAULT_METRICS_PATH = "/monitoring/prometheus/metrics"
# Threads cost little while they wait, and one that waits in a batch is what fills the batch.
_MIN_THREADS = 64


@dataclass(frozen=True)
class FrontOptions:
    """How clients reach the models.

    Attributes:
      bind: the address to listen at.
      port: 0 picks a free one.
      grpc_socket_path: a UNIX socket to listen at as well.
      grpc_max_threads: requests that are worked on at once; further ones wait for a thread.
      grpc_channel_arguments: gRPC's own settings of the server.
      ssl: TLS; None for none.
      enable_reload_config_requests: whether clients may change which models are served; None for
        where no stranger can: at a loopback address, or with mutual TLS.
      enable_grpc_healthcheck_service: whether gRPC's health service is offered.
      rest_api_port: of the REST API; 0 picks a free one; None for none. With `ssl` it is HTTPS.
      rest_api_num_threads: REST requests that are worked on at once; None for as many as of gRPC.
      rest_api_timeout_in_ms: milliseconds that a REST request may take.
      rest_api_enable_cors_support: whether pages of other sites may use the REST API.
      rest_monitoring: whether the metrics page is at `rest_api_port` as well.
      monitoring_port: of the metrics page; 0 picks a free one; None for no page.
      monitoring_path: of the page.
      message_timeout_seconds: how long an opened call may take to send its request.
    """

    bind: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    grpc_socket_path: str = ""
    grpc_max_threads: int = _MIN_THREADS
    grpc_channel_arguments: tuple[tuple[str, int | str], ...] = ()
    ssl: SslConfig | None = None
    enable_reload_config_requests: bool | None = None
    enable_grpc_healthcheck_service: bool = True
    rest_api_port: int | None = None
    rest_api_num_threads: int | None = None
    rest_api_timeout_in_ms: int = 30_000
    rest_api_enable_cors_support: bool = False
    rest_monitoring: bool = True
    monitoring_port: int | None = None
    monitoring_path: str = DEFAULT_METRICS_PATH
    message_timeout_seconds: float = 60.0

    @property
    def takes_configurations(self) -> bool:
        """Whether HandleReloadConfigRequest is answered."""
        if self.enable_reload_config_requests is not None:
            return self.enable_reload_config_requests
        return _is_loopback(self.bind) or (self.ssl is not None and self.ssl.client_verify)


def default_threads(max_batch_size: int) -> int:
    """Threads for two full batches, and at least TF Serving's four per core."""
    return max(_MIN_THREADS, 4 * (os.cpu_count() or 1), 2 * max_batch_size)


def _is_loopback(host: str) -> bool:
    """Whether every address of a name is this machine's own."""
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", None, type=socket.SOCK_STREAM)
    except OSError:
        return False  # Listening at it fails too.
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)


def parse_channel_arguments(text: str) -> tuple[tuple[str, int | str], ...]:
    """``--grpc_channel_arguments``: ``key=value`` with commas between; numbers become numbers.

    Raises:
      ConfigError: a part without ``=``.
    """
    found: list[tuple[str, int | str]] = []
    for part in text.split(","):
        if not part.strip():
            continue
        key, equals, value = part.strip().partition("=")
        if not equals or not key:
            raise ConfigError(
                f"--grpc_channel_arguments: {part!r} is no key=value; expected for example "
                "grpc.max_concurrent_streams=100"
            )
        found.append((key, int(value) if value.lstrip("-").isdecimal() else value))
    return tuple(found)


def read_monitoring_config(path: Path) -> str | None:
    """``--monitoring_config_file``.

    Returns:
      The path of the metrics page; None where the file does not enable it.

    Raises:
      ConfigError: the file cannot be read, or the path does not start with a slash.
    """
    flag = "--monitoring_config_file"
    config = textproto.read(path, message_class("MonitoringConfig")(), flag).prometheus_config
    if not config.enable:
        return None
    page = config.path or DEFAULT_METRICS_PATH
    if not page.startswith("/"):
        raise ConfigError(
            f"{flag}: {path}: prometheus_config.path is {page!r}; expected a "
            "path that starts with /"
        )
    return page


def check_port(bind: str, port: int, flag: str = "port", zero: str = "any free one") -> None:
    """Checks that a port can be listened at, before anything slow happens.

    Args:
      bind: the address.
      port: 0 is always free.
      flag: that gave the port, for the error.
      zero: what 0 means there.

    Raises:
      ConfigError: it is taken, or the address is none of this machine's.
    """
    try:
        kind, _, _, _, address = socket.getaddrinfo(bind, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise ConfigError(
            f"--{flag}={port}: cannot listen at {bind}:{port}: {error.strerror or error}; "
            f"choose another with --{flag}, or 0 for {zero}"
        ) from error
