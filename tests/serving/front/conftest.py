"""Servers on real sockets."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving import models
from tests.serving.conftest import Build
from tidegate.serving.server.front_options import FrontOptions
from tidegate.serving.server.manager import ModelManager
from tidegate.serving.server.model_config import single_model
from tidegate.serving.server.options import EngineOptions
from tidegate.serving.server.request_log import RequestLog
from tidegate.serving.server.server import Server

Stub = prediction_service_pb2_grpc.PredictionServiceStub
StartServer = Callable[..., Server]
_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]


@pytest.fixture
def start_server(saved_model: Build, tmp_path: Path) -> Iterator[StartServer]:
    """(name of a shared SavedModel, options of the front) to a server of a model ``m``."""
    running: list[tuple[Server, ModelManager]] = []

    def start(
        name: str = "half_plus_two",
        *,
        request_log: RequestLog | None = None,
        opened: bool = True,
        engine: dict[str, Any] | None = None,
        **options: Any,
    ) -> Server:
        base = tmp_path / f"served-{len(running)}"
        models.publish(saved_model(name), base, 1)
        manager = ModelManager(single_model("m", base), EngineOptions(**(engine or {})))
        server = Server(manager, FrontOptions(**{"port": 0, **options}), request_log)
        running.append((server, manager))
        server.start()
        manager.start()
        if opened:
            server.open()
        return server

    yield start
    for server, manager in running:
        server.stop(grace=2.0)
        manager.stop(grace=2.0)


@pytest.fixture(scope="session")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], tuple[str, str]]:
    """(name) to key and self-signed certificate, PEM; the same for the same name."""
    folder = tmp_path_factory.mktemp("tls")

    def make(name: str) -> tuple[str, str]:
        key, cert = folder / f"{name}.key", folder / f"{name}.pem"
        if not cert.exists():
            subprocess.run(
                ["openssl", "req", "-x509", *_KEY, "-keyout", key, "-out", cert,
                 "-subj", f"/CN={name}", "-addext", "subjectAltName=DNS:localhost"],
                check=True,
                capture_output=True,
            )  # fmt: skip
        return key.read_text(), cert.read_text()

    return make


@pytest.fixture
def stub() -> Iterator[Callable[[Server], Any]]:
    """A server's PredictionService."""
    channels = []

    def connect(server: Server) -> Any:
        channels.append(grpc.insecure_channel(server.address))
        return Stub(channels[-1])

    yield connect
    for channel in channels:
        channel.close()


def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What the condition gives, once it is true; fails after some seconds."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.02)
    return result


def code_of(call: Callable[[], Any]) -> grpc.StatusCode:
    """The status of a call."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    return grpc.StatusCode.OK
