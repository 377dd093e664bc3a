"""From raw records to batches: the real transform graph of every task."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from .conftest import Prepared, given_inputs


def test_transformed_features_that_the_evaluation_reads(prepared: Prepared) -> None:
    evaluation = prepared.task.evaluation
    found = prepared.transform.transformed_feature_spec()
    if evaluation.target is not None:
        assert isinstance(found[evaluation.target], tf.io.FixedLenFeature)
    raw = prepared.transform.raw_feature_spec()
    for name in prepared.slices():
        assert name in found or name in raw
        # TFMA reads slices from dense features alone.
        assert isinstance({**raw, **found}[name], tf.io.FixedLenFeature)


def test_the_axis_of_the_arrays_is_a_vocabulary(prepared: Prepared) -> None:
    axis = prepared.task.evaluation.axis
    assert axis is None or prepared.facts.size(axis) > 0


def test_inputs_are_those_of_the_network(prepared: Prepared, network: Any, run: Any) -> None:
    layer = prepared.transform.transform_features_layer()
    samples = prepared.parsed(prepared.samples())
    inputs = prepared.task.inputs(layer(samples), prepared.features)
    expected = {one.name: one for one in given_inputs(network)}
    assert set(inputs) == set(expected)
    for name, tensor in inputs.items():
        assert tensor.dtype.name == expected[name].dtype
        assert tensor.shape[0] == len(prepared.samples())
        assert len(tensor.shape) == len(expected[name].shape)
        for size, stated in zip(tensor.shape[1:], expected[name].shape[1:], strict=True):
            assert stated in (None, size)
    for output in run(inputs):
        assert len(output) == len(prepared.samples())
        assert np.isfinite(output).all()


def test_batches_are_inputs_target_and_weight(prepared: Prepared) -> None:
    spec = prepared.transform.transformed_feature_spec()
    names, judged = None, prepared.task.evaluation.target
    for inputs, target, weight in prepared.passed:
        names = names or set(inputs)
        assert set(inputs) == names
        sizes = {len(one) for one in (*inputs.values(), target, weight)}
        assert len(sizes) == 1 and sizes <= set(range(1, 9))
        assert weight.dtype == tf.float32 and len(weight.shape) in (1, 2)
        assert np.isfinite(weight.numpy()).all() and (weight.numpy() >= 0).all()
        if judged is not None:
            assert target.dtype == spec[judged].dtype
    assert names


def test_without_a_seed_the_batches_end_and_repeat(prepared: Prepared) -> None:
    first, again = (
        [target.numpy().tolist() for _, target, _ in one]
        for one in (prepared.passed, prepared.batches())
    )
    assert repr(first) == repr(again)  # NaN is equal to nothing
    assert sum(map(len, first)) >= prepared.rows  # windows of a series are more than its rows


def test_with_a_seed_the_batches_do_not_end(prepared: Prepared) -> None:
    more = 2 * len(prepared.passed)
    assert sum(1 for _ in prepared.batches(seed=0).take(more)) == more


def test_no_row_is_padding_alone(prepared: Prepared) -> None:
    # cuDNN stops on a row without a step.
    for inputs, _, _ in prepared.passed:
        for tensor in inputs.values():
            if len(tensor.shape) == 2 and tensor.dtype.is_integer:
                assert (tensor.numpy() != 0).any(axis=1).all()
