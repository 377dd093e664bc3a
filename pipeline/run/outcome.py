"""What a run came to: the components' artifacts as one summary."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
import tensorflow_transform as tft
from tfx.dsl.io import fileio
from tfx.utils import path_utils

from tidegate.components.baseline.reference import METRICS_FILE, best_reference, times_references
from tidegate.components.evaluator.task_metrics import part_figure, read_array
from tidegate.components.example_gen.report import left_out, read_report
from tidegate.components.pusher.versions import newest_version
from tidegate.components.serving_check.executor import RESULT_FILE
from tidegate.components.trainer.report import read_training
from tidegate.models.core.task import Gate
from tidegate.pipeline.config import RunConfig
from tidegate.pipeline.run.data_figures import data_figures
from tidegate.pipeline.run.output_place import OutputPlace
from tidegate.pipeline.run.runner import ComponentRun


def summarise(
    config: RunConfig, runs: Sequence[ComponentRun], place: OutputPlace
) -> dict[str, Any]:
    """Gathers rows, training, metrics beside their baselines, gates and the pushed model.

    Args:
      config: task and settings.
      runs: all components of a finished run.
      place: the output folder.

    Returns:
      The content of `summary.json`, without the parts that only the command line knows.
    """
    by_name = {run.name: run for run in runs}
    examples = _uri(by_name[_example_gen(by_name)], "examples")
    report = read_report(examples)
    trainer = by_name["Trainer"]
    training = read_training(_uri(trainer, "model_run"))
    transform = tft.TFTransformOutput(_uri(by_name["Transform"], "transform_graph"))
    baseline = (
        _read_json(_uri(by_name["Baseline"], "figures"), METRICS_FILE)
        if "Baseline" in by_name
        else None
    )
    judges = {"eval": "Evaluator"}
    if "TestEvaluator" in by_name and "test" in report["rows"]:
        judges["test"] = "TestEvaluator"
    rivals = {} if baseline is None else baseline.get("rivals", {})
    metrics = {
        split: _metrics(config, _uri(by_name[name], "evaluation"), transform, rivals.get(split, {}))
        for split, name in judges.items()
    }
    if baseline is not None:
        for split, found in metrics.items():
            found["baseline"] = {
                "title": baseline["title"] + _learnt_from(baseline, config.task.examples),
                **baseline["metrics"].get(split, {}),
            }
    return {
        "task": config.task.name,
        "rows": report["rows"],
        "left_out": left_out(report),
        "noted": report.get("noted", {}),
        "features": data_figures(_uri(by_name["StatisticsGen"], "statistics"), report["rows"]),
        "settings": config.as_dict(),
        "training": {**training, "cached": trainer.cached},
        "metrics": metrics,
        "gates": _gates(config, _uri(by_name["Evaluator"], "evaluation"), baseline),
        "serving_check": _read_json(_uri(by_name["ServingCheck"], "blessing"), RESULT_FILE),
        **_pushed(by_name["Pusher"]),
        "examples": _within(place, examples),
        "candidate": _within(place, path_utils.serving_model_path(_uri(trainer, "model"))),
        "plots": sorted(fileio.listdir(_uri(by_name["Pictures"], "pictures"))),
    }


def _example_gen(by_name: Mapping[str, ComponentRun]) -> str:
    return next(name for name in by_name if name.endswith("ExampleGen"))


def _uri(run: ComponentRun, key: str) -> str:
    return str(run.outputs[key][0].uri)


def _read_json(folder: str, name: str) -> Any:
    with fileio.open(os.path.join(folder, name)) as file:
        return json.loads(file.read())


def _within(place: OutputPlace, path: str) -> str:
    """A path within the output folder, which may be moved as a whole."""
    return path.removeprefix(f"{place.absolute()}/")


def _pushed(run: ComponentRun) -> dict[str, str | None]:
    """Where the model was pushed to, and which version servers take: another may have followed."""
    properties = run.outputs["pushed_model"][0].custom_properties
    path = properties["pushed_destination"].string_value or None
    return {"pushed": path, "served": path and newest_version(os.path.dirname(path))}


def _metrics(
    config: RunConfig,
    folder: str,
    transform: tft.TFTransformOutput,
    rivals: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """The candidate's figures: overall, per entry of the arrays' axis, per slice; and rivals'.

    Beside those of a rival that judged a part stand the candidate's on that part.
    """
    evaluation = config.task.evaluation
    own = {*evaluation.scalars, *evaluation.arrays, "example_count"}
    overall: dict[str, Any] = {}
    slices: dict[str, dict[str, float]] = {}
    for found in tfma.load_metrics(folder):
        figures = {
            pair.key.name: read_array(pair.value)
            for pair in found.metric_keys_and_values
            if pair.key.model_name in ("", "candidate") and not pair.key.is_diff
        }
        keys = found.slice_key.single_slice_keys
        if not keys:
            overall = figures
            continue
        name = " ".join(f"{key.column}={_slice_value(key)}" for key in keys)
        slices[name] = {
            key: value for key, value in figures.items() if key in own and isinstance(value, float)
        }
    result: dict[str, Any] = {name: overall[name] for name in evaluation.scalars}
    result["rows"] = int(overall["example_count"])
    if evaluation.axis is not None:
        names = [
            entry.decode("utf-8", "replace")
            for entry in transform.vocabulary_by_name(evaluation.axis)
        ]
        result["axis"] = names
    for name in evaluation.arrays:
        result.setdefault("arrays", {})[name] = np.round(overall[name], 6).tolist()
    result["slices"] = dict(sorted(slices.items()))
    for title, rival in rivals.items():
        beside = {key: value for key, value in rival.items() if key != "part"}
        if "part" in rival:
            beside["model"] = {
                name: overall[part_figure(title, name)] for name in evaluation.scalars
            }
        result.setdefault("rivals", {})[title] = beside
    return result


def _slice_value(key: Any) -> Any:
    value = getattr(key, key.WhichOneof("kind"))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _learnt_from(baseline: Mapping[str, Any], examples: str) -> str:
    """What a person must know of a baseline that has seen less than the model."""
    if not baseline["more"]:
        return ""
    return f" (learnt from the first {baseline['rows']:,} {examples} of train, which has more)"


def _below_baseline(
    gate: Gate, value: float, baseline: Mapping[str, Any] | None, failed: bool
) -> dict[str, Any]:
    """The row of a gate against a simple model, and what to try where it fails."""
    row = {"metric": gate.metric, "value": value, "passed": True}
    if baseline is None:
        return {**row, "expected": "no simple model to compare with (baseline.enabled=false)"}
    reference = best_reference(baseline, "eval", gate.metric, gate.higher_is_better)
    if reference is None:
        return {**row, "expected": "no simple model that was judged on eval"}
    advice = (
        "; try training.epochs, tuner.trials, or gates.baseline, which moves the bound"
        if failed
        else ""
    )
    return {
        **row,
        "expected": f"at {'least' if gate.higher_is_better else 'most'} "
        f"{reference.bound(gate.below_baseline or 0):.4f}: {reference}{advice}",
        "passed": not failed,
    }


def _at_most(
    gate: Gate, bound: float, baseline: Mapping[str, Any] | None
) -> Iterator[tuple[str, str]]:
    """The figures that have an upper bound, and what it is made of.

    Where it is a multiple of simple methods' figures there are two of them, if some of the methods
    have judged a part alone.
    """
    if gate.times_baseline is None:
        yield gate.metric, f"{bound:g}"
    elif baseline is None:
        yield gate.metric, f"{bound:g}, whatever other methods reach (baseline.enabled=false)"
    else:
        references = dict(times_references(baseline, gate.times_baseline))
        if True not in references:
            yield gate.metric, f"{bound:g}, as no simple method was judged on all of eval"
        for whole, reference in references.items():
            metric = gate.metric
            if not whole:
                metric = part_figure(reference.title, metric)
                covers = baseline["rivals"]["eval"][reference.title]["covers"]
                reference = replace(reference, title=f"{reference.title} ({covers})")
            yield metric, f"{reference.bound(times=bound):.4f}: {bound:g} times, where {reference}"


def _gates(
    config: RunConfig, folder: str, baseline: Mapping[str, Any] | None
) -> list[dict[str, Any]]:
    """Each bound with the figure it was held against; TFMA's validation says what failed."""
    validation = tfma.load_validation_result(folder)
    failed = {
        (failure.metric_key.name, failure.metric_key.is_diff)
        for found in validation.metric_validations_per_slice
        for failure in found.failures
    }
    values: dict[tuple[str, str], float] = {}
    for found in tfma.load_metrics(folder):
        if found.slice_key.single_slice_keys:
            continue
        for pair in found.metric_keys_and_values:
            if pair.value.WhichOneof("type") == "double_value" and not pair.key.is_diff:
                model = pair.key.model_name or "candidate"
                values[pair.key.name, model] = pair.value.double_value.value
    gates: tuple[Gate, ...] = config.task.evaluation.gates(config.gates)
    rows: list[dict[str, Any]] = []
    for gate in gates:
        value = values[gate.metric, "candidate"]
        bounds: list[tuple[str, str]] = []
        if gate.at_least is not None:
            bounds.append((gate.metric, f"at least {gate.at_least:g}"))
        if gate.at_most is not None:
            of_each = _at_most(gate, gate.at_most, baseline)
            bounds += [(metric, f"at most {text}") for metric, text in of_each]
        rows += [
            {
                "metric": metric,
                "value": values[metric, "candidate"],
                "expected": expected,
                "passed": (metric, False) not in failed,
            }
            for metric, expected in bounds
        ]
        if gate.below_baseline is not None:
            below = (gate.metric, False) in failed
            rows.append(_below_baseline(gate, value, baseline, below))
        if gate.max_loss is not None:
            last = values.get((gate.metric, "baseline"))
            rows.append(
                {
                    "metric": gate.metric,
                    "value": value,
                    "expected": "no blessed model to compare with"
                    if last is None
                    else f"not more than {gate.max_loss:g} worse than the last blessed {last:.4f}",
                    "passed": (gate.metric, True) not in failed,
                }
            )
    return rows
