"""Bodies of TF Serving's REST API to its messages, and its answers to bodies."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow.core.example import example_pb2

from tidegate.serving.server import rest_tensors, status, tensors

if TYPE_CHECKING:
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef
    from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2

_INT64_MAX = 2**63 - 1
# protobuf 5 has another name for it.
_DEFAULTS = next(
    name
    for name in ("always_print_fields_with_no_presence", "including_default_value_fields")
    if name in inspect.signature(json_format.MessageToDict).parameters
)


def parse(body: bytes) -> dict[str, Any]:
    """The object that a request's body holds.

    Raises:
      ServingError: INVALID_ARGUMENT; the body is no JSON object.
    """
    if not body:
        raise status.invalid_argument("JSON Parse error: The document is empty")
    try:
        found = json.loads(body)
    except json.JSONDecodeError as error:
        raise status.invalid_argument(
            f"JSON Parse error: {error.msg} at offset: {error.pos}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise status.invalid_argument(f"JSON Parse error: {error}") from error
    if not isinstance(found, dict):
        raise status.invalid_argument(f"JSON Value: {rest_tensors.quoted(found)} Is not object")
    return found


def signature_name(body: Mapping[str, Any]) -> str:
    """The signature that a request asks for; empty for the default one."""
    name = body.get("signature_name", "")
    if not isinstance(name, str):
        raise status.invalid_argument(
            f"JSON Value: {rest_tensors.quoted(body)} not formatted correctly. 'signature_name' "
            "key must be a string value."
        )
    return name


def fill_predict(
    body: Mapping[str, Any], signature: SignatureDef, request: predict_pb2.PredictRequest
) -> bool:
    """Writes the inputs of a Predict request.

    Args:
      body: with ``instances``, a value or an object for each row, or with ``inputs``, a value or an
        object of whole tensors.
      signature: what is called.
      request: its inputs are written.

    Returns:
      Whether the request, and so its answer, goes row by row.

    Raises:
      ServingError: INVALID_ARGUMENT; the values are not the signature's inputs.
    """
    if not signature.inputs:
        raise status.invalid_argument(
            f"Failed to get input map for signature: {signature_name(body) or 'DEFAULT'}"
        )
    both = "instances" in body and "inputs" in body
    if both:
        raise status.invalid_argument(
            f"JSON Value: {rest_tensors.quoted(body)} Not formatted correctly expecting only one "
            "of 'inputs' or 'instances' keys to exist "
        )
    if "instances" in body:
        _check_list(
            body["instances"],
            body,
            "Excepting 'instances' to be an list/array",
            "No values in 'instances' array",
        )
        _fill_rows(body["instances"], signature, request)
        return True
    if "inputs" not in body:
        raise status.invalid_argument("Missing 'inputs' or 'instances' key")
    _fill_columns(body["inputs"], signature, request)
    return False


def _check_list(value: Any, body: Mapping[str, Any], no_list: str, empty: str) -> None:
    """Checks that a value is a list with something in it; the words are TF Serving's own."""
    if not isinstance(value, list):
        raise status.invalid_argument(f"JSON Value: {rest_tensors.quoted(body)} {no_list}")
    if not value:
        raise status.invalid_argument(f"JSON Value: {rest_tensors.quoted(body)} {empty}")


def _is_object(value: Any) -> bool:
    return isinstance(value, dict) and not rest_tensors.is_base64(value)


def _fill_rows(
    rows: list[Any], signature: SignatureDef, request: predict_pb2.PredictRequest
) -> None:
    inputs = signature.inputs
    named = _is_object(rows[0])
    if not named and len(inputs) > 1:
        raise status.invalid_argument(
            "instances is a plain list, but expecting list of objects as multiple input tensors "
            "required as per tensorinfo_map"
        )
    (alone,) = inputs if len(inputs) == 1 else ("",)
    shapes: dict[str, list[int]] = {}
    columns: dict[str, list[Any]] = {}
    for place, row in enumerate(rows):
        if _is_object(row) != named:
            found, expected = ("list", "object") if named else ("object", "value/list")
            raise status.invalid_argument(
                f"Expecting {expected} but got {found} at item {place} of input list"
            )
        for name, value in row.items() if named else ((alone, row),):
            try:
                if name not in inputs:
                    raise _unknown(name)
                shape, values = rest_tensors.dense(value, inputs[name].dtype)
                if shapes.setdefault(name, shape) != shape:
                    raise status.invalid_argument(
                        f"Expecting shape {tensors.shape_text(shapes[name])} but got: "
                        f"{tensors.shape_text(shape)}"
                    )
            except status.ServingError as error:
                key = f" key: {name}" if named else ""
                raise status.ServingError(
                    error.code,
                    f"Failed to process element: {place}{key} of 'instances' list. Error: "
                    f"{error.code.name}: {error.message}",
                ) from error
            columns.setdefault(name, []).extend(values)
        if named and set(row) != set(inputs):
            raise status.invalid_argument(
                f"Failed to process element: {place} of 'instances' list. JSON object: "
                f"{rest_tensors.quoted(row)} keys must be equal to: {','.join(sorted(inputs))}"
            )
    for name, values in columns.items():
        shape = [len(rows), *shapes[name]]
        rest_tensors.fill(request.inputs[name], inputs[name].dtype, shape, values)


def _fill_columns(
    columns: Any, signature: SignatureDef, request: predict_pb2.PredictRequest
) -> None:
    inputs = signature.inputs
    if not _is_object(columns):
        if len(inputs) > 1:
            raise status.invalid_argument(
                "inputs is a plain value/list, but expecting an object as multiple input tensors "
                "required as per tensorinfo_map"
            )
        columns = {next(iter(inputs)): columns}
    for name in inputs:
        if name not in columns and name not in signature.defaults:
            raise status.invalid_argument(f"Missing named input: {name} in 'inputs' object.")
    for name, value in columns.items():
        if name not in inputs:
            raise _unknown(name)  # TF Serving drops it without a word.
        dtype = inputs[name].dtype
        rest_tensors.fill(request.inputs[name], dtype, *rest_tensors.dense(value, dtype))


def _unknown(name: str) -> status.ServingError:
    return status.invalid_argument(f"JSON object: does not have named input: {name}")


def predict_answer(response: predict_pb2.PredictResponse, by_row: bool) -> dict[str, Any]:
    """A Predict response as an object, in the form that its request had.

    Raises:
      ServingError: INVALID_ARGUMENT; the outputs have not one row for each of the request's, and
        the request asked row by row.
    """
    arrays = {name: tensors.decode(proto) for name, proto in sorted(response.outputs.items())}
    values = {name: rest_tensors.plain(name, array) for name, array in arrays.items()}
    if not by_row:
        return {"outputs": values if len(values) > 1 else next(iter(values.values()))}
    count = None
    for name, array in arrays.items():
        if not array.shape:
            raise status.invalid_argument(f"Tensor name: {name} has no shape information ")
        if count is not None and len(array) != count:
            raise status.invalid_argument(
                f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {count}"
            )
        count = len(array)
    if len(values) == 1:
        return {"predictions": next(iter(values.values()))}
    rows = zip(*values.values(), strict=True)
    return {"predictions": [dict(zip(values, row, strict=True)) for row in rows]}


def fill_examples(
    body: Mapping[str, Any],
    request: classification_pb2.ClassificationRequest | regression_pb2.RegressionRequest,
) -> None:
    """Writes the examples of a Classify or Regress request, with their context.

    Raises:
      ServingError: INVALID_ARGUMENT; they are none.
    """
    if "examples" not in body:
        raise status.invalid_argument(
            f"JSON Value: {rest_tensors.quoted(body)} When method is classify, key 'examples' is "
            "expected and was not found"
        )
    _check_list(
        body["examples"],
        body,
        "Expecting 'examples' value to be an list/array",
        "'examples' value is an empty array",
    )
    target = request.input.example_list
    if "context" in body:
        target = request.input.example_list_with_context
        _fill_example(body["context"], target.context)
    for row in body["examples"]:
        _fill_example(row, target.examples.add())


def _fill_example(row: Any, example: example_pb2.Example) -> None:
    if not isinstance(row, dict):
        raise status.invalid_argument(
            f"Example must be JSON object but got JSON {rest_tensors.kind(row)}"
        )
    for name, content in row.items():
        values = content if isinstance(content, list) else [content]
        made = [_feature_value(name, value) for value in values]
        kinds = {kind for kind, _ in made}
        if len(kinds) > 1:
            raise status.invalid_argument(
                f"Unexpected element type in feature: {name} expecting type: "
                f"{made[0][0].removesuffix('_list')}"
            )
        feature = example.features.feature[name]
        if made:
            getattr(feature, made[0][0]).value.extend(value for _, value in made)


def _feature_value(name: str, value: Any) -> tuple[str, Any]:
    """The list of a feature that a value belongs to, and the value in it."""
    text = rest_tensors.text_bytes(value)
    if text is not None:
        return "bytes_list", text
    if isinstance(value, int):  # Truth values too.
        if not -_INT64_MAX - 1 <= value <= _INT64_MAX:
            raise status.invalid_argument(
                f"Feature: {name} has uint64 element. Only int64 is supported."
            )
        return "int64_list", int(value)
    if isinstance(value, float):
        rest_tensors.dense(value, 1)  # One that float32 can hold.
        return "float_list", value
    raise status.invalid_argument(
        f"Feature: {name} has element with unexpected JSON type: {rest_tensors.kind(value)}"
    )


def classify_answer(response: classification_pb2.ClassificationResponse) -> dict[str, Any]:
    """For each example, ``[label, score]`` of each class."""
    return {
        "results": [
            [
                [entry.label, score]
                for entry, score in zip(
                    row.classes, _floats(entry.score for entry in row.classes), strict=True
                )
            ]
            for row in response.result.classifications
        ]
    }


def regress_answer(response: regression_pb2.RegressionResponse) -> dict[str, Any]:
    """A value for each example."""
    return {"results": _floats(each.value for each in response.result.regressions)}


def _floats(values: Any) -> list[float]:
    found: list[float] = rest_tensors.decimals(np.fromiter(values, np.float32)).tolist()
    return found


def message_dict(message: Message) -> dict[str, Any]:
    """A message in protobuf's own JSON form, fields that are not set included."""
    convert: Callable[..., dict[str, Any]] = json_format.MessageToDict
    return convert(message, preserving_proto_field_name=True, **{_DEFAULTS: True})
