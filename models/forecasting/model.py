"""The two networks: over steps with a direct decoder, and over segments."""

import math
from typing import Any

import keras
from keras import ops

from tidegate.models.core.task import Objective
from tidegate.models.core.transform import TransformFacts
from tidegate.models.forecasting.loss import ForecastLoss
from tidegate.models.forecasting.preprocess import vocabulary_name
from tidegate.models.forecasting.settings import LEVELS, FeatureSettings, ModelSettings
from tidegate.models.forecasting.windows import MISSING, OBSERVED
from tidegate.models.layers.blend import Blend, mean_of
from tidegate.models.layers.identity import IdEmbedding
from tidegate.models.layers.instance_norm import InstanceNorm
from tidegate.models.layers.quantiles import Bounds, IntervalCorrection, ordered_quantiles
from tidegate.models.layers.recurrent import RecurrentStack
from tidegate.models.layers.segments import Segments
from tidegate.models.series.calendar import CALENDAR

BLEND, CORRECTION = "blend", "correction"
# The least that an error is taken for, as a share of the context's moves.
_LEAST_ERROR = 0.01


def build_model(
    model: ModelSettings,
    features: FeatureSettings,
    facts: TransformFacts,
    use_cudnn: bool | str = "auto",
) -> keras.Model:
    """The network over one batch of windows.

    Args:
      model: kind, sizes and dropouts.
      features: horizon.
      facts: covariates and ids, from the transform graph.
      use_cudnn: False for an export that loads on any machine.

    Returns:
      A model from the inputs that `windows.inputs` states to float32[batch, horizon, 2 + levels]:
      the mean, the quantiles and the window's unit, by which errors are divided in the loss: the
      error that is usual for the smoothing; with `linear`, how much the context moves. All are in
      the series' own units; NaN for a window without a value.
    """
    inputs = _inputs(features, facts)
    state, smooth = inputs["state"], inputs["smooth"]
    scaled, center, scale = InstanceNorm(model.normalisation, name="instance_norm")(
        inputs["values"], ops.equal(state, OBSERVED)
    )
    seen, middle, moves = scaled, center, scale
    if model.linear and model.normalisation == "none":
        # The level is the linear map's part: a network that sees it remembers when it was where.
        seen, middle, moves = InstanceNorm("last", name="shape")(
            inputs["values"], ops.equal(state, OBSERVED)
        )
    # Errors that are usual for the smoothing; of one that has made none yet, some of its moves.
    error = ops.maximum(inputs["spread"], _LEAST_ERROR * moves)
    unit = ops.mean(error, axis=-1, keepdims=True)
    ahead = ops.stack(
        [
            _finite((inputs["season"] - middle) / moves),
            _finite((smooth - middle) / moves),
            ops.log(error / unit),
            ops.log(unit / moves) + ops.zeros_like(error),
            ops.log1p(inputs["judged"])[:, None] + ops.zeros_like(error),
        ],
        axis=-1,
    )
    part = _segment_part if model.kind == "segment" else _direct_part
    raw = part(inputs, seen, ahead, _static(inputs, model, facts), model, features, use_cudnn)
    # The loss and the series' units in float32, also under mixed precision.
    raw = keras.layers.Activation("linear", dtype="float32", name="raw")(raw)
    quantiles = ordered_quantiles(raw)
    # In this order, here and below: Keras 3.12 takes float[n, 1, 1] that is added for a bias.
    if model.linear:
        # A map of the whole context carries level and season on by itself. What the smoothing
        # leaves would have its errors in it, which the map would have to learn away.
        linear = _linear_part(scaled, ops.greater_equal(state, MISSING), features)
        quantiles = quantiles * moves[..., None] + linear * scale[..., None]
        quantiles = (center + 0 * smooth)[..., None] + quantiles
        unit = moves
    else:
        median = quantiles[..., len(LEVELS) // 2, None]
        quantiles = median * unit[..., None] + (quantiles - median) * error[..., None]
        quantiles = smooth[..., None] + quantiles
    quantiles = Blend(features.horizon, LEVELS, name=BLEND)(quantiles, smooth, error)
    quantiles = IntervalCorrection(features.horizon, LEVELS, name=CORRECTION)(quantiles)
    # A window without a value has no center.
    quantiles = (center * 0)[..., None] + quantiles
    if model.lower is not None or model.upper is not None:
        quantiles = Bounds(model.lower, model.upper, name="bounds")(quantiles)
    mean = mean_of(quantiles, LEVELS)
    units = unit + ops.zeros_like(mean)
    output = ops.concatenate([mean[..., None], quantiles, units[..., None]], axis=-1)
    return keras.Model(inputs, output, name="forecasting")


def _finite(values: Any) -> Any:
    """An empty window's center is NaN, which must stay outside the network."""
    return ops.where(ops.isfinite(values), values, ops.zeros_like(values))


def _inputs(features: FeatureSettings, facts: TransformFacts) -> dict[str, Any]:
    """The inputs; how many covariates there are is known to the transform graph."""
    known = facts.width("known")
    found = {
        "state": keras.Input((None,), dtype="int64", name="state"),
        "values": keras.Input((None,), dtype="float32", name="values"),
        "past": keras.Input((None, known + facts.width("historic")), name="past"),
        "future": keras.Input((features.horizon, known), name="future"),
        "season": keras.Input((features.horizon,), name="season"),
        "smooth": keras.Input((features.horizon,), name="smooth"),
        "spread": keras.Input((features.horizon,), name="spread"),
        "judged": keras.Input((), name="judged"),
        "ids": keras.Input((facts.width("ids"),), dtype="int64", name="ids"),
    }
    numbers = facts.width("numbers")
    if numbers:
        found["numbers"] = keras.Input((numbers,), name="numbers")
    return found


def _static(inputs: dict[str, Any], model: ModelSettings, facts: TransformFacts) -> Any:
    """What is known of the series itself, float[batch, width]."""
    ids = inputs["ids"]
    # Keras wants every input to be used: without embeddings there is a 0 in their place.
    parts = [] if model.series_embedding else [ops.cast(ids[:, :1] * 0, "float32")]
    for place in range(facts.width("ids") if model.series_embedding else 0):
        parts.append(
            IdEmbedding(
                facts.size(vocabulary_name(place)) + 1,
                model.series_embedding,
                unknown_rate=model.unknown_rate,
                name=f"embedding_{place}",
            )(ids[:, place])
        )
    if "numbers" in inputs:
        parts.append(inputs["numbers"])
    return parts[0] if len(parts) == 1 else ops.concatenate(parts, axis=-1)


def _everywhere(static: Any, like: Any) -> Any:
    """`static` at each step of float[batch, steps, ...]."""
    # A product, since the number of steps is not known while the graph is made.
    return ops.ones_like(like[..., :1]) * static[:, None, :]


def _direct_part(
    inputs: dict[str, Any],
    scaled: Any,
    ahead: Any,
    static: Any,
    model: ModelSettings,
    features: FeatureSettings,
    use_cudnn: bool | str,
) -> Any:
    """An encoder over the steps, and a decoder of all steps at once (Wen et al. 2017).

    Each step of the horizon sees the encoder's state through weights of its own, the covariates
    of that step, and what simple methods make of it.
    """
    state = inputs["state"]
    observed = ops.cast(ops.equal(state, OBSERVED), "float32")
    steps = [
        scaled[..., None],
        observed[..., None],
        inputs["past"],
        _everywhere(static, inputs["past"]),
    ]
    _, last = RecurrentStack(
        model.units,
        layers=model.layers,
        cell=model.cell,
        bidirectional=model.bidirectional,
        dropout=model.recurrent_input_dropout,
        use_cudnn=use_cudnn,
        name="recurrent",
    )(ops.concatenate(steps, axis=-1), mask=state >= MISSING)
    last = keras.layers.Dropout(model.dropout)(last)
    width = max(8, model.units // 4)
    own = keras.layers.Dense(features.horizon * width, activation="relu", name="own")(last)
    own = ops.reshape(own, (-1, features.horizon, width))
    seen = ops.concatenate([inputs["future"], ahead, _everywhere(static, own)], axis=-1)
    hidden = keras.layers.Dense(model.units, activation="relu", name="decoder")(
        ops.concatenate([own, seen], axis=-1)
    )
    hidden = keras.layers.Dropout(model.dropout)(hidden)
    return keras.layers.Dense(len(LEVELS), name="answers")(
        ops.concatenate([hidden, ahead], axis=-1)
    )


def _segment_part(
    inputs: dict[str, Any],
    scaled: Any,
    ahead: Any,
    static: Any,
    model: ModelSettings,
    features: FeatureSettings,
    use_cudnn: bool | str,
) -> Any:
    """Segments as steps, and one decoder step for each segment ahead (Lin et al. 2023, SegRNN).

    One recurrent stack reads the segments of the context. Its state then makes one more step for
    each segment of the horizon, all at once, with that segment's place, the series and what is
    known of the segment as input.
    """
    state, units, segment = inputs["state"], model.units, model.segment
    there = state >= MISSING
    observed = ops.cast(ops.equal(state, OBSERVED), "float32")
    steps = ops.concatenate([scaled[..., None], observed[..., None], inputs["past"]], axis=-1)
    cut, mask = Segments(segment, name="segments")(steps, mask=there)
    stack = RecurrentStack(
        units,
        layers=model.layers,
        cell=model.cell,
        bidirectional=False,
        dropout=model.recurrent_input_dropout,
        use_cudnn=use_cudnn,
        return_states=True,
        name="recurrent",
    )
    projected = keras.layers.Dense(units, activation="relu", name="projection")(
        _flat_segments(cut, skip=2)
    )
    _, _, states = stack(projected, mask=mask)

    count = math.ceil(features.horizon / segment)
    lacking = count * segment - features.horizon
    future = inputs["future"]
    if lacking:
        # The last step again: a segment's calendar is that of its last step.
        future = ops.concatenate([future, ops.repeat(future[:, -1:], lacking, axis=1)], axis=1)
    future = ops.reshape(future, (-1, count, segment, future.shape[-1]))
    number = ops.zeros_like(inputs["ids"][:, :1]) + ops.arange(count, dtype="int64")[None]
    known = [
        keras.layers.Embedding(count, max(1, units // 2), name="place")(number),
        _flat_segments(future, skip=0),
        _everywhere(static, future[..., 0, :]),
    ]
    question = keras.layers.Dense(units, name="question")(ops.concatenate(known, axis=-1))
    question = ops.reshape(question, (-1, 1, units))
    repeated = [[ops.repeat(one, count, axis=0) for one in layer] for layer in states]
    _, last, _ = stack(question, initial_state=repeated)
    last = keras.layers.Dropout(model.dropout)(last)
    answers = keras.layers.Dense(segment * len(LEVELS), name="answers")(last)
    answers = ops.reshape(answers, (-1, count * segment, len(LEVELS)))
    answers = answers[:, : features.horizon]
    # What simple methods make of each step comes in at the end, as it has no segments.
    return answers + keras.layers.Dense(
        len(LEVELS), kernel_initializer="zeros", use_bias=False, name="ahead"
    )(ahead)


def _linear_part(scaled: Any, there: Any, features: FeatureSettings) -> Any:
    """One linear map of the context's values, by which all answers of a step are moved.

    As DLinear (Zeng et al. 2022) forecasts, and beside the recurrent network as the autoregressive
    part of LSTNet (Lai et al. 2018). A value that is missing or left out counts as 0.
    """
    ending, _ = Segments(features.context, dtype="float32", name="ending")(
        scaled[..., None], mask=there
    )
    forecast = keras.layers.Dense(
        features.horizon, kernel_initializer="zeros", dtype="float32", name="linear"
    )(ending[:, 0, :, 0])
    # Written out for each answer: Keras 3.12 takes what has a last axis of 1 for a bias.
    return ops.repeat(forecast[..., None], len(LEVELS), axis=-1)


def _flat_segments(cut: Any, skip: int) -> Any:
    """float[batch, segments, segment, channels] to float[batch, segments, width].

    The calendar, which follows the first `skip` channels, changes slowly: each segment has that of
    its last step.
    """
    own, covariates = cut[..., :skip], cut[..., skip + len(CALENDAR) :]
    parts = [cut[..., -1, skip : skip + len(CALENDAR)]]
    for one in (own, covariates):
        if one.shape[-1]:
            parts.append(keras.layers.Reshape((-1, one.shape[-2] * one.shape[-1]))(one))
    return ops.concatenate(parts, axis=-1)


def objective(model: ModelSettings) -> Objective:
    """Error of the mean and pinball loss; the best weights are those of the lowest loss."""
    return Objective(
        loss=ForecastLoss(LEVELS, model.mean_loss, model.quantile_loss),
        metrics=(),
        monitor="val_loss",
        mode="min",
    )
