"""JSON values to tensors and back, as TF Serving's REST API has them."""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
from tensorflow.core.framework import tensor_pb2, types_pb2

from tidegate.serving.server import status, tensors

# Outputs whose names end so hold bytes and not text.
_BYTES = "_bytes"
_BASE64 = "b64"
_LONGEST_QUOTE = 500
_TYPES = {
    type(None): "Null", bool: "Bool", dict: "Object", list: "Array", str: "String",
    int: "Number", float: "Number",
}  # fmt: skip
_FLOATS: dict[int, Any] = {types_pb2.DT_FLOAT: np.float32, types_pb2.DT_DOUBLE: np.float64}
_WHOLE: dict[int, Any] = {
    types_pb2.DT_INT8: np.int8,
    types_pb2.DT_INT16: np.int16,
    types_pb2.DT_INT32: np.int32,
    types_pb2.DT_INT64: np.int64,
    types_pb2.DT_UINT8: np.uint8,
    types_pb2.DT_UINT32: np.uint32,
    types_pb2.DT_UINT64: np.uint64,
}


def quoted(value: Any) -> str:
    """A JSON value in an error's text."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_QUOTE else f"{text[:_LONGEST_QUOTE]}..."


def kind(value: Any) -> str:
    """What a JSON value is, in TF Serving's words."""
    return str(value) if isinstance(value, bool) else _TYPES[type(value)]


def is_base64(value: Any) -> bool:
    """Whether a value is ``{"b64": "..."}``: bytes, and no object with names of inputs."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_BASE64), str)


def base64_object(value: bytes) -> dict[str, str]:
    """Bytes as ``{"b64": "..."}``."""
    return {_BASE64: base64.b64encode(value).decode()}


def text_bytes(value: Any) -> bytes | None:
    """The bytes of a string or of ``{"b64": "..."}``; None for any other value.

    Raises:
      ServingError: INVALID_ARGUMENT; no base64, or half of a surrogate pair.
    """
    if isinstance(value, str):
        try:
            return value.encode()
        except UnicodeEncodeError as error:
            raise status.invalid_argument(
                f"JSON Value: {value!r} holds half of a surrogate pair"
            ) from error
    if not is_base64(value):
        return None
    try:
        return base64.b64decode(value[_BASE64], validate=True)
    except (binascii.Error, ValueError) as error:
        raise status.invalid_argument("Unable to base64 decode") from error


def dense(value: Any, dtype: int) -> tuple[list[int], list[Any]]:
    """A value, or lists of lists of values, as a shape and the values of the tensor's type.

    Args:
      value: of the request; a scalar has the shape [].
      dtype: the signature's type.

    Returns:
      The shape, and its values row by row, for the field of the type.

    Raises:
      ServingError: INVALID_ARGUMENT for lists of unlike sizes and values of another type,
        UNIMPLEMENTED for a type that JSON cannot hold.
    """
    shape: list[int] = []
    probe = value
    while isinstance(probe, list):
        shape.append(len(probe))
        if not probe:
            break
        probe = probe[0]
    level = [value]
    for depth, size in enumerate(shape):
        below: list[Any] = []
        for each in level:
            if not isinstance(each, list):
                raise status.invalid_argument(
                    f"JSON Value: {quoted(each)} found at incorrect level: {depth + 1} in the JSON "
                    f"DOM. Expected at level: {len(shape)}"
                )
            if len(each) != size:
                raise status.invalid_argument(
                    f"Encountered list at unexpected size: {len(each)} at level: {depth} "
                    f"expected size: {size}"
                )
            below += each
        level = below
    if any(isinstance(each, list) for each in level):
        raise status.invalid_argument(
            f"Encountered list at unexpected level: {len(shape)} expected < {len(shape)}"
        )
    convert = _converter(dtype, level)
    return shape, [convert(each) for each in level]


def _converter(dtype: int, values: list[Any]) -> Callable[[Any], Any]:
    name = tensors.type_name(dtype)

    def wrong(value: Any) -> status.ServingError:
        return status.invalid_argument(
            f"JSON Value: {quoted(value)} Type: {kind(value)} is not of expected type: {name}"
        )

    if dtype in _FLOATS:
        info = np.finfo(_FLOATS[dtype])
        most, whole = float(info.max), (1 << (info.nmant + 1)) - 1

        def number(value: Any) -> float:
            if type(value) is float:
                if -most <= value <= most or not math.isfinite(value):
                    return value
            elif type(value) is not int:
                raise wrong(value)
            elif -whole <= value <= whole:
                return float(value)
            raise status.invalid_argument(
                f"Cannot convert JSON value: {quoted(value)} to {name} without loss of precision."
            )

        return number
    if dtype in _WHOLE:
        bounds = np.iinfo(_WHOLE[dtype])
        low, high = int(bounds.min), int(bounds.max)

        def whole_number(value: Any) -> int:
            if type(value) is not int or not low <= value <= high:
                raise wrong(value)
            return value

        return whole_number
    if dtype == types_pb2.DT_BOOL:

        def truth(value: Any) -> bool:
            if not isinstance(value, bool):
                raise wrong(value)
            return value

        return truth
    if dtype == types_pb2.DT_STRING:

        def text(value: Any) -> bytes:
            found = text_bytes(value)
            if found is None:
                raise wrong(value)
            return found

        return text
    first = quoted(values[0]) if values else "[]"
    raise status.unimplemented(f"Conversion of JSON Value: {first} to type: {name}")


def fill(proto: tensor_pb2.TensorProto, dtype: int, shape: list[int], values: list[Any]) -> None:
    """Writes an empty tensor message."""
    proto.dtype = dtype
    proto.tensor_shape.SetInParent()
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    getattr(proto, tensors.value_field(dtype)).extend(values)


def plain(name: str, array: np.ndarray) -> Any:
    """An output as JSON values: lists of lists, or a value where it is a scalar.

    A float32 has no more digits than it needs; NaN and the infinities are written as such, which
    is beyond JSON proper and what TF Serving does.

    Args:
      name: of the output; one that ends in `_bytes` becomes base64.
      array: numbers, truth values, or an object array of bytes.

    Raises:
      ServingError: INVALID_ARGUMENT for a type that JSON cannot hold, INTERNAL for text that is
        not UTF-8.
    """
    if array.dtype.kind in "biu":
        return array.tolist()
    if array.dtype.kind == "f":
        return decimals(array).tolist()
    if array.dtype != object:
        type_name = tensors.type_name(tensors.data_type(array))
        raise status.invalid_argument(f"Failed to write JSON value for tensor type: {type_name}")
    values = np.empty(array.size, object)
    flat = array.reshape(-1).tolist()
    if name.endswith(_BYTES):
        values[:] = [base64_object(value) for value in flat]
    else:
        try:
            values[:] = [value.decode() for value in flat]
        except UnicodeDecodeError as error:
            raise status.internal(
                f"Output {name} holds bytes that are no UTF-8; an output is sent as base64 where "
                f"its name ends in {_BYTES}"
            ) from error
    return values.reshape(array.shape).tolist()


def decimals(array: np.ndarray) -> np.ndarray:
    """Floats as float64 whose shortest decimal forms are those of the narrower floats."""
    if array.dtype == np.float64:
        return array
    return array.astype("U").astype(np.float64)
