"""Many rows: in order, several requests at a time, no more rows read than needed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from tests.serving.client.scripted import FLOAT, STRING, Script, signature
from tidegate.serving.client import Client, InvalidArgumentError, ServingClientError, stream


def test_results_come_in_the_items_order() -> None:
    done = [threading.Event() for _ in range(60)]

    def work(number: int) -> int:
        if number % 2 == 0:  # The next one is through with its work first.
            assert done[number + 1].wait(60)
        done[number].set()
        return number * number

    found = list(stream.in_order(work, range(60), in_flight=8))
    assert found == [(number, number * number) for number in range(60)]


def test_items_are_taken_as_needed_and_work_is_bounded() -> None:
    lock, together = threading.Lock(), threading.Barrier(3)
    running = most = taken = 0

    def items() -> Iterator[int]:
        nonlocal taken
        for number in range(1000):
            taken += 1
            yield number

    def work(number: int) -> int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        if number < 3:
            together.wait(60)
        with lock:
            running -= 1
        return number

    found = stream.in_order(work, items(), in_flight=3)
    for number, _ in found:
        assert taken <= number + 2 * 3
        if number == 100:
            break
    assert most == 3
    found.close()  # type: ignore[attr-defined]
    assert taken <= 107


def test_an_error_ends_the_work_in_its_place() -> None:
    begun = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 5:
            raise RuntimeError("five")
        return number

    found = []
    with pytest.raises(RuntimeError, match="five"):
        for number, _ in stream.in_order(work, range(1000), in_flight=2):
            found.append(number)
    assert found == [0, 1, 2, 3, 4]
    assert max(begun) < 12


def test_batches() -> None:
    assert list(stream.batched(range(5), 2)) == [[0, 1], [2, 3], [4]]
    assert list(stream.batched([], 2)) == []
    with pytest.raises(ValueError, match="at least 1 row"):
        next(stream.batched([1], 0))
    with pytest.raises(ValueError, match="at least 1 request"):
        next(stream.in_order(str, [1], 0))


def test_rows_are_answered_in_order(client: Client, script: Script) -> None:
    both = {"x": (FLOAT, [-1]), "text": (STRING, [-1])}
    script.signatures["both"] = signature(both, both)
    script.seconds = 0.02
    rows = [{"x": float(number), "text": str(number)} for number in range(250)]
    found = list(client.predict_rows("echo", rows, signature="both", batch_size=10, in_flight=4))
    assert [(row["x"], row["text"]) for row in found] == [
        (float(number), str(number).encode()) for number in range(250)
    ]
    assert len(script.requests) == 25
    assert 2 <= script.most <= 4


def test_rows_become_examples_where_the_signature_takes_them(
    client: Client, script: Script
) -> None:
    examples = {"examples": (STRING, [-1])}
    script.signatures["serving_default"] = signature(examples, examples)
    found = list(client.predict_rows("echo", [{"a": "x"}, {"b": 2.0}]))
    assert len(found) == 2
    assert b"x" in found[0]["examples"]


def test_a_failing_batch_raises_where_it_stands(client: Client, script: Script) -> None:
    script.failures = [grpc.StatusCode.INTERNAL]
    rows = [{"x": 1.0}] * 5
    with pytest.raises(ServingClientError, match="scripted INTERNAL"):
        list(client.predict_rows("echo", rows, batch_size=1, in_flight=1))


def test_rows_of_several_kinds_are_refused(client: Client) -> None:
    with pytest.raises(InvalidArgumentError, match="row 1 of the batch"):
        list(client.predict_rows("echo", [{"x": 1.0}, {"y": 1.0}]))


def test_an_output_without_the_rows_dimension_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"output 'total' has the shape \[\] for 2 rows"):
        stream.check_rows({"total": np.float32(1)}, 2)  # type: ignore[dict-item]
