"""TLS and mutual TLS with real certificates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
from tensorflow_serving.apis import prediction_service_pb2_grpc

from tests.serving import models
from tests.serving.front.conftest import StartServer, code_of
from tidegate.serving.server.options import ConfigError
from tidegate.serving.server.tls import read_ssl_config


def _file(folder: Path, key: str, cert: str, rest: str = "") -> Path:
    path = folder / "ssl.config"
    path.write_text(f"server_key: {key!r}\nserver_cert: {cert!r}\n{rest}")
    return path


def _code(port: int, credentials: grpc.ChannelCredentials) -> grpc.StatusCode:
    with grpc.secure_channel(f"localhost:{port}", credentials) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        request = models.predict_request("m", {"x": [1.0]})
        return code_of(lambda: stub.Predict(request, timeout=60))


def test_tls(
    start_server: StartServer, identity: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    key, cert = identity("server")
    server = start_server(ssl=read_ssl_config(_file(tmp_path, key, cert)))
    trusting = grpc.ssl_channel_credentials(cert.encode())
    assert _code(server.port, trusting) == grpc.StatusCode.OK
    stranger = grpc.ssl_channel_credentials(identity("other")[1].encode())
    assert _code(server.port, stranger) == grpc.StatusCode.UNAVAILABLE


def test_mutual_tls(
    start_server: StartServer, identity: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    key, cert = identity("server")
    client_key, client_cert = identity("client")
    rest = f"custom_ca: {client_cert!r}\nclient_verify: true"
    server = start_server(ssl=read_ssl_config(_file(tmp_path, key, cert, rest)))
    known = grpc.ssl_channel_credentials(cert.encode(), client_key.encode(), client_cert.encode())
    assert _code(server.port, known) == grpc.StatusCode.OK
    without = grpc.ssl_channel_credentials(cert.encode())
    assert _code(server.port, without) == grpc.StatusCode.UNAVAILABLE


def test_wrong_files(identity: Callable[[str], tuple[str, str]], tmp_path: Path) -> None:
    key, cert = identity("server")
    wrong = [
        (("", cert), "server_key holds no PEM"),
        ((identity("other")[0], cert), "cannot be used"),
        ((key, cert, "client_verify: true"), "needs custom_ca"),
        ((key, cert, "no_such_field: 1"), "no_such_field"),
    ]
    with pytest.raises(ConfigError, match="cannot read"):
        read_ssl_config(tmp_path / "missing")
    for texts, message in wrong:
        with pytest.raises(ConfigError, match=message) as error:
            read_ssl_config(_file(tmp_path, *texts))
        assert "\n" not in str(error.value)
