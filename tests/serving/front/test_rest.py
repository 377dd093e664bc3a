"""The REST API over real connections; forms and answers are those of TF Serving's documentation."""

from __future__ import annotations

import base64
import http.client
import json
import math
import shlex
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.serving import models
from tests.serving.engine.conftest import configured
from tests.serving.front.conftest import StartServer
from tidegate.serving.server import rest_tensors
from tidegate.serving.server.rest_example import curl_line
from tidegate.serving.server.servable import Servable
from tidegate.serving.server.status import ServingError
from tidegate.serving.server.tls import SslConfig

FLOAT, HALF, INT8, INT32, STRING, BOOL = 1, 19, 6, 3, 7, 10


class Client:
    """A connection that is kept."""

    def __init__(self, server: Any, context: ssl.SSLContext | None = None) -> None:
        if context is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", server.rest_port, timeout=60)
        else:
            self._connection = http.client.HTTPSConnection(
                "localhost", server.rest_port, timeout=60, context=context
            )

    def send(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Status code, and the body as JSON."""
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self._connection.request(method, path, data)
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.headers["Content-Type"] == "application/json"
        return answer.status, json.loads(content)

    def post(self, path: str, body: Any) -> tuple[int, Any]:
        return self.send("POST", f"/v1/models/{path}", body)


@pytest.fixture
def client(start_server: StartServer) -> Callable[..., Client]:
    """(name of a shared SavedModel, options) to a connection to a server of a model ``m``."""
    return lambda name="half_plus_two", **options: Client(
        start_server(name, rest_api_port=0, **options)
    )


def test_predict_by_row_and_by_column(client: Callable[..., Client]) -> None:
    ask = client()
    assert ask.post("m:predict", {"instances": [1.0, 2.0, 5.0]}) == (
        200, {"predictions": [2.5, 3.0, 4.5]},
    )  # fmt: skip
    assert ask.post("m:predict", {"inputs": [1, 2, 5]}) == (200, {"outputs": [2.5, 3.0, 4.5]})
    named = {"instances": [{"x": 1.0}, {"x": 2}]}
    assert ask.post("m:predict", named)[1] == {"predictions": [2.5, 3.0]}
    assert ask.post("m:predict", {"inputs": {"x": [1.0]}})[1] == {"outputs": [2.5]}
    pairs = {"signature_name": "sum", "instances": [{"a": 1.0, "b": 2.0}, {"a": 3.0, "b": 4.0}]}
    assert ask.post("m:predict", pairs)[1] == {"predictions": [3.0, 7.0]}
    columns = {"signature_name": "sum", "inputs": {"a": [1.0, 3.0], "b": [2.0, 4.0]}}
    assert ask.post("m:predict", columns)[1] == {"outputs": [3.0, 7.0]}
    matrix = {"signature_name": "matrix", "instances": [[1, 2, 3], [4, 5, 6]]}
    assert ask.post("m:predict", matrix)[1] == {"predictions": [[9.0], [13.5]]}
    # A scalar is no row.
    assert ask.post("m:predict", {"signature_name": "total", "inputs": [1, 2]})[1] == {
        "outputs": 5.5
    }
    code, body = ask.post("m:predict", {"signature_name": "total", "instances": [1, 2]})
    assert (code, body["error"]) == (400, "Tensor name: total has no shape information ".rstrip())


def test_numbers_that_json_lacks(client: Callable[..., Client]) -> None:
    body = b'{"instances": [NaN, Infinity, -Infinity, 0.2]}'
    code, answer = client().post("m:predict", body)
    assert code == 200
    found = answer["predictions"]
    assert math.isnan(found[0])
    # A float32 has no digits that it does not need.
    assert found[1:] == [math.inf, -math.inf, 2.1]


def test_texts_and_bytes(client: Callable[..., Client]) -> None:
    ask = client("text_words")
    coded = {"b64": base64.b64encode(b"a b").decode()}
    body = {"instances": ["ein Tor", coded, {"b64": ""}]}
    assert ask.post("m:predict", body)[1] == {
        "predictions": [
            {"joined": "ein_Tor", "words": 2},
            {"joined": "a_b", "words": 2},
            {"joined": "", "words": 0},
        ]
    }
    columns = {"inputs": {"text": ["水 闸", coded]}}
    assert ask.post("m:predict", columns)[1] == {
        "outputs": {"joined": ["水_闸", "a_b"], "words": [2, 2]}
    }
    code, body = ask.post("m:predict", {"instances": [{"b64": "/w=="}]})
    assert code == 500 and "Output joined holds bytes that are no UTF-8" in body["error"]


def test_classify_and_regress(client: Callable[..., Client]) -> None:
    ask = client()
    body: dict[str, Any] = {"signature_name": "classify", "examples": [{"x": 1.0}, {"x": [2.0]}]}
    assert ask.post("m:classify", body) == (
        200,
        {"results": [[["low", 2.5], ["high", -2.5]], [["low", 3.0], ["high", -3.0]]]},
    )
    body["signature_name"] = "regress"
    assert ask.post("m:regress", body) == (200, {"results": [2.5, 3.0]})
    shared = {"signature_name": "regress", "context": {"x": 5.0}, "examples": [{}, {"x": 1.0}]}
    assert ask.post("m:regress", shared)[1] == {"results": [4.5, 2.5]}
    code, answer = ask.post("m:classify", {**body, "signature_name": ""})
    assert (code, answer["error"][:36]) == (400, "Expected classification signature me")


def test_status_metadata_versions_and_labels(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server(rest_api_port=0)
    ask = Client(server)
    version = {"state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    listed = {"model_version_status": [{"version": "1", **version}]}
    assert ask.send("GET", "/v1/models/m") == (200, listed)
    assert ask.send("GET", "/v1/models/m/versions/1") == (200, listed)
    assert ask.send("GET", "/V1/Models/m/labels/any") == (200, listed)
    code, found = ask.send("GET", "/v1/models/m/metadata")
    assert (code, found["model_spec"]) == (
        200, {"name": "m", "signature_name": "", "version": "1"},
    )  # fmt: skip
    signature = found["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["x"]["dtype"] == "DT_FLOAT"
    assert [dim["size"] for dim in signature["inputs"]["x"]["tensor_shape"]["dim"]] == ["-1"]
    assert ask.send("GET", "/v1/models/m/versions/1/metadata")[0] == 200
    base = tmp_path / "served-0"
    server._prediction._manager.reload(configured(base, "all", {"a label": 1}))
    for path in ("m/versions/1", "m/labels/a%20label", "%6d"):
        assert ask.post(f"{path}:predict", {"instances": [1]})[1] == {"predictions": [2.5]}


ROW = "Failed to process element: {} of 'instances' list. Error: INVALID_ARGUMENT: "


@pytest.mark.parametrize(
    ("path", "body", "code", "text"),
    [
        ("nobody:predict", {"instances": [1]}, 404,
         "Servable not found for request: Latest(nobody)"),
        ("m/versions/7:predict", {"instances": [1]}, 404,
         "Servable not found for request: Specific(m, 7)"),
        ("m/labels/new:predict", {"instances": [1]}, 400,
         "Unrecognized servable version label: new"),
        ("m/versions/99999999999999999999:predict", {}, 400,
         "Failed to convert version: 99999999999999999999 to numeric."),
        ("m:explain", {}, 400, "Malformed request: POST /v1/models/m:explain"),
        (":predict", {}, 400, "Malformed request: POST /v1/models/:predict"),
        ("m:predict", b"", 400, "JSON Parse error: The document is empty"),
        ("m:predict", b'{"instances": [1}', 400, "JSON Parse error: Expecting ',' delimiter at "
         "offset: 16"),
        ("m:predict", b"\xff\xff", 400, "JSON Parse error: "),
        ("m:predict", b"[" * 100_000, 400, "JSON Parse error: "),
        ("m:predict", [1], 400, "JSON Value: [1] Is not object"),
        ("m:predict", {}, 400, "Missing 'inputs' or 'instances' key"),
        ("m:predict", {"inputs": 1, "instances": [1]}, 400,
         "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist"),
        ("m:predict", {"signature_name": 1, "inputs": 1}, 400,
         "'signature_name' key must be a string value."),
        ("m:predict", {"signature_name": "X", "instances": [1]}, 400,
         'Serving signature name: "X" not found in signature def'),
        ("m:predict", {"signature_name": "offset", "inputs": {}}, 400,
         "Failed to get input map for signature: offset"),
        ("m:predict", {"instances": 1}, 400, "Excepting 'instances' to be an list/array"),
        ("m:predict", {"instances": []}, 400, "No values in 'instances' array"),
        ("m:predict", {"instances": ["1"]}, 400, ROW.format(0) + 'JSON Value: "1" Type: String '
         "is not of expected type: float"),
        ("m:predict", {"instances": [1, True]}, 400, ROW.format(1) + "JSON Value: true Type: True "
         "is not of expected type: float"),
        ("m:predict", {"instances": [None]}, 400, "JSON Value: null Type: Null is not of"),
        ("m:predict", {"instances": [16777217]}, 400, ROW.format(0) + "Cannot convert JSON value: "
         "16777217 to float without loss of precision."),
        ("m:predict", {"instances": [1e39]}, 400, "1e+39 to float without loss of precision."),
        ("m:predict", {"instances": [[1], [1, 2]]}, 400,
         ROW.format(1) + "Expecting shape [1] but got: [2]"),
        ("m:predict", {"instances": [[1], 2]}, 400, "Expecting shape [1] but got: []"),
        ("m:predict", {"instances": [[[1], [1, 2]]]}, 400, ROW.format(0) + "Encountered list at "
         "unexpected size: 2 at level: 1 expected size: 1"),
        ("m:predict", {"instances": [[1, [2]]]}, 400, ROW.format(0) + "Encountered list at "
         "unexpected level: 1 expected < 1"),
        ("m:predict", {"instances": [[[1], 2]]}, 400, ROW.format(0) + "JSON Value: 2 found at "
         "incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ("m:predict", {"instances": [{"x": 1}, 2]}, 400,
         "Expecting object but got list at item 1 of input list"),
        ("m:predict", {"instances": [1, {"x": 2}]}, 400,
         "Expecting value/list but got object at item 1 of input list"),
        ("m:predict", {"instances": [{"z": 1}]}, 400, "Failed to process element: 0 key: z of "
         "'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have named input: z"),
        ("m:predict", {"signature_name": "sum", "instances": [{"a": 1}]}, 400,
         "keys must be equal to: a,b"),
        ("m:predict", {"signature_name": "sum", "instances": [1]}, 400,
         "instances is a plain list, but expecting list of objects as multiple input tensors"),
        ("m:predict", {"signature_name": "sum", "inputs": [1]}, 400,
         "inputs is a plain value/list, but expecting an object as multiple input tensors"),
        ("m:predict", {"signature_name": "sum", "inputs": {"a": [1]}}, 400,
         "Missing named input: b in 'inputs' object."),
        ("m:predict", {"inputs": {"x": [1], "y": [2]}}, 400,
         "JSON object: does not have named input: y"),
        # What gRPC's calls refuse is refused here in their words.
        ("m:predict", {"inputs": 1}, 400,
         "Input x has shape [], but signature serving_default expects [-1]"),
        ("m:classify", {}, 400, "When method is classify, key 'examples' is expected and was not"),
        ("m:classify", {"examples": []}, 400, "'examples' value is an empty array"),
        ("m:classify", {"examples": [1]}, 400, "Example must be JSON object but got JSON Number"),
        ("m:regress", {"examples": [{"x": [1.5, 2]}]}, 400,
         "Unexpected element type in feature: x expecting type: float"),
        ("m:regress", {"examples": [{"x": None}]}, 400,
         "Feature: x has element with unexpected JSON type: Null"),
        ("m:regress", {"examples": [{"x": 2**63}]}, 400,
         "Feature: x has uint64 element. Only int64 is supported."),
        ("m:regress", {"signature_name": "nobody", "examples": [{}]}, 400,
         "No signature was found with the name: nobody"),
    ],
)  # fmt: skip
def test_errors(request: pytest.FixtureRequest, path: str, body: Any, code: int, text: str) -> None:
    ask = request.getfixturevalue("shared")
    found, answer = ask.post(path, body)
    assert (found, list(answer)) == (code, ["error"])
    assert text in answer["error"]


@pytest.fixture(scope="module")
def shared(saved_model: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server for all requests that change nothing."""
    from tidegate.serving.server.front_options import FrontOptions
    from tidegate.serving.server.manager import ModelManager
    from tidegate.serving.server.model_config import single_model
    from tidegate.serving.server.options import EngineOptions
    from tidegate.serving.server.server import Server

    base = tmp_path_factory.mktemp("rest") / "m"
    models.publish(saved_model("half_plus_two"), base, 1)
    manager = ModelManager(single_model("m", base), EngineOptions())
    server = Server(manager, FrontOptions(port=0, rest_api_port=0))
    server.start()
    manager.start()
    server.open()
    yield Client(server)
    server.stop(grace=1)
    manager.stop(grace=1)


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [("GET", "/v1/models/nobody", 404), ("GET", "/v1/models/nobody/metadata", 404),
     ("GET", "/v1/models", 400), ("GET", "/v1/models/m:predict", 400), ("PUT", "/v1/models/m", 400),
     ("DELETE", "/v1/models/m", 400), ("GET", "/", 404), ("GET", "/v2/models/m", 404)],
)  # fmt: skip
def test_other_paths(shared: Client, method: str, path: str, code: int) -> None:
    found, answer = shared.send(method, path)
    assert (found, list(answer)) == (code, ["error"])


def test_before_and_after_it_serves(start_server: StartServer) -> None:
    server = start_server(opened=False, rest_api_port=0)
    ask = Client(server)
    body = {"instances": [1]}
    assert ask.post("m:predict", body)[0] == 503
    assert ask.send("GET", "/v1/models/m")[0] == 200
    server.open()
    assert ask.post("m:predict", body)[0] == 200
    server.close()
    assert ask.post("m:predict", body) == (503, {"error": "The server is shutting down."})
    server.stop(grace=1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.rest_port), timeout=10)


def test_a_deadline(client: Callable[..., Client]) -> None:
    ask = client("slow", rest_api_timeout_in_ms=300)
    assert ask.post("m:predict", {"instances": [1]})[0] == 504


def test_metrics_are_on_the_same_port(start_server: StartServer) -> None:
    server = start_server(rest_api_port=0)
    Client(server).post("m:predict", {"instances": [1, 2]})
    connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
    connection.request("GET", "/monitoring/prometheus/metrics")
    page = connection.getresponse().read().decode()
    assert (
        ':tensorflow:serving:request_latency_count{API="Predict",entrypoint="REST",'
        'model_name="m"} 1.0\n'
    ) in page
    hidden = Client(start_server(rest_api_port=0, rest_monitoring=False))
    assert hidden.send("GET", "/monitoring/prometheus/metrics")[0] == 404


def test_a_large_body_and_slow_clients(start_server: StartServer) -> None:
    server = start_server("text_words", rest_api_port=0, rest_api_num_threads=1)
    # Clients that send half a request hold no thread.
    slow = [socket.create_connection(("127.0.0.1", server.rest_port)) for _ in range(8)]
    for each in slow:
        each.sendall(b"POST /v1/models/m:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n{")
    body = {"instances": ["word " * 1_000_000]}
    code, answer = Client(server).post("m:predict", body)
    assert (code, answer["predictions"][0]["words"]) == (200, 1_000_000)
    for each in slow:
        each.close()


def test_pages_of_other_sites(start_server: StartServer) -> None:
    for allowed in (True, False):
        server = start_server(rest_api_port=0, rest_api_enable_cors_support=allowed)
        connection = http.client.HTTPConnection("127.0.0.1", server.rest_port)
        connection.request("OPTIONS", "/v1/models/m:predict")
        answer = connection.getresponse()
        assert answer.status == (200 if allowed else 400)
        assert answer.headers.get("Access-Control-Allow-Origin") == ("*" if allowed else None)


def test_with_tls_it_is_https(
    start_server: StartServer, identity: Callable[[str], tuple[str, str]], tmp_path: Path
) -> None:
    key, cert = identity("server")
    config = SslConfig(key.encode(), cert.encode(), cert.encode(), client_verify=True)
    server = start_server(rest_api_port=0, ssl=config)
    assert server.rest_address == f"https://127.0.0.1:{server.rest_port}"
    known = ssl.create_default_context(cadata=cert)
    (tmp_path / "identity.pem").write_text(key + cert)
    known.load_cert_chain(tmp_path / "identity.pem")
    assert Client(server, known).post("m:predict", {"instances": [1]})[0] == 200
    trusting = ssl.create_default_context(cadata=cert)
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        Client(server, trusting).post("m:predict", {"instances": [1]})
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        Client(server).post("m:predict", {"instances": [1]})


def _said(servable: Servable, client: Client) -> tuple[int, Any]:
    """What the model answers to the line that it is shown with."""
    line = curl_line(servable, "http://host:1")
    assert line is not None
    curl, option, body, url = shlex.split(line)
    assert (curl, option) == ("curl", "-d")
    return client.send("POST", url.removeprefix("http://host:1"), body.encode())


@pytest.mark.parametrize("name", ["half_plus_two", "text_words", "warm"])
def test_the_line_for_the_shell_works(
    client: Callable[..., Client], saved_model: Callable[[str], Path], name: str
) -> None:
    from tidegate.serving.server.loader import load
    from tidegate.serving.server.options import EngineOptions

    servable = load("m", 1, str(saved_model(name)), EngineOptions())
    code, answer = _said(servable, client(name))
    assert code == 200
    if name == "warm":  # Its warm-up request.
        assert answer == {"outputs": [2.5, 4.5]}
    servable.close()


@pytest.mark.parametrize(
    ("dtype", "good", "bad"),
    [
        (INT8, [-128, 127], [128, 1.0, True, "1"]),
        (INT32, [-(2**31)], [2**31]),
        (2, [1.5, 2**53 - 1, 1e300], [2**53]),
        (9, [-(2**63)], [2**63]),
        (23, [2**64 - 1], [-1]),
        (BOOL, [True, False], [0, "true"]),
        (STRING, ["a", {"b64": "YQ=="}], [1, {"b64": "YQ==", "x": 1}, {"b64": "?"}, "\ud800"]),
    ],
)
def test_types(dtype: int, good: list[Any], bad: list[Any]) -> None:
    shape, values = rest_tensors.dense(good, dtype)
    assert shape == [len(good)]
    assert values == ([b"a", b"a"] if dtype == STRING else good)
    for value in bad:
        with pytest.raises(ServingError):
            rest_tensors.dense(value, dtype)


def test_outputs_in_json() -> None:
    assert rest_tensors.plain("y", np.float32([0.1, 1e-7, 16777216])) == [0.1, 1e-7, 16777216.0]
    assert rest_tensors.plain("y", np.float16([0.1])) == [0.1]
    assert rest_tensors.plain("y", np.array([[True], [False]])) == [[True], [False]]
    assert rest_tensors.plain("y", np.array(2**63, np.uint64)) == 2**63
    names = np.array([[b"a", b"\xff"]], object)
    assert rest_tensors.plain("y_bytes", names) == [[{"b64": "YQ=="}, {"b64": "/w=="}]]
    with pytest.raises(ServingError, match="no UTF-8"):
        rest_tensors.plain("y", names)
    with pytest.raises(ServingError, match="Failed to write JSON value for tensor type: complex64"):
        rest_tensors.plain("y", np.complex64([1]))
    for dtype in (HALF, 8):
        with pytest.raises(ServingError, match="Conversion of JSON Value"):
            rest_tensors.dense([1], dtype)
