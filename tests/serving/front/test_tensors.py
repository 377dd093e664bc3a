"""Tensor messages against TensorFlow's own conversion."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from tensorflow.core.framework.tensor_pb2 import TensorProto

from tidegate.serving.server import tensors

_DTYPES = [
    np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8,
    np.uint16, np.uint32, np.uint64, np.bool_, np.complex64, np.complex128,
]  # fmt: skip
_SHAPES = arrays.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=9)


def _proto(dtype: int, shape: list[int], **values: object) -> TensorProto:
    proto = TensorProto(dtype=dtype, **values)
    proto.tensor_shape.SetInParent()
    for size in shape:
        proto.tensor_shape.dim.add().size = size
    return proto


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(_DTYPES).flatmap(lambda dtype: arrays.arrays(dtype, _SHAPES)))
def test_numbers_as_tensorflow_reads_and_writes_them(array: np.ndarray) -> None:
    written = TensorProto()
    tensors.encode(array, written)
    assert not written.tensor_content
    np.testing.assert_array_equal(tf.make_ndarray(written), array)
    read = tensors.decode(tf.make_tensor_proto(array))  # In tensor_content, mostly.
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)
    np.testing.assert_array_equal(tensors.decode(written), array)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=20))
def test_strings_in_both_forms(values: list[bytes]) -> None:
    array = np.empty(len(values), object)
    array[:] = values
    written = TensorProto()
    tensors.encode(array, written)
    assert list(tensors.decode(written)) == values
    # tf.io.encode_proto aside, TensorFlow writes this form in C++ alone: lengths, then bytes.
    lengths = b"".join(_varint(len(value)) for value in values)
    content = _proto(7, [len(values)], tensor_content=lengths + b"".join(values))
    assert list(tensors.decode(content)) == values


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def test_bfloat16() -> None:
    array = np.array([1.5, -2.0], tf.bfloat16.as_numpy_dtype)
    written = TensorProto()
    tensors.encode(array, written)
    assert tf.make_ndarray(written).tolist() == [1.5, -2.0]
    assert tensors.decode(written).astype(np.float32).tolist() == [1.5, -2.0]


@pytest.mark.parametrize(
    ("proto", "expected"),
    [
        (_proto(1, [3], float_val=[1, 2]), [1, 2, 2]),
        (_proto(1, [2, 2], float_val=[7]), [[7, 7], [7, 7]]),
        (_proto(3, [2]), [0, 0]),
        (_proto(3, []), 0),
        (_proto(7, [2], string_val=[b"a"]), [b"a", b"a"]),
        (_proto(7, [1]), [b""]),
        (_proto(4, [2], int_val=[300, -1]), [44, 255]),  # C++ casts: the low byte is kept.
        (_proto(8, [2], scomplex_val=[1, 2]), [1 + 2j, 1 + 2j]),
        (_proto(1, [2, 0, 3]), [[], []]),
    ],
)
def test_values_that_do_not_match_the_shape(proto: TensorProto, expected: object) -> None:
    assert tensors.decode(proto).tolist() == expected


@pytest.mark.parametrize(
    "proto",
    [
        _proto(0, [1]),
        _proto(99, [1]),
        _proto(20, [1]),  # A resource is no value.
        _proto(1, [2], float_val=[1, 2, 3]),
        _proto(1, [2, 0, 3], float_val=[1]),
        _proto(8, [1], scomplex_val=[1, 2, 3, 4]),
        _proto(7, [], string_val=[b"a", b"b"]),
        _proto(1, [-1]),
        _proto(1, [2**40], float_val=[1]),
        _proto(1, [2**32, 2**32], float_val=[1]),
        _proto(1, [0, 2**40, 2**40]),
        _proto(1, [0, 2**31]),
        _proto(1, [1] * 33, float_val=[1]),
        _proto(1, [2], tensor_content=b"1234567"),
        _proto(7, [2**40], string_val=[b"a"]),
        _proto(7, [3], tensor_content=b"\x01\x01"),
        _proto(7, [1], tensor_content=b"\xff\xff\xff\xff\xff\xff"),
        _proto(7, [2], tensor_content=b"\x01\x7fab"),
    ],
)
def test_what_is_no_tensor(proto: TensorProto) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(tensors.TensorError):
            tensors.decode(proto)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20  # NumPy's arrays included.
    finally:
        tracemalloc.stop()


def test_unknown_rank() -> None:
    proto = TensorProto(dtype=1, float_val=[1])
    proto.tensor_shape.unknown_rank = True
    with pytest.raises(tensors.TensorError, match="rank"):
        tensors.decode(proto)
