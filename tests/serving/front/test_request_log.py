"""The request log: what is written, when files change, and that it warms up a model."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_serving.apis import prediction_log_pb2
from tensorflow_serving.config import model_server_config_pb2

from tests.serving import models
from tests.serving.conftest import Build
from tests.serving.front.conftest import StartServer, eventually
from tidegate.serving.server import request_log
from tidegate.serving.server.loader import load
from tidegate.serving.server.options import ConfigError, EngineOptions
from tidegate.serving.server.request_log import RequestLog, Sampling
from tidegate.serving.server.status import ServingError


def _read(folder: Path) -> list[prediction_log_pb2.PredictionLog]:
    return [
        prediction_log_pb2.PredictionLog.FromString(record.numpy())
        for path in sorted(folder.glob("*.tfrecord"))
        for record in tf.data.TFRecordDataset(str(path))
    ]


def test_a_log_warms_up_a_model(
    start_server: StartServer,
    stub: Callable[[Any], Any],
    saved_model: Build,
    tmp_path: Path,
) -> None:
    log = RequestLog(_logged(tmp_path / "logs" / "m"))
    server = start_server(request_log=log)
    client = stub(server)
    sent = [models.predict_request("m", {"x": [float(number)]}) for number in range(5)]
    for request in sent:
        client.Predict(request)
    server.stop(grace=5)
    found = _read(tmp_path / "logs")
    assert [each.predict_log.request for each in found] == sent
    assert [list(each.predict_log.response.outputs["y"].float_val) for each in found] == [
        [2 + number / 2] for number in range(5)
    ]
    assert found[0].log_metadata.model_spec.version.value == 1
    assert found[0].log_metadata.sampling_config.sampling_rate == 1.0
    assert not list((tmp_path / "logs").glob("*.part"))
    warm = tmp_path / "warm"
    shutil.copytree(saved_model("half_plus_two"), warm)
    (path,) = (tmp_path / "logs").glob("*.tfrecord")
    (warm / models.WARMUP.parent).mkdir(exist_ok=True)
    shutil.copy(path, warm / models.WARMUP)
    load("m", 1, str(warm), EngineOptions()).close()


def _logged(prefix: Path | str, name: str = "m") -> Any:
    """The configuration of a model of which all requests are logged."""
    config = _config(
        f'log_collector_config {{ filename_prefix: "{prefix}" }} '
        "sampling_config { sampling_rate: 1 }"
    )
    config.model_config_list.config[0].name = name
    return config


def _offer(log: RequestLog, count: int) -> None:
    request = models.predict_request("m", {"x": [1.0]})
    response = models.predict_pb2.PredictResponse(model_spec=request.model_spec)
    for _ in range(count):
        log.offer("Predict", "m", request, response)


def test_files_change_after_as_many_records_as_a_warm_up_may_hold(tmp_path: Path) -> None:
    log = RequestLog(_logged(tmp_path / "m"))
    log.start()
    for more, expected in ((900, 900), (900, 1_800), (300, 2_100)):
        _offer(log, more)
        eventually(lambda expected=expected: log.counts() == {("m", "written"): expected})
    log.stop()
    sizes = [
        sum(1 for _ in tf.data.TFRecordDataset(str(path)))
        for path in sorted(tmp_path.glob("*.tfrecord"))
    ]
    assert sizes == [1_000, 1_000, 100]


def test_a_share_is_logged(tmp_path: Path) -> None:
    log = RequestLog(None, tmp_path, 0.25)
    log.start()
    for _ in range(8):
        _offer(log, 500)
        eventually(log._queue.empty)
    log.stop()
    assert 800 < log.counts()["m", "written"] < 1_200  # 4,000 offered; ±7 deviations.


def test_what_does_not_fit_is_dropped_and_counted(tmp_path: Path) -> None:
    log = RequestLog(None, tmp_path, 1.0)
    _offer(log, 1_500)  # Nobody writes yet.
    assert log.counts() == {("m", "dropped"): 500}
    log.start()
    log.stop()
    assert log.counts()["m", "written"] == 1_000


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    log = RequestLog(_logged(tmp_path / "file" / "m"))
    log.start()
    _offer(log, 3)
    log.stop()
    assert log.counts() == {("m", "dropped"): 3}


def _config(logging: str) -> Any:
    text = f'model_config_list {{ config {{ name: "m" logging_config {{ {logging} }} }} }}'
    return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())


def test_the_models_configuration() -> None:
    config = _config(
        'log_collector_config { type: "tfrecord" filename_prefix: "/logs/m" } '
        "sampling_config { sampling_rate: 0.5 }"
    )
    assert request_log.samplings(config) == {"m": Sampling("/logs/m", 0.5)}


@pytest.mark.parametrize(
    ("logging", "message"),
    [
        ('log_collector_config { type: "kafka" filename_prefix: "/m" }', "'kafka'; expected"),
        ('log_collector_config { type: "tfrecord" }', "filename_prefix is empty"),
        (
            'log_collector_config { filename_prefix: "/m" } sampling_config { sampling_rate: 2 }',
            "sampling_rate is 2",
        ),
    ],
)
def test_a_wrong_configuration(logging: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        request_log.samplings(_config(logging))


def test_a_client_has_its_logs_below_the_folders_of_the_start(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("/")
    log = RequestLog(_logged(tmp_path / "own" / "m"), tmp_path / "all", 1.0)
    log.check(_logged(tmp_path / "own" / "deeper" / "other"))
    log.check(_logged(tmp_path / "all" / "m"))
    log.check(_config("").__class__())
    for prefix in (
        tmp_path / "else" / "m",
        f"{tmp_path}/own/../m",
        tmp_path / "all-m",
        f"{tmp_path}/link/tmp/m",
        "relative",
    ):
        with pytest.raises(ServingError, match="its request log would be written to") as raised:
            log.check(_logged(prefix))
        assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT
    # A model without `logging_config` is logged too, to the folder and its name.
    unlogged = _config("")
    unlogged.model_config_list.config[0].ClearField("logging_config")
    log.check(unlogged)
    unlogged.model_config_list.config[0].name = "../else/m"
    with pytest.raises(ServingError, match="its request log would be written to"):
        log.check(unlogged)
