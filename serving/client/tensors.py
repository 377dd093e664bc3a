"""NumPy arrays to TensorProto and back, as `tf.make_tensor_proto` and `tf.make_ndarray` do it.

The wire's forms are in tensorflow/core/framework/tensor.proto: numbers lie in `tensor_content`, in
the machine's byte order, or in a repeated field of their type; if that has fewer values than the
shape has places, its last value fills the rest.
"""

from typing import Any

import numpy as np

from tidegate.serving.client.messages import DATA_TYPES, TensorProto

# By name, NumPy's type and the repeated field. Quantized types are the integers they are held in.
_NUMPY: dict[str, tuple[str, str]] = {
    "DT_FLOAT": ("float32", "float_val"),
    "DT_DOUBLE": ("float64", "double_val"),
    "DT_INT32": ("int32", "int_val"),
    "DT_UINT8": ("uint8", "int_val"),
    "DT_INT16": ("int16", "int_val"),
    "DT_INT8": ("int8", "int_val"),
    "DT_COMPLEX64": ("complex64", "scomplex_val"),
    "DT_INT64": ("int64", "int64_val"),
    "DT_BOOL": ("bool", "bool_val"),
    "DT_QINT8": ("int8", "int_val"),
    "DT_QUINT8": ("uint8", "int_val"),
    "DT_QINT32": ("int32", "int_val"),
    "DT_BFLOAT16": ("bfloat16", "half_val"),
    "DT_QINT16": ("int16", "int_val"),
    "DT_QUINT16": ("uint16", "int_val"),
    "DT_UINT16": ("uint16", "int_val"),
    "DT_COMPLEX128": ("complex128", "dcomplex_val"),
    "DT_HALF": ("float16", "half_val"),
    "DT_UINT32": ("uint32", "uint32_val"),
    "DT_UINT64": ("uint64", "uint64_val"),
    "DT_FLOAT8_E5M2": ("float8_e5m2", "float8_val"),
    "DT_FLOAT8_E4M3FN": ("float8_e4m3fn", "float8_val"),
}
# NumPy has none of these; ml_dtypes, which TensorFlow itself builds on, has.
_EXTENDED = ("bfloat16", "float8_e5m2", "float8_e4m3fn")
_BY_NUMBER = {DATA_TYPES[name]: form for name, form in _NUMPY.items() if name in DATA_TYPES}
_STRING = DATA_TYPES["DT_STRING"]
_NAMES = {number: name for name, number in DATA_TYPES.items()}
# Of the types that NumPy knows one of TensorFlow's; not the quantized.
_NUMBERS = {
    kind: DATA_TYPES[name]
    for name, (kind, _) in _NUMPY.items()
    if name in DATA_TYPES and not name.startswith("DT_Q")
}


def type_name(number: int) -> str:
    """A data type's name as users write it: ``float32``, ``string``, ``qint8``."""
    if number == _STRING:
        return "string"
    name = _NAMES.get(number, str(number))
    if number in _BY_NUMBER and not name.startswith("DT_Q"):
        return _BY_NUMBER[number][0]
    return name.removeprefix("DT_").lower()


def numpy_type(number: int) -> np.dtype[Any]:
    """NumPy's type for TensorFlow's number of one; `object` (of bytes) for strings.

    Raises:
      TypeError: NumPy has none, as for resources.
    """
    if number == _STRING:
        return np.dtype(object)
    if number not in _BY_NUMBER:
        raise TypeError(f"tensors of type {type_name(number)} cannot be sent or read here")
    return _dtype(_BY_NUMBER[number][0])


def _dtype(name: str) -> np.dtype[Any]:
    if name in _EXTENDED:
        import ml_dtypes

        return np.dtype(getattr(ml_dtypes, name))
    return np.dtype(name)


def to_proto(array: np.ndarray[Any, Any], number: int | None = None) -> Any:
    """An array as a TensorProto.

    Args:
      array: any shape; strings as an array of str or bytes objects or NumPy's U and S.
      number: TensorFlow's number of the type, where the array's own type does not say it
        (quantized types); the values must be of the type's NumPy form already.

    Raises:
      TypeError: TensorFlow has no such type, or an object is neither str nor bytes.
    """
    array = np.asarray(array)
    proto = TensorProto()
    for size in array.shape:
        proto.tensor_shape.dim.add().size = size
    if array.dtype.kind in "OSU":
        proto.dtype = _STRING
        proto.string_val.extend(_bytes(value) for value in array.ravel().tolist())
        return proto
    if number is None:
        if array.dtype.name not in _NUMBERS:
            raise TypeError(f"TensorFlow has no type for NumPy's {array.dtype}")
        number = _NUMBERS[array.dtype.name]
    proto.dtype = number
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    proto.tensor_content = np.ascontiguousarray(native).tobytes()
    return proto


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        # Half of a surrogate pair, which JSON can write, has no UTF-8 form.
        return value.encode("utf-8", "replace")
    raise TypeError(f"expected str or bytes in a string tensor, got {type(value).__name__}")


def from_proto(proto: Any) -> np.ndarray[Any, Any]:
    """A TensorProto as an array of its own memory; strings as an `object` array of bytes.

    Raises:
      TypeError: NumPy has no such type.
      ValueError: the values do not fit the shape.
    """
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    dtype = numpy_type(proto.dtype)
    count = int(np.prod(shape, dtype=np.int64))
    if proto.tensor_shape.unknown_rank or count < 0:
        raise ValueError(f"a tensor's shape must be known, got {shape}")
    if proto.dtype != _STRING and proto.tensor_content:
        if len(proto.tensor_content) != count * dtype.itemsize:
            raise ValueError(
                f"{len(proto.tensor_content)} bytes of {dtype} do not fill the shape {shape}"
            )
        return np.frombuffer(proto.tensor_content, dtype).reshape(shape).copy()
    values = _values(proto, dtype)
    if len(values) > count:
        raise ValueError(f"{len(values)} values do not fit the shape {shape}")
    if len(values) < count:
        rest = values[-1] if len(values) else (b"" if proto.dtype == _STRING else 0)
        filled = np.full(count, rest, dtype)
        filled[: len(values)] = values
        values = filled
    return values.reshape(shape)


def _values(proto: Any, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The values of the repeated field, in one dimension."""
    if proto.dtype == _STRING:
        strings = np.empty(len(proto.string_val), object)
        strings[:] = list(proto.string_val)
        return strings
    field = _BY_NUMBER[proto.dtype][1]
    if field == "float8_val":
        return np.frombuffer(proto.float8_val, dtype).copy()
    stored = getattr(proto, field)
    if field == "half_val":  # The 16 bits of each as an integer.
        return np.array(stored, np.uint16).view(dtype)
    if field in ("scomplex_val", "dcomplex_val"):  # Real and imaginary parts in turn.
        parts = np.array(stored, np.float32 if field == "scomplex_val" else np.float64)
        return parts.view(dtype)
    return np.array(stored, dtype)


def as_text(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """An array of bytes as an `object` array of str; what is no UTF-8 becomes U+FFFD."""
    texts = np.empty(array.shape, object)
    texts.ravel()[:] = [
        value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for value in array.ravel().tolist()
    ]
    return texts
