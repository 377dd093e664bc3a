"""The transform graph over series with covariates, static features and gaps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_transform.saved.saved_transform_io_v2 import SavedModelLoader
from tensorflow_transform.tf_metadata import schema_utils

from tidegate.models.core.export import serialize_sample
from tidegate.models.core.transform import TransformFacts
from tidegate.models.forecasting.predict import forecast_features, model_inputs, predict
from tidegate.models.forecasting.preprocess import _scaled, preprocess, vocabulary_name
from tidegate.models.forecasting.settings import LEVELS, DataSettings, FeatureSettings
from tidegate.models.forecasting.task import raw_features
from tidegate.models.series.time_steps import wall_times

NAN = float("nan")
FEATURES = FeatureSettings(horizon=3, context=4)
DATA = DataSettings(static=["shop"], static_numbers=["size"], historic=["sold"], future=["price"])
RAW = raw_features(DATA)
STEP = {"step_seconds": 86_400, "step_months": 0, "step_index": 0, "step_business": 0}
RECORDS: list[dict[str, Any]] = [
    {
        "unique_id": "a",
        "start": 0,
        "y": [1.0, NAN, 3.0, 4.0, 5.0, 6.0],
        "sold": [2.0, 4.0, NAN, 4.0, 6.0, 8.0],
        "price": [1.0, 1.0, 1.0, NAN, 3.0, 3.0],
        "shop": "x",
        "size": 10.0,
        "first_target": 0,
        **STEP,
    },
    {
        "unique_id": "b",
        "start": 4 * 86_400,
        "y": [7.0, 8.0],
        "sold": [0.0, 0.0],
        "price": [2.0, 2.0],
        "shop": "y",
        "size": 20.0,
        "first_target": 1,
        **STEP,
    },
]
# So late that train has two weeks, and the network weekdays; without covariates.
LATE = {
    **RECORDS[1],
    "start": 13 * 86_400,
    **{"y": [9.0], "sold": [NAN], "price": [NAN], "size": NAN},
}


@pytest.fixture(scope="module")
def transformed(analyze: Any) -> tuple[Any, Any]:
    """The transform graph, and a function that applies it to records."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    from tidegate.components.schema_gen.component import task_schema

    schema = text_format.Parse(task_schema(RAW), schema_pb2.Schema())
    spec = schema_utils.schema_as_feature_spec(schema).feature_spec
    _, output, _ = analyze([*RECORDS, LATE], spec, lambda inputs: preprocess(inputs, FEATURES, RAW))
    loader = SavedModelLoader(output.transform_savedmodel_dir)

    def apply(records: list[dict[str, Any]], labels: bool = True) -> Any:
        names = {feature.name for feature in RAW if labels or not feature.label}
        own = {name: one for name, one in spec.items() if name in names}
        return loader.apply_transform_model(
            tf.io.parse_example([serialize_sample(one) for one in records], own)
        )

    return output, apply


@pytest.mark.slow
def test_covariates_are_scaled_and_marked(transformed: tuple[Any, Any]) -> None:
    found = transformed[1](RECORDS)
    sold = np.array([2.0, 4.0, 4.0, 6.0, 8.0, 0.0, 0.0])
    expected = (np.array(RECORDS[0]["sold"]) - sold.mean()) / sold.std()
    historic = found["historic"][0].numpy()
    np.testing.assert_allclose(historic[:, 0], np.nan_to_num(expected), rtol=1e-5)
    assert historic[:, 1].tolist() == [1, 1, 0, 1, 1, 1]
    known = found["known"][0].numpy()
    assert known.shape == (6 + 3, 7 + 2)
    price = np.array([1.0, 1.0, 1.0, 3.0, 3.0, 2.0, 2.0])
    np.testing.assert_allclose(known[4, 7], (3 - price.mean()) / price.std(), rtol=1e-5)
    # Missing, and not given ahead: 0 without the mark.
    assert known[:, 8].tolist() == [1, 1, 1, 0, 1, 1, 0, 0, 0]
    assert known[3, 7] == 0 and not known[6:, 7].any()
    size = found["numbers"].numpy()
    np.testing.assert_allclose(size, [[-1, 1], [1, 1]], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("constant", [0.1, 9.99, -3e8, 0.0])
def test_a_covariate_that_train_has_never_seen_move_is_zero(analyze: Any, constant: float) -> None:
    """float32's rounding of its mean is no deviation that a move could be measured by."""

    def scaled(inputs: dict[str, Any]) -> dict[str, Any]:
        return {"x": _scaled(inputs["x"])}

    records = [{"x": constant}] * 777
    spec = {"x": tf.io.FixedLenFeature([], tf.float32)}
    _, output, _ = analyze(records, spec, scaled)
    apply = SavedModelLoader(output.transform_savedmodel_dir).apply_transform_model
    changed = tf.constant([constant, constant + 1.0, 2 * constant, NAN])
    np.testing.assert_array_equal(
        apply({"x": changed})["x"], [[0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    )


@pytest.mark.slow
def test_the_calendar_goes_on_over_the_horizon(transformed: tuple[Any, Any]) -> None:
    known = transformed[1](RECORDS)["known"]
    # Series b begins four days after a, and its horizon goes on after its two days.
    np.testing.assert_allclose(known[1].numpy()[:5, :7], known[0].numpy()[4:9, :7], atol=1e-6)
    assert known[0].numpy()[:, 2].std() > 0  # the weekday
    assert not known[0].numpy()[:, 4:7].any()  # the day of the month, and the time of year


@pytest.mark.parametrize(
    ("step", "hours"), [(3600, [23, 1, 2]), (86_400, [22, 0, 0])], ids=["hours", "days"]
)
def test_hours_of_a_zone_are_those_of_its_clock(step: int, hours: list[int]) -> None:
    """Steps of whole days follow that clock already."""
    raw = raw_features(DataSettings(timezone="Europe/Berlin"))
    # Winter, the last hour of winter, the first of summer.
    utc = ["2021-01-01T22:00", "2021-03-28T00:00", "2021-06-01T00:00"]
    times = tf.constant([int(np.datetime64(time, "s").astype(int)) for time in utc], tf.int64)
    found = wall_times(times, tf.constant(step, tf.int64), raw)
    assert (found.numpy() // 3600 % 24).tolist() == hours


@pytest.mark.slow
def test_ids_know_training_and_nothing_else(transformed: tuple[Any, Any]) -> None:
    output, apply = transformed
    ids = apply([*RECORDS, {**RECORDS[0], "unique_id": "c", "shop": "z"}])["ids"].numpy()
    assert sorted(ids[:2, 0].tolist()) == [1, 2] and sorted(ids[:2, 1].tolist()) == [1, 2]
    assert ids[2].tolist() == [0, 0]
    facts = TransformFacts(output)
    assert facts.width("ids") == 2
    assert facts.vocabulary(vocabulary_name(1)) in ((b"x", b"y"), (b"y", b"x"))
    assert (facts.width("known"), facts.width("historic"), facts.width("numbers")) == (9, 2, 2)
    assert facts.width("no such feature") == 0
    with pytest.raises(ValueError, match="'y' has no fixed size"):
        facts.width("y")


@pytest.mark.slow
def test_the_frequency_is_that_of_training(transformed: tuple[Any, Any]) -> None:
    found = transformed[1]([{k: v for k, v in RECORDS[1].items() if k not in STEP}], labels=False)
    assert found["step"].numpy().tolist() == [86_400]
    assert found["season"].numpy().tolist() == [7]
    outputs = tf.zeros((1, 3, 2 + len(LEVELS)))
    answers = predict(outputs, found, TransformFacts(transformed[0]))
    assert answers["times"].numpy().tolist() == [[86_400 * day for day in (6, 7, 8)]]
    assert answers["offsets"].numpy().tolist() == [[1, 2, 3]]
    np.testing.assert_allclose(answers["levels"], [LEVELS])


@pytest.mark.slow
def test_the_window_is_at_the_end_whatever_comes_before(transformed: tuple[Any, Any]) -> None:
    _, apply = transformed
    request = {
        **{name: RECORDS[0][name] for name in ("unique_id", "shop", "size")},
        "start": 0,
        "y": [4.0, 5.0, 6.0, 7.0],
        "sold": [1.0, 2.0, 3.0, 4.0],
        "price": [1.0] * 7,
    }
    longer = {
        **request,
        "start": -2 * 86_400,
        "y": [9.0, 9.0, *request["y"]],
        "sold": [9.0, 9.0, *request["sold"]],
        "price": [9.0, 9.0, *request["price"]],
    }
    left_out = {**longer, "y": [NAN, NAN, NAN, *request["y"][1:]]}
    found = {
        name: tensor.numpy()
        for name, tensor in model_inputs(
            apply([request, longer, left_out], labels=False), FEATURES
        ).items()
    }
    for name in ("state", "values", "past", "future"):
        np.testing.assert_allclose(found[name][0], found[name][1], err_msg=name)
    assert found["state"][2].tolist() == [2, 2, 2, 0]
    assert found["values"][2].tolist() == [5, 6, 7, 0]
    np.testing.assert_array_equal(found["past"][2, :3], found["past"][0, 1:])
    np.testing.assert_array_equal(found["future"][2], found["future"][0])


def test_dense_requests_end_at_the_last_value() -> None:
    y = tf.constant([[NAN, 0.0, 2.0], [1.0, NAN, NAN], [NAN, NAN, NAN]])
    price = tf.constant([[1.0, NAN], [2.0, 3.0], [4.0, 5.0]])
    request = {"y": y, "price": price, "start": tf.constant([0, 1, 2])}
    found = forecast_features({**request, "mask": tf.ones_like(y, tf.bool)})
    assert set(found) == set(request)
    rows = [row.tolist() for row in tf.RaggedTensor.from_sparse(found["y"]).numpy()]
    assert [len(row) for row in rows] == [3, 1, 0]
    assert rows[0][1:] == [0.0, 2.0] and np.isnan(rows[0][0]) and rows[1] == [1.0]
    np.testing.assert_array_equal(tf.sparse.to_dense(found["price"]), price)
    assert found["start"].numpy().tolist() == [0, 1, 2]


def test_what_the_mask_leaves_out_is_missing() -> None:
    y = tf.constant([[7.0, 0.0, 2.0, 0.0], [1.0, NAN, 5.0, 6.0]])
    mask = tf.constant([[False, True, True, False], [True, True, True, False]])
    found = forecast_features({"y": y, "mask": mask})
    rows = [row.tolist() for row in tf.RaggedTensor.from_sparse(found["y"]).numpy()]
    np.testing.assert_array_equal(rows, [[NAN, 0.0, 2.0], [1.0, NAN, 5.0]])


def test_a_request_without_bound_and_a_mask_of_another_shape_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("tidegate.models.forecasting.predict.LONGEST", 5)
    y = tf.zeros([2, 5])
    assert set(forecast_features({"y": y, "mask": tf.ones_like(y, tf.bool)})) == {"y"}
    with pytest.raises(tf.errors.InvalidArgumentError, match="mask and y differ in shape"):
        forecast_features({"y": y, "mask": tf.ones([2, 4], tf.bool)})
    unequal = "input tensors must have equal 0th-dimension size"
    for other in ({"mask": tf.ones([1, 5], tf.bool)}, {"start": tf.zeros([3], tf.int64)}):
        with pytest.raises(tf.errors.InvalidArgumentError, match=unequal):
            forecast_features({"y": y, "mask": tf.ones_like(y, tf.bool), **other})
    y = tf.zeros([2, 6])
    with pytest.raises(tf.errors.InvalidArgumentError, match="y has more than 5 steps"):
        forecast_features({"y": y, "mask": tf.ones_like(y, tf.bool)})
