"""Retries, deadlines, typed errors, sizes and threads, against a real gRPC server."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import numpy as np
import pytest

from tests.serving.client.scripted import Script, serve
from tidegate.serving.client import (
    Client,
    DeadlineExceededError,
    NotFoundError,
    RequestCancelledError,
    Retries,
    ServingClientError,
    UnavailableError,
    VersionStatus,
    errors,
)

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
ONE = {"x": np.ones(1, np.float32)}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        port: int = found.getsockname()[1]
        return port


def test_unavailable_is_tried_again_with_growing_pauses(address: str, script: Script) -> None:
    script.failures = [UNAVAILABLE] * 3
    with Client(address, retries=Retries(attempts=4, first=0.1, longest=5)) as client:
        assert client.predict("echo", ONE)["x"].tolist() == [1]
    pauses = np.diff(script.times)
    assert len(pauses) == 3
    # At least half of 0.1, 0.2 and 0.4; the upper bounds are the machine's affair.
    assert (pauses >= [0.05, 0.1, 0.2]).all()


def test_pauses_are_random_and_bounded() -> None:
    retries = Retries(attempts=9, first=1, longest=4)
    for failed, whole in ((1, 1), (2, 2), (3, 4), (4, 4), (5000, 4)):
        pauses = {retries.pause(failed) for _ in range(200)}
        assert len(pauses) > 100
        assert whole / 2 <= min(pauses) and max(pauses) <= whole


def test_attempts_are_counted(client: Client, script: Script) -> None:
    script.failures = [UNAVAILABLE] * 9
    with pytest.raises(UnavailableError) as caught:
        client.predict("echo", ONE)
    assert len(script.requests) == 5
    assert caught.value.message == "scripted UNAVAILABLE"


def test_one_attempt_is_no_retry(address: str, script: Script) -> None:
    script.failures = [UNAVAILABLE]
    with Client(address, retries=1) as client, pytest.raises(UnavailableError):
        client.predict("echo", ONE)
    assert len(script.requests) == 1


def test_the_deadline_bounds_all_attempts(address: str, script: Script) -> None:
    script.failures = [UNAVAILABLE] * 1000
    begin = time.monotonic()
    with (
        Client(address, retries=Retries(attempts=1000, first=0.2, longest=0.2)) as client,
        pytest.raises((UnavailableError, DeadlineExceededError)),
    ):
        client.predict("echo", ONE, deadline=2.0)
    assert time.monotonic() - begin < 20
    assert 2 < len(script.requests) < 30


def test_a_slow_answer_meets_the_deadline(client: Client, script: Script) -> None:
    client.predict("echo", ONE)
    script.seconds = 1.0
    with pytest.raises(DeadlineExceededError) as caught:
        client.predict("echo", ONE, deadline=0.2)
    assert isinstance(caught.value, TimeoutError)
    assert len(script.requests) == 2


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, UNAVAILABLE)]
)
def test_each_status_code_has_its_class_and_is_not_tried_again(
    code: grpc.StatusCode, client: Client, script: Script
) -> None:
    script.failures = [code]
    with pytest.raises(ServingClientError) as caught:
        client.predict("echo", ONE)
    error = caught.value
    assert code in type(error).codes
    assert (error.code, error.message, error.model) == (code, f"scripted {code.name}", "echo")
    assert str(error) == (
        f"Predict of model 'echo' at {client.address}: {code.name}: scripted {code.name}"
    )
    assert len(script.requests) == 1


def test_every_status_code_has_one_class() -> None:
    codes = [code for kind in ServingClientError.__subclasses__() for code in kind.codes]
    assert sorted(code.name for code in codes) == sorted(
        code.name for code in grpc.StatusCode if code is not grpc.StatusCode.OK
    )
    assert errors.InvalidArgumentError in ServingClientError.__subclasses__()


def test_an_unknown_model_is_not_found(client: Client) -> None:
    for call in (client.signatures, client.status):
        with pytest.raises(NotFoundError) as caught:
            call("nosuch")
        assert caught.value.model == "nosuch"
    with pytest.raises(NotFoundError, match=r"Servable not found for request: Latest\(nosuch\)"):
        client.predict("nosuch", ONE)


def test_nothing_listens() -> None:
    address = f"localhost:{free_port()}"
    with (
        Client(address, retries=Retries(attempts=2, first=0.01)) as client,
        pytest.raises(UnavailableError) as caught,
    ):
        client.predict("echo", ONE)
    assert isinstance(caught.value, ConnectionError)
    assert address in str(caught.value)


def test_a_server_that_starts_late_is_waited_for(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = free_port()
    with Client(f"localhost:{port}") as client:
        with pytest.raises(TimeoutError, match=r"not available within 0\.3 s: .*UNAVAILABLE"):
            client.wait_until_available("echo", timeout=0.3)
        found: list[int] = []
        refused = threading.Event()
        status = client.status

        def asked(*arguments: Any, **how: Any) -> list[VersionStatus]:
            try:
                return status(*arguments, **how)
            except UnavailableError:
                refused.set()
                raise

        monkeypatch.setattr(client, "status", asked)
        waiting = threading.Thread(
            target=lambda: found.append(client.wait_until_available("echo", timeout=30))
        )
        waiting.start()
        assert refused.wait(30)
        with serve(script, f"localhost:{port}"):
            waiting.join(30)
    assert found == [3]


def test_versions_with_their_errors(client: Client, script: Script) -> None:
    assert client.status("echo") == [VersionStatus(3, "AVAILABLE"), VersionStatus(2, "AVAILABLE")]
    script.loading_error = "no saved_model.pb"
    assert client.status("echo")[0] == VersionStatus(3, "END", 13, "no saved_model.pb")
    assert client.wait_until_available("echo") == 2


def test_version_and_label_reach_the_server(client: Client, script: Script) -> None:
    client.predict("echo", ONE, version=2)
    client.predict("echo", ONE, label="stable")
    client.predict("echo", ONE)
    first, second, third = (request.model_spec for request in script.requests)
    assert (first.version.value, second.version_label) == (2, "stable")
    assert third.WhichOneof("version_choice") is None
    with pytest.raises(ValueError, match="a version or a label"):
        client.predict("echo", ONE, version=2, label="stable")


def test_metadata_goes_with_each_request(address: str, script: Script) -> None:
    with Client(address, metadata=[("authorization", "Bearer abc")]) as client:
        client.predict("echo", ONE)
    assert script.metadata["authorization"] == "Bearer abc"


def test_messages_over_grpcs_own_bound(client: Client) -> None:
    large = np.zeros(3 << 20, np.float32)
    large[-1] = 7
    np.testing.assert_array_equal(client.predict("echo", {"x": large})["x"], large)


def test_threads_share_a_client(client: Client) -> None:
    def call(number: int) -> int:
        return int(client.predict("echo", {"x": [float(number)]})["x"][0])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(call, range(200))) == list(range(200))


def test_closing_ends_what_runs(address: str, script: Script) -> None:
    script.seconds = 2.0
    client = Client(address)
    client.signatures("echo")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(client.predict, "echo", ONE)
        while not script.requests:
            time.sleep(0.01)
        client.close()
        with pytest.raises(RequestCancelledError):
            running.result(timeout=10)
    with pytest.raises(ValueError, match="the client is closed"):
        client.predict("echo", ONE)


@pytest.mark.parametrize("wrong", [{"deadline": 0}, {"retries": 0}])
def test_settings_are_checked(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Client("localhost:1", **wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no negative pause"):
        Retries(first=-1)
