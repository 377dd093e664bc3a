"""Many rows in batches: several requests at a time, answers in order, constant memory."""

import collections
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from tidegate.serving.client.errors import mismatch

T = TypeVar("T")
R = TypeVar("R")


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of `size` items; the last may be shorter.

    Raises:
      ValueError: a size below 1.
    """
    if size < 1:
        raise ValueError(f"expected batches of at least 1 row, got {size}")
    items = iter(items)
    while batch := list(itertools.islice(items, size)):
        yield batch


def in_order(
    function: Callable[[T], R], items: Iterable[T], in_flight: int
) -> Iterator[tuple[T, R]]:
    """Calls a function for each item, several at a time.

    Items are taken as they are needed, in the caller's thread: at most twice `in_flight` are held,
    so that one slow call does not leave the others without work.

    Yields:
      (item, result), in the items' order. An error of a call is raised in its place; what has not
      begun by then is left out.

    Raises:
      ValueError: `in_flight` below 1.
    """
    if in_flight < 1:
        raise ValueError(f"expected at least 1 request in flight, got {in_flight}")
    pool = ThreadPoolExecutor(in_flight, thread_name_prefix="serving-client")
    waiting: collections.deque[tuple[T, Future[R]]] = collections.deque()
    try:
        for item in items:
            waiting.append((item, pool.submit(function, item)))
            if len(waiting) >= 2 * in_flight:
                first, result = waiting.popleft()
                yield first, result.result()
        while waiting:
            first, result = waiting.popleft()
            yield first, result.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Rows as columns.

    Raises:
      InvalidArgumentError: rows with several sets of names.
    """
    names = rows[0].keys()
    for number, row in enumerate(rows):
        if row.keys() != names:
            raise mismatch(
                f"row {number} of the batch has {sorted(row)}, the first {sorted(names)}; "
                "expected the same inputs in each"
            )
    return {name: [row[name] for row in rows] for name in names}


def check_rows(answers: Mapping[str, np.ndarray[Any, Any]], count: int) -> None:
    """Checks that each output has one value for each row.

    Raises:
      InvalidArgumentError: it has not.
    """
    for name, array in answers.items():
        if array.ndim == 0 or len(array) != count:
            raise mismatch(
                f"output {name!r} has the shape {list(array.shape)} for {count} rows; expected "
                "one answer for each row"
            )


def rows_of(answers: Mapping[str, np.ndarray[Any, Any]], count: int) -> Iterator[dict[str, Any]]:
    """Outputs as one dict per row.

    Raises:
      InvalidArgumentError: an output has not one value for each row.
    """
    check_rows(answers, count)
    for number in range(count):
        yield {name: array[number] for name, array in answers.items()}
