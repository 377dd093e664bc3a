"""A training step and a validation step, on one device, several devices or several workers."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.core.task import Objective

# What a step leaves: loss times rows, and rows; then the states of the metrics, end to end.
_LOSS, _ROWS, _METRICS = 0, 1, 2
Batch = tuple[Any, Any, Any]


class GlobalAdamW(keras.optimizers.AdamW):
    """AdamW over gradients that are those of the global batch already.

    Keras clips the gradients of each replica before it sums them; here they are summed first, so
    that they are clipped as on one device.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return list(grads_and_vars)


class TrainingStep:
    """Takes steps and validates a compiled model.

    The loss of a step is the mean over the rows of the global batch, and its gradients are those of
    that mean, however many replicas share the rows. Figures are kept as sums, which add up over
    steps, replicas and workers.

    Args:
      model: compiled, its optimizer built.
      objective: its metrics' states must add up over batches, as those of Keras do.
      strategy: of the devices.
      spec: of a batch.
      divided: whether each worker's batches are its own; else all have the same ones, and each
        takes its share of the rows.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        strategy: tf.distribute.Strategy,
        spec: Any,
        divided: bool,
    ) -> None:
        self._model = model
        self._metrics = objective.metrics
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync
        self._local = len(strategy.extended.worker_devices) if self._replicas > 1 else 1
        self._parts = self._local if divided else self._replicas
        self._several: Callable[..., Any] = tf.function(self._several_steps, autograph=False)
        self._test: Callable[..., Any] = tf.function(
            self._validation_step, input_signature=[spec], autograph=False
        )
        self._reduce: Callable[..., Any] = tf.function(
            self._reduce_all,
            input_signature=[tf.TensorSpec([None], tf.float64)],
            autograph=False,
        )

    @property
    def no_sums(self) -> np.ndarray:
        """Those of no steps."""
        sizes = (int(np.prod(v.shape)) for metric in self._metrics for v in metric.variables)
        return np.zeros(_METRICS + sum(sizes))

    def take(self, batches: Any, steps: int, sums: np.ndarray) -> np.ndarray:
        """Takes steps; one call for several, so that Python is not in the way of short ones.

        Args:
          batches: iterator over training batches.
          steps: how many.
          sums: of this process's steps before.

        Returns:
          The sums with these steps on top.

        Raises:
          tf.errors.OutOfRangeError: the batches have come to an end.
        """
        # Workers match their operations by a number that each call draws anew, with the shapes of
        # the call's first step; gradients of embeddings differ in shape from step to step.
        calls = [steps] if self._local == self._replicas else [1] * steps
        for some in calls:
            sums = self._several(batches, tf.constant(some), tf.constant(sums, tf.float64)).numpy()
        return sums

    def validate(self, batches: tf.data.Dataset) -> np.ndarray:
        """The sums over this process's share of the batches, in the order given."""
        sums = self.no_sums
        for batch in batches:
            sums = sums + self._test(batch).numpy()
        return sums

    def total(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Sums over all workers, each with its own values; the same on all."""
        values = np.asarray(values, np.float64)
        if self._local == self._replicas:
            return values
        found: np.ndarray = self._reduce(tf.constant(values)).numpy()
        return found

    def loss(self, sums: np.ndarray) -> float:
        """The mean loss over the rows of the sums; NaN over none."""
        return float(sums[_LOSS] / sums[_ROWS]) if sums[_ROWS] else math.nan

    def figures(self, sums: np.ndarray) -> dict[str, float]:
        """Loss and metrics, by name, from sums."""
        found = {"loss": self.loss(sums)}
        begin = _METRICS
        for metric in self._metrics:
            state = []
            for variable in metric.variables:
                size = int(np.prod(variable.shape))
                part = sums[begin : begin + size].reshape(variable.shape)
                state.append(tf.constant(part, variable.dtype))
                begin += size
            found[metric.name] = float(metric.stateless_result(state))
        return found

    def _several_steps(self, batches: Any, steps: tf.Tensor, sums: tf.Tensor) -> tf.Tensor:
        def body(step: tf.Tensor, sums: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            found = self._strategy.run(self._train, args=(next(batches),))
            return step + 1, sums + self._of_replicas(found)

        _, sums = tf.while_loop(
            lambda step, _: step < steps, body, (tf.constant(0), sums), parallel_iterations=1
        )
        return sums

    def _validation_step(self, batch: Batch) -> tf.Tensor:
        return self._of_replicas(self._strategy.run(self._judge, args=(batch,)))

    def _of_replicas(self, found: Any) -> tf.Tensor:
        """The sum over this process's replicas."""
        return tf.add_n(self._strategy.experimental_local_results(found))

    def _reduce_all(self, values: tf.Tensor) -> tf.Tensor:
        def one() -> tf.Tensor:
            # Each of a worker's replicas brings its share of the worker's values.
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values / self._local)

        return self._strategy.experimental_local_results(self._strategy.run(one))[0]

    def _share(self, batch: Batch, parts: int) -> Batch:
        """The rows of a batch that this replica has to do."""
        if parts == 1:
            return batch
        rows = tf.shape(batch[2])[0]
        part = tf.distribute.get_replica_context().replica_id_in_sync_group % parts
        begin, end = rows * part // parts, rows * (part + 1) // parts
        share: Batch = tf.nest.map_structure(lambda tensor: tensor[begin:end], batch)
        return share

    def _loss(self, batch: Batch, training: bool) -> tuple[Any, tf.Tensor]:
        """The model's outputs, and the mean loss over the rows."""
        inputs, target, weight = batch
        output = self._model(inputs, training=training)
        loss = self._model.compute_loss(
            x=inputs, y=target, y_pred=output, sample_weight=weight, training=training
        )
        # Keras divides by the number of replicas.
        return output, loss * self._replicas if self._replicas > 1 else loss

    def _sums(self, batch: Batch, output: Any, loss: tf.Tensor) -> tf.Tensor:
        rows = tf.cast(tf.shape(batch[2])[0], tf.float64)
        states = []
        for metric in self._metrics:
            zeros = [tf.zeros(v.shape, v.dtype) for v in metric.variables]
            for state in metric.stateless_update_state(zeros, batch[1], output):
                states.append(tf.reshape(tf.cast(state, tf.float64), [-1]))
        return tf.concat([[tf.cast(loss, tf.float64) * rows, rows], *states], axis=0)

    def _train(self, batch: Batch) -> tf.Tensor:
        share = self._share(batch, self._parts)
        optimizer = self._model.optimizer
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            output, loss = self._loss(share, training=True)
            scaled = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        if self._replicas > 1:
            gradients = self._of_global_batch(gradients, tf.shape(share[2])[0])
        optimizer.apply(gradients, variables)
        return self._sums(share, output, loss)

    def _of_global_batch(self, gradients: list[Any], rows: tf.Tensor) -> list[Any]:
        """Gradients of this replica's mean loss to those of the global batch's.

        Args:
          gradients: tensors, tf.IndexedSlices, or None where the loss does not depend on it.
          rows: int32[], of this replica.
        """
        context = tf.distribute.get_replica_context()
        rows = tf.cast(rows, tf.float32)
        there = [_times(one, rows) for one in gradients if one is not None]
        every, *summed = context.all_reduce(tf.distribute.ReduceOp.SUM, [rows, *there])
        means = iter([_times(one, 1 / every) for one in summed])
        return [None if one is None else next(means) for one in gradients]

    def _judge(self, batch: Batch) -> tf.Tensor:
        def judged(share: Batch) -> tf.Tensor:
            return self._sums(share, *self._loss(share, training=False))

        if self._local == 1:
            return judged(batch)
        share = self._share(batch, self._local)
        # The last batch may have fewer rows than there are devices.
        return tf.cond(
            tf.shape(share[2])[0] > 0,
            lambda: judged(share),
            lambda: tf.zeros(self.no_sums.shape, tf.float64),
        )


def _times(gradient: Any, factor: tf.Tensor) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        values = gradient.values * tf.cast(factor, gradient.values.dtype)
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return gradient * tf.cast(factor, gradient.dtype)
