"""The batcher: that it batches, its limits and errors, and that neighbours do not matter."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
import numpy as np
import pytest
import tensorflow as tf

from tidegate.serving.server import batching as batcher
from tidegate.serving.server.loader import load
from tidegate.serving.server.options import BatchingParameters, EngineOptions
from tidegate.serving.server.status import ServingError

# Long enough that everything a test sends falls into one batch; a full batch does not wait.
PATIENT = 300_000
# Ten minutes: nobody would miss that a test waits for this to pass.
NEVER = 600_000_000


def run(servable, x, signature="serving_default", output="y", deadline=None):
    x = np.asarray(x, np.float32)
    found = servable.run({"x": x}, servable.signature_defs[signature], [output], deadline)
    return found[output].tolist()


def together(calls):
    """Results, or errors, of calls made at the same time."""
    start = threading.Barrier(len(calls))

    def one(call):
        start.wait()
        try:
            return call()
        except ServingError as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))


@pytest.fixture
def batching(load_model):
    def build(name="half_plus_two", **parameters):
        given = {"batch_timeout_micros": PATIENT, "num_batch_threads": 2, **parameters}
        return load_model(name, enable_batching=True, batching=BatchingParameters(**given))

    return build


def test_requests_run_together(batching):
    servable = batching(max_batch_size=8)
    # The signature answers with the number of rows in its run: eight single rows are one run.
    assert together([lambda: run(servable, [1.0], "batch", "size")] * 8) == [[8]] * 8


def test_each_request_gets_its_own_rows(batching):
    servable = batching(max_batch_size=64, batch_timeout_micros=2000)

    def call(number):
        rows = 1 + number % 3
        return run(servable, [number] * rows) == [number * 0.5 + 2] * rows

    with ThreadPoolExecutor(32) as pool:
        assert all(pool.map(call, range(400)))


def test_padding_to_an_allowed_size(batching):
    servable = batching(max_batch_size=8, allowed_batch_sizes=(4, 8), batch_timeout_micros=1000)
    assert run(servable, [1.0], "batch", "size") == [4]
    assert run(servable, [1.0] * 5, "batch", "size") == [8] * 5
    assert run(servable, [2.0, 4.0]) == [3.0, 4.0]


def test_strings(batching):
    servable = batching("text_words", max_batch_size=3)
    signature = servable.signature_defs["serving_default"]

    def call(text):
        texts = np.array([text], object)
        return servable.run({"text": texts}, signature, ["joined", "words"], None)

    texts = [b"a b", b"", b"x\0y z "]
    results = together([lambda text=text: call(text) for text in texts])
    assert [result["joined"].tolist() for result in results] == [[b"a_b"], [b""], [b"x\0y_z"]]
    assert [result["words"].tolist() for result in results] == [[2], [0], [2]]


def test_a_tf1_model_is_batched(batching):
    servable = batching("tf1_half_plus_two", max_batch_size=2, batch_timeout_micros=NEVER)
    # The batch is full: it does not wait for the time to pass.
    assert together([lambda: run(servable, [1.0]), lambda: run(servable, [3.0])]) == [[2.5], [3.5]]


def test_more_rows_than_a_batch_holds(batching):
    servable = batching(max_batch_size=64)
    with pytest.raises(ServingError) as raised:
        run(servable, np.zeros(65))
    assert raised.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert raised.value.message == "Task size 65 is larger than maximum input batch size 64"


def test_what_is_larger_than_a_batch_is_split(batching):
    servable = batching(
        max_batch_size=100, max_execution_batch_size=8, enable_large_batch_splitting=True,
        batch_timeout_micros=1000,
    )  # fmt: skip
    rows = np.arange(65.0)
    assert run(servable, rows) == (rows * 0.5 + 2).tolist()
    assert run(servable, rows, "batch", "size") == [8] * 64 + [1]
    with pytest.raises(ServingError, match="Task size 101 is larger than maximum input batch size"):
        run(servable, np.zeros(101))


def test_requests_in_parts_do_not_mix(batching):
    servable = batching(
        max_batch_size=64, max_execution_batch_size=16, enable_large_batch_splitting=True,
        batch_timeout_micros=1000, allowed_batch_sizes=(4, 16),
    )  # fmt: skip

    def call(number):
        rows = number + np.arange(1 + number % 40) / 64
        return run(servable, rows) == (rows * 0.5 + 2).tolist()

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(call, range(300)))


def test_an_error_in_one_part_is_the_requests(batching):
    servable = batching(
        max_batch_size=64, max_execution_batch_size=2, enable_large_batch_splitting=True,
        batch_timeout_micros=1000,
    )  # fmt: skip
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    good = example.SerializeToString()
    signature = servable.signature_defs["regress"]
    rows = np.array([good, good, good, b"\xff no example"], object)
    with pytest.raises(ServingError, match="Could not parse example input"):
        servable.run({"inputs": rows}, signature, ["outputs"], None)
    found = servable.run({"inputs": rows[:3]}, signature, ["outputs"], None)
    assert found["outputs"].tolist() == [[3.0]] * 3


@pytest.mark.parametrize("strict", [True, False])
def test_without_a_wish_for_batching_nothing_is_refused_for_it(load_model, strict):
    servable = load_model(
        "half_plus_two",
        enable_batching=True,
        strict_batching=strict,
        batching=BatchingParameters(max_batch_size=64),
    )
    pair = servable.signature_defs["sum"]
    a, b, scalar = np.ones(2, np.float32), np.ones(1, np.float32), np.ones((), np.float32)
    if strict:
        with pytest.raises(ServingError, match="must have equal 0th-dimension size"):
            servable.run({"a": a, "b": b}, pair, ["y"], None)
        with pytest.raises(ServingError, match="must have at least one dimension"):
            servable.run({"a": a, "b": scalar}, pair, ["y"], None)
        return
    assert servable.run({"a": a, "b": b}, pair, ["y"], None)["y"].tolist() == [2.0, 2.0]
    assert servable.run({"a": a, "b": scalar}, pair, ["y"], None)["y"].tolist() == [2.0, 2.0]
    assert run(servable, np.zeros(65), "batch", "size") == [65] * 65
    assert run(servable, np.zeros(64), "batch", "size") == [64] * 64


def test_a_full_queue(batching):
    servable = batching(
        "slow", max_batch_size=1, max_enqueued_batches=1, num_batch_threads=1,
        batch_timeout_micros=0,
    )  # fmt: skip
    end = time.monotonic() + 1.0
    results = together([lambda: run(servable, [1.0], deadline=end)] * 6)
    codes = [result.code for result in results]
    assert grpc.StatusCode.UNAVAILABLE in codes
    assert grpc.StatusCode.DEADLINE_EXCEEDED in codes
    full = results[codes.index(grpc.StatusCode.UNAVAILABLE)].message
    assert full.startswith("The batch scheduling queue to which this task was submitted is full")
    assert "node" not in full


def test_a_deadline_that_passes_in_the_queue(batching, monkeypatch):
    servable = batching("slow", max_batch_size=1, num_batch_threads=1, batch_timeout_micros=0)
    at_work, work = threading.Event(), batcher._Queue._run

    def begun(queue, requests):
        at_work.set()
        work(queue, requests)

    monkeypatch.setattr(batcher._Queue, "_run", begun)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(run, servable, [1.0], deadline=time.monotonic() + 2.0)
        assert at_work.wait(60)
        with pytest.raises(ServingError) as raised:
            run(servable, [1.0], deadline=time.monotonic() + 0.2)
        assert raised.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
        assert raised.value.message == "Run() timeout exceeded while waiting in batching queue"
        with pytest.raises(ServingError) as raised:
            first.result()
        assert raised.value.code == grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_bad_request_does_not_fail_its_neighbours(batching):
    servable = batching(max_batch_size=4)
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    rows = [example.SerializeToString(), b"\xff no example", example.SerializeToString()]
    signature = servable.signature_defs["regress"]

    def call(row):
        found = servable.run({"inputs": np.array([row], object)}, signature, ["outputs"], None)
        return found["outputs"].tolist()

    results = together([lambda row=row: call(row) for row in [*rows, rows[0]]])
    assert results[0] == results[2] == results[3] == [[3.0]]
    assert results[1].code == grpc.StatusCode.INVALID_ARGUMENT
    assert "Could not parse example input" in results[1].message


def test_shapes_that_differ_run_apart(batching):
    servable = batching(max_batch_size=3)
    good, wide = np.ones((1, 3)), np.ones((1, 4))
    results = together([lambda x=x: run(servable, x, "matrix") for x in (good, wide, good)])
    assert results[0] == results[2] == [[7.5]]
    assert "Matrix size-incompatible" in results[1].message


def test_rows_of_different_sizes_are_padded(tmp_path):
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32, "x")], autograph=False)
    def widths(x):
        return {"y": tf.reduce_sum(x, axis=1), "width": tf.fill([tf.shape(x)[0]], tf.shape(x)[1])}

    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": widths})
    parameters = BatchingParameters(
        max_batch_size=2, batch_timeout_micros=PATIENT, pad_variable_length_inputs=True
    )
    options = EngineOptions(enable_batching=True, batching=parameters)
    servable = load("m", 1, str(tmp_path / "1"), options)
    signature = servable.signature_defs["serving_default"]

    def call(x):
        x = np.array(x, np.float32)
        found = servable.run({"x": x}, signature, ["width", "y"], None)
        return found["width"].tolist(), found["y"].tolist()

    # The short row is padded with its own first value: 2 + 2 + 2.
    both = together([lambda: call([[2.0]]), lambda: call([[1.0, 3.0, 5.0]])])
    assert both == [([3], [6.0]), ([3], [9.0])]
    servable.close()


@pytest.mark.parametrize("signature", ["total", "offset"])
def test_what_no_batch_can_answer_runs_alone(batching, signature):
    servable = batching(batch_timeout_micros=NEVER)
    feeds = {"x": np.ones(2, np.float32)} if signature == "total" else {}
    found = servable.run(feeds, servable.signature_defs[signature], [signature], None)
    assert found[signature] == {"total": 5.0, "offset": 2.0}[signature]


def test_outputs_that_turn_out_not_to_be_per_row(tmp_path):
    """The signature says any first dimension, and each run gives one row."""
    module = tf.Module()

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")], autograph=False)
    def largest(x):
        top = tf.math.top_k(x, k=tf.minimum(tf.size(x), 1)).values
        return {"y": top}

    tf.saved_model.save(module, str(tmp_path / "1"), {"serving_default": largest})
    parameters = BatchingParameters(max_batch_size=4, batch_timeout_micros=1000)
    options = EngineOptions(enable_batching=True, batching=parameters)
    servable = load("m", 1, str(tmp_path / "1"), options)
    for _ in range(2):
        assert run(servable, [1.0, 3.0]) == [3.0]
    servable.close()


def test_an_empty_request_runs_alone(batching):
    assert run(batching(), []) == []


def test_sets_of_outputs_have_their_own_queues(batching):
    servable = batching(max_batch_size=2)
    example = tf.train.Example()
    example.features.feature["x"].float_list.value.append(2.0)
    feeds = {"inputs": np.array([example.SerializeToString()], object)}
    signature = servable.signature_defs["classify"]
    sets = [["classes"], ["scores", "classes"], ["classes"], ["classes", "scores"]]
    results = together(
        [lambda names=names: servable.run(feeds, signature, names, None) for names in sets]
    )
    assert [sorted(result) for result in results] == [sorted(names) for names in sets]
    assert all(result["classes"].tolist() == [[b"low", b"high"]] for result in results)
