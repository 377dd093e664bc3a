"""The metrics page, read as Prometheus reads it."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.serving import models
from tests.serving.front.conftest import StartServer, code_of
from tidegate.serving.server.metrics import Metrics

PATH = "/monitoring/prometheus/metrics"


def _page(port: int, path: str = PATH) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return str(answer.read().decode())


def _samples(port: int) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(_page(port))
        for sample in family.samples
    }


def test_requests_are_counted_and_timed(
    start_server: StartServer, stub: Callable[[Any], Any]
) -> None:
    server = start_server(monitoring_port=0)
    client = stub(server)
    for _ in range(3):
        client.Predict(models.predict_request("m", {"x": [1.0, 2.0]}))
    code_of(lambda: client.Predict(models.predict_request("m", {"z": [1.0]})))
    for number in range(5):
        request = models.predict_request(f"made-up-{number}", {"x": [1.0]})
        code_of(lambda request=request: client.Predict(request))
    found = _samples(server.monitoring_port)
    count = ":tensorflow:serving:request_count"
    # The parser puts the suffix on every counter that lacks it.
    parsed = f"{count}_total"
    assert found[parsed, (("model_name", "m"), ("status", "OK"))] == 3
    assert found[parsed, (("model_name", "m"), ("status", "INVALID_ARGUMENT"))] == 1
    for number in range(5):
        labels = (("model_name", f"made-up-{number}"), ("status", "NOT_FOUND"))
        assert found[parsed, labels] == 1
    labels = (("API", "Predict"), ("entrypoint", "GRPC"), ("model_name", "m"))
    latency = ":tensorflow:serving:request_latency"
    assert found[f"{latency}_count", labels] == 3
    assert 100 < found[f"{latency}_sum", labels] < 30e6  # Microseconds.
    assert found[":tensorflow:serving:request_example_count_total", (("model", "m"),)] == 6
    loads = [key for key in found if key[0].startswith(":tensorflow:cc:saved_model:load_attempt")]
    assert [dict(labels)["status"] for _, labels in loads] == ["success"]
    page = _page(server.monitoring_port)
    assert f"# TYPE {count} counter\n" in page
    assert f'{count}{{model_name="m",status="OK"}} 3.0\n' in page
    assert f"# TYPE {latency} histogram\n" in page


def test_names_that_clients_make_up_have_an_end() -> None:
    metrics = Metrics()
    metrics.answered("m", "Predict", "GRPC", 0.01, 1)
    for number in range(1_100):
        metrics.failed(f"made-up-{number}", "NOT_FOUND")
    metrics.failed("long " * 100, "NOT_FOUND")
    metrics.failed("m", "INVALID_ARGUMENT")
    lines = [
        line
        for line in metrics.page().decode().splitlines()
        if line.startswith(":tensorflow:serving:request_count{")
    ]
    assert len(lines) == 1_000 + 3
    assert ':tensorflow:serving:request_count{model_name="",status="NOT_FOUND"} 101.0' in lines


def test_another_path_is_not_found(start_server: StartServer) -> None:
    server = start_server(monitoring_port=0, monitoring_path="/metrics")
    assert _page(server.monitoring_port, "/metrics")
    with pytest.raises(urllib.error.HTTPError, match="404"):
        _page(server.monitoring_port)
