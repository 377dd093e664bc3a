"""Both networks: what padding, gaps and empty windows are to them, and what their loss is."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.forecasting.loss import ForecastLoss
from tidegate.models.forecasting.model import BLEND, build_model, objective
from tidegate.models.forecasting.settings import LEVELS, FeatureSettings, ModelSettings

FEATURES = FeatureSettings(context=10, horizon=7)
SMALL = {"units": 8, "segment": 3}
CASES = [
    pytest.param(
        (settings, widths),
        id=f"{settings['kind']}-{place}",
        marks=[pytest.mark.slow] if settings.get("layers") else [],
    )
    for place, (settings, widths) in enumerate(
        [
            ({"kind": "direct"}, {}),
            ({"kind": "direct", "bidirectional": True, "layers": 2, "normalisation": "robust"}, {}),
            ({"kind": "direct", "series_embedding": 0}, {"known": 9, "historic": 2, "numbers": 2}),
            ({"kind": "segment", "normalisation": "last"}, {}),
            (
                {"kind": "segment", "layers": 2, "cell": "gru"},
                {"known": 11, "historic": 2, "ids": 3},
            ),
            ({"kind": "segment", "series_embedding": 0, "segment": 16}, {"numbers": 2}),
            ({"kind": "segment", "linear": True, "normalisation": "none"}, {}),
            ({"kind": "direct", "linear": True}, {}),
        ]
    )
]


def network(settings: dict[str, Any], facts: Any) -> keras.Model:
    """With weights all drawn at random: zeros would hide parts."""
    keras.utils.set_random_seed(1)
    found = build_model(ModelSettings(**{**SMALL, **settings}), FEATURES, facts)
    random = np.random.default_rng(0)
    found.set_weights([random.normal(0, 0.3, one.shape) for one in found.get_weights()])
    return found


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest, facts: Any) -> tuple[keras.Model, Any]:
    """A network that no test may change, and its facts."""
    settings, widths = request.param
    own = facts(**widths)
    return network(settings, own), own


def test_padding_is_nothing_to_it(case: tuple[keras.Model, Any], random_inputs: Any) -> None:
    model, own = case
    inputs = random_inputs([10, 6, 1, 4], 10, 7, own)
    expected = model(inputs, training=False).numpy()
    assert expected.shape == (4, 7, 2 + len(LEVELS))
    assert np.isfinite(expected).all()
    more = {
        name: np.pad(one, [[0, 0], [0, 5], *[[0, 0]] * (one.ndim - 2)])
        if name in ("state", "values", "past")
        else one
        for name, one in inputs.items()
    }
    np.testing.assert_allclose(model(more, training=False), expected, atol=1e-4)
    alone = {
        name: one[1:2, :6] if name in ("state", "values", "past") else one[1:2]
        for name, one in inputs.items()
    }
    np.testing.assert_allclose(model(alone, training=False)[0], expected[1], atol=1e-4)


def test_each_answer_knows_what_is_known_of_its_steps(
    case: tuple[keras.Model, Any], random_inputs: Any
) -> None:
    """Also those of a last segment that reaches beyond the horizon."""
    model, own = case
    inputs = random_inputs([10], 10, 7, own)
    before = model(inputs, training=False).numpy()[0, :, 0]
    changed = model({**inputs, "future": inputs["future"] + 1.0}, training=False).numpy()[0, :, 0]
    assert (changed != before).all()


def test_quantiles_do_not_cross_and_the_scale_comes_last(
    case: tuple[keras.Model, Any], random_inputs: Any
) -> None:
    model, own = case
    output = model(random_inputs([10, 3], 10, 7, own), training=False).numpy()
    assert (np.diff(output[..., 1:-1], axis=-1) >= 0).all()
    assert (output[..., -1] > 0).all() and (np.ptp(output[..., -1], axis=1) == 0).all()


@pytest.mark.parametrize("kind", ["direct", "segment"])
def test_a_window_without_a_value_has_no_forecast_and_hurts_no_other(
    kind: str, facts: Any, random_inputs: Any
) -> None:
    own = facts()
    model = network({"kind": kind}, own)
    inputs = random_inputs([10, 8, 5], 10, 7, own)
    expected = model(inputs, training=False).numpy()
    inputs["state"][1] = np.where(inputs["state"][1] == 2, 1, inputs["state"][1])
    inputs["values"][1] = 0
    found = model(inputs, training=False).numpy()
    assert np.isnan(found[1, :, :-1]).all()
    np.testing.assert_allclose(found[[0, 2]], expected[[0, 2]], atol=1e-5)


@pytest.mark.parametrize("rows", [3, 7, 9])  # a horizon of rows among them, and as many as outputs
def test_the_number_of_rows_is_nothing_to_it(
    rows: int, case: tuple[keras.Model, Any], random_inputs: Any
) -> None:
    model, own = case
    inputs = random_inputs([10] * rows, 10, 7, own)
    together = model(inputs, training=False).numpy()
    for part in (slice(1), slice(1, None)):
        apart = model({name: one[part] for name, one in inputs.items()}, training=False)
        np.testing.assert_allclose(apart, together[part], atol=1e-4)


@pytest.mark.parametrize(
    ("normalisation", "kind"),
    [
        *(("mean", "direct"), ("last", "segment"), ("robust", "direct")),
        pytest.param("mean", "segment", marks=pytest.mark.slow),
        pytest.param("last", "direct", marks=pytest.mark.slow),
        pytest.param("robust", "segment", marks=pytest.mark.slow),
    ],
)
def test_a_series_in_other_units_has_the_same_forecast_in_those_units(
    kind: str, normalisation: str, facts: Any, random_inputs: Any
) -> None:
    own = facts()
    model = network({"kind": kind, "normalisation": normalisation}, own)
    inputs = random_inputs([10, 9], 10, 7, own)
    expected = model(inputs, training=False).numpy()
    seen = inputs["state"] == 2
    other = {
        **inputs,
        "values": np.where(seen, 20 * inputs["values"] - 300, 0).astype(np.float32),
        "season": 20 * inputs["season"] - 300,
        "smooth": 20 * inputs["smooth"] - 300,
        "spread": 20 * inputs["spread"],
    }
    found = model(other, training=False).numpy()
    np.testing.assert_allclose(found[..., :-1], 20 * expected[..., :-1] - 300, rtol=1e-3, atol=0.02)


def weights_of(model: keras.Model, layer: str, values: list[np.ndarray]) -> None:
    """All weights 0 but those of a layer."""
    model.set_weights([np.zeros(one.shape) for one in model.get_weights()])
    model.get_layer(layer).set_weights(values)
    model.get_layer(BLEND).set_weights([np.ones(7), np.zeros((7, len(LEVELS)))])


@pytest.mark.parametrize("normalisation", ["none", "last"])
def test_the_linear_part_is_one_map_of_what_ends_at_the_origin(
    normalisation: str, facts: Any, random_inputs: Any
) -> None:
    own = facts()
    model = network({"kind": "segment", "linear": True, "normalisation": normalisation}, own)
    random = np.random.default_rng(3)
    kernel, bias = random.normal(size=(10, 7)), random.normal(size=7)
    weights_of(model, "linear", [kernel, bias])
    inputs = random_inputs([10, 6, 1], 10, 7, own)
    found = model(inputs, training=False).numpy()
    for row, length in enumerate([10, 6, 1]):
        observed = inputs["state"][row, :length] == 2
        values = inputs["values"][row, :length].astype(np.float64)
        center, scale = 0.0, 1.0
        if normalisation == "last":
            center, scale = values[observed][-1], values[observed].std()
            scale = scale or 1e-2 * abs(center)
        ending = np.zeros(10)
        ending[10 - length :] = np.where(observed, (values - center) / scale, 0)
        expected = center + scale * (ending @ kernel + bias)
        for place in (0, 1 + LEVELS.index(0.5)):
            np.testing.assert_allclose(found[row, :, place], expected, rtol=1e-4, atol=1e-4)


def test_without_normalisation_intervals_are_as_wide_as_the_window_moves(
    facts: Any, random_inputs: Any
) -> None:
    own = facts()
    model = network({"kind": "segment", "linear": True, "normalisation": "none"}, own)
    model.get_layer("linear").set_weights([np.zeros((10, 7)), np.zeros(7)])
    inputs = random_inputs([10, 8], 10, 7, own)
    expected = model(inputs, training=False).numpy()
    moving = ("values", "season", "smooth", "spread")
    wider = {**inputs, **{name: 3 * inputs[name] for name in moving}}
    found = model(wider, training=False).numpy()
    np.testing.assert_allclose(found[..., :-1], 3 * expected[..., :-1], rtol=1e-3, atol=1e-3)


def test_without_normalisation_the_linear_part_alone_sees_the_level(
    facts: Any, random_inputs: Any
) -> None:
    own = facts()
    model = network({"kind": "segment", "linear": True, "normalisation": "none"}, own)
    linear = model.get_layer("linear")
    linear.set_weights([np.zeros((10, 7)), np.zeros(7)])
    blend = model.get_layer("blend")
    blend.set_weights([np.ones(7), np.zeros((7, len(LEVELS)))])  # Nothing of the smoothing.
    inputs = random_inputs([10, 8], 10, 7, own)
    expected = model(inputs, training=False).numpy()
    higher = np.where(inputs["state"] == 2, inputs["values"] + 32, 0).astype(np.float32)
    higher = {**inputs, "values": higher, **{one: inputs[one] + 32 for one in ("season", "smooth")}}
    found = model(higher, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-3)


@pytest.mark.parametrize("kind", ["direct", "segment"])
def test_cudnn_can_run_it(kind: str, facts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda device=None: [device])
    model = build_model(ModelSettings(kind=kind, **SMALL), FEATURES, facts())
    specs = {one.name: tf.TensorSpec(one.shape, one.dtype) for one in model.inputs}
    traced = tf.function(lambda inputs: model(inputs, training=True), autograph=False)
    graph = traced.get_concrete_function(specs).graph.as_graph_def()
    ops = [n.op for n in [*graph.node, *(n for f in graph.library.function for n in f.node_def)]]
    assert ops.count("CudnnRNNV3") == (2 if kind == "segment" else 1)
    assert not any("While" in op for op in ops)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["direct", "segment"])
def test_it_learns_a_season(kind: str, make_series: Any, facts: Any) -> None:
    from tidegate.models.forecasting import windows

    steps = np.arange(300)
    series = make_series(
        [(10 + np.sin(2 * np.pi * steps / 6)).tolist()], horizon=7, season=6, smoothed=FEATURES
    )
    origins = tf.range(10, 290, dtype=tf.int64)
    rows = tf.zeros_like(origins)
    inputs = windows.inputs(series, rows, origins, FEATURES)
    target = windows.targets(series, rows, origins, FEATURES)
    own = facts(known=1, historic=1)
    inputs["past"], inputs["future"] = (
        tf.zeros_like(inputs["past"]),
        tf.zeros_like(inputs["future"]),
    )
    keras.utils.set_random_seed(0)
    settings = ModelSettings(kind=kind, units=16, segment=3, dropout=0.0)
    model = build_model(settings, FEATURES, own)
    goal = objective(settings)
    model.compile(keras.optimizers.Adam(0.01), goal.loss)
    history = model.fit(inputs, target, epochs=15, batch_size=32, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    found = model(inputs, training=False).numpy()
    assert np.abs(found[..., 0] - target.numpy()).mean() < 0.2


def loss_by_hand(target: np.ndarray, output: np.ndarray, squared: bool, share: float) -> np.ndarray:
    rows = []
    for truth, answer in zip(target, output, strict=True):
        errors = []
        for y, step in zip(truth, answer, strict=True):
            if np.isnan(y):
                continue
            scale = step[-1]
            error = abs(y - step[0]) / scale
            far = np.log(max(error, 10) / 10)
            own = min(error, 10) + 10 * far
            weight = own / error
            if squared:
                own = min(error, 10) ** 2 + 200 * far
            pinballs = [
                max(p * (y - q), (p - 1) * (y - q)) / scale
                for p, q in zip(LEVELS, step[1:-1], strict=True)
            ]
            errors.append(own + share * 2 * np.mean(pinballs) * weight)
        rows.append(np.mean(errors) if errors else 0.0)
    return np.array(rows)


@pytest.mark.parametrize("mean_loss", ["squared", "absolute"])
@pytest.mark.parametrize("share", [0.0, 0.7])
def test_the_loss_worked_by_hand(mean_loss: str, share: float) -> None:
    random = np.random.default_rng(0)
    target = random.normal(0, 3, size=(5, 4)).astype(np.float32)
    target[0, 1] = target[1, :3] = target[2] = np.nan
    target[3, 0] = 500.0
    output = random.normal(size=(5, 4, 2 + len(LEVELS))).astype(np.float32)
    output[..., -1] = np.abs(output[..., -1]) + 0.5
    found = ForecastLoss(LEVELS, mean_loss, share).call(target, tf.constant(output))
    expected = loss_by_hand(target, output, mean_loss == "squared", share)
    np.testing.assert_allclose(found, expected, rtol=1e-4)


@pytest.mark.parametrize("mean_loss", ["squared", "absolute"])
def test_a_jump_after_a_flat_window_decides_little(mean_loss: str) -> None:
    """A thousand scales away it counts as a few tens of scales, and still pulls towards it."""
    output = tf.Variable(np.zeros((1, 1, 2 + len(LEVELS)), np.float32))
    output[..., -1].assign(np.ones((1, 1), np.float32))
    losses = []
    for target in (9.999, 10.001, 1000.0):
        with tf.GradientTape() as tape:
            loss = ForecastLoss(LEVELS, mean_loss).call(np.full((1, 1), target, np.float32), output)
        gradient = tape.gradient(loss, output).numpy()[0, 0, :-1]
        assert (gradient < 0).all()
        losses.append(float(loss[0]))
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    assert losses[2] < 12 * losses[1]


def test_a_missing_target_has_no_gradient() -> None:
    target = np.array([[1.0, np.nan]], np.float32)
    output = tf.Variable(np.ones((1, 2, 2 + len(LEVELS)), np.float32) * 0.5)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(ForecastLoss(LEVELS).call(target, output))
    gradient = tape.gradient(loss, output).numpy()
    assert np.isfinite(gradient).all()
    assert gradient[0, 0].any() and not gradient[0, 1].any()
