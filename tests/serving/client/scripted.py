"""A gRPC server on the stock stubs that answers from a script: echoes, fails, sleeps.

It loads no model. Its models `echo` and `broken` exist to show what a client does on the wire.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf import any_pb2
from tensorflow.core.framework import types_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    model_service_pb2_grpc,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from tidegate.tables.roles import ASKED, SIGNATURE, TEXT

# A type and a shape; None for any rank.
Spec = tuple[int, Sequence[int] | None]


def _info(name: str, dtype: int, shape: Sequence[int] | None) -> Any:
    info = meta_graph_pb2.TensorInfo(name=f"{name}:0", dtype=dtype)
    if shape is None:
        info.tensor_shape.unknown_rank = True
    else:
        for size in shape:
            info.tensor_shape.dim.add().size = size
    return info


def signature(
    inputs: Mapping[str, Spec],
    outputs: Mapping[str, Spec],
    method: str = "predict",
    defaults: Mapping[str, Any] | None = None,
) -> Any:
    """A SignatureDef of types and shapes; -1 is a size that may be any."""
    found = meta_graph_pb2.SignatureDef(method_name=f"tensorflow/serving/{method}")
    for side, given in ((found.inputs, inputs), (found.outputs, outputs)):
        for name, (dtype, shape) in given.items():
            side[name].CopyFrom(_info(name, dtype, shape))
    for name, value in (defaults or {}).items():
        found.defaults[name].CopyFrom(tf.make_tensor_proto(value))
    return found


STRING, FLOAT, INT64 = types_pb2.DT_STRING, types_pb2.DT_FLOAT, types_pb2.DT_INT64


class Script(
    prediction_service_pb2_grpc.PredictionServiceServicer,
    model_service_pb2_grpc.ModelServiceServicer,
):
    """What the server does.

    Attributes:
      signatures: by name, of the model `echo`, whose answers are its inputs.
      version: of the model.
      failures: status codes to answer the next Predict calls with, one each.
      echo: the inputs that come back; empty for all.
      fail_after: so many Predict calls are answered, all later ones fail with INTERNAL.
      seconds: a pause before each answer of Predict.
      roles: what the model tells of itself; empty for a model that does not.
      requests: the Predict requests received, without those for the roles.
      times: when, by `time.monotonic`.
      metadata: the invocation metadata of the last of them.
      loading_error: why the newest version cannot be loaded; empty where it is.
      running, most: Predict calls that run now, and at most.
    """

    def __init__(self) -> None:
        self.signatures: dict[str, Any] = {
            "serving_default": signature({"x": (FLOAT, [-1])}, {"x": (FLOAT, [-1])})
        }
        self.version = 3
        self.failures: list[grpc.StatusCode] = []
        self.echo: tuple[str, ...] = ()
        self.fail_after: int | None = None
        self.seconds = 0.0
        self.roles = ""
        self.requests: list[Any] = []
        self.times: list[float] = []
        self.metadata: dict[str, str] = {}
        self.running = self.most = 0
        self.loading_error = ""
        self._lock = threading.Lock()

    def Predict(self, request: Any, context: Any) -> Any:
        if self.roles and request.model_spec.signature_name == SIGNATURE:
            told = predict_pb2.PredictResponse(model_spec=request.model_spec)
            told.model_spec.version.value = self.version
            told.outputs[TEXT].CopyFrom(tf.make_tensor_proto([self.roles]))
            return told
        with self._lock:
            self.requests.append(request)
            self.times.append(time.monotonic())
            self.metadata = dict(context.invocation_metadata())
            failure = self.failures.pop(0) if self.failures else None
            if self.fail_after is not None and len(self.requests) > self.fail_after:
                failure = grpc.StatusCode.INTERNAL
            self.running += 1
            self.most = max(self.most, self.running)
        time.sleep(self.seconds)
        with self._lock:
            self.running -= 1
        if failure is not None:
            context.abort(failure, f"scripted {failure.name}")
        self._known(request, context)
        response = predict_pb2.PredictResponse()
        response.model_spec.CopyFrom(request.model_spec)
        response.model_spec.version.value = self.version
        for name, value in request.inputs.items():
            wanted = request.output_filter or self.echo
            if not wanted or name in wanted:
                response.outputs[name].CopyFrom(value)
        return response

    def Classify(self, request: Any, context: Any) -> Any:
        self._known(request, context)
        response = classification_pb2.ClassificationResponse()
        for example in request.input.example_list.examples:
            found = response.result.classifications.add()
            for name, feature in sorted(example.features.feature.items()):
                found.classes.add(label=name, score=len(feature.bytes_list.value))
        return response

    def Regress(self, request: Any, context: Any) -> Any:
        self._known(request, context)
        response = regression_pb2.RegressionResponse()
        for example in request.input.example_list.examples:
            values = example.features.feature["x"].float_list.value
            response.result.regressions.add(value=sum(values))
        return response

    def GetModelMetadata(self, request: Any, context: Any) -> Any:
        self._known(request, context)
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = self.version
        found = get_model_metadata_pb2.SignatureDefMap()
        signatures = dict(self.signatures)
        if self.roles:
            signatures[SIGNATURE] = signature({ASKED: (STRING, [-1])}, {TEXT: (STRING, [-1])})
        for name, one in signatures.items():
            found.signature_def[name].CopyFrom(one)
        packed = any_pb2.Any()
        packed.Pack(found)
        response.metadata["signature_def"].CopyFrom(packed)
        return response

    def GetModelStatus(self, request: Any, context: Any) -> Any:
        if request.model_spec.name != "echo":
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Could not find any versions of model {request.model_spec.name}",
            )
        states = get_model_status_pb2.ModelVersionStatus
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.add(version=2, state=states.AVAILABLE)
        newest = response.model_version_status.add(version=self.version, state=states.AVAILABLE)
        if self.loading_error:
            newest.state = states.END
            newest.status.error_code = grpc.StatusCode.INTERNAL.value[0]
            newest.status.error_message = self.loading_error
        return response

    def _known(self, request: Any, context: Any) -> None:
        if request.model_spec.name != "echo":
            context.abort(
                grpc.StatusCode.NOT_FOUND,
                f"Servable not found for request: Latest({request.model_spec.name})",
            )


@contextmanager
def serve(
    script: Script,
    address: str = "localhost:0",
    credentials: grpc.ServerCredentials | None = None,
) -> Iterator[str]:
    """Serves a script on a free port of loopback; gives the address."""
    server = grpc.server(
        futures.ThreadPoolExecutor(32),
        options=[
            ("grpc.max_receive_message_length", 2**31 - 1),
            ("grpc.max_send_message_length", 2**31 - 1),
            ("grpc.so_reuseport", 0),
        ],
    )
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(script, server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(script, server)
    if credentials is None:
        port = server.add_insecure_port(address)
    else:
        port = server.add_secure_port(address, credentials)
    server.start()
    try:
        yield f"localhost:{port}"
    finally:
        server.stop(None).wait()
