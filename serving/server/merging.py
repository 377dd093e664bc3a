"""Requests of one batch as one run: their rows one after another, and the answers taken apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidegate.serving.server.options import BatchingParameters
from tidegate.serving.server.status import ServingError


class Request:
    """One request in a batch queue.

    Attributes:
      arrays: one per input, in the queue's order, each with ``rows`` rows.
      rows: the first dimension of each array, at least 1.
      deadline: in seconds of ``time.monotonic()``; None for none.
      results: one array per output once it has run.
      error: why it has no results.
    """

    __slots__ = ("arrays", "deadline", "error", "results", "rows")

    def __init__(self, arrays: list[np.ndarray], rows: int, deadline: float | None) -> None:
        self.arrays = arrays
        self.rows = rows
        self.deadline = deadline
        self.results: list[np.ndarray] | None = None
        self.error: ServingError | None = None

    def part(self, begin: int, end: int) -> Request:
        """Some of the rows, which run in a batch of their own."""
        return Request([array[begin:end] for array in self.arrays], end - begin, self.deadline)

    def join(self, parts: Sequence[Request]) -> None:
        """Takes over what became of all its rows.

        Args:
          parts: in the order of the rows. The first error is the request's; where one has no
            results, the request has none.
        """
        self.error = next((part.error for part in parts if part.error is not None), None)
        results = [part.results for part in parts if part.results is not None]
        if self.error is None and len(results) == len(parts):
            self.results = [np.concatenate(arrays) for arrays in zip(*results, strict=True)]


def group(requests: Sequence[Request], pad: bool) -> list[list[Request]]:
    """Splits requests into those that can be one run.

    TF Serving fails the whole batch where shapes differ; here such requests run apart.

    Args:
      requests: of one queue.
      pad: whether rows of different sizes are padded to one; the number of dimensions must be the
        same even so.
    """
    groups: dict[tuple[object, ...], list[Request]] = {}
    for request in requests:
        key = tuple(
            # An empty row has no value to be padded with.
            (array.dtype, array.ndim if pad and array.size else array.shape[1:])
            for array in request.arrays
        )
        groups.setdefault(key, []).append(request)
    return list(groups.values())


def merge(
    requests: Sequence[Request], parameters: BatchingParameters
) -> tuple[list[np.ndarray], int]:
    """The requests' rows one after another, padded to an allowed number.

    Args:
      requests: one group.
      parameters: the allowed batch sizes and whether rows are padded.

    Returns:
      One array per input, and their number of rows. Rows that fill up to an allowed size repeat
      the last request's first row, which is a valid one.
    """
    rows = sum(request.rows for request in requests)
    allowed = next((size for size in parameters.allowed_batch_sizes if size >= rows), rows)
    merged = []
    for index in range(len(requests[0].arrays)):
        parts = [request.arrays[index] for request in requests]
        if parameters.pad_variable_length_inputs:
            parts = _padded(parts)
        if allowed > rows:
            parts.append(np.repeat(parts[-1][:1], allowed - rows, axis=0))
        merged.append(parts[0] if len(parts) == 1 else np.concatenate(parts))
    return merged, allowed


def split(requests: Sequence[Request], results: Sequence[np.ndarray], rows: int) -> bool:
    """Hands each request its rows of the results.

    Args:
      requests: one group, in the order of `merge`.
      results: the outputs of the run.
      rows: of the merged inputs.

    Returns:
      False, and no request has results, where an output does not have one row per input row.
    """
    if any(result.ndim == 0 or result.shape[0] != rows for result in results):
        return False
    begin = 0
    for request in requests:
        end = begin + request.rows
        request.results = [result[begin:end] for result in results]
        begin = end
    return True


def _padded(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Each tensor padded at the end of every dimension but the first, with its own first value.

    The value is TF Serving's choice: it is one that the model has seen in this request.
    """
    largest = tuple(max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True))
    padded = []
    for part in parts:
        if part.shape[1:] == largest:
            padded.append(part)
            continue
        filled = np.full((part.shape[0], *largest), part.flat[0], part.dtype)
        filled[tuple(slice(size) for size in part.shape)] = part
        padded.append(filled)
    return padded
