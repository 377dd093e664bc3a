"""A training step and a validation step, on one device, several devices or several workers."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tidegate.models.core.carried import carried, zero_state
from tidegate.models.core.task import Objective

# What a step leaves: the sum of the losses that count, and how many they are; then the states of
# the metrics, end to end.
_LOSS, _COUNTED, _METRICS = 0, 1, 2
Batch = tuple[Any, Any, Any]
# What a network carries from batch to batch, by name: float[rows, ...].
State = dict[str, Any]


class GlobalAdamW(keras.optimizers.AdamW):
    """AdamW over gradients that are those of the global batch already.

    Keras clips the gradients of each replica before it sums them; here they are summed first, so
    that they are clipped as on one device.
    """

    def _all_reduce_sum_gradients(self, grads_and_vars: Any) -> Any:
        return list(grads_and_vars)


class TrainingStep:
    """Takes steps and validates a compiled model.

    The loss of a step is the mean over what counts in the global batch - its rows, or the tokens of
    its rows, whichever the weights are of - and its gradients are those of that mean, however many
    replicas share the rows. What has the weight 0 counts nothing. Figures are kept as sums, which
    add up over steps, replicas and workers.

    A network may carry state from batch to batch (`models.core.carried`). Its row is then a lane:
    row r of a batch goes on where row r of the batch before has ended.

    Args:
      model: compiled, its optimizer built.
      objective: its metrics' states must add up over batches, as those of Keras do.
      strategy: of the devices.
      spec: of a batch that is validated.
      divided: whether each worker's batches are its own; else all have the same ones, and each
        takes its share of the rows.
      train_spec: of a batch that is trained on, where it differs.

    Attributes:
      carries: whether the network carries state.
      state: what it carries, of all rows of this process's batches. Where workers share the rows
        of a batch, those of the others are 0: the sum over the workers is the whole.
    """

    def __init__(
        self,
        model: keras.Model,
        objective: Objective,
        strategy: tf.distribute.Strategy,
        spec: Any,
        divided: bool,
        train_spec: Any = None,
    ) -> None:
        self._model = model
        self._loss_of = objective.loss.call
        self._metrics = objective.metrics
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync
        self._local = len(strategy.extended.worker_devices) if self._replicas > 1 else 1
        self._parts = self._local if divided else self._replicas
        self.carries = bool(carried(model))
        # All workers validate the same batches where lanes must not be torn: each its rows.
        self._judged_in = self._replicas if self.carries else self._local
        self.state = self._begin(train_spec or spec)
        self._no_state = self._begin(spec)
        state_spec = tf.nest.map_structure(tf.TensorSpec.from_tensor, self._no_state)
        self._several: Callable[..., Any] = tf.function(self._several_steps, autograph=False)
        self._test: Callable[..., Any] = tf.function(
            self._validation_step, input_signature=[spec, state_spec], autograph=False
        )
        self._reduce: Callable[..., Any] = tf.function(
            self._reduce_all,
            input_signature=[tf.TensorSpec([None], tf.float64)],
            autograph=False,
        )

    def _begin(self, spec: Any) -> State:
        rows = spec[2].shape[0]
        if self.carries and rows is None:
            raise ValueError("the network carries state: expected batches of a fixed size")
        return zero_state(self._model, rows or 0)

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
            found, self.state = self._several(
                batches, tf.constant(some), tf.constant(sums, tf.float64), self.state
            )
            sums = found.numpy()
        return sums

    def validate(self, batches: tf.data.Dataset) -> np.ndarray:
        """The sums over this process's share of the batches, in the order given.

        State is carried from 0; that of the training stays.
        """
        sums, state = self.no_sums, self._no_state
        for batch in batches:
            found, state = self._test(batch, state)
            sums = sums + found.numpy()
        return sums

    def total(self, values: Sequence[float] | np.ndarray) -> np.ndarray:
        """Sums over all workers, each with its own values; the same on all."""
        values = np.asarray(values, np.float64)
        if self._local == self._replicas:
            return values
        found: np.ndarray = self._reduce(tf.constant(values)).numpy()
        return found

    def loss(self, sums: np.ndarray) -> float:
        """The mean loss over what counts; NaN over nothing."""
        return float(sums[_LOSS] / sums[_COUNTED]) if sums[_COUNTED] else math.nan

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

    def _several_steps(
        self, batches: Any, steps: tf.Tensor, sums: tf.Tensor, state: State
    ) -> tuple[tf.Tensor, State]:
        def body(step: tf.Tensor, sums: tf.Tensor, state: State) -> tuple[Any, ...]:
            made = self._strategy.run(self._train, args=(next(batches), state))
            found, state = self._of_replicas(made)
            return step + 1, sums + found, state

        _, sums, state = tf.while_loop(
            lambda step, *_: step < steps,
            body,
            (tf.constant(0), sums, state),
            parallel_iterations=1,
        )
        return sums, state

    def _validation_step(self, batch: Batch, state: State) -> tuple[tf.Tensor, State]:
        return self._of_replicas(self._strategy.run(self._judge, args=(batch, state)))

    def _of_replicas(self, made: tuple[Any, State]) -> tuple[tf.Tensor, State]:
        """The sums over this process's replicas: of figures, and of state, each has its rows."""
        found: tuple[tf.Tensor, State] = tf.nest.map_structure(
            lambda one: tf.add_n(self._strategy.experimental_local_results(one)), made
        )
        return found

    def _reduce_all(self, values: tf.Tensor) -> tf.Tensor:
        def one() -> tf.Tensor:
            # Each of a worker's replicas brings its share of the worker's values.
            context = tf.distribute.get_replica_context()
            return context.all_reduce(tf.distribute.ReduceOp.SUM, values / self._local)

        return self._strategy.experimental_local_results(self._strategy.run(one))[0]

    def _rows(self, rows: tf.Tensor, parts: int) -> tuple[tf.Tensor, tf.Tensor]:
        """The first row that this replica has to do, and the first that it has not."""
        part = tf.distribute.get_replica_context().replica_id_in_sync_group % parts
        return rows * part // parts, rows * (part + 1) // parts

    def _share(self, some: Any, parts: int, rows: tf.Tensor) -> Any:
        """Of a batch or a state the rows that this replica has to do."""
        if parts == 1:
            return some
        begin, end = self._rows(rows, parts)
        return tf.nest.map_structure(lambda tensor: tensor[begin:end], some)

    def _in_place(self, state: State, parts: int, weight: tf.Tensor) -> State:
        """The state of this replica's rows among all rows of a batch; 0 elsewhere."""
        if parts == 1:
            return state
        rows = tf.shape(weight)[0]
        begin, end = self._rows(rows, parts)

        def placed(own: tf.Tensor) -> tf.Tensor:
            whole = tf.pad(own, [[begin, rows - end], *[[0, 0]] * (len(own.shape) - 1)])
            return tf.ensure_shape(whole, [weight.shape[0], *own.shape[1:]])

        every: State = tf.nest.map_structure(placed, state)
        return every

    def _loss(
        self, batch: Batch, state: State, training: bool
    ) -> tuple[Any, State, tf.Tensor, tf.Tensor]:
        """The network's outputs, what it carries on, the mean loss, and of how many it is."""
        inputs, target, weight = batch
        output = self._model({**inputs, **state} if state else inputs, training=training)
        state = {name: tf.cast(output[name], one.dtype) for name, one in state.items()}
        each = tf.cast(self._loss_of(target, output), tf.float32)
        counted = tf.cast(tf.math.count_nonzero(weight), tf.float32)
        loss = tf.math.divide_no_nan(tf.reduce_sum(each * weight), counted)
        return output, state, tf.add_n([loss, *self._model.losses]), counted

    def _sums(self, batch: Batch, output: Any, loss: tf.Tensor, counted: tf.Tensor) -> tf.Tensor:
        states = []
        for metric in self._metrics:
            zeros = [tf.zeros(v.shape, v.dtype) for v in metric.variables]
            for state in metric.stateless_update_state(zeros, batch[1], output):
                states.append(tf.reshape(tf.cast(state, tf.float64), [-1]))
        counted = tf.cast(counted, tf.float64)
        return tf.concat([[tf.cast(loss, tf.float64) * counted, counted], *states], axis=0)

    def _train(self, batch: Batch, state: State) -> tuple[tf.Tensor, State]:
        rows = tf.shape(batch[2])[0]
        share, own = (self._share(one, self._parts, rows) for one in (batch, state))
        optimizer = self._model.optimizer
        variables = self._model.trainable_variables
        with tf.GradientTape() as tape:
            output, own, loss, counted = self._loss(share, own, training=True)
            scaled = optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, [variable.value for variable in variables])
        if self._replicas > 1:
            gradients = self._of_global_batch(gradients, counted)
        optimizer.apply(gradients, variables)
        return self._sums(share, output, loss, counted), self._in_place(own, self._parts, batch[2])

    def _of_global_batch(self, gradients: list[Any], counted: tf.Tensor) -> list[Any]:
        """Gradients of this replica's mean loss to those of the global batch's.

        Args:
          gradients: tensors, tf.IndexedSlices, or None where the loss does not depend on it.
          counted: float32[], of how many that mean is.
        """
        context = tf.distribute.get_replica_context()
        there = [_times(one, counted) for one in gradients if one is not None]
        every, *summed = context.all_reduce(tf.distribute.ReduceOp.SUM, [counted, *there])
        means = iter([_times(one, 1 / tf.maximum(every, 1.0)) for one in summed])
        return [None if one is None else next(means) for one in gradients]

    def _judge(self, batch: Batch, state: State) -> tuple[tf.Tensor, State]:
        rows, parts = tf.shape(batch[2])[0], self._judged_in
        share, own = (self._share(one, parts, rows) for one in (batch, state))

        def judged() -> tuple[tf.Tensor, State]:
            output, after, loss, counted = self._loss(share, own, training=False)
            return self._sums(share, output, loss, counted), self._in_place(after, parts, batch[2])

        if parts == 1:
            return judged()
        # The last batch may have fewer rows than there are devices.
        return tf.cond(
            tf.shape(share[2])[0] > 0,
            judged,
            lambda: (tf.zeros(self.no_sums.shape, tf.float64), self._no_state),
        )


def _times(gradient: Any, factor: tf.Tensor) -> Any:
    if isinstance(gradient, tf.IndexedSlices):
        values = gradient.values * tf.cast(factor, gradient.values.dtype)
        return tf.IndexedSlices(values, gradient.indices, gradient.dense_shape)
    return gradient * tf.cast(factor, gradient.dtype)
