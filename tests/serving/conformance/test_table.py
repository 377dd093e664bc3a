"""Every row of the contract, code and text, over gRPC alone."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from google.protobuf import text_format
from tensorflow_serving.apis import model_management_pb2

from tests.serving.conformance import models, table_other, table_predict
from tests.serving.conformance.row import Row


@pytest.mark.parametrize("row", table_predict.ROWS, ids=lambda row: row.name)
def test_predict(row: Row, channel: grpc.Channel, request: pytest.FixtureRequest) -> None:
    if row.ours and request.config.getoption("--server", None):
        pytest.skip("the embedded server departs from TF Serving here")
    row.run(channel)


@pytest.mark.parametrize("row", table_other.ROWS, ids=lambda row: row.name)
def test_other(row: Row, channel: grpc.Channel) -> None:
    row.run(channel)


def test_label_on_a_version_that_is_not_loaded(
    channel: grpc.Channel, models_folder: Path | None
) -> None:
    if models_folder is None:
        pytest.skip("needs --server-models: the request names the models' folders")
    request = model_management_pb2.ReloadConfigRequest()
    text_format.Parse(models.config(models_folder), request.config)
    request.config.model_config_list.config[0].version_labels["next"] = 3
    Row(
        "label on a version that is not loaded",
        "HandleReloadConfigRequest",
        request,
        grpc.StatusCode.FAILED_PRECONDITION,
        "Request to assign label to version 3 of model half_plus_two, which is not currently "
        "available for inference",
    ).run(channel)
