"""Health, reflection, limits, and requests from start to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc

from tests.serving import models
from tests.serving.conftest import Build
from tests.serving.front.conftest import StartServer, code_of, eventually
from tidegate.serving.server.front_options import FrontOptions
from tidegate.serving.server.model_config import single_model
from tidegate.serving.server.options import ConfigError
from tidegate.serving.server.tls import SslConfig

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
Connect = Callable[[Any], Any]


def _request(*x: float) -> Any:
    return models.predict_request("m", {"x": list(x)})


@pytest.mark.parametrize("service", ["", "ModelService", "PredictionService"])
def test_health_follows_the_server(start_server: StartServer, service: str) -> None:
    server = start_server(opened=False)
    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest(service=service)
        assert health.Check(asked).status == NOT_SERVING
        watched = health.Watch(asked)
        assert next(watched).status == NOT_SERVING
        server.open()
        assert health.Check(asked).status == SERVING
        assert next(watched).status == SERVING
        stopping = threading.Thread(target=server.stop, args=(2.0,))
        stopping.start()
        assert next(watched).status == NOT_SERVING
        watched.cancel()
        stopping.join()


def test_health_of_an_unknown_service(start_server: StartServer) -> None:
    with grpc.insecure_channel(start_server().address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        asked = health_pb2.HealthCheckRequest(service="nobody")
        with pytest.raises(grpc.RpcError) as raised:
            health.Check(asked)
        assert raised.value.code() == grpc.StatusCode.NOT_FOUND
        assert raised.value.details() == "service name unknown"


@pytest.mark.parametrize("method", ["/tensorflow.serving.PredictionService/Nothing", "/no/thing"])
def test_an_unknown_method(start_server: StartServer, method: str) -> None:
    with grpc.insecure_channel(start_server().address) as channel:
        with pytest.raises(grpc.RpcError) as raised:
            channel.unary_unary(method)(b"")
        assert raised.value.code() == grpc.StatusCode.UNIMPLEMENTED
        assert raised.value.details() == ""


def test_a_text_ends_in_no_blank(start_server: StartServer, stub: Connect) -> None:
    wrong = models.predict_request("m", {"wrong": [1.0]})
    with pytest.raises(grpc.RpcError) as raised:
        stub(start_server()).Predict(wrong)
    assert raised.value.details().endswith("or default input alias set:")


def test_predictions_wait_for_the_models(start_server: StartServer, stub: Connect) -> None:
    server = start_server(opened=False)
    client = stub(server)
    assert code_of(lambda: client.Predict(_request(1))) == grpc.StatusCode.UNAVAILABLE
    server.open()
    assert list(client.Predict(_request(1)).outputs["y"].float_val) == [2.5]


@pytest.mark.parametrize("version", ["v1", "v1alpha"])
def test_reflection_describes_the_services(start_server: StartServer, version: str) -> None:
    service = f"grpc.reflection.{version}.ServerReflection"
    asked = reflection_pb2.ServerReflectionRequest
    with grpc.insecure_channel(start_server().address) as channel:
        ask = channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=asked.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        (listed,) = ask(iter([asked(list_services="")]))
        services = {each.name for each in listed.list_services_response.service}
        assert {
            "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService",
            "grpc.health.v1.Health", service,
        } <= services  # fmt: skip
        requests = [asked(file_containing_symbol=name) for name in sorted(services)]
        requests.append(asked(file_by_filename="google/protobuf/any.proto"))
        for request, answer in zip(requests, ask(iter(requests)), strict=True):
            assert answer.original_request == request
            files = answer.file_descriptor_response.file_descriptor_proto
            # Whole by itself: what a file imports comes with it, each file once.
            pool = descriptor_pool.DescriptorPool()
            for file in reversed(files):
                pool.AddSerializedFile(file)
            if request.HasField("file_containing_symbol"):
                assert pool.FindServiceByName(request.file_containing_symbol).methods
        (unknown,) = ask(iter([asked(file_containing_symbol="nobody")]))
        assert unknown.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_a_closed_server_refuses(start_server: StartServer, stub: Connect) -> None:
    server = start_server()
    client = stub(server)
    assert code_of(lambda: client.Predict(_request(1))) == grpc.StatusCode.OK
    server.close()
    # The port is open still: it is the server that refuses.
    assert code_of(lambda: client.Predict(_request(1))) == grpc.StatusCode.UNAVAILABLE
    with grpc.insecure_channel(server.address) as channel:
        health = health_pb2_grpc.HealthStub(channel)
        assert health.Check(health_pb2.HealthCheckRequest()).status == NOT_SERVING


def test_a_port_in_use_is_one_line(start_server: StartServer) -> None:
    taken = start_server().port
    with pytest.raises(ConfigError, match=f"--port={taken}"):
        start_server(port=taken)


def _reload(server: Any, base: Path) -> grpc.StatusCode:
    """The status of a reload that serves a model from a folder of the client's choice."""
    config = single_model("m", base)
    request = model_management_pb2.ReloadConfigRequest(config=config)
    with grpc.insecure_channel(server.address) as channel:
        stub = model_service_pb2_grpc.ModelServiceStub(channel)
        return code_of(lambda: stub.HandleReloadConfigRequest(request))


def test_strangers_may_not_choose_the_models(
    start_server: StartServer, stub: Connect, saved_model: Build, tmp_path: Path
) -> None:
    base = models.publish(saved_model("half_plus_3"), tmp_path / "other", 1).parent
    denied, ok = grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.OK
    server = start_server(bind="0.0.0.0")
    assert _reload(server, base) == denied
    assert list(stub(server).Predict(_request(1)).outputs["y"].float_val) == [2.5]
    assert _reload(start_server(bind="0.0.0.0", enable_reload_config_requests=True), base) == ok
    assert _reload(start_server(), base) == ok
    assert _reload(start_server(enable_reload_config_requests=False), base) == denied


@pytest.mark.parametrize(
    ("bind", "mutual", "allowed"),
    [
        ("localhost", None, True),
        ("::1", None, True),
        ("0.0.0.0", None, False),
        ("", None, False),
        ("::", False, False),
        ("10.1.2.3", True, True),
    ],
)
def test_where_clients_may_choose_the_models(bind: str, mutual: bool | None, allowed: bool) -> None:
    ssl = None if mutual is None else SslConfig(b"", b"", b"", client_verify=mutual)
    assert FrontOptions(bind=bind, ssl=ssl).takes_configurations is allowed


def test_messages_beyond_grpcs_own_limit(start_server: StartServer) -> None:
    server = start_server("text_words")
    text = np.array([b"word " * 2_000_000], object)
    unlimited = [("grpc.max_send_message_length", -1), ("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.address, unlimited) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        answer = call(models.predict_request("m", {"text": text}).SerializeToString())
    assert len(answer) > 4 << 20


def test_a_call_that_sends_no_request_is_cancelled(start_server: StartServer) -> None:
    server = start_server(message_timeout_seconds=0.2, grpc_max_threads=2)
    with grpc.insecure_channel(server.address) as channel:
        ended = threading.Event()

        def nothing() -> Iterator[bytes]:
            ended.wait(20)
            yield from ()

        open_call = channel.stream_unary("/tensorflow.serving.PredictionService/Predict")
        calls = [open_call.future(nothing()) for _ in range(4)]
        # Both threads are taken; they must come free again.
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        answer = call.future(_request(1).SerializeToString(), timeout=20)
        assert answer.result()
        assert {each.code() for each in calls} == {grpc.StatusCode.CANCELLED}
        ended.set()


def test_clients_that_vanish_leave_nothing(start_server: StartServer) -> None:
    server = start_server("slow", grpc_max_threads=8)
    request = _request(1).SerializeToString()
    for _ in range(4):
        with grpc.insecure_channel(server.address) as channel:
            call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
            for _ in range(8):
                call.future(request, timeout=0.2)
    with grpc.insecure_channel(server.address) as channel:
        status = channel.unary_unary("/grpc.health.v1.Health/Check")
        assert status(b"", timeout=60)
    eventually(lambda: _busy(server) == 0)


def _busy(server: Any) -> int:
    """Calls that wait for a thread."""
    return int(server._pools[0]._work_queue.qsize())


def test_the_deadline_ends_the_run(start_server: StartServer, stub: Connect) -> None:
    server = start_server("slow", grpc_max_threads=1)
    client = stub(server)
    code = code_of(lambda: client.Predict(_request(1), timeout=0.3))
    assert code == grpc.StatusCode.DEADLINE_EXCEEDED
    # The only thread is free again: an error comes back at once.
    unknown = models.predict_request("nobody", {"x": [1.0]})
    assert code_of(lambda: client.Predict(unknown, timeout=60)) == grpc.StatusCode.NOT_FOUND


def test_a_deadline_that_is_too_short_has_one_code(start_server: StartServer) -> None:
    """Wherever it passes: on the way, before a thread, in the batch queue, in the run."""
    server = start_server(engine={"enable_batching": True})
    request = _request(1).SerializeToString()
    with grpc.insecure_channel(server.address) as channel:
        call = channel.unary_unary("/tensorflow.serving.PredictionService/Predict")
        call(request)
        calls = [call.future(request, timeout=0.001 * (1 + n % 8)) for n in range(400)]
        codes = {each.code() for each in calls}
    assert grpc.StatusCode.DEADLINE_EXCEEDED in codes
    assert codes <= {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    # The server's own account: nothing there was another error.
    found = dict(server.metrics._requests)
    assert {code for _, code in found} <= {"OK", "DEADLINE_EXCEEDED"}


def test_many_connections(start_server: StartServer) -> None:
    server = start_server()
    request = _request(1).SerializeToString()
    own = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(server.address, own) for _ in range(200)]
    try:
        calls = [
            channel.unary_unary("/tensorflow.serving.PredictionService/Predict").future(
                request, timeout=30
            )
            for channel in channels
        ]
        assert all(call.result() for call in calls)
    finally:
        for channel in channels:
            channel.close()
