"""Requests with something wrong in them, from a seed: the same seed gives the same requests.

Two ways: the bytes of a valid request are changed (flipped, cut, repeated, joined with another's),
which mostly is no message any more; or a field is, which mostly is: types, shapes, values, names.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import numpy as np
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    inference_pb2,
    model_management_pb2,
    predict_pb2,
    regression_pb2,
)

_PREDICTION = "/tensorflow.serving.PredictionService/"
_MODEL = "/tensorflow.serving.ModelService/"
_SIZES = (-(2**63), -1, 0, 1, 2, 3, 65, 2**20, 2**31, 2**40, 2**62, 2**63 - 1)
_NAMES = ("", "x", "y", "text", "inputs", "nobody", "a" * 5_000, "\u0000", "ä€😀")
_NUMBERS = (0.0, 1.0, -1.0, float("nan"), float("inf"), 1e38)

Request = tuple[str, bytes]


class Mutations:
    """Makes requests for a server that holds the model of `tests.serving.models.half_plus_two`.

    Args:
      seed: of the choices.
      model: the model's name.
    """

    def __init__(self, seed: int, model: str = "m") -> None:
        self._random = random.Random(seed)
        self._model = model

    def make(self) -> Request:
        """A method's path, and the bytes of a request."""
        choose = self._random
        path, message = choose.choice(
            [self._predict] * 5
            + [self._classify, self._regress, self._multi, self._metadata, self._status]
            + [self._reload]
        )()
        data = message.SerializeToString()
        if choose.random() < 0.5:
            data = self._bytes(data)
        return path, data

    def _bytes(self, data: bytes) -> bytes:
        choose = self._random
        changed = bytearray(data)
        for _ in range(choose.randint(1, 4)):
            at = choose.randint(0, len(changed))
            kind = choose.randrange(5)
            if kind == 0 and changed:
                changed[at % len(changed)] ^= 1 << choose.randrange(8)
            elif kind == 1:
                del changed[at:]
            elif kind == 2:
                changed[at:at] = choose.randbytes(choose.randint(1, 20))
            elif kind == 3:
                changed[at:at] = changed[: choose.randint(0, 200)]
            elif changed:
                changed[at % len(changed)] = choose.choice((0, 0x7F, 0x80, 0xFF))
        return bytes(changed)

    def _spec(self, spec: Any, signatures: Sequence[str]) -> None:
        choose = self._random
        spec.name = self._model if choose.random() < 0.9 else choose.choice(_NAMES)
        spec.signature_name = choose.choice(signatures if choose.random() < 0.9 else _NAMES)
        if choose.random() < 0.1:
            spec.version.value = choose.choice(_SIZES)
        elif choose.random() < 0.1:
            spec.version_label = choose.choice(_NAMES)

    def _tensor(self, proto: Any) -> None:
        choose = self._random
        proto.dtype = 1 if choose.random() < 0.6 else choose.randrange(-1, 130)
        for _ in range(choose.choice((0, 1, 1, 1, 2, 3, 40))):
            proto.tensor_shape.dim.add().size = choose.choice(_SIZES)
        proto.tensor_shape.unknown_rank = choose.random() < 0.03
        if choose.random() < 0.3:
            proto.tensor_content = choose.randbytes(choose.choice((0, 1, 4, 8, 4_096)))
        if choose.random() < 0.8:
            proto.float_val.extend(choose.choices(_NUMBERS, k=choose.choice((1, 2, 3, 100))))
        if choose.random() < 0.2:
            proto.string_val.append(choose.randbytes(choose.randint(0, 30)))
        if choose.random() < 0.1:
            proto.int_val.extend(choose.choices((-1, 0, 2**31 - 1), k=3))
            proto.half_val.extend(choose.choices((-1, 0, 2**31 - 1), k=3))

    def _predict(self) -> tuple[str, Any]:
        choose = self._random
        request = predict_pb2.PredictRequest()
        self._spec(request.model_spec, ("", "matrix", "batch", "total", "offset", "classify"))
        alias = "x" if choose.random() < 0.8 else choose.choice(_NAMES)
        self._tensor(request.inputs[alias])
        if choose.random() < 0.1:
            self._tensor(request.inputs[choose.choice(_NAMES)])
        if choose.random() < 0.2:
            request.output_filter.extend(choose.choices(_NAMES, k=choose.choice((1, 2, 50))))
        return f"{_PREDICTION}Predict", request

    def _input(self, given: Any) -> None:
        choose = self._random
        listed = given.example_list
        if choose.random() < 0.3:
            listed = given.example_list_with_context
            listed.context.features.feature["x"].float_list.value.append(1.0)
        for _ in range(choose.choice((0, 1, 2, 70))):
            feature = listed.examples.add().features.feature[choose.choice(("x", "x", "x", "z"))]
            if choose.random() < 0.8:
                feature.float_list.value.extend([1.0] * choose.choice((0, 1, 1, 1, 2)))
            else:
                feature.bytes_list.value.append(choose.randbytes(5))

    def _classify(self) -> tuple[str, Any]:
        request = classification_pb2.ClassificationRequest()
        self._spec(request.model_spec, ("classify", "regress"))
        self._input(request.input)
        return f"{_PREDICTION}Classify", request

    def _regress(self) -> tuple[str, Any]:
        request = regression_pb2.RegressionRequest()
        self._spec(request.model_spec, ("regress", "classify"))
        self._input(request.input)
        return f"{_PREDICTION}Regress", request

    def _multi(self) -> tuple[str, Any]:
        choose = self._random
        request = inference_pb2.MultiInferenceRequest()
        for _ in range(choose.choice((0, 1, 2, 2, 3))):
            task = request.tasks.add()
            self._spec(task.model_spec, ("classify", "regress"))
            signature = task.model_spec.signature_name
            method = signature if choose.random() < 0.9 else choose.choice(_NAMES)
            task.method_name = f"tensorflow/serving/{method}"
        self._input(request.input)
        return f"{_PREDICTION}MultiInference", request

    def _metadata(self) -> tuple[str, Any]:
        request = get_model_metadata_pb2.GetModelMetadataRequest()
        self._spec(request.model_spec, ("",))
        request.metadata_field.extend(
            self._random.choices(("signature_def", *_NAMES), k=self._random.randint(0, 3))
        )
        return f"{_PREDICTION}GetModelMetadata", request

    def _status(self) -> tuple[str, Any]:
        request = get_model_status_pb2.GetModelStatusRequest()
        self._spec(request.model_spec, ("",))
        return f"{_MODEL}GetModelStatus", request

    def _reload(self) -> tuple[str, Any]:
        """Reloads that must be refused: a valid one would take the model away."""
        choose = self._random
        request = model_management_pb2.ReloadConfigRequest()
        if choose.random() < 0.5:
            request.config.custom_model_config.type_url = choose.choice(_NAMES)
        else:
            model = request.config.model_config_list.config.add()
            model.name = choose.choice(_NAMES)
            model.base_path = "not/absolute"
            model.model_platform = choose.choice(("", "tensorflow", "nobody"))
        return f"{_MODEL}HandleReloadConfigRequest", request


def valid(model: str = "m") -> Request:
    """A request that is answered, to see that the server still does."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model
    proto = request.inputs["x"]
    proto.dtype = 1
    proto.tensor_shape.dim.add().size = 2
    proto.tensor_content = np.float32([1, 2]).tobytes()
    return f"{_PREDICTION}Predict", request.SerializeToString()
