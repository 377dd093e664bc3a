"""The DAG: made without side effects; each setting reaches the nodes that it concerns, alone."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grimp
import pytest
import tensorflow_model_analysis as tfma
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler

from tidegate.models.core import fingerprint
from tidegate.models.core.task import Gate, Imported, SequenceTask, load_task, task_names
from tidegate.pipeline.config import make_config, parse_assignments
from tidegate.pipeline.dag import Locations, create_pipeline
from tidegate.pipeline.evaluation_config import _threshold, evaluation_config

TASK = load_task("text_classification")
Nodes = dict[str, Any]


def connection(path: str) -> Any:
    return metadata_store_pb2.ConnectionConfig(
        sqlite=metadata_store_pb2.SqliteMetadataSourceConfig(filename_uri=path)
    )


def compiled(
    *assignments: str, task: SequenceTask = TASK, test: str | None = None, **locations: str
) -> Nodes:
    """The compiled nodes by id."""
    where: dict[str, Any] = {
        "train": "/data/rows.csv",
        "test": test,
        "data_fingerprint": "0",
        "root": "/out/artifacts",
        "serving": "/out/serving",
        **locations,
    }
    dag = create_pipeline(
        make_config(task, parse_assignments(assignments)),
        Locations(**where),
        connection("/out/metadata.sqlite"),
    )
    found = compiler.Compiler().compile(dag)
    return {node.pipeline_node.node_info.id: node.pipeline_node for node in found.nodes}


def changed(before: Nodes, after: Nodes) -> set[str]:
    """The nodes of which parameters or inputs differ."""
    assert list(before) == list(after)
    return {
        name
        for name in before
        if before[name].SerializeToString(deterministic=True)
        != after[name].SerializeToString(deterministic=True)
    }


@pytest.fixture(scope="module")
def plain() -> Nodes:
    return compiled()


def test_making_the_pipeline_touches_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = str(tmp_path / "out")
    dag = create_pipeline(
        make_config(TASK),
        Locations("none.csv", None, "0", folder, folder),
        connection(f"{folder}/metadata.sqlite"),
    )
    compiler.Compiler().compile(dag)
    assert list(tmp_path.iterdir()) == []


def test_every_node_comes_after_those_it_needs(plain: Nodes) -> None:
    names = list(plain)
    for number, node in enumerate(plain.values()):
        assert set(node.upstream_nodes) <= set(names[:number])
    assert sorted(names) == [
        "Baseline",
        "Evaluator",
        "ExampleValidator",
        "LatestBlessedModel",
        "Pictures",
        "Pusher",
        "RecordExampleGen",
        "SchemaGen",
        "ServingCheck",
        "StatisticsGen",
        "Trainer",
        "Transform",
    ]


def test_nothing_is_learnt_before_the_data_has_been_found_fit(plain: Nodes) -> None:
    for name in ("Transform", "Baseline"):
        assert "ExampleValidator" in plain[name].upstream_nodes


def test_the_model_is_pushed_after_gates_and_serving_check(plain: Nodes) -> None:
    assert {"Trainer", "Evaluator", "ServingCheck"} <= set(plain["Pusher"].upstream_nodes)


def test_two_compilations_are_equal(plain: Nodes) -> None:
    assert changed(plain, compiled()) == set()


@pytest.mark.parametrize(
    ("assignment", "nodes"),
    [
        ("data.split_seed=1", {"RecordExampleGen", "Baseline", "Pictures"}),
        ("features.min_count=3", {"Transform", "Baseline", "Trainer", "Pictures"}),
        ("model.units=32", {"Trainer"}),
        ("training.epochs=2", {"Trainer"}),
        ("gates.margin=0.2", {"Evaluator"}),
        ("gates.max_loss=0.2", {"Evaluator"}),
        ("baseline.max_rows=9", {"Baseline"}),
        ("serving.tolerance=0.01", {"ServingCheck"}),
        ("serving.model_name=other", {"Pusher"}),
        ("tuner.steps=9", set()),
        ("beam.direct_num_workers=2", set()),
        ("kubeflow.cache=false", set()),
    ],
)
def test_a_setting_changes_the_nodes_it_concerns_alone(
    plain: Nodes, assignment: str, nodes: set[str]
) -> None:
    assert changed(plain, compiled(assignment)) == nodes


def test_changed_data_reaches_the_example_gen_alone(plain: Nodes) -> None:
    assert changed(plain, compiled(data_fingerprint="1")) == {"RecordExampleGen"}


@pytest.fixture
def edit(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], contextlib.AbstractContextManager]:
    """Within the context, a module's code has another last line."""
    original = fingerprint._source

    @contextlib.contextmanager
    def edited(module: str) -> Iterator[None]:
        def source(name: str) -> Any:
            found = original(name)
            return found if name != module or not found else (found[0], found[1] + b"\n# edited\n")

        with monkeypatch.context() as patch:
            patch.setattr(fingerprint, "_source", source)
            yield

    return edited


# By path to a function in a task's contract, the nodes that run it, by the ends of their names.
RUN_BY: dict[str, tuple[str, ...]] = {
    "example_gen": ("ExampleGen",),
    "preprocess": ("Transform",),
    **dict.fromkeys(
        (
            *("inputs", "batches", "build_model", "objective", "predict", "count", "pace"),
            *(
                "apply",
                "calibrate",
                "signatures",
                "names",
                "warm_start",
                "tokens",
                "evaluation.answers",
            ),
        ),
        ("Trainer",),
    ),
    "evaluation.statistics": ("Evaluator", "Baseline"),
    "evaluation.summarise": ("Evaluator", "Baseline"),
    "evaluation.gates": (),  # Called where the pipeline is made: what it gives is compiled in.
    "baseline": ("Baseline",),
    "rivals": ("Baseline",),
    "pictures": ("Pictures",),
    "asked": ("Pictures",),
}


def functions(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """(path in the contract, module) of every function that a task names by its import path."""
    for field in dataclasses.fields(value):
        part, name = getattr(value, field.name), f"{path}{field.name}"
        if isinstance(part, Imported):
            yield name, part.module
        elif dataclasses.is_dataclass(part) and not isinstance(part, type):
            yield from functions(part, f"{name}.")


def all_functions(task: SequenceTask) -> set[tuple[str, str]]:
    signatures = task.signatures(task.raw_features(make_config(task).data))
    return {
        *functions(task),
        *(
            ("signatures", function.module)
            for one in signatures.values()
            for function in (one.to_features, one.answers)
            if function is not None
        ),
    }


@pytest.fixture(scope="module")
def imports() -> Any:
    """Who imports whom, as import-linter's own library reads it."""
    return grimp.build_graph("tidegate", cache_dir=None)


@pytest.mark.parametrize("task", task_names())
def test_an_edited_function_reaches_the_nodes_that_run_it_and_no_other(
    edit: Callable[[str], Any], imports: Any, task: str
) -> None:
    stated = load_task(task)
    plain = compiled(task=stated)
    # Several signatures have one path.
    uses = [
        (path, {module, *imports.find_upstream_modules(module)})
        for path, module in all_functions(stated)
    ]
    for edited in sorted({module for _, module in all_functions(stated)}):
        kinds = {kind for path, used in uses if edited in used for kind in RUN_BY[path]}
        if f"tidegate.models.{task}.task" in imports.find_downstream_modules(edited):
            kinds.add("Trainer")  # It runs `samples` and `signatures`, which are in that file.
        expected = {node for node in plain if node.endswith(tuple(kinds))}
        with edit(edited):
            assert changed(plain, compiled(task=stated)) == expected, edited


@pytest.mark.parametrize(
    ("module", "nodes"),
    [
        ("tidegate.tables.rows", {"RecordExampleGen"}),
        ("tidegate.components.example_validator.executor", {"ExampleValidator"}),
        ("tidegate.components.transform.preprocessing_fn", {"Transform"}),
        ("tidegate.models.layers.recurrent", {"Trainer"}),
        ("tidegate.models.train.training", {"Trainer"}),
        ("tidegate.components.trainer.run_fn", {"Trainer"}),
        ("tidegate.models.text_classification.task", {"Trainer"}),
        ("tidegate.components.baseline.executor", {"Baseline"}),
        ("tidegate.components.evaluator.task_metrics", {"Evaluator"}),
        ("tidegate.components.serving_check.process", {"ServingCheck"}),
        ("tidegate.components.pusher.executor", {"Pusher"}),
        ("tidegate.components.pictures.executor", {"Pictures"}),
    ],
)
def test_edited_code_reaches_the_nodes_that_run_it(
    plain: Nodes, edit: Callable[[str], Any], module: str, nodes: set[str]
) -> None:
    with edit(module):
        assert changed(plain, compiled()) == nodes


@pytest.mark.parametrize(
    ("part", "value", "nodes"),
    [
        ("baseline_title", "another", {"Baseline"}),
        ("examples", "lines", {"Pictures"}),
    ],
)
def test_a_value_that_a_task_states_reaches_the_nodes_that_use_it(
    plain: Nodes, part: str, value: Any, nodes: set[str]
) -> None:
    assert changed(plain, compiled(task=dataclasses.replace(TASK, **{part: value}))) == nodes


def test_a_tuner_is_there_only_where_trials_are_asked_for(plain: Nodes) -> None:
    tuned = compiled("tuner.trials=3")
    assert set(tuned) - set(plain) == {"Tuner"}
    assert "Tuner" in tuned["Trainer"].upstream_nodes
    assert list(tuned).index("Tuner") == list(tuned).index("Trainer") - 1
    config = tuned["Tuner"].parameters.parameters["custom_config"].field_value.string_value
    assert json.loads(config)["tuner"] == {"trials": 3, "steps": None}


def test_a_test_split_is_judged_by_an_evaluator_of_its_own(plain: Nodes) -> None:
    tested = compiled(test="/data/test.csv")
    assert set(tested) - set(plain) == {"TestEvaluator"}
    assert "TestEvaluator" not in tested["Pusher"].upstream_nodes
    splits = tested["TestEvaluator"].parameters.parameters["example_splits"]
    assert json.loads(splits.field_value.string_value) == ["test"]


def test_the_baseline_may_be_left_out(plain: Nodes) -> None:
    assert set(plain) - set(compiled("baseline.enabled=false")) == {"Baseline"}


def test_gates_hold_for_all_rows_together_and_not_for_each_slice() -> None:
    settings = parse_assignments(["gates.margin=0.07", "gates.max_loss=0.03"])
    config = evaluation_config(make_config(TASK, settings))
    (metrics,) = config.metrics_specs
    assert not metrics.thresholds
    found = {}
    for name, thresholds in metrics.per_slice_thresholds.items():
        (one,) = thresholds.thresholds
        assert list(one.slicing_specs) == [tfma.SlicingSpec()]
        found[name] = one.threshold
    assert sorted(found) == ["accuracy", "margin"]
    assert found["margin"].value_threshold.lower_bound.value == pytest.approx(0.07)
    change = found["accuracy"].change_threshold
    assert change.absolute.value == pytest.approx(-0.03)
    assert change.direction == tfma.MetricDirection.HIGHER_IS_BETTER
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [
        ("candidate", False),
        ("baseline", True),
    ]
    keys = [list(spec.feature_keys) for spec in config.slicing_specs]
    assert keys == [[], *map(list, TASK.evaluation.slices)]


def test_a_judgement_apart_has_no_gates_and_no_second_model() -> None:
    config = evaluation_config(make_config(TASK), gated=False)
    assert [spec.name for spec in config.model_specs] == ["candidate"]
    assert not config.metrics_specs[0].per_slice_thresholds
    assert len(config.slicing_specs) == 1 + len(TASK.evaluation.slices)


def test_where_less_is_better_the_gate_turns_round() -> None:
    threshold = _threshold(Gate("mae", at_most=3.0, max_loss=0.5, higher_is_better=False))
    assert threshold.value_threshold.upper_bound.value == 3.0
    assert not threshold.value_threshold.HasField("lower_bound")
    assert threshold.change_threshold.absolute.value == 0.5
    assert threshold.change_threshold.direction == tfma.MetricDirection.LOWER_IS_BETTER
