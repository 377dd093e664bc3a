"""Tensor messages to arrays and back, as TensorFlow's own parsing does it.

`tf.make_ndarray` raises for what a C++ server accepts, believes any declared shape, and takes
several times as long for the one string that most requests carry.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

# A message may hold fewer values than its shape says; the last one fills the rest. What is filled
# in that way is bounded, so that a request of a few bytes cannot demand memory without limit.
MAX_FILLED_BYTES = 64 << 20
# NumPy's limit; TensorFlow's own is 254.
_MAX_RANK = 32
_MAX_ELEMENTS = 2**63 - 1
# What one string takes at least inside a tensor.
_STRING_BYTES = 24
# From this size on, values are copied as bytes and not one by one.
_COPY_FROM = 64


class TensorError(ValueError):
    """A tensor message that holds no tensor."""


class TooManyValuesError(TensorError):
    """More values than the shape says. TF Serving takes the first ones, whatever was meant."""


class _Field(NamedTuple):
    """Where a type's values are in the message.

    Attributes:
      name: of the repeated field.
      wire: the type of the field's numbers; "" for strings.
      dtype: the tensor's type in NumPy.
      bits: whether the numbers are the values' bits and not the values.
    """

    name: str
    wire: str
    dtype: np.dtype
    bits: bool = False


def _field(dtype: int, name: str, wire: str, bits: bool = False) -> tuple[int, _Field]:
    return dtype, _Field(name, wire, np.dtype(tf.as_dtype(dtype).as_numpy_dtype), bits)


_FIELDS = dict(
    [
        _field(types_pb2.DT_FLOAT, "float_val", "f4"),
        _field(types_pb2.DT_DOUBLE, "double_val", "f8"),
        _field(types_pb2.DT_INT32, "int_val", "i4"),
        _field(types_pb2.DT_UINT8, "int_val", "i4"),
        _field(types_pb2.DT_INT16, "int_val", "i4"),
        _field(types_pb2.DT_INT8, "int_val", "i4"),
        _field(types_pb2.DT_UINT16, "int_val", "i4"),
        _field(types_pb2.DT_STRING, "string_val", ""),
        _field(types_pb2.DT_COMPLEX64, "scomplex_val", "f4"),
        _field(types_pb2.DT_INT64, "int64_val", "i8"),
        _field(types_pb2.DT_BOOL, "bool_val", "?"),
        _field(types_pb2.DT_BFLOAT16, "half_val", "i4", bits=True),
        _field(types_pb2.DT_COMPLEX128, "dcomplex_val", "f8"),
        _field(types_pb2.DT_HALF, "half_val", "i4", bits=True),
        _field(types_pb2.DT_UINT32, "uint32_val", "u4"),
        _field(types_pb2.DT_UINT64, "uint64_val", "u8"),
    ]
)
_DATA_TYPES = {field.dtype: dtype for dtype, field in _FIELDS.items()}
_COMPLEX = (types_pb2.DT_COMPLEX64, types_pb2.DT_COMPLEX128)
# Fields whose packed form is the array's bytes.
_FIXED_WIDTH = (types_pb2.DT_FLOAT, types_pb2.DT_DOUBLE, *_COMPLEX)


def type_name(dtype: int) -> str:
    """A type's name in TensorFlow's messages: ``float``, ``int64``, ``string``."""
    try:
        return str(types_pb2.DataType.Name(dtype)).removeprefix("DT_").lower()
    except ValueError:
        return f"unknown dtype enum ({dtype})"


def data_type(array: np.ndarray) -> int:
    """The number of an array's type; 0, no type, where no tensor message can hold it."""
    return _DATA_TYPES.get(array.dtype, types_pb2.DT_INVALID)


def value_field(dtype: int) -> str:
    """The field of a tensor message that holds a type's values."""
    return _FIELDS[dtype].name


def shape_text(sizes: Iterable[int]) -> str:
    """A shape as TensorFlow writes it: ``[3,1]``; -1 is any size."""
    return "[" + ",".join(map(str, sizes)) + "]"


def decode(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """The array of a tensor message.

    Values come from `tensor_content` where it is set, otherwise from the field of the type. Of
    too few values the last is repeated; of none the tensor is zeros or empty strings.

    Args:
      proto: a tensor of numbers, truth values or strings.

    Returns:
      An array of the message's shape; strings as an object array of bytes. It may be read-only.

    Raises:
      TensorError: unknown type, a shape that is none or that the values cannot fill, contents of
        another size than type and shape ask for.
      TooManyValuesError: more values than the shape has places.
    """
    field = _FIELDS.get(proto.dtype)
    if field is None:
        raise TensorError(f"no values can be read of type {type_name(proto.dtype)}")
    shape, count, product = _shape(proto)
    size = field.dtype.itemsize if field.wire else _STRING_BYTES
    values = getattr(proto, field.name)
    per_element = 2 if proto.dtype in _COMPLEX else 1
    if not proto.tensor_content and len(values) > count * per_element:
        raise TooManyValuesError(
            f"{len(values) // per_element} values, more than the shape {shape_text(shape)} holds"
        )
    if count == 0:
        # No values, but a sum over its empty dimension would have all of the others'.
        if product * size > MAX_FILLED_BYTES:
            raise TensorError(f"no values for a shape of {shape}")
        return np.empty(shape, field.dtype)
    if proto.tensor_content:
        return _content(proto.tensor_content, field, count).reshape(shape)
    given = len(values) // per_element
    if given < count and count * size > MAX_FILLED_BYTES:
        raise TensorError(f"{given} values for a shape of {count} elements")
    if not field.wire:
        strings = np.empty(count, object)
        strings[:given] = values
        strings[given:] = strings[given - 1] if given else b""
        return strings.reshape(shape)
    numbers = np.fromiter(values, field.wire, given * per_element)
    if per_element == 2:
        numbers = numbers.view(field.dtype)
    elif field.bits:
        numbers = numbers.astype(np.uint16).view(field.dtype)
    elif numbers.dtype != field.dtype:
        numbers = numbers.astype(field.dtype)
    if given < count:
        filled = np.empty(count, field.dtype)
        filled[:given] = numbers
        filled[given:] = numbers[-1] if given else 0
        numbers = filled
    return numbers.reshape(shape)


def _shape(proto: tensor_pb2.TensorProto) -> tuple[tuple[int, ...], int, int]:
    """The message's shape, its number of elements, and the product of what is not 0."""
    declared = proto.tensor_shape
    if declared.unknown_rank:
        raise TensorError("the rank is unknown")
    shape = tuple(dim.size for dim in declared.dim)
    if len(shape) > _MAX_RANK:
        raise TensorError(f"{len(shape)} dimensions")
    # The product is bounded with zeros left out: dimensions may not overflow, whatever follows.
    product = count = 1
    for size in shape:
        if size < 0:
            raise TensorError(f"a dimension of {size}")
        product *= size or 1
        count *= size
        if product > _MAX_ELEMENTS:
            raise TensorError("too many elements")
    return shape, count, product


def _content(content: bytes, field: _Field, count: int) -> np.ndarray:
    """The elements in `tensor_content`: the array's bytes, or all lengths and then all strings."""
    if field.wire:
        if len(content) != count * field.dtype.itemsize:
            raise TensorError(f"{len(content)} bytes for {count} elements")
        return np.frombuffer(content, field.dtype)
    if count > len(content):
        raise TensorError(f"{len(content)} bytes for {count} strings")
    at = 0
    lengths = []
    for _ in range(count):
        length = shift = 0
        while True:
            if at == len(content) or shift > 28:
                raise TensorError("a length that does not end")
            byte = content[at]
            at += 1
            length |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        lengths.append(length)
    if sum(lengths) != len(content) - at:
        raise TensorError("lengths that are not the strings'")
    strings = np.empty(count, object)
    for index, length in enumerate(lengths):
        strings[index] = content[at : at + length]
        at += length
    return strings


def encode(array: np.ndarray, proto: tensor_pb2.TensorProto) -> None:
    """Writes an array into an empty tensor message, values in the field of the type.

    TF Serving's Predict answers in this form and not with `tensor_content`.

    Args:
      array: numbers, truth values, or an object array of bytes.
      proto: an empty message.

    Raises:
      TensorError: the array's type has no field.
    """
    dtype = data_type(array)
    if dtype == types_pb2.DT_INVALID:
        raise TensorError(f"no tensor message can hold {array.dtype}")
    proto.dtype = dtype
    dims = proto.tensor_shape.dim
    for size in array.shape:
        dims.add().size = size
    proto.tensor_shape.SetInParent()  # A scalar has a shape too.
    if not array.size:
        return
    field = _FIELDS[dtype]
    if (dtype in _FIXED_WIDTH and array.size >= _COPY_FROM) or dtype in _COMPLEX:
        _merge_packed(proto, field.name, np.ascontiguousarray(array).tobytes())
        return
    values = array.reshape(-1)
    if field.bits:
        values = values.view(np.uint16)
    getattr(proto, field.name).extend(values.tolist())


def _merge_packed(proto: tensor_pb2.TensorProto, name: str, data: bytes) -> None:
    """Appends a packed field of fixed width by its wire form: tag, length, bytes."""
    number = proto.DESCRIPTOR.fields_by_name[name].number
    header = bytearray([number << 3 | 2])
    size = len(data)
    while size >= 0x80:
        header.append(size & 0x7F | 0x80)
        size >>= 7
    header.append(size)
    proto.MergeFromString(bytes(header) + data)
