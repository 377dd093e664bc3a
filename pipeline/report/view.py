"""What stands in a run's page, section by section, out of its summary."""

import math
import shlex
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from tidegate.models.core.shown import Cell, Table
from tidegate.models.core.task import Gate, SequenceTask, load_task
from tidegate.pipeline.config import assigned, make_config, section_types
from tidegate.pipeline.run.summary import beside, not_pushed

Summary: TypeAlias = Mapping[str, Any]
# Of a run with many classes the worst ones, and the pairs that are mixed up most.
_MOST = 30


def title(summary: Summary) -> str:
    """The page's: task and data."""
    return f"{summary['task'].replace('_', ' ')}: {summary['data'].rstrip('/').rpartition('/')[2]}"


def verdict(summary: Summary) -> dict[str, Any]:
    """Whether the model is live, and why not."""
    pushed = summary["pushed"]
    return {
        "pushed": bool(pushed),
        "where": pushed,
        "served": summary.get("served"),
        "why": not_pushed(summary),
        "check": summary["serving_check"],
    }


def gates(summary: Summary) -> Table:
    """What the model had to pass."""
    return Table(
        "Gates",
        ("gate", "value", "expected", "verdict"),
        tuple(
            (gate["metric"], gate["value"], gate["expected"], passed(gate))
            for gate in summary["gates"]
        ),
    )


def passed(gate: Mapping[str, Any]) -> str:
    """What became of a gate, in a word."""
    return "passed" if gate["passed"] else "FAILED"


def figures(summary: Summary) -> Iterator[Table]:
    """By split, the model's figures beside those of simple methods."""
    task = load_task(summary["task"])
    headline = task.evaluation.headline
    for split, found in summary["metrics"].items():
        rows = [("this model", *_figures(found, headline))]
        rows += [(title, *_figures(other, headline)) for title, other in beside(found)]
        notes = [
            f"{name} is {found[name]:.4f} ± {2 * error:.4f}, as far as so few rows can tell (two "
            "standard errors)"
            for name in headline
            if (error := cell(found.get(f"{name}_uncertainty")))
        ]
        yield Table(
            f"{split}: {found['rows']:,} {task.examples}",
            ("", *headline),
            tuple(rows),
            "; ".join(notes),
        )


def _figures(found: Mapping[str, Any], names: tuple[str, ...]) -> tuple[Cell, ...]:
    return tuple(cell(found.get(name)) for name in names)


def cell(value: Any) -> Any:
    """A figure; None where it is not defined."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def data(summary: Summary) -> Iterator[Table]:
    """Rows, what was left out, and what the features are like in each split."""
    rows = summary["rows"]
    yield Table("Rows", ("split", "rows"), tuple(rows.items()))
    if summary["left_out"]:
        yield Table(
            "Left out",
            ("why", "how many", "the first"),
            tuple(_left_out(reason, one) for reason, one in summary["left_out"].items()),
        )
    features = summary.get("features", {})
    known = {
        key: title
        for key, title in _FEATURE.items()
        if any(key in found for one in features.values() for found in one["splits"].values())
    }
    lines = [
        (name, split, *(cell(found.get(key)) for key in known), _drift(one, split))
        for name, one in features.items()
        for split, found in one["splits"].items()
    ]
    if lines:
        yield Table(
            "Features by split",
            ("feature", "split", *known.values(), "drift"),
            tuple(lines),
            "drift is how far eval is from train: of classes the largest difference of a class's "
            "shares, of numbers the difference of the means in standard deviations of train",
        )


_FEATURE = {
    "missing": "share missing",
    "mean": "mean",
    "std_dev": "standard deviation",
    "length": "mean length, bytes",
    "distinct": "distinct",
}


def _drift(feature: Mapping[str, Any], split: str) -> Cell:
    return cell(feature["drift"]) if split == "eval" else None


def _left_out(reason: str, found: Mapping[str, Any]) -> tuple[Cell, ...]:
    """A reason's row: its counts by what is counted, and the first places."""
    counts = ", ".join(f"{value:,} {key}" for key, value in found.items() if isinstance(value, int))
    return reason, counts, ", ".join(map(str, found.get("first", ())))


def failures(summary: Summary) -> Iterator[Table]:
    """Slices, classes and mix-ups, the worst first."""
    task = load_task(summary["task"])
    found = summary["metrics"]["eval"]
    headline, lower = task.evaluation.headline, _less_is_better(task, summary)

    def rank(value: Any) -> float:
        if value is None or math.isnan(value):
            return math.inf
        return -float(value) if lower else float(value)

    slices = sorted(found["slices"].items(), key=lambda item: rank(item[1].get(headline[0])))
    if slices:
        yield Table(
            "Parts of eval, the worst first",
            ("part", task.examples, *headline),
            tuple(
                (name, int(one["example_count"]), *_figures(one, headline))
                for name, one in slices[:_MOST]
            ),
            _of(len(slices), "parts"),
        )
    names = found.get("axis", [])
    if not names:
        return
    arrays = found.get("arrays", {})
    flat = {key: value for key, value in arrays.items() if not isinstance(value[0], list)}
    flat = {key: value for key, value in flat.items() if len(value) == len(names)}
    if flat:
        order = sorted(range(len(names)), key=lambda place: next(iter(flat.values()))[place])
        yield Table(
            "By entry, the worst first",
            ("", *flat),
            tuple(
                (names[place], *(cell(value[place]) for value in flat.values()))
                for place in order[:_MOST]
            ),
            _of(len(names), "entries"),
        )
    square = [
        (key, value)
        for key, value in arrays.items()
        if isinstance(value[0], list) and len(value) == len(value[0]) == len(names)
    ]
    for key, value in square:
        yield _mixed_up(key, value, names)


def _mixed_up(key: str, matrix: list[list[float]], names: list[str]) -> Table:
    """The largest entries beside the diagonal."""
    pairs = [
        (count, names[truth], names[answer])
        for truth, row in enumerate(matrix)
        for answer, count in enumerate(row)
        if truth != answer and count
    ]
    pairs.sort(key=lambda pair: -pair[0])
    return Table(
        f"What is mixed up most ({key})",
        ("is", "is answered as", "how often"),
        tuple((truth, answer, int(count)) for count, truth, answer in pairs[:_MOST]),
        _of(len(pairs), "pairs"),
    )


def _of(count: int, what: str) -> str:
    return f"{_MOST} of {count:,} {what}" if count > _MOST else ""


def _less_is_better(task: SequenceTask, summary: Summary) -> bool:
    settings = task.gates.model_validate(summary["settings"]["gates"])
    known: tuple[Gate, ...] = task.evaluation.gates(settings)
    first = task.evaluation.headline[0]
    return any(not gate.higher_is_better for gate in known if gate.metric == first)


def training(summary: Summary) -> Iterator[Table]:
    """Steps and seconds, what was set, what the components took, with which versions."""
    found = summary["training"]
    facts = [
        ("steps", found.get("steps")),
        ("rows of train", found.get("rows")),
        ("seconds of training", found.get("seconds")),
        ("parameters", found.get("parameters")),
        (f"best {found.get('monitor')}", found.get("best")),
        *_found("started", found.get("started")),
        *_found("calibrated", found.get("calibrated")),
    ]
    yield Table("Training", ("", "value"), tuple((key, cell(value)) for key, value in facts))
    yield Table(
        "Settings that are not the defaults",
        ("setting", "value"),
        tuple((name, assigned(value)) for name, value in changed(summary)),
    )
    seconds = summary.get("seconds", {})
    if seconds:
        again = set(summary.get("cached", ()))
        yield Table(
            "Seconds of each component",
            ("component", "seconds", ""),
            tuple(
                (name, value, "of a former run" if name in again else "")
                for name, value in seconds.items()
            ),
        )
    versions = {**summary.get("versions", {}), **summary.get("fingerprints", {})}
    if versions:
        yield Table("Versions", ("", ""), tuple(versions.items()))


def _found(what: str, found: Any) -> list[tuple[str, str]]:
    """What a task tells of its first weights or its calibration: any JSON, or nothing."""
    if found is None:
        return []
    named = found if isinstance(found, Mapping) else {"": found}
    return [(f"{what}: {key}".rstrip(": "), str(value)) for key, value in named.items()]


def changed(summary: Summary) -> list[tuple[str, Any]]:
    """The settings that differ from the task's defaults, as `section.key`."""
    defaults = make_config(load_task(summary["task"])).as_dict()
    return [
        (f"{section}.{key}", value)
        for section, values in summary["settings"].items()
        for key, value in values.items()
        if assigned(value) != assigned(defaults.get(section, {}).get(key))
    ]


def settings(summary: Summary) -> Table:
    """Every setting of the run."""
    types = section_types(load_task(summary["task"]))
    return Table(
        "All settings",
        ("setting", "value", "meaning"),
        tuple(
            (
                f"{section}.{key}",
                assigned(value),
                types[section].model_fields[key].description or "",
            )
            for section, values in summary["settings"].items()
            for key, value in values.items()
            if key in types[section].model_fields
        ),
    )


def again(summary: Summary, output: str) -> str:
    """The command that makes the run again, in another folder than its own."""
    words = ["tidegate", "run", summary["task"]]
    # A summary of an earlier tidegate has no sources.
    for option, paths in summary.get("sources", {"data": [summary["data"]]}).items():
        for path in paths:
            words += [f"--{option}", path]
    words += ["--output", f"{output.rstrip('/')}-again"]
    for name, value in changed(summary):
        words += ["--set", f"{name}={assigned(value)}"]
    return shlex.join(words)


def calls(summary: Summary, output: str) -> list[tuple[str, str]]:
    """How the model is asked: what for, and the command."""
    if not summary["pushed"]:
        asked = ["tidegate", "predict", "--candidate", output]
        return [
            ("The model that did not pass, from a file", shlex.join([*asked, "--file", "FILE"]))
        ]
    models = f"{output.rstrip('/')}/serving"
    name = summary["settings"]["serving"]["model_name"] or summary["task"]
    return [
        ("Serve it, gRPC and REST", shlex.join(["tidegate", "serve", "--models", models])),
        (
            "Ask it about a file, without a server",
            shlex.join(["tidegate", "predict", name, "--models", models, "--file", "FILE"]),
        ),
        (
            "From Python",
            f"import tidegate\ntidegate.load({summary['pushed']!r}).predict(rows)",
        ),
    ]
