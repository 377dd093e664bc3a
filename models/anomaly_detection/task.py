"""Anomaly detection, stated once."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tidegate.models.anomaly_detection.settings import (
    DataSettings,
    FeatureSettings,
    GateSettings,
    ModelSettings,
)
from tidegate.models.core.task import (
    Evaluation,
    Imported,
    RawFeature,
    SequenceTask,
    Signature,
    TensorInfo,
)
from tidegate.models.series.data_settings import DEFAULT_ID_COLUMN
from tidegate.tables.reads import SeriesReads, SeriesSplits
from tidegate.tables.roles import Input, Output, Roles
from tidegate.tables.time_grid import Step

_HERE = "tidegate.models.anomaly_detection"
_YEAR_1990 = 631_152_000  # Its first second, counted from 1970.
_ANSWERS = (
    "score", "probability", "alarm", "active", "expected", "low", "high", "share", "certain",
    "steps", "times",
)  # fmt: skip


def raw_features(data: DataSettings) -> tuple[RawFeature, ...]:
    """Series on their time grid; `SeriesExampleGen` states the features."""
    label = () if data.label_column is None else (data.label_column,)
    return (
        RawFeature("unique_id", data.id_column or "", key=True),
        RawFeature("start", data.time_column, kind="int", role=data.timezone or ""),
        RawFeature("y", data.target_column, kind="float", sequence=True),
        *(
            RawFeature(name, name, kind="float", sequence=True, role="channel")
            for name in data.targets[1:]
        ),
        *(
            RawFeature(name, name, kind="float", sequence=True, role="label", label=True)
            for name in label
        ),
        *(RawFeature(name, name, role="static", slice=True, label=True) for name in data.static),
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
        historic=data.targets[1:],
        labels=() if data.label_column is None else (data.label_column,),
        frequency=data.frequency,
        duplicates=data.duplicates,
        order=data.order,
        fill=data.fill,
        how=data.how,
        max_bad_share=data.max_bad_share,
    )


def splits(data: DataSettings, features: FeatureSettings) -> SeriesSplits:
    """By time, where the settings say; held-out splits have a window of history."""
    held_out = ("valid", "eval", "test")
    cutoffs = {split: getattr(data, f"{split}_from") for split in held_out}
    return SeriesSplits(
        horizon=features.recent,
        context=features.reach,
        sizes={split: getattr(data, f"{split}_size") for split in held_out},
        cutoffs={split: at for split, at in cutoffs.items() if at is not None},
    )


def roles(read: SeriesReads, features: FeatureSettings, known: Mapping[str, Any]) -> Roles:
    """A file's series to scores of all their points; it needs no labels."""
    del features
    return Roles(
        signature="detect",
        reads=replace(read, static=(), labels=()),
        inputs={
            "start": Input("start", read.time),
            "y": Input("values", read.target),
            **{name: Input("values", name) for name in read.historic},
            "length": Input("length"),
        },
        outputs={
            **{name: Output() for name in _ANSWERS},
            "steps": Output("step"),
            "times": Output("time", column=read.time),
        },
        step=Step(*(int(size) for size in known["step_of"][0])),
    )


def signatures(raw: Sequence[RawFeature]) -> dict[str, Signature]:
    """`detect`: whole histories; `watch`: streams, piece by piece, with a state."""
    series = TensorInfo("float32", (None, None))
    inputs = {
        "start": TensorInfo("int64", (None,)),
        **{one.name: series for one in raw if one.sequence and not one.label},
        "length": TensorInfo("int64", (None,)),
    }
    return {
        "detect": Signature(
            inputs=inputs,
            outputs={name: name for name in _ANSWERS},
            answers=Imported(f"{_HERE}.detect.detect"),
            rows=Imported(f"{_HERE}.detect.dense_rows"),
        ),
        "watch": Signature(
            inputs={**inputs, "state": series},
            outputs={name: name for name in (*_ANSWERS, "likelihood", "state")},
            answers=Imported(f"{_HERE}.detect.watch"),
            rows=Imported(f"{_HERE}.detect.stream_rows"),
        ),
    }


def samples(raw: Sequence[RawFeature] = ()) -> tuple[dict[str, Any], ...]:
    """Requests for warm-up and for the serving check: long, short, with gaps, and constant."""
    found: tuple[dict[str, Any], ...] = (
        {"unique_id": "a", "start": _YEAR_1990, "y": _wave(90, 10.0)},
        {"unique_id": "never seen", "start": 2 * _YEAR_1990, "y": _wave(20, 400.0)},
        {"unique_id": "b", "start": 0, "y": _with_gaps(_wave(40, 1.0))},
        {"unique_id": "constant", "start": -_YEAR_1990, "y": [3.0] * 30},
    )
    others = [one.name for one in raw if one.role == "channel"]
    return tuple({**one, **{name: _wave(len(one["y"]), 1.0) for name in others}} for one in found)


def toy() -> tuple[dict[str, Any], ...]:
    """Hourly series of several levels whose day can be learnt; one has gaps."""
    step = dict.fromkeys(("step_months", "step_index", "step_business", "first_target"), 0)
    return tuple(
        {
            "unique_id": name,
            "start": number * _YEAR_1990,
            "y": _with_gaps(_wave(90, 10.0**number)) if number == 1 else _wave(90, 10.0**number),
            "step_seconds": 3600,
            **step,
        }
        for number, name in enumerate(("a", "b", "c"))
    )


def _wave(length: int, level: float) -> list[float]:
    """A day's season, and a little beside it, at a level."""
    return [
        level * (1 + 0.3 * math.sin(2 * math.pi * step / 24) + 0.02 * (step * step % 7))
        for step in range(length)
    ]


def _with_gaps(values: list[float]) -> list[float]:
    return [math.nan if step % 7 == 3 else value for step, value in enumerate(values)]


TASK = SequenceTask(
    name="anomaly_detection",
    title="how unusual each point of a series is, and alarms at a stated rate",
    default_data="injected_faults",
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
    inputs=Imported(f"{_HERE}.preprocess.model_inputs"),
    batches=Imported(f"{_HERE}.batches.batches"),
    count=Imported(f"{_HERE}.batches.count"),
    pace=Imported(f"{_HERE}.batches.pace"),
    build_model=Imported(f"{_HERE}.model.build_model"),
    objective=Imported(f"{_HERE}.model.objective"),
    calibrate=Imported(f"{_HERE}.calibration.calibrate"),
    predict=Imported(f"{_HERE}.detect.predict"),
    signatures=signatures,
    evaluation=Evaluation(
        prediction="judged",
        target=None,
        statistics=Imported(f"{_HERE}.evaluation.statistics"),
        scalars=(
            "f1",
            "f1_uncertainty",
            "precision",
            "recall",
            "delay",
            "nab_standard",
            "nab_low_fp",
            "nab_low_fn",
            "false_alarms",
            "false_alarms_a_week",
            "promised",
            "alarm_excess",
            "points",
            "windows",
        ),
        arrays=("threshold", "recall_by_threshold", "false_alarms_by_threshold"),
        axis=None,
        summarise=Imported(f"{_HERE}.evaluation.summarise"),
        slices=(),
        gates=Imported(f"{_HERE}.evaluation.gates"),
        headline=("f1", "recall", "precision", "nab_standard", "false_alarms"),
        signature="judge",
        answers=Imported(f"{_HERE}.judged.judge"),
    ),
    baseline=Imported(f"{_HERE}.baseline.baseline"),
    baseline_title="windowed Gaussian",
    rivals=Imported(f"{_HERE}.baseline.rivals"),
    pictures=Imported(f"{_HERE}.pictures.pictures"),
    examples="series",
    samples=samples,
    toy=toy,
)
