"""PredictionService: Predict, Classify, Regress, MultiInference, GetModelMetadata."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from tidegate.serving.server import examples, metadata, predict, status
from tidegate.serving.server.calls import SlowCalls, handler
from tidegate.serving.server.services import service_name
from tidegate.serving.server.signatures import DEFAULT_SIGNATURE
from tidegate.serving.server.status import ServingError

if TYPE_CHECKING:
    from google.protobuf.message import Message
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

    from tidegate.serving.server.manager import ModelManager
    from tidegate.serving.server.metrics import Metrics
    from tidegate.serving.server.request_log import RequestLog

NAME = service_name("prediction_service_pb2", "PredictionService")


class PredictionService:
    """The service's methods over the models that are loaded.

    Args:
      manager: leases the version that a request asks for.
      metrics: counts requests by model and status, and times them.
      request_log: takes a sample of the answered requests.
    """

    def __init__(self, manager: ModelManager, metrics: Metrics, request_log: RequestLog) -> None:
        self._manager = manager
        self._metrics = metrics
        self._log = request_log
        self._refusal = "The server is loading its models."
        self._running = 0
        self._changed = threading.Condition()

    def open(self) -> None:
        """From now on requests are answered; before, they are UNAVAILABLE."""
        self._refusal = ""

    def close(self) -> None:
        """From now on requests are UNAVAILABLE; those that run go on."""
        self._refusal = "The server is shutting down."

    def drain(self, grace: float) -> bool:
        """Waits for the requests that run.

        Args:
          grace: seconds to wait at most.

        Returns:
          Whether all were done in time.
        """
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, grace)

    def handlers(self, slow: SlowCalls) -> grpc.GenericRpcHandler:
        """The handlers to register, on the server's threads."""
        methods: dict[str, tuple[type[Message], Callable[..., Message]]] = {
            "Predict": (predict_pb2.PredictRequest, self.predict),
            "Classify": (classification_pb2.ClassificationRequest, self.classify),
            "Regress": (regression_pb2.RegressionRequest, self.regress),
            "MultiInference": (inference_pb2.MultiInferenceRequest, self._multi_inference),
            "GetModelMetadata": (get_model_metadata_pb2.GetModelMetadataRequest, self.metadata),
        }
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                name: handler(name, request_type, answer, slow)
                for name, (request_type, answer) in methods.items()
            },
        )

    def predict(
        self,
        request: predict_pb2.PredictRequest,
        deadline: float | None,
        entrypoint: str = "GRPC",
    ) -> predict_pb2.PredictResponse:
        """Answers a Predict request.

        Args:
          request: the message.
          deadline: in seconds of ``time.monotonic()``; None for none.
          entrypoint: by which it came, ``GRPC`` or ``REST``, for the metrics.

        Raises:
          ServingError: what the client is told.
        """
        response = predict_pb2.PredictResponse()
        return self._run("Predict", predict.predict, request, response, deadline, entrypoint)

    def classify(
        self,
        request: classification_pb2.ClassificationRequest,
        deadline: float | None,
        entrypoint: str = "GRPC",
    ) -> classification_pb2.ClassificationResponse:
        """Answers a Classify request; as `predict` otherwise."""
        response = classification_pb2.ClassificationResponse()
        return self._run("Classify", examples.classify, request, response, deadline, entrypoint)

    def regress(
        self,
        request: regression_pb2.RegressionRequest,
        deadline: float | None,
        entrypoint: str = "GRPC",
    ) -> regression_pb2.RegressionResponse:
        """Answers a Regress request; as `predict` otherwise."""
        response = regression_pb2.RegressionResponse()
        return self._run("Regress", examples.regress, request, response, deadline, entrypoint)

    def signature(self, spec: model_pb2.ModelSpec) -> SignatureDef:
        """What a request of the REST API calls; its values have no types of their own.

        Raises:
          ServingError: as of a request, INVALID_ARGUMENT for an unknown signature.
        """
        name = spec.signature_name or DEFAULT_SIGNATURE
        try:
            self._check_open()
            with self._manager.lease(spec) as servable:
                signature = servable.signature_defs.get(name)
            if signature is None:
                raise status.invalid_argument(
                    f'Serving signature name: "{name}" not found in signature def'
                )
        except ServingError as error:
            self._metrics.failed(spec.name, error.code.name)
            raise
        return signature

    def _multi_inference(
        self, request: inference_pb2.MultiInferenceRequest, deadline: float | None
    ) -> Message:
        response = inference_pb2.MultiInferenceResponse()
        run = examples.multi_inference
        return self._run("MultiInference", run, request, response, deadline, "GRPC")

    def _run(
        self,
        api: str,
        run: Callable[..., int],
        request: Any,
        response: Any,
        deadline: float | None,
        entrypoint: str,
    ) -> Any:
        """Runs a request on the version that it asks for; counts, times and logs it."""
        begin = time.perf_counter()
        name = ""
        code = grpc.StatusCode.INTERNAL
        with self._changed:
            self._running += 1
        try:
            self._check_open()
            spec = _spec(api, request)
            name = spec.name
            with self._manager.lease(spec) as servable:
                rows = run(servable, request, response, deadline)
            code = grpc.StatusCode.OK
        except ServingError as error:
            code = error.code
            if deadline is not None and time.monotonic() >= deadline:
                # Whatever it ran into: the client's own gRPC says the same.
                code = grpc.StatusCode.DEADLINE_EXCEEDED
            raise ServingError(code, error.message) from error
        finally:
            if code == grpc.StatusCode.OK:
                self._metrics.answered(name, api, entrypoint, time.perf_counter() - begin, rows)
            else:
                self._metrics.failed(name, code.name)
            with self._changed:
                self._running -= 1
                if not self._running:
                    self._changed.notify_all()
        self._log.offer(api, name, request, response)
        return response

    def metadata(
        self, request: get_model_metadata_pb2.GetModelMetadataRequest, deadline: float | None
    ) -> get_model_metadata_pb2.GetModelMetadataResponse:
        """Answers a GetModelMetadata request; as `predict` otherwise."""
        self._check_open()
        spec = _spec("GetModelMetadata", request)
        metadata.check_fields(request)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._manager.lease(spec) as servable:
            metadata.describe(servable, response)
        return response

    def _check_open(self) -> None:
        if self._refusal:
            raise status.unavailable(self._refusal)


def _spec(api: str, request: Any) -> model_pb2.ModelSpec:
    """The model that a request asks for."""
    if api == "MultiInference":
        return request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    if not request.HasField("model_spec"):
        raise status.invalid_argument("Missing ModelSpec")
    return request.model_spec
