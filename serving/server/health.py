"""The health service, under the names of TF Serving's services."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
from grpc_health.v1 import health, health_pb2

from tidegate.serving.server import status
from tidegate.serving.server.calls import SlowCalls, handler

if TYPE_CHECKING:
    from google.protobuf.message import Message

NAME = "grpc.health.v1.Health"
# TF Serving's short names; the services' full names, which is gRPC's own convention; and the
# server as a whole.
SERVICES = (
    "",
    "ModelService",
    "PredictionService",
    "tensorflow.serving.ModelService",
    "tensorflow.serving.PredictionService",
)


class Health:
    """NOT_SERVING until all models were tried, then SERVING, and NOT_SERVING from the stop on."""

    def __init__(self) -> None:
        self._serving = False
        # Answers Watch without a thread for each watching client.
        self._watched = health.HealthServicer()
        self.set(False)

    def set(self, serving: bool) -> None:
        """Tells all who watch."""
        self._serving = serving
        for service in SERVICES:
            self._watched.set(service, _state(serving))

    def handlers(self, slow: SlowCalls, pool: ThreadPoolExecutor) -> grpc.GenericRpcHandler:
        """The handlers to register, on threads of their own."""

        def watch(
            request: health_pb2.HealthCheckRequest,
            context: grpc.ServicerContext,
            send: Callable[[health_pb2.HealthCheckResponse], None],
        ) -> None:
            self._watched.Watch(request, context, send)

        watch.experimental_non_blocking = True  # type: ignore[attr-defined]
        watch.experimental_thread_pool = pool  # type: ignore[attr-defined]
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                "Check": handler("health", health_pb2.HealthCheckRequest, self._check, slow, pool),
                "Watch": grpc.unary_stream_rpc_method_handler(
                    watch,
                    request_deserializer=health_pb2.HealthCheckRequest.FromString,
                    response_serializer=health_pb2.HealthCheckResponse.SerializeToString,
                ),
            },
        )

    def _check(self, request: health_pb2.HealthCheckRequest, deadline: float | None) -> Message:
        if request.service not in SERVICES:
            raise status.not_found("service name unknown")
        return health_pb2.HealthCheckResponse(status=_state(self._serving))


def _state(serving: bool) -> int:
    states = health_pb2.HealthCheckResponse
    return states.SERVING if serving else states.NOT_SERVING
