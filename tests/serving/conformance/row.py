"""One row of the conformance table, and how it is sent."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
import tensorflow as tf
from google.protobuf.message import Message
from tensorflow.core.framework.tensor_pb2 import TensorProto
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    input_pb2,
    model_management_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

PREDICTION = "/tensorflow.serving.PredictionService/"
MODEL = "/tensorflow.serving.ModelService/"
RESPONSES: dict[str, tuple[str, Any]] = {
    "Predict": (PREDICTION, predict_pb2.PredictResponse),
    "Classify": (PREDICTION, classification_pb2.ClassificationResponse),
    "Regress": (PREDICTION, regression_pb2.RegressionResponse),
    "MultiInference": (PREDICTION, inference_pb2.MultiInferenceResponse),
    "GetModelMetadata": (PREDICTION, get_model_metadata_pb2.GetModelMetadataResponse),
    "GetModelStatus": (MODEL, get_model_status_pb2.GetModelStatusResponse),
    "HandleReloadConfigRequest": (MODEL, model_management_pb2.ReloadConfigResponse),
}
# Large messages are part of the protocol; a client's own limit is 4 MiB.
CHANNEL_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1))


@dataclass(frozen=True)
class Row:
    """A request and what must come of it.

    Attributes:
      name: of the row.
      method: of the service.
      request: a message, or bytes that are none.
      code: expected.
      text: the whole message of the status; None where the contract says nothing of it.
      contains: a part of the message, where the rest is the kernel's own.
      check: of the response; raises AssertionError.
      timeout: the client's deadline, seconds.
      ours: whether the embedded server departs here from TF Serving, on purpose.
    """

    name: str
    method: str
    request: Message | bytes
    code: grpc.StatusCode = grpc.StatusCode.OK
    text: str | None = None
    contains: str = ""
    check: Callable[[Any], None] | None = None
    timeout: float = 30.0
    ours: bool = False

    def run(self, channel: grpc.Channel) -> None:
        """Sends the request.

        Raises:
          AssertionError: the answer is another one.
        """
        service, response_type = RESPONSES[self.method]
        call = channel.unary_unary(
            service + self.method,
            request_serializer=lambda data: data,
            response_deserializer=response_type.FromString,
        )
        data = self.request if isinstance(self.request, bytes) else self.request.SerializeToString()
        try:
            response = call(data, timeout=self.timeout)
        except grpc.RpcError as error:
            code, text = error.code(), error.details()
            assert code == self.code, f"{code}: {text}"
            if self.text is not None:
                # Some of TF Serving's texts end in a blank, which HTTP/2 libraries make of nothing.
                assert text.rstrip() == self.text.rstrip()
            assert self.contains in text
            return
        assert self.code == grpc.StatusCode.OK, f"answered, expected {self.code}: {response}"
        if self.check is not None:
            self.check(response)


def spec(
    name: str = "half_plus_two",
    signature: str = "",
    version: int | None = None,
    label: str = "",
) -> model_pb2.ModelSpec:
    """A model spec."""
    made = model_pb2.ModelSpec(name=name, signature_name=signature)
    if version is not None:
        made.version.value = version
    if label:
        made.version_label = label
    return made


def predict(
    model: model_pb2.ModelSpec | None = None,
    output_filter: Sequence[str] = (),
    **inputs: TensorProto | Sequence[float],
) -> predict_pb2.PredictRequest:
    """A Predict request; numbers become a float vector."""
    request = predict_pb2.PredictRequest(output_filter=output_filter)
    if model is not None:
        request.model_spec.CopyFrom(model)
    for alias, values in inputs.items():
        if not isinstance(values, TensorProto):
            values = tf.make_tensor_proto(values, tf.float32)
        request.inputs[alias].CopyFrom(values)
    return request


def tensor(dtype: int = 1, shape: Sequence[int] = (), **values: Any) -> TensorProto:
    """A tensor message as it is written down, valid or not; type 1 is float, 7 string."""
    proto = TensorProto(dtype=dtype, **values)
    proto.tensor_shape.SetInParent()
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    return proto


def examples(*rows: float) -> input_pb2.Input:
    """An example list with the feature ``x``."""
    made = input_pb2.Input()
    made.example_list.SetInParent()
    for x in rows:
        made.example_list.examples.add().features.feature["x"].float_list.value.append(x)
    return made


def with_context(x: float, count: int) -> input_pb2.Input:
    """Empty examples whose feature ``x`` is in the context."""
    made = input_pb2.Input()
    listed = made.example_list_with_context
    listed.context.features.feature["x"].float_list.value.append(x)
    for _ in range(count):
        listed.examples.add()
    return made


def task(method: str, signature: str, name: str = "half_plus_two") -> inference_pb2.InferenceTask:
    """A task of MultiInference; the method without its prefix."""
    return inference_pb2.InferenceTask(
        model_spec=spec(name, signature), method_name=f"tensorflow/serving/{method}"
    )


def answers(version: int, signature: str, **outputs: Sequence[float]) -> Callable[[Any], None]:
    """A check of a Predict response: its spec, its outputs in the fields of their types."""

    def check(response: predict_pb2.PredictResponse) -> None:
        assert response.model_spec == spec("half_plus_two", signature, version)
        assert set(response.outputs) == set(outputs)
        for alias, expected in outputs.items():
            proto = response.outputs[alias]
            assert not proto.tensor_content
            assert [dim.size for dim in proto.tensor_shape.dim] == [len(expected)]
            found = list(proto.float_val)
            assert len(found) == len(expected)
            assert all(map(math.isclose, found, expected)), found

    return check
