"""Swaps under load: no request fails or is answered by another version; nothing stays behind.

How the process's memory goes is measured by `benchmarks.serving_swap` and `serving_memory`.
"""

import gc
import logging
import threading
import weakref
from itertools import count

import numpy as np
import psutil
import pytest

from tests.serving.engine.conftest import answer, ask, eventually, spec
from tests.serving.models import publish
from tidegate.serving.server.loader import load
from tidegate.serving.server.options import BatchingParameters, EngineOptions
from tidegate.serving.server.status import ServingError


def threads():
    return psutil.Process().num_threads()


@pytest.mark.slow
@pytest.mark.parametrize("batching", [False, True])
def test_hot_swaps_under_load(start_manager, saved_model, tmp_path, batching):
    """Each version answers its own number, so that no answer can come from another one."""
    base = tmp_path / "m"
    for number in range(1, 8):
        saved_model(f"half_plus_{number}")
    publish(saved_model("half_plus_1"), base, 1)
    parameters = BatchingParameters(max_batch_size=8, batch_timeout_micros=500)
    manager = start_manager(base, enable_batching=batching, batching=parameters)
    stop = threading.Event()
    problems, answered = [], [set() for _ in range(8)]

    def hammer(worker):
        for step in count():
            if stop.is_set():
                return
            try:
                with manager.lease(spec()) as servable:
                    x = float(worker * 1000 + step % 1000)
                    y = answer(servable, x)
                    if y != x * 0.5 + servable.version:
                        problems.append((servable.version, x, y))
                    answered[worker].add(servable.version)
            except ServingError as error:
                problems.append(error)

    workers = [threading.Thread(target=hammer, args=(worker,)) for worker in range(8)]
    for worker in workers:
        worker.start()
    try:
        for number in range(2, 8):
            publish(saved_model(f"half_plus_{number}"), base, number)
            eventually(lambda number=number: all(number in versions for versions in answered))
    finally:
        stop.set()
    for worker in workers:
        worker.join()
    assert not problems


@pytest.mark.slow
@pytest.mark.parametrize("batching", [False, True])
def test_swaps_leave_nothing_behind(start_manager, saved_model, tmp_path, batching):
    """Eight swaps of a model of 8 MB, with requests between them."""
    import tensorflow as tf

    module = tf.Module()
    module.weights = tf.Variable(tf.ones([2 << 20]))

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, "x")], autograph=False)
    def serve(x):
        return {"y": x * module.weights[0]}

    tf.saved_model.save(module, str(tmp_path / "large"), {"serving_default": serve})
    base = tmp_path / "m"
    publish(tmp_path / "large", base, 1)
    manager = start_manager(base, enable_batching=batching)
    seen = []

    def swap(number):
        publish(tmp_path / "large", base, number)
        eventually(lambda: ask(manager, spec())[0] == number, 30)
        eventually(lambda: manager.status("m", number - 1)[0].state == 50, 30)  # END
        with manager.lease(spec()) as servable:
            seen.append(weakref.ref(servable))

    for number in range(2, 5):
        swap(number)
    gc.collect()
    running = threads()
    for number in range(5, 13):
        swap(number)
    gc.collect()
    assert sum(ref() is not None for ref in seen) == 1
    assert threads() <= running + 2


@pytest.mark.slow
def test_polls_and_requests_do_not_grow(start_manager, saved_model, tmp_path, caplog):
    # Or each failing load's warning, kept for the test's report, would be what grows.
    caplog.set_level(logging.ERROR, "tidegate.serving")
    base = tmp_path / "m"
    publish(saved_model("half_plus_1"), base, 1)
    manager = start_manager(
        base, file_system_poll_wait_seconds=0.002, load_retry_interval_micros=20_000,
        max_num_load_retries=10**9, enable_batching=True,
        batching=BatchingParameters(batch_timeout_micros=0),
    )  # fmt: skip

    publish(saved_model("broken"), base, 2)

    def use(requests):
        for _ in range(requests):
            ask(manager, spec())
            with pytest.raises(ServingError):
                ask(manager, spec(9))

    use(1000)
    gc.collect()
    objects = len(gc.get_objects())
    use(3000)
    gc.collect()
    assert len(gc.get_objects()) - objects < 2000


@pytest.mark.slow
def test_closing_a_version_frees_its_batching_threads(saved_model):
    x = np.ones(1, np.float32)
    options = EngineOptions(enable_batching=True, batching=BatchingParameters(num_batch_threads=16))

    def once():
        servable = load("m", 1, str(saved_model("half_plus_two")), options)
        servable.run({"x": x}, servable.signature_defs["serving_default"], ["y"], None)
        during = threads()
        servable.close()
        del servable
        gc.collect()
        return during

    once()
    before = threads()
    during = [once() for _ in range(3)]
    assert min(during) >= before + 16
    eventually(lambda: threads() <= before)
