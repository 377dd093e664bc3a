"""Forecasting, stated once."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.models.core.task import (
    Evaluation,
    Imported,
    RawFeature,
    SequenceTask,
    Signature,
    TensorInfo,
)
from tidegate.models.forecasting.data_settings import DEFAULT_ID_COLUMN, MASK
from tidegate.models.forecasting.settings import (
    LEVELS,
    DataSettings,
    FeatureSettings,
    GateSettings,
    ModelSettings,
)
from tidegate.tables.reads import SeriesReads, SeriesSplits
from tidegate.tables.roles import Input, Output, Roles
from tidegate.tables.time_grid import Step

_HERE = "tidegate.models.forecasting"
_YEAR_1990 = 631_152_000  # Its first second, counted from 1970.
_ERRORS = ("mase", "smape", "rmse", "mae")
_ANSWERS = ("mean", "quantiles", "levels", "offsets", "times")


def raw_features(data: DataSettings) -> tuple[RawFeature, ...]:
    """A series on its time grid with its covariates; `SeriesExampleGen` states the features."""
    return (
        RawFeature("unique_id", data.id_column or "", key=True),
        RawFeature("start", data.time_column, kind="int", role=data.timezone or ""),
        RawFeature("y", data.target_column, kind="float", sequence=True),
        *(
            RawFeature(name, name, kind="float", sequence=True, role=role)
            for role, names in (("historic", data.historic), ("future", data.future))
            for name in names
        ),
        *(RawFeature(name, name, role="static", slice=True) for name in data.static),
        *(
            RawFeature(name, name, kind="float", role="static_number")
            for name in data.static_numbers
        ),
        *(
            RawFeature(name, "", kind="int", label=True)
            for name in (
                "step_seconds",
                "step_months",
                "step_index",
                "step_business",
                "first_target",
            )
        ),
    )


def reads(data: DataSettings) -> SeriesReads:
    """Series in the long format."""
    return SeriesReads(
        time=data.time_column,
        target=data.target_column,
        id=data.id_column,
        id_optional=data.id_column == DEFAULT_ID_COLUMN,
        static=tuple(data.static),
        static_numbers=tuple(data.static_numbers),
        historic=tuple(data.historic),
        future=tuple(data.future),
        frequency=data.frequency,
        duplicates=data.duplicates,
        fill=data.fill,
        how=data.how,
        max_bad_share=data.max_bad_share,
    )


def splits(data: DataSettings, features: FeatureSettings) -> SeriesSplits:
    """By time, where the settings say."""
    held_out = ("valid", "eval", "test")
    cutoffs = {split: getattr(data, f"{split}_from") for split in held_out}
    return SeriesSplits(
        horizon=features.horizon,
        context=features.context,
        season=features.season,
        sizes={split: getattr(data, f"{split}_size") for split in held_out},
        cutoffs={split: at for split, at in cutoffs.items() if at is not None},
    )


def roles(read: SeriesReads, features: FeatureSettings, known: Mapping[str, Any]) -> Roles:
    """A file's series to their next steps."""
    return Roles(
        signature="forecast",
        reads=read,
        inputs={
            "unique_id": Input("name", read.id or ""),
            "start": Input("start", read.time),
            "y": Input("values", read.target),
            MASK: Input("mask", of="y"),
            **{name: Input("values", name) for name in read.historic},
            **{name: Input("future", name) for name in read.future},
            **{name: Input("static", name) for name in (*read.static, *read.static_numbers)},
        },
        outputs={
            "mean": Output(),
            "quantiles": Output("quantiles", of="levels", levels=LEVELS),
            "levels": Output("levels"),
            "offsets": Output("step", column="step"),
            "times": Output("time", column=read.time),
        },
        step=Step(*(int(size) for size in known["step_of"][0])),
        horizon=features.horizon,
    )


def signatures(raw: Sequence[RawFeature]) -> dict[str, Signature]:
    """`forecast`: histories as dense rows, without tf.Examples."""
    dtypes = {"bytes": "string", "float": "float32", "int": "int64"}
    inputs = {
        feature.name: TensorInfo(
            dtypes[feature.kind], (None, None) if feature.sequence else (None,)
        )
        for feature in raw
        if not feature.label
    }
    return {
        "forecast": Signature(
            inputs={**inputs, MASK: TensorInfo("bool", (None, None))},
            to_features=Imported(f"{_HERE}.predict.forecast_features"),
            outputs={name: name for name in _ANSWERS},
            rows=Imported(f"{_HERE}.predict.dense_rows"),
        )
    }


def samples(raw: Sequence[RawFeature] = ()) -> tuple[dict[str, Any], ...]:
    """Requests for warm-up and for the serving check: long, short, with gaps, and constant."""
    found: tuple[dict[str, Any], ...] = (
        {"unique_id": "a", "start": _YEAR_1990, "y": _wave(120, 10.0)},
        {"unique_id": "never seen", "start": 2 * _YEAR_1990, "y": _wave(7, 400.0)},
        {"unique_id": "b", "start": 0, "y": _with_gaps(_wave(40, 1.0))},
        {"unique_id": "b", "start": _YEAR_1990, "y": [5.0]},
        {"unique_id": "constant", "start": -_YEAR_1990, "y": [3.0] * 30},
    )
    return tuple({**one, **_covariates(raw, len(one["y"]))} for one in found)


def _covariates(raw: Sequence[RawFeature], steps: int) -> dict[str, Any]:
    """Values for the covariates that a data set has beside what every series has."""
    return {
        feature.name: _wave(steps, 1.0)
        if feature.sequence
        else "never seen"
        if feature.kind == "bytes"
        else 1.0
        for feature in raw
        if feature.role and feature.name != "start"
    }


def toy() -> tuple[dict[str, Any], ...]:
    """Monthly series of several levels and lengths whose season can be learnt; one has gaps."""
    lengths = {"a": 150, "b": 120, "c": 130, "d": 40}
    step = dict.fromkeys(("step_seconds", "step_index", "step_business", "first_target"), 0)
    return tuple(
        {
            "unique_id": name,
            "start": number * _YEAR_1990,
            "y": _with_gaps(_wave(length, 10.0**number))
            if name == "b"
            else _wave(length, 10.0**number),
            "step_months": 1,
            **step,
        }
        for number, (name, length) in enumerate(lengths.items())
    )


def _wave(length: int, level: float) -> list[float]:
    """A yearly season and a trend, at a level."""
    return [
        level * (1 + 0.3 * math.sin(2 * math.pi * step / 12) + 0.01 * (step % 5) + 0.002 * step)
        for step in range(length)
    ]


def _with_gaps(values: list[float]) -> list[float]:
    return [math.nan if step % 7 == 3 else value for step, value in enumerate(values)]


TASK = SequenceTask(
    name="forecasting",
    title="the next steps of time series, with intervals",
    default_data="climate",
    example_gen=Imported("tidegate.components.series_example_gen.component.SeriesExampleGen"),
    data=DataSettings,
    features=FeatureSettings,
    model=ModelSettings,
    gates=GateSettings,
    raw_features=raw_features,
    reads=reads,
    splits=splits,
    roles=roles,
    preprocess=Imported(f"{_HERE}.preprocess.preprocess"),
    materialize=False,
    inputs=Imported(f"{_HERE}.predict.model_inputs"),
    batches=Imported(f"{_HERE}.batches.batches"),
    count=Imported(f"{_HERE}.batches.count"),
    pace=Imported(f"{_HERE}.batches.pace"),
    build_model=Imported(f"{_HERE}.model.build_model"),
    objective=Imported(f"{_HERE}.model.objective"),
    calibrate=Imported(f"{_HERE}.calibration.calibrate"),
    predict=Imported(f"{_HERE}.predict.predict"),
    signatures=signatures,
    evaluation=Evaluation(
        prediction="judged",
        target=None,
        statistics=Imported(f"{_HERE}.evaluation.statistics"),
        scalars=(
            *_ERRORS,
            "wql",
            "coverage_80",
            "coverage_95",
            "coverage_80_error",
            "coverage_95_error",
            "width_80",
            "width_95",
            *(f"naive_{name}" for name in _ERRORS),
            "relative_mase",
            "relative_mase_uncertainty",
            "relative_mae",
            "relative_wql",
            "windows",
            "unanswered",
        ),
        arrays=(
            *(f"{name}_by_step" for name in (*_ERRORS, "wql", "coverage_80", "coverage_95")),
            *(f"naive_{name}_by_step" for name in _ERRORS),
        ),
        axis=None,
        summarise=Imported(f"{_HERE}.evaluation.summarise"),
        slices=(),
        gates=Imported(f"{_HERE}.evaluation.gates"),
        reference="mase",
        headline=("mase", "relative_mase", "smape", "coverage_80", "coverage_95"),
        signature="backtest",
        answers=Imported(f"{_HERE}.backtest.backtest"),
    ),
    baseline=Imported(f"{_HERE}.baseline.baseline"),
    baseline_title="seasonal naive",
    examples="series",
    rivals=Imported(f"{_HERE}.rivals.rivals"),
    pictures=Imported(f"{_HERE}.pictures.pictures"),
    samples=samples,
    toy=toy,
)
