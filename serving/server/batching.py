"""Dynamic batching: requests that arrive together run together.

TensorFlow's own batch scheduler, the one that TF Serving links, decides what runs when: a
`BatchFunction` op holds the queues, threads, time limits and errors. What goes through the op is
one ticket for each row, so that it can also split what is larger than a batch. The function it
batches takes the tickets back to their requests, merges these, runs the model's session once, and
splits the answers, as TF Serving's batching session does around the same scheduler. So the batched
model is the very session that answers single requests (its variables and tables are not rebuilt
inside a function, which not every TF1 model survives), a batch is bounded by its requests'
deadlines, and a request whose shape or contents fail cannot fail its neighbours.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

from tidegate.serving.server import status
from tidegate.serving.server.graph_session import GraphSession
from tidegate.serving.server.merging import Request, group, merge, split
from tidegate.serving.server.options import BatchingParameters

_LOG = logging.getLogger(__name__)
# Sets of outputs that clients may ask for are without limit; queues are not.
MAX_QUEUES = 64
# TF Serving's text. Its code there is RESOURCE_EXHAUSTED, which its clients hardly see: their own
# gRPC says DEADLINE_EXCEEDED first.
QUEUE_TIMEOUT = "Run() timeout exceeded while waiting in batching queue"
# A ticket is a request's number, and the row's within it.
_ROW_BITS = 31
_LARGEST = (1 << _ROW_BITS) - 1


class Batcher:
    """The scheduler of one loaded version: one queue for each set of inputs and outputs.

    Args:
      parameters: sizes, times and limits.
      session: the model's.
      strict: whether what cannot be batched is refused, as TF Serving does, or runs alone.
    """

    def __init__(
        self, parameters: BatchingParameters, session: GraphSession, strict: bool = True
    ) -> None:
        self._strict = strict
        self._parameters = parameters
        self._model = session
        self._threads = parameters.num_batch_threads or max((os.cpu_count() or 1) // 2, 1)
        self._graph = tf.Graph()
        # Threads of its own: a batch's function waits for the model's session, whose ops need the
        # process's shared threads; waiting in those would take them away from it.
        config = config_pb2.ConfigProto(
            device_count={"GPU": 0},
            use_per_session_threads=True,
            intra_op_parallelism_threads=1,
            inter_op_parallelism_threads=self._threads + 1,
        )
        self._raw = tf.compat.v1.Session(graph=self._graph, config=config)
        self._session = GraphSession(self._raw)
        self._queues: dict[tuple[tuple[str, ...], tuple[str, ...]], _Queue] = {}
        self._lock = threading.Lock()

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], deadline: float | None
    ) -> list[np.ndarray] | None:
        """Runs a request as part of a batch.

        Args:
          feeds: arrays by tensor name.
          fetches: tensor names, without duplicates.
          deadline: in seconds of ``time.monotonic()``; None for none.

        Returns:
          The fetched arrays, this request's rows alone; None where the request cannot be part of a
          batch: no rows, outputs that are not per row; and where the batcher is not strict, first
          dimensions that differ, or more rows than a batch holds.

        Raises:
          ServingError: INVALID_ARGUMENT for first dimensions that differ and for more rows than a
            batch holds, UNAVAILABLE when the queue is full, DEADLINE_EXCEEDED when the deadline
            passed in the queue, or the run's.
        """
        sizes = {array.shape[0] if array.shape else -1 for array in feeds.values()}
        if self._strict and -1 in sizes:
            raise status.invalid_argument(
                "Batching Run() input tensors must have at least one dimension"
            )
        if self._strict and len(sizes) > 1:
            raise status.invalid_argument(
                "Batching Run() input tensors must have equal 0th-dimension size"
            )
        most = _LARGEST if self._strict else self._parameters.max_batch_size
        if len(sizes) != 1 or not 0 < max(sizes) <= most:
            return None
        if deadline is not None and time.monotonic() >= deadline:
            raise status.deadline_exceeded(QUEUE_TIMEOUT)
        queue = self._queue(tuple(sorted(feeds)), tuple(sorted(fetches)))
        if queue is None or not queue.per_row:
            return None
        request = Request([feeds[name] for name in queue.feeds], sizes.pop(), deadline)
        queue.submit(request)
        if request.error is not None:
            raise request.error
        if request.results is None:
            return None
        found = dict(zip(queue.fetches, request.results, strict=True))
        return [found[name] for name in fetches]

    def _queue(self, feeds: tuple[str, ...], fetches: tuple[str, ...]) -> _Queue | None:
        queue = self._queues.get((feeds, fetches))
        if queue is not None:
            return queue
        with self._lock:
            queue = self._queues.get((feeds, fetches))
            if queue is None and len(self._queues) < MAX_QUEUES:
                queue = _Queue(self._model, feeds, fetches, self._parameters)
                queue.entry = self._add_entry(queue)
                self._queues[feeds, fetches] = queue
        return queue

    def _add_entry(self, queue: _Queue) -> _Entry:
        """The ops through which requests reach the scheduler; all queues share its threads."""
        parameters = self._parameters
        name = f"queue_{len(self._queues)}"

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)], autograph=False)
        def process(tickets: tf.Tensor) -> tf.Tensor:
            (done,) = tf.numpy_function(queue.process, [tickets], [tf.int64])
            done.set_shape([None])
            return done

        with self._graph.as_default(), tf.device("/CPU:0"):
            tickets = tf.compat.v1.placeholder(tf.int64, [None], name=f"{name}_tickets")
            (done,) = tf.raw_ops.BatchFunction(
                in_tensors=[tickets],
                captured_tensors=[],
                f=process.get_concrete_function(),
                Tout=[tf.int64],
                num_batch_threads=self._threads,
                max_batch_size=parameters.max_batch_size,
                enable_large_batch_splitting=parameters.enable_large_batch_splitting,
                # Of batches that are split, this is the size that runs.
                allowed_batch_sizes=[parameters.largest_run]
                if parameters.largest_run < parameters.max_batch_size
                else [],
                batch_timeout_micros=parameters.batch_timeout_micros,
                max_enqueued_batches=parameters.max_enqueued_batches,
                shared_name="scheduler",
                batching_queue=name,
                name=name,
            )
        self._session.extend()
        return _Entry(self._session, tickets.name, done.name)

    def close(self) -> None:
        """Stops the scheduler's threads."""
        self._session.close()
        # The queues' functions and the graph hold each other; the session frees its threads only
        # once nobody refers to it.
        self._queues.clear()


class _Entry:
    """Where tickets go in; returns when their batch is done."""

    def __init__(self, session: GraphSession, tickets: str, done: str) -> None:
        self._session = session
        self._tickets = tickets
        self._done = [done]

    def wait(self, number: int, rows: int) -> None:
        # No deadline here: the batch is bounded by its requests' deadlines when it runs, and what
        # waits in a queue cannot be taken out of it.
        first = number << _ROW_BITS
        self._session.run({self._tickets: np.arange(first, first + rows)}, self._done)


class _Queue:
    """Requests with the same inputs and outputs, from ticket to answer.

    Attributes:
      per_row: whether the outputs have had one row for each input row so far.
    """

    entry: _Entry

    def __init__(
        self,
        session: GraphSession,
        feeds: tuple[str, ...],
        fetches: tuple[str, ...],
        parameters: BatchingParameters,
    ) -> None:
        self.feeds = feeds
        self.fetches = fetches
        self.per_row = True
        self._session = session
        self._parameters = parameters
        self._number = 0
        self._lock = threading.Lock()
        # Requests by number, with those of their parts that have run, by first row.
        self._waiting: dict[int, tuple[Request, dict[int, Request]]] = {}

    def submit(self, request: Request) -> None:
        """Returns when the request has its results or its error."""
        parts: dict[int, Request] = {}
        with self._lock:
            number = self._number = (self._number + 1) & _LARGEST
            self._waiting[number] = request, parts
        try:
            self.entry.wait(number, request.rows)
            if parts:
                request.join([parts[begin] for begin in sorted(parts)])
        except status.ServingError as error:
            # The place of the entry op in a graph of ours is no part of the message.
            text = error.message.split("\n\t [[")[0]
            request.error = request.error or status.ServingError(error.code, text)
        finally:
            self._waiting.pop(number, None)

    def process(self, tickets: np.ndarray) -> np.ndarray:
        """One batch, in one of the scheduler's threads; it may not raise.

        Args:
          tickets: int64[rows], one for each row; the scheduler may have added copies behind them.
        """
        now = time.monotonic()
        alive = []
        for request in self._requests(tickets):
            if request.deadline is not None and request.deadline <= now:
                request.error = status.deadline_exceeded(QUEUE_TIMEOUT)
            else:
                alive.append(request)
        for together in group(alive, self._parameters.pad_variable_length_inputs):
            self._run(together)
        return tickets

    def _requests(self, tickets: np.ndarray) -> list[Request]:
        """The requests in a batch, or the parts of them, in order."""
        tickets = np.unique(tickets)
        numbers, begins = np.unique(tickets >> _ROW_BITS, return_index=True)
        ends = [*begins[1:].tolist(), len(tickets)]
        found = []
        for number, begin, end in zip(numbers.tolist(), begins.tolist(), ends, strict=True):
            # One without a request: its caller was cancelled when the version closed.
            if number not in self._waiting:
                continue
            request, parts = self._waiting[number]
            if end - begin < request.rows:
                first = int(tickets[begin]) & _LARGEST
                request = parts[first] = request.part(first, first + end - begin)
            found.append(request)
        return found

    def _run(self, requests: list[Request]) -> None:
        deadlines = [request.deadline for request in requests]
        deadline = None if None in deadlines else max(d for d in deadlines if d is not None)
        try:
            merged, rows = merge(requests, self._parameters)
            results = self._session.run(
                dict(zip(self.feeds, merged, strict=True)), self.fetches, deadline
            )
        except Exception as error:
            problem = status.from_tensorflow(error)
            if len(requests) == 1:
                requests[0].error = problem
                return
            _LOG.debug("A batch of %d requests failed: %s", len(requests), problem)
            # One request's contents may have failed them all: each on its own shows whose.
            for request in requests:
                self._run([request])
            return
        if not split(requests, results, rows):
            # What the outputs are not per row, a batch cannot answer: the callers run on their own.
            self.per_row = False
