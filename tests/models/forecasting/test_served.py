"""An exported forecasting model, asked by its signatures: columns of any name, any history."""

from __future__ import annotations

from typing import Any

import grpc
import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2
from tensorflow_transform.tf_metadata import schema_utils

from tests.conftest import Analyze
from tidegate.components.schema_gen.component import task_schema
from tidegate.models.core.export import export, serialize_sample
from tidegate.models.core.task import load_task
from tidegate.models.core.transform import TransformFacts
from tidegate.serving.server.loader import load
from tidegate.serving.server.options import EngineOptions
from tidegate.serving.server.servable import Servable
from tidegate.serving.server.status import ServingError

pytestmark = pytest.mark.slow

NAN = float("nan")
# Names that no argument of a graph's function can have, or not beside the others.
FUTURE, HISTORIC = ["价格", "是否 促销"], ["visitors (k)", "Y", "temp-2", "input_9"]
STATIC, STATIC_NUMBERS = ["self"], ["size m²", "50%"]
HORIZON = 4
# 2000-01-15 12:00 UTC.
START = 947_937_600


def record(name: str, steps: int) -> dict[str, Any]:
    places = np.arange(steps + HORIZON, dtype=np.float32)
    return {
        "unique_id": name,
        "start": START,
        "y": np.sin(places[:steps]) + len(name),
        **dict.fromkeys(FUTURE, places % 5),
        **dict.fromkeys(HISTORIC, places[:steps] % 3),
        **dict.fromkeys(STATIC, "red"),
        **dict.fromkeys(STATIC_NUMBERS, 2.0),
        **{
            "step_seconds": 0,
            "step_months": 1,
            "step_index": 0,
            "step_business": 0,
            "first_target": 0,
        },
    }


@pytest.fixture(scope="module")
def served(analyze: Analyze, tmp_path_factory: pytest.TempPathFactory) -> Servable:
    task = load_task("forecasting")
    features = task.features(horizon=HORIZON, context=12)
    data = task.data(future=FUTURE, historic=HISTORIC, static=STATIC, static_numbers=STATIC_NUMBERS)
    raw = task.raw_features(data)
    schema = text_format.Parse(task_schema(raw), schema_pb2.Schema())
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    records = [record("a", 40), record("other", 25)]
    _, transform, _ = analyze(records, spec, lambda given: task.preprocess(given, features, raw))
    network = task.build_model(task.model(units=8), features, TransformFacts(transform))
    folder = tmp_path_factory.mktemp("served") / "1"
    export(
        task,
        network,
        lambda: network,
        transform,
        raw,
        features,
        None,
        task.reads(data),
        str(folder),
    )
    return load("m", 1, str(folder), EngineOptions())


def forecast(served: Servable, rows: int, **inputs: Any) -> dict[str, np.ndarray]:
    """Answers to a `forecast` request whose covariates are all known."""
    steps = np.shape(inputs["y"])[1]
    request = {
        "unique_id": np.array([b"a"] * rows, object),
        "start": np.full(rows, START),
        **{name: np.ones((rows, steps + HORIZON), np.float32) for name in FUTURE},
        **{name: np.ones((rows, steps), np.float32) for name in HISTORIC},
        **{name: np.array([b"red"] * rows, object) for name in STATIC},
        **{name: np.ones(rows, np.float32) for name in STATIC_NUMBERS},
        "mask": np.ones((rows, steps), bool),
        **inputs,
    }
    signature = served.signature_defs["forecast"]
    assert set(signature.inputs) == set(request)
    return served.run(request, signature, list(signature.outputs))


def example(served: Servable, y: list[float]) -> dict[str, np.ndarray]:
    """The answers of `serving_default` to one tf.Example."""
    sample = {**record("a", len(y)), "y": y}
    given = {name: value for name, value in sample.items() if not name.startswith("step_")}
    del given["first_target"]
    signature = served.signature_defs["serving_default"]
    feeds = {"examples": np.array([serialize_sample(given)], object)}
    return served.run(feeds, signature, list(signature.outputs))


def test_inputs_are_called_like_the_columns_and_each_is_its_own(served: Servable) -> None:
    y = np.sin(np.arange(20, dtype=np.float32))[np.newaxis]
    before = forecast(served, 1, y=y)["mean"]
    for name in (*FUTURE, *HISTORIC):
        steps = 20 + HORIZON * (name in FUTURE)
        changed = forecast(served, 1, y=y, **{name: np.full((1, steps), 9.0, np.float32)})
        assert np.abs(changed["mean"] - before).max() > 0, name


@pytest.mark.parametrize("y", [np.zeros((2, 0)), np.full((2, 3), NAN)])
def test_series_without_any_value_are_answered_by_nan(served: Servable, y: np.ndarray) -> None:
    found = forecast(served, 2, y=y.astype(np.float32))
    assert np.isnan(found["mean"]).all() and found["mean"].shape == (2, HORIZON)
    assert np.isnan(example(served, y[0].tolist())["mean"]).all()


def test_both_signatures_begin_after_the_last_value(served: Servable) -> None:
    values = np.sin(np.arange(10, dtype=np.float32)).tolist()
    plain, padded = example(served, values), example(served, [*values, NAN, NAN])
    dense = forecast(served, 1, y=np.array([[*values, NAN, NAN]], np.float32))
    for name in ("times", "offsets"):
        np.testing.assert_array_equal(plain[name], padded[name])
        np.testing.assert_array_equal(plain[name], dense[name])
    # What the padded steps have of covariates is not looked at either.
    for name in ("mean", "quantiles"):
        np.testing.assert_allclose(plain[name], padded[name], rtol=1e-4)


def test_what_the_mask_leaves_out_is_not_looked_at(served: Servable) -> None:
    y = np.sin(np.arange(12, dtype=np.float32))[np.newaxis]
    mask = np.ones((1, 12), bool)
    mask[0, [3, 10, 11]] = False
    expected = forecast(served, 1, y=np.where(mask, y, NAN).astype(np.float32))
    found = forecast(served, 1, y=np.where(mask, y, 1e6).astype(np.float32), mask=mask)
    for name in ("mean", "quantiles", "times"):
        np.testing.assert_array_equal(found[name], expected[name])


def test_a_mask_of_another_shape_and_an_endless_history_are_refused(served: Servable) -> None:
    with pytest.raises(ServingError, match="mask and y differ in shape") as caught:
        forecast(served, 1, y=np.ones((1, 5), np.float32), mask=np.ones((1, 4), bool))
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(ServingError, match=r"more than 1,000,000 steps"):
        forecast(served, 1, y=np.ones((1, 1_000_001), np.float32))


def test_months_keep_their_day_and_time_of_day(served: Servable) -> None:
    found = example(served, [1.0, 2.0, 3.0])
    times = [str(np.datetime64(int(one), "s")) for one in found["times"][0]]
    assert times == [f"2000-{month:02d}-15T12:00:00" for month in (4, 5, 6, 7)]


def test_each_name_stands_for_a_tensor_of_its_own_kind(served: Servable) -> None:
    inputs = served.signature_defs["forecast"].inputs
    assert tf.as_dtype(inputs["self"].dtype) == tf.string
    assert tf.as_dtype(inputs["50%"].dtype) == tf.float32
    assert len({one.name for one in inputs.values()}) == len(inputs)
