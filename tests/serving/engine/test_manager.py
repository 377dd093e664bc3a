"""Leases, status, labels, policies, retries, and configurations that change."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec

from tests.serving.engine.conftest import (
    after,
    answer,
    ask,
    attempt,
    configured,
    eventually,
    refused,
    spec,
    states,
)
from tests.serving.models import publish
from tidegate.serving.server.manager import ModelManager
from tidegate.serving.server.model_config import single_model
from tidegate.serving.server.options import EngineOptions
from tidegate.serving.server.status import ServingError


def test_leases_and_their_errors(start_manager, base):
    manager = start_manager(base)
    assert ask(manager) == ask(manager, spec(1)) == (1, 1.0)
    not_found, invalid = grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT
    for asked, code, message in [
        (ModelSpec(), invalid, "ModelSpec has no name specified."),
        (spec(name="x"), not_found, "Servable not found for request: Latest(x)"),
        (spec(7, name="x"), not_found, "Servable not found for request: Specific(x, 7)"),
        (spec(7), not_found, "Servable not found for request: Specific(m, 7)"),
        (spec(0), not_found, "Servable not found for request: Specific(m, 0)"),
        (spec(label="x"), invalid, "Unrecognized servable version label: x"),
        (spec(label="x", name="x"), invalid, "Unrecognized servable version label: x"),
    ]:
        assert refused(manager, asked) == (code, message)


def test_status_and_its_errors(start_manager, base):
    manager = start_manager(base)
    (found,) = manager.status("m", 1)
    assert found == ModelVersionStatus(version=1, state=ModelVersionStatus.AVAILABLE, status={})
    with pytest.raises(ServingError, match=r"^Could not find any versions of model x$") as raised:
        manager.status("x")
    assert raised.value.code == grpc.StatusCode.NOT_FOUND
    with pytest.raises(ServingError, match=r"^Could not find version 7 of model m$") as raised:
        manager.status("m", 7)
    assert raised.value.code == grpc.StatusCode.NOT_FOUND


def test_a_model_without_versions_does_not_hold_up_the_start(start_manager, tmp_path, saved_model):
    manager = start_manager(tmp_path / "m")
    assert refused(manager, spec())[0] == grpc.StatusCode.NOT_FOUND
    publish(saved_model("half_plus_1"), tmp_path / "m", 4)
    assert eventually(lambda: attempt(manager)) == (4, 1.0)


def test_a_newer_version_takes_over_and_the_old_one_ends(start_manager, base, saved_model):
    manager = start_manager(base)
    publish(saved_model("half_plus_3"), base, 3)
    assert eventually(lambda: ask(manager)[0] == 3 and ask(manager)) == (3, 3.0)
    eventually(lambda: states(manager) == {3: "AVAILABLE", 1: "END"})
    assert refused(manager, spec(1))[0] == grpc.StatusCode.NOT_FOUND
    assert [each.version for each in manager.status("m")] == [3, 1]


def test_an_older_number_does_not_take_over(start_manager, base, saved_model):
    publish(saved_model("half_plus_3"), base, 3)
    manager = start_manager(base)
    assert states(manager) == {3: "AVAILABLE"}
    after(manager, "_poll")
    assert ask(manager) == (3, 3.0)


def test_removing_the_newest_goes_back_to_the_one_before(start_manager, base, saved_model):
    publish(saved_model("half_plus_3"), base, 3)
    manager = start_manager(base)
    (base / "3").rename(base / ".3.withdrawn")
    assert eventually(lambda: ask(manager)[0] == 1 and ask(manager)) == (1, 1.0)


def test_a_folder_that_disappears_does_not_take_the_model_away(start_manager, base):
    manager = start_manager(base)
    base.rename(base.with_name("elsewhere"))
    after(manager, "_poll")
    assert ask(manager) == (1, 1.0)
    base.mkdir()
    after(manager, "_poll")
    assert ask(manager) == (1, 1.0)


def test_a_lease_holds_its_version(start_manager, base, saved_model):
    manager = start_manager(base)
    with manager.lease(spec()) as servable:
        publish(saved_model("half_plus_3"), base, 3)
        eventually(lambda: ask(manager)[0] == 3)
        eventually(lambda: states(manager)[1] == "UNLOADING")
        after(manager, "_poll")
        assert (servable.version, answer(servable)) == (1, 1.0)
    eventually(lambda: states(manager)[1] == "END")


def test_a_broken_version_is_reported_and_the_old_one_serves(start_manager, base, saved_model):
    manager = start_manager(base, max_num_load_retries=1, load_retry_interval_micros=50_000)
    publish(saved_model("broken"), base, 2)
    eventually(lambda: states(manager).get(2) == "END")
    (status,) = manager.status("m", 2)
    assert status.status.error_code == grpc.StatusCode.DATA_LOSS.value[0]
    assert "Cannot parse file" in status.status.error_message
    assert ask(manager) == (1, 1.0)
    counts = {(str(base / "1"), "success"): 1, (str(base / "2"), "fail"): 2}
    assert manager.load_counts() == counts
    # A version after it is not held up, and the broken one is forgotten.
    publish(saved_model("half_plus_3"), base, 3)
    assert eventually(lambda: ask(manager)[0] == 3)
    eventually(lambda: states(manager) == {3: "AVAILABLE", 2: "END", 1: "END"})


def test_a_load_is_tried_again_and_does_not_block_others(start_manager, base, saved_model):
    manager = start_manager(base, load_retry_interval_micros=400_000)
    publish(saved_model("broken"), base, 2)
    eventually(lambda: 2 in states(manager))
    eventually(lambda: manager.status("m", 2)[0].status.error_code)
    (status,) = manager.status("m", 2)
    assert status.state == ModelVersionStatus.LOADING
    # Repaired in place before the next try.
    shutil.copytree(saved_model("half_plus_3"), base / "2", dirs_exist_ok=True)
    assert eventually(lambda: ask(manager)[0] == 2 and ask(manager)) == (2, 3.0)
    assert manager.status("m", 2)[0].status.error_code == 0


def test_a_version_that_failed_for_good_is_tried_anew_when_it_comes_again(
    start_manager, tmp_path, saved_model
):
    base = tmp_path / "m"
    publish(saved_model("broken"), base, 1)
    manager = start_manager(base, max_num_load_retries=0)
    assert states(manager) == {1: "END"}
    shutil.rmtree(base / "1")
    after(manager, "_poll")
    publish(saved_model("half_plus_1"), base, 1)
    assert eventually(lambda: attempt(manager)) == (1, 1.0)


def test_a_warmup_request_that_fails_fails_the_load(start_manager, base, saved_model):
    manager = start_manager(base, max_num_load_retries=0)
    publish(saved_model("warm_fails"), base, 2)
    eventually(lambda: states(manager).get(2) == "END")
    (status,) = manager.status("m", 2)
    assert status.status.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]
    assert "unknown" in status.status.error_message
    assert ask(manager) == (1, 1.0)
    publish(saved_model("warm"), base, 3)
    assert eventually(lambda: ask(manager)[0] == 3)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [("all", {1, 2, 3}), ("latest 2", {2, 3}), ("specific 1,2", {1, 2})],
)
def test_policies(start_manager, base, saved_model, policy, expected):
    publish(saved_model("half_plus_2"), base, 2)
    publish(saved_model("half_plus_3"), base, 3)
    manager = start_manager(configured(base, policy))
    eventually(lambda: states(manager) == dict.fromkeys(expected, "AVAILABLE"))
    for version in expected:
        assert ask(manager, spec(version)) == (version, float(version))
    assert ask(manager)[0] == max(expected)


def test_stop_waits_for_leases_and_refuses_new_ones(saved_model, tmp_path):
    publish(saved_model("half_plus_1"), tmp_path / "m", 1)
    manager = ModelManager(single_model("m", tmp_path / "m"), EngineOptions())
    manager.start()
    with ThreadPoolExecutor(1) as pool, manager.lease(spec()) as servable:
        stopped = pool.submit(manager.stop, 10.0)
        eventually(lambda: attempt(manager) is None)
        assert refused(manager, spec())[0] == grpc.StatusCode.UNAVAILABLE
        assert not stopped.done()
        assert answer(servable) == 1.0
    stopped.result(timeout=60)
    assert states(manager) == {1: "END"}
    manager.stop(0.0)


def test_stop_ends_a_start_that_waits(saved_model, tmp_path):
    """A signal while models load must not wait for all of them."""
    publish(saved_model("half_plus_1"), tmp_path / "m", 1)
    manager = ModelManager(single_model("m", tmp_path / "m"), EngineOptions())
    with ThreadPoolExecutor(1) as pool:
        started = pool.submit(manager.start)
        manager.stop(1.0)
        started.result(timeout=60)
    assert attempt(manager) is None


def test_stop_cancels_what_runs_longer(saved_model, tmp_path):
    publish(saved_model("slow"), tmp_path / "m", 1)
    manager = ModelManager(single_model("m", tmp_path / "m"), EngineOptions())
    manager.start()

    def run():
        with manager.lease(spec()) as servable:
            return answer(servable)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run)
        eventually(lambda: manager._models["m"].latest.leases)
        manager.stop(0.1)
        with pytest.raises(ServingError):
            running.result(timeout=60)
