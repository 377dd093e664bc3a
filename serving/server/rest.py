"""TF Serving's REST API, by the same calls as gRPC."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    predict_pb2,
    regression_pb2,
)

from tidegate.serving.server import rest_messages, status
from tidegate.serving.server.calls import shortened
from tidegate.serving.server.http import Answer
from tidegate.serving.server.status import ServingError

if TYPE_CHECKING:
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    from tidegate.serving.server.metrics import Metrics
    from tidegate.serving.server.model_service import ModelService
    from tidegate.serving.server.prediction_service import PredictionService

_log = logging.getLogger(__name__)

_VERSION = r"(?:/versions/(\d+)|/labels/([^/:]+))?"
_POST = re.compile(
    rf"/v1/models/([^/:]+){_VERSION}:(classify|regress|predict)", re.IGNORECASE | re.ASCII
)
_GET = re.compile(rf"/v1/models(?:/([^/:]+))?{_VERSION}(?:/(metadata))?", re.IGNORECASE | re.ASCII)
_INT64_MAX = 2**63 - 1
_CORS = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Content-Type",
}
_CODES = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.DEADLINE_EXCEEDED: HTTPStatus.GATEWAY_TIMEOUT,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS: HTTPStatus.CONFLICT,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.RESOURCE_EXHAUSTED: HTTPStatus.TOO_MANY_REQUESTS,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.ABORTED: HTTPStatus.CONFLICT,
    grpc.StatusCode.OUT_OF_RANGE: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNIMPLEMENTED: HTTPStatus.NOT_IMPLEMENTED,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
}


class Rest:
    """Answers HTTP requests by the calls of the gRPC services.

    Args:
      prediction: predict, classify, regress, metadata.
      models: the state of models.
      metrics: shown at `page`.
      page: the path of the metrics page; None for none.
      timeout: seconds that a prediction may take.
      cors: whether pages of other sites may ask.
    """

    def __init__(
        self,
        prediction: PredictionService,
        models: ModelService,
        metrics: Metrics,
        page: str | None,
        timeout: float,
        cors: bool = False,
    ) -> None:
        self._prediction = prediction
        self._models = models
        self._metrics = metrics
        self._page = page
        self._timeout = timeout
        self._headers = _CORS if cors else {}

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """One request's answer; it may not raise."""
        deadline = time.monotonic() + self._timeout
        try:
            if method == "GET" and path == self._page:
                return self._metrics.answer()
            if method == "OPTIONS" and self._headers:
                return Answer(HTTPStatus.OK, b"", headers=self._headers)
            content = self._content(method, path, body, deadline)
        except ServingError as error:
            return error_answer(error, self._headers)
        except MemoryError:
            _log.exception("out of memory in %s %s", method, path)
            full = status.resource_exhausted("The server is out of memory.")
            return error_answer(full, self._headers)
        except Exception as error:
            # As of gRPC's calls: the client gets a status, the log the trace.
            _log.exception("%s %s failed", method, path)
            text = f"{type(error).__name__}: {' '.join(str(error).split())}"
            return error_answer(status.internal(text), self._headers)
        return Answer(HTTPStatus.OK, _encoded(content), headers=self._headers)

    def _content(self, method: str, path: str, body: bytes, deadline: float) -> dict[str, Any]:
        if not path.lower().startswith("/v1/"):
            raise status.not_found(f"Nothing is at {path}: models are at /v1/models/NAME")
        pattern = {"POST": _POST, "GET": _GET}.get(method)
        found = None if pattern is None else pattern.fullmatch(path)
        if found is None:
            raise status.invalid_argument(f"Malformed request: {method} {path}")
        name, version, label, what = found.groups()
        if name is None:
            raise status.invalid_argument("Missing model name in request.")

        def fill(spec: ModelSpec) -> None:
            spec.name = unquote(name)
            if version is not None:
                if int(version) > _INT64_MAX:
                    raise status.invalid_argument(
                        f"Failed to convert version: {version} to numeric."
                    )
                spec.version.value = int(version)
            elif label is not None:
                spec.version_label = unquote(label)

        if method == "POST":
            post = {
                "predict": self._predict,
                "classify": self._classify,
                "regress": self._regress,
            }[what.lower()]
            return post(fill, rest_messages.parse(body), deadline)
        return self._status(fill) if what is None else self._metadata(fill)

    def _predict(
        self, fill: Callable[[ModelSpec], None], body: dict[str, Any], deadline: float
    ) -> dict[str, Any]:
        request = predict_pb2.PredictRequest()
        fill(request.model_spec)
        request.model_spec.signature_name = rest_messages.signature_name(body)
        signature = self._prediction.signature(request.model_spec)
        by_row = rest_messages.fill_predict(body, signature, request)
        response = self._prediction.predict(request, deadline, "REST")
        return rest_messages.predict_answer(response, by_row)

    def _classify(
        self, fill: Callable[[ModelSpec], None], body: dict[str, Any], deadline: float
    ) -> dict[str, Any]:
        request = classification_pb2.ClassificationRequest()
        fill(request.model_spec)
        request.model_spec.signature_name = rest_messages.signature_name(body)
        rest_messages.fill_examples(body, request)
        return rest_messages.classify_answer(self._prediction.classify(request, deadline, "REST"))

    def _regress(
        self, fill: Callable[[ModelSpec], None], body: dict[str, Any], deadline: float
    ) -> dict[str, Any]:
        request = regression_pb2.RegressionRequest()
        fill(request.model_spec)
        request.model_spec.signature_name = rest_messages.signature_name(body)
        rest_messages.fill_examples(body, request)
        return rest_messages.regress_answer(self._prediction.regress(request, deadline, "REST"))

    def _status(self, fill: Callable[[ModelSpec], None]) -> dict[str, Any]:
        request = get_model_status_pb2.GetModelStatusRequest()
        fill(request.model_spec)
        return rest_messages.message_dict(self._models.status(request, None))

    def _metadata(self, fill: Callable[[ModelSpec], None]) -> dict[str, Any]:
        request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        fill(request.model_spec)
        response = self._prediction.metadata(request, None)
        signatures = get_model_metadata_pb2.SignatureDefMap()
        response.metadata["signature_def"].Unpack(signatures)
        return {
            "model_spec": rest_messages.message_dict(response.model_spec),
            "metadata": {"signature_def": rest_messages.message_dict(signatures)},
        }


def error_answer(error: ServingError, headers: dict[str, str] | None = None) -> Answer:
    """A status as TF Serving's REST API gives it."""
    code = _CODES.get(error.code, HTTPStatus.INTERNAL_SERVER_ERROR)
    body = _encoded({"error": shortened(error.message)})
    return Answer(int(code), body, headers=headers or {})


def _encoded(content: dict[str, Any]) -> bytes:
    # NaN and the infinities are written, as TF Serving does.
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
