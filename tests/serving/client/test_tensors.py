"""NumPy to TensorProto and back, against TensorFlow's own functions."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tidegate.serving.client import tensors
from tidegate.serving.client.messages import DATA_TYPES, TensorProto

NUMBERS = [
    "float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16",
    "uint32", "uint64", "bool", "complex64", "complex128",
]  # fmt: skip
EXTENDED = [ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, ml_dtypes.float8_e4m3fn]


def stock(proto: Any) -> Any:
    """The same bytes as the stock message."""
    from tensorflow.core.framework import tensor_pb2

    return tensor_pb2.TensorProto.FromString(proto.SerializeToString())


def ours(proto: Any) -> Any:
    return TensorProto.FromString(proto.SerializeToString())


def same(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> None:
    assert (left.shape, left.dtype) == (right.shape, right.dtype)
    if left.dtype == object:
        assert left.tolist() == right.tolist()
    else:
        assert left.tobytes() == right.tobytes()


def arrays() -> Any:
    shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    return st.sampled_from(NUMBERS).flatmap(lambda name: hnp.arrays(np.dtype(name), shapes))


@settings(max_examples=80, deadline=None)
@given(arrays())
def test_numbers_are_read_by_tensorflow_and_from_it(array: np.ndarray[Any, Any]) -> None:
    same(tf.make_ndarray(stock(tensors.to_proto(array))), array)
    same(tensors.from_proto(ours(tf.make_tensor_proto(array))), array)


@pytest.mark.parametrize("dtype", EXTENDED)
def test_types_that_numpy_lacks(dtype: Any) -> None:
    array = np.array([[0.0, 1.5], [-2.0, 0.25]], dtype)
    same(tf.make_ndarray(stock(tensors.to_proto(array))), array)
    same(tensors.from_proto(ours(tf.make_tensor_proto(array))), array)


def test_strings() -> None:
    given = np.array([["a", "水闸"], [b"\xff\x00", ""]], object)
    expected = np.array([[b"a", "水闸".encode()], [b"\xff\x00", b""]], object)
    proto = tensors.to_proto(given)
    same(tf.make_ndarray(stock(proto)), expected)
    same(tensors.from_proto(ours(tf.make_tensor_proto(expected))), expected)
    assert tensors.as_text(expected).tolist() == [["a", "水闸"], ["�\x00", ""]]
    same(
        tensors.from_proto(tensors.to_proto(np.array(["a", "bc"]))), np.array([b"a", b"bc"], object)
    )


@pytest.mark.parametrize(
    ("dtype", "field", "values"),
    [
        ("DT_FLOAT", "float_val", [0.5, -1.0]),
        ("DT_DOUBLE", "double_val", [0.1, 2.0]),
        ("DT_INT32", "int_val", [1, -2]),
        ("DT_UINT8", "int_val", [1, 255]),
        ("DT_INT64", "int64_val", [1, -(2**62)]),
        ("DT_UINT64", "uint64_val", [1, 2**64 - 1]),
        ("DT_UINT32", "uint32_val", [1, 2**32 - 1]),
        ("DT_BOOL", "bool_val", [True, False]),
        ("DT_HALF", "half_val", [0x3C00, 0xC000]),
        ("DT_BFLOAT16", "half_val", [0x3F80, 0xC000]),
        ("DT_COMPLEX64", "scomplex_val", [1.0, 2.0, 3.0, 4.0]),
        ("DT_COMPLEX128", "dcomplex_val", [1.0, 2.0, 3.0, 4.0]),
        ("DT_STRING", "string_val", [b"a", b"b"]),
    ],
)
@pytest.mark.parametrize("size", [2, 5])
def test_repeated_fields_whose_last_value_fills_the_rest(
    dtype: str, field: str, values: list[Any], size: int
) -> None:
    proto = TensorProto(dtype=DATA_TYPES[dtype])
    proto.tensor_shape.dim.add().size = size
    getattr(proto, field).extend(values)
    # TensorFlow's own kernel code reads it: make_ndarray does not fill all types.
    expected = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(DATA_TYPES[dtype]))
    same(tensors.from_proto(proto), expected.numpy())


def test_no_values_are_zeros_as_in_tensorflow() -> None:
    for dtype in ("DT_FLOAT", "DT_INT64", "DT_STRING"):
        proto = TensorProto(dtype=DATA_TYPES[dtype])
        proto.tensor_shape.dim.add().size = 3
        expected = tf.io.parse_tensor(proto.SerializeToString(), tf.as_dtype(DATA_TYPES[dtype]))
        same(tensors.from_proto(proto), expected.numpy())


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
        np.arange(6, dtype=">f4"),
        np.arange(10, dtype=np.int64)[::3],
    ],
)
def test_memory_in_another_order(array: np.ndarray[Any, Any]) -> None:
    read = tf.make_ndarray(stock(tensors.to_proto(array)))
    assert read.tolist() == array.tolist()


def test_answers_may_be_written_to() -> None:
    array = tensors.from_proto(tensors.to_proto(np.zeros(2, np.float32)))
    array[0] = 1
    assert array.tolist() == [1, 0]


def test_what_cannot_be_read_is_refused() -> None:
    proto = TensorProto(dtype=DATA_TYPES["DT_FLOAT"], tensor_content=b"123")
    with pytest.raises(ValueError, match="3 bytes of float32 do not fill the shape"):
        tensors.from_proto(proto)
    proto = TensorProto(dtype=DATA_TYPES["DT_FLOAT"], float_val=[1, 2])
    with pytest.raises(ValueError, match="2 values do not fit the shape"):
        tensors.from_proto(proto)
    proto = TensorProto(dtype=DATA_TYPES["DT_RESOURCE"])
    with pytest.raises(TypeError, match="resource cannot be sent or read"):
        tensors.from_proto(proto)
    with pytest.raises(TypeError, match="expected str or bytes"):
        tensors.to_proto(np.array([None], object))
    with pytest.raises(TypeError, match="no type for NumPy's datetime64"):
        tensors.to_proto(np.array(["2020-01-01"], "datetime64[D]"))
