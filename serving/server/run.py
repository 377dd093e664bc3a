"""A server as a process: from start to the signal that ends it."""

from __future__ import annotations

import gc
import logging
import os
import resource
import signal
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tidegate.serving.server.front_options import FrontOptions
from tidegate.serving.server.options import ConfigError, EngineOptions

if TYPE_CHECKING:
    from types import FrameType

    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

    from tidegate.serving.server.manager import ModelManager
    from tidegate.serving.server.server import Server

_log = logging.getLogger(__name__)
# Models of which the start shows how they are asked.
_CURLS = 5


@dataclass(frozen=True)
class ServeSettings:
    """What to serve and how.

    Attributes:
      config: the models.
      engine: how they are loaded and run.
      front: how they are reached.
      request_log_dir: where requests of all models are logged that the configuration says nothing
        of, and below which a client's configuration may have its logs; None for nowhere.
      request_log_sampling_rate: the share of their requests, 0 to 1.
      shutdown_grace_seconds: what calls in flight may still take once the server is told to stop.
    """

    config: ModelServerConfig
    engine: EngineOptions = field(default_factory=EngineOptions)
    front: FrontOptions = field(default_factory=FrontOptions)
    request_log_dir: Path | None = None
    request_log_sampling_rate: float = 1.0
    shutdown_grace_seconds: float = 30.0


class _Signals:
    """SIGTERM and SIGINT: the first asks for the end, the second ends the process at once."""

    def __init__(self) -> None:
        self.asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.asked.is_set():
            # What runs is left as it is: this is what a second signal is for.
            os._exit(128 + number)
        self.asked.set()


def serve(settings: ServeSettings) -> int:
    """Serves until SIGTERM or SIGINT; call it in the main thread.

    Says on standard output where it listens and what becomes of each version, one line each;
    problems go to standard error.

    Returns:
      The exit code: 0 after a graceful stop.

    Raises:
      ConfigError: a port cannot be had, or the configuration asks for what there is not.
    """
    signals = _Signals()
    show_log()
    _raise_file_limit()
    # TensorFlow, about ten seconds.
    from tidegate.serving.server.manager import ModelManager
    from tidegate.serving.server.request_log import RequestLog
    from tidegate.serving.server.server import Server

    log = RequestLog(settings.config, settings.request_log_dir, settings.request_log_sampling_rate)
    # TensorFlow's modules stay: without this, the collection after each unload would search all of
    # them, and hold up requests for a quarter of a second.
    gc.collect()
    gc.freeze()
    manager = ModelManager(settings.config, settings.engine)
    server = Server(manager, settings.front, log)
    server.start()
    _log.info("listening at %s (%s); loading models", server.address, _security(settings.front))
    if server.rest_address is not None:
        _log.info("REST at %s/v1/models", server.rest_address)
    if server.monitoring_port is not None:
        _log.info(
            "metrics at http://%s:%d%s",
            settings.front.bind,
            server.monitoring_port,
            settings.front.monitoring_path,
        )
    failed: list[BaseException] = []
    # Beside the main thread, which runs the signals' handlers while models load.
    loading = threading.Thread(
        target=_load, args=(manager, server, signals, failed), name="first-load", daemon=True
    )
    loading.start()
    signals.asked.wait()
    if failed:
        server.stop(0)
        if isinstance(failed[0], ConfigError):
            raise failed[0]
        raise RuntimeError("the models could not be loaded") from failed[0]
    grace = settings.shutdown_grace_seconds
    # Before the line: who has read it finds that it is so.
    server.close()
    _log.info("stopping: what is in flight may take %g s; a second signal stops at once", grace)
    limit = time.monotonic() + grace
    server.stop(grace)
    manager.stop(max(0.0, limit - time.monotonic()))
    _log.info("stopped")
    return 0


def _load(
    manager: ModelManager, server: Server, signals: _Signals, failed: list[BaseException]
) -> None:
    try:
        manager.start()
    except Exception as error:
        # Told by the main thread, which waits for this event.
        failed.append(error)
        signals.asked.set()
        return
    if not signals.asked.is_set():
        server.open()
        _log.info("ready")
        _say_curl(manager, server)


def _say_curl(manager: ModelManager, server: Server) -> None:
    """How to ask each model from a shell."""
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    from tidegate.serving.server.rest_example import curl_line

    if server.rest_address is None:
        return
    for name in manager.names()[:_CURLS]:
        with manager.lease(ModelSpec(name=name)) as servable:
            line = curl_line(servable, server.rest_address)
        if line is not None:
            _log.info("try: %s", line)


def show_log() -> None:
    """Sends this room's log to standard output, warnings and errors to standard error."""
    form = logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S")
    out = logging.StreamHandler(sys.stdout)
    out.addFilter(lambda record: record.levelno < logging.WARNING)
    problems = logging.StreamHandler(sys.stderr)
    problems.setLevel(logging.WARNING)
    logger = logging.getLogger("tidegate.serving")
    logger.handlers.clear()
    for handler in (out, problems):
        handler.setFormatter(form)
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _security(front: FrontOptions) -> str:
    if front.ssl is None:
        return "no TLS"
    return "mutual TLS" if front.ssl.client_verify else "TLS"


def _raise_file_limit() -> None:
    """Allows as many connections as the system lets this process have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
