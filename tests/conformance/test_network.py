"""The network of every task: it learns, padding is nothing to it, cuDNN can run it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tidegate.models.core.task import Objective
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.step import TrainingStep
from tidegate.models.train.training import compile_model

from .conftest import Prepared, given_inputs


def to_train(prepared: Prepared) -> tuple[Any, Objective, TrainingStep]:
    """A network of its own with its objective and step, as `models.train` puts them together."""
    network, goal = prepared.network(), prepared.task.objective(prepared.model)
    compile_model(network, TrainingSettings(warmup=0.0), steps=10)
    network.optimizer.build(network.trainable_variables)
    strategy, spec = tf.distribute.get_strategy(), prepared.unseeded.element_spec
    return network, goal, TrainingStep(network, goal, strategy, spec, divided=False)


@contextlib.contextmanager
def eager() -> Iterator[None]:
    """Without graphs: that of a single step takes longer to make than to run.

    Data sets are graphs all the same, and made in here they would share no traced function.
    """
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(False)


def test_one_training_step_changes_every_weight(prepared: Prepared) -> None:
    network, _, step = to_train(prepared)
    before = [np.asarray(one) for one in network.trainable_variables]
    batches = iter(prepared.passed)
    with eager():
        sums = step.take(batches, 1, step.no_sums)
    assert np.isfinite(step.loss(sums))
    for variable, old in zip(network.trainable_variables, before, strict=True):
        assert np.abs(np.asarray(variable) - old).max() > 0, variable.path
        assert np.isfinite(np.asarray(variable)).all(), variable.path


def test_a_warm_start_changes_weights_in_the_same_way_each_time(prepared: Prepared) -> None:
    if prepared.task.warm_start is None:
        pytest.skip("this task starts from random weights")
    examples = prepared.examples()
    found = []
    for seed in (0, 0):
        network = prepared.network(warm=False)
        before = network.get_weights()
        prepared.task.warm_start(network, examples, prepared.model, seed, prepared.facts)
        found.append(network.get_weights())
    pairs = list(zip(before, *found, strict=True))
    assert any((old != new).any() for old, new, _ in pairs)
    for _, new, again in pairs:
        np.testing.assert_array_equal(new, again)
        assert np.isfinite(new).all()


def test_the_monitored_figure_is_one_of_the_objectives(prepared: Prepared) -> None:
    _, goal, step = to_train(prepared)
    some = prepared.passed[:1]
    with eager():
        found = step.figures(step.validate(some))
    assert goal.monitor in {f"val_{name}" for name in found}
    assert goal.mode in ("min", "max")
    assert np.isfinite(found[goal.monitor.removeprefix("val_")])


def assert_close(found: Any, expected: Any) -> None:
    """Equal up to the rounding of float32 sums, in answers of any size; 0 at steps of padding."""
    size = max(1.0, float(np.abs(expected).max()))
    more = [(0, have - want) for have, want in zip(found.shape, expected.shape, strict=True)]
    np.testing.assert_allclose(found, np.pad(expected, more), atol=1e-4 * size)


@pytest.mark.parametrize("more", [1, 7, 40])
def test_more_padding_on_the_right_does_not_change_a_prediction(
    more: int, prepared: Prepared, network: Any, run: Any
) -> None:
    free = {one.name for one in given_inputs(network) if one.shape[1:2] == (None,)}
    if not free:
        pytest.skip("all inputs are of fixed length: this task pads nothing")
    some = prepared.passed[:: max(1, len(prepared.passed) // 4)]
    for inputs, _, _ in some:
        padded = {
            name: tf.pad(one, [[0, 0], [0, more], *[[0, 0]] * (len(one.shape) - 2)])
            if name in free
            else one
            for name, one in inputs.items()
        }
        for found, expected in zip(run(padded), run(inputs), strict=True):
            assert_close(found, expected)


def test_a_row_gets_the_same_prediction_in_any_company(prepared: Prepared, run: Any) -> None:
    inputs, _, _ = prepared.passed[0]
    together = run(inputs)
    # Rows differ, so that it can be told.
    assert max(np.ptp(one, axis=0).max() for one in together) > 1e-3
    for place in range(len(together[0])):
        alone = run({name: one[place : place + 1] for name, one in inputs.items()})
        for found, expected in zip(alone, together, strict=True):
            assert_close(found[0], expected[place])


RECURRENT = (keras.layers.LSTM, keras.layers.GRU)


def ops_of(function: tf.types.experimental.ConcreteFunction) -> list[str]:
    graph = function.graph.as_graph_def()
    return [n.op for n in [*graph.node, *(n for f in graph.library.function for n in f.node_def)]]


def test_every_recurrent_layer_is_eligible_for_cudnn(prepared: Prepared, gpu_visible: None) -> None:
    network = prepared.network_untouched()
    recurrent = [one for one in network._flatten_layers() if isinstance(one, keras.layers.RNN)]
    assert recurrent
    assert all(isinstance(one, RECURRENT) for one in recurrent)
    specs = {one.name: tf.TensorSpec(one.shape, one.dtype, name=one.name) for one in network.inputs}
    traced = tf.function(lambda inputs: network(inputs, training=True), autograph=False)
    found = ops_of(traced.get_concrete_function(specs))
    calls = found.count("CudnnRNNV3")
    assert calls and calls % len(recurrent) == 0  # a stack may be called more than once
    assert not any("While" in op for op in found)


@pytest.mark.parametrize("use_cudnn,expected", [("auto", True), (False, False)])
def test_what_is_exported_has_no_cudnn_op_even_where_a_gpu_is(
    use_cudnn: str | bool, expected: bool, prepared: Prepared, gpu_visible: None
) -> None:
    network = prepared.network_untouched(use_cudnn)
    module = prepared.module(network)
    serve = module.signatures("{}")["serving_default"].get_concrete_function()
    assert any("udnn" in op for op in ops_of(serve)) is expected


def test_serving_needs_no_labels(prepared: Prepared, network: Any) -> None:
    module = prepared.module(network)
    samples = prepared.parsed(prepared.samples())
    assert not prepared.labels & set(samples)
    answers = module.answers(samples)
    if prepared.task.evaluation.signature == "serving_default":
        assert prepared.task.evaluation.prediction in answers
    for name, answer in answers.items():
        assert len(answer) == len(prepared.samples()), name
        if answer.dtype.is_floating:
            assert np.isfinite(answer.numpy()).all(), name
    for signature in prepared.task.signatures(prepared.raw).values():
        if signature.answers is None:
            assert set(signature.outputs.values()) <= set(answers)


def test_statistics_of_predictions_add_up_to_the_stated_figures(
    prepared: Prepared, network: Any
) -> None:
    evaluation = prepared.task.evaluation
    targets, predictions = prepared.judged(network)
    rows = len(predictions)
    assert rows == len(prepared.task.toy())

    def part(begin: int, end: int) -> dict[str, np.ndarray]:
        own = None if targets is None else targets[begin:end]
        found: dict[str, np.ndarray] = evaluation.statistics(own, predictions[begin:end])
        return found

    whole = part(0, rows)
    for cut in (1, rows // 2):
        head, tail = part(0, cut), part(cut, rows)
        assert set(head) == set(tail) == set(whole)
        for name in whole:
            np.testing.assert_allclose(head[name] + tail[name], whole[name], rtol=1e-6, atol=1e-6)
    figures = evaluation.summarise(whole)
    assert set(figures) == {*evaluation.scalars, *evaluation.arrays}
    assert all(np.ndim(figures[name]) == 0 for name in evaluation.scalars)
    assert all(np.ndim(figures[name]) > 0 for name in evaluation.arrays)


def test_the_baseline_is_judged_by_the_same_figures(prepared: Prepared) -> None:
    task = prepared.task
    answers = task.baseline({"train": task.toy, "eval": task.toy}, task.data(), prepared.features)
    assert set(answers) == {"eval"}
    (chunk,) = answers["eval"]
    figures = task.evaluation.summarise(task.evaluation.statistics(*chunk))
    for gate in task.evaluation.gates(task.gates()):
        assert np.isfinite(figures[gate.metric])


@pytest.mark.slow
def test_rivals_of_the_baseline_say_what_they_cover(prepared: Prepared) -> None:
    task = prepared.task
    if task.rivals is None:
        pytest.skip("this task has one baseline")
    records = dict.fromkeys(("train", "valid", "eval"), task.toy)
    answers = task.rivals(records, task.data(), prepared.features)
    assert set(answers) - {"valid"} == {"eval"} and answers["eval"]
    assert task.evaluation.reference is None or "valid" in answers
    for chunks, part in answers["eval"].values():
        (chunk,) = chunks
        figures = task.evaluation.summarise(task.evaluation.statistics(*chunk))
        assert set(figures) == {*task.evaluation.scalars, *task.evaluation.arrays}
        assert part is None or (part.title and part.places)


@pytest.mark.slow
def test_calibration_sets_weights_that_are_not_trained(prepared: Prepared) -> None:
    if prepared.task.calibrate is None:
        pytest.skip("this task calibrates nothing")
    network = prepared.network()
    before = [np.asarray(one) for one in network.trainable_variables]
    some = prepared.batches().take(4)
    prepared.task.calibrate(network, some, prepared.model, some)
    first = [np.asarray(one) for one in network.non_trainable_variables]
    prepared.task.calibrate(network, some, prepared.model, some)
    for old, variable in zip(before, network.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, variable)
    for old, variable in zip(first, network.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(old, variable)  # its own former result is nothing to it
        assert np.isfinite(old).all()
