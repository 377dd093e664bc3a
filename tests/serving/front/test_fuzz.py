"""A few hundred broken requests; `python -m benchmarks.serving_fuzz` sends 100,000."""

from __future__ import annotations

import threading
from collections import Counter

import grpc
import pytest

from tests.serving.front.conftest import StartServer
from tests.serving.front.mutation import Mutations, valid


@pytest.mark.parametrize("batching", [False, True])
def test_broken_requests_get_a_status_each(start_server: StartServer, batching: bool) -> None:
    server = start_server(engine={"enable_batching": batching})
    mutations = Mutations(seed=1)
    codes: Counter[str] = Counter()
    # A shape of many rows has an answer of many rows.
    unlimited = [("grpc.max_receive_message_length", -1)]
    with grpc.insecure_channel(server.address, unlimited) as channel:
        for _ in range(400):
            path, data = mutations.make()
            try:
                channel.unary_unary(path)(data, timeout=20)
                codes["OK"] += 1
            except grpc.RpcError as error:
                codes[error.code().name] += 1
                assert error.details()
        path, data = valid()
        assert channel.unary_unary(path)(data, timeout=20)
        before = threading.active_count()
        for _ in range(50):
            channel.unary_unary(path)(data, timeout=20)
    # Pools grow to their bounds as they like; a thread a request would be 50.
    assert threading.active_count() < before + 10
    # All but these would be faults of the server's own.
    assert set(codes) <= {
        "OK", "INVALID_ARGUMENT", "NOT_FOUND", "FAILED_PRECONDITION", "INTERNAL", "UNIMPLEMENTED",
        "OUT_OF_RANGE",
    }  # fmt: skip
    assert codes["OK"] > 20
    assert codes["INVALID_ARGUMENT"] > 50
