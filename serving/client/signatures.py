"""A model's signatures as its metadata states them, and inputs that fit one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidegate.serving.client import tensors
from tidegate.serving.client.errors import mismatch
from tidegate.tables.errors import nearest

DEFAULT = "serving_default"


@dataclass(frozen=True)
class TensorSpec:
    """An input or output.

    Attributes:
      name: its name in requests and answers.
      dtype: ``float32``, ``string`` and so on.
      shape: sizes, None for one that may be any; None as a whole for any rank.
      number: TensorFlow's number of the type.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] | None
    number: int = field(repr=False)

    @property
    def rank(self) -> int | None:
        """Number of dimensions; None for any."""
        return None if self.shape is None else len(self.shape)

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype}[...]"
        return f"{self.dtype}[{', '.join('?' if n is None else str(n) for n in self.shape)}]"


@dataclass(frozen=True)
class Signature:
    """What can be asked of a model.

    Attributes:
      name: such as ``serving_default``.
      method: ``predict``, ``classify`` or ``regress``.
      inputs, outputs: by name.
      optional: inputs for which the model has a default.
    """

    name: str
    method: str
    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    optional: frozenset[str] = frozenset()

    @property
    def examples_input(self) -> str | None:
        """The one input that takes serialized tf.Examples; None where there is none.

        By TensorFlow's conventions: the only input of a classify or regress signature, whatever
        its name, and a string input called ``examples``.
        """
        if len(self.inputs) != 1:
            return None
        ((name, spec),) = self.inputs.items()
        if spec.dtype != "string" or (spec.rank or 1) != 1:
            return None
        return name if name == "examples" or self.method != "predict" else None

    def __str__(self) -> str:
        sides = (
            ", ".join(f"{name}: {spec}" for name, spec in side.items())
            for side in (self.inputs, self.outputs)
        )
        return f"{self.name}({') -> ('.join(sides)})"


def choose(signatures: Mapping[str, Signature], name: str | None, model: str) -> Signature:
    """The signature of that name, or the default one.

    Raises:
      InvalidArgumentError: there is no such signature.
    """
    wanted = name or DEFAULT
    if wanted not in signatures:
        raise mismatch(
            f"no signature {wanted!r}. {nearest(wanted, signatures)}",
            model=model,
            method="Predict",
        )
    return signatures[wanted]


def encode(
    signature: Signature,
    values: Mapping[str, Any],
    model: str,
) -> dict[str, Any]:
    """Inputs as TensorProtos, checked against the signature.

    Args:
      signature: what they must fit.
      values: by input, an array or what NumPy makes one of.
      model: named in errors.

    Raises:
      InvalidArgumentError: an input is unknown or missing, or its type or shape does not fit.
    """

    def refuse(why: str) -> Exception:
        return mismatch(f"signature {signature.name!r}: {why}", model=model, method="Predict")

    for name in values:
        if name not in signature.inputs:
            raise refuse(f"no input {name!r}. {nearest(name, signature.inputs)}")
    missing = [
        f"{name} ({spec})"
        for name, spec in signature.inputs.items()
        if name not in values and name not in signature.optional
    ]
    if missing:
        raise refuse(f"missing {', '.join(missing)}; got {', '.join(values) or 'no input'}")
    encoded = {}
    for name, value in values.items():
        spec = signature.inputs[name]
        try:
            array = as_array(value, spec)
        except (TypeError, ValueError, OverflowError) as error:
            raise refuse(f"input {name!r}: expected {spec}, {error}") from None
        encoded[name] = tensors.to_proto(array, spec.number)
    return encoded


def as_array(value: Any, spec: TensorSpec) -> np.ndarray[Any, Any]:
    """A value as an array of the type of an input.

    A type is changed where no value is lost but for a float's last digits: float64 to float32,
    any integer to another that holds the values, integers and truth values to floats.

    Raises:
      TypeError, ValueError: it does not fit; the message says what was received.
    """
    array = np.asarray(value, object) if spec.dtype == "string" else np.asarray(value)
    _check_shape(array.shape, spec.shape)
    if spec.dtype == "string":
        for one in array.ravel().tolist():
            if not isinstance(one, (str, bytes)):
                raise TypeError(f"got a value of type {type(one).__name__}")
        return array
    wanted = tensors.numpy_type(spec.number)
    if array.dtype == wanted:
        return array
    if array.size == 0:
        return array.astype(wanted)
    # NumPy's casting rules know nothing of bfloat16 and float8: they are floats all the same.
    as_known = np.dtype(np.float32) if wanted.kind not in "fiubc" else wanted
    from_known = np.dtype(np.float32) if array.dtype.kind not in "fiubcOSUmM" else array.dtype
    safe = np.can_cast(from_known, as_known, "same_kind")
    integers = array.dtype.kind in "iu" and wanted.kind in "iu"
    if array.dtype.kind in "OSUmM" or not (safe or integers):
        raise TypeError(f"got {_described(array)}")
    with np.errstate(over="ignore"):
        cast = array.astype(wanted)
    if integers and not np.array_equal(cast, array):
        raise ValueError(f"got integers that do not fit ({array.min()} to {array.max()})")
    if array.dtype.kind in "fc" and not np.array_equal(np.isfinite(cast), np.isfinite(array)):
        raise ValueError("got floats that do not fit")
    return cast


def _described(array: np.ndarray[Any, Any]) -> str:
    if array.dtype.kind in "SU":
        return "text"
    if array.dtype.kind == "O":
        kinds = sorted({type(one).__name__ for one in array.ravel().tolist()})
        return f"values of type {', '.join(kinds)}"
    return str(array.dtype)


def _check_shape(shape: Sequence[int], expected: tuple[int | None, ...] | None) -> None:
    if expected is None:
        return
    fits = len(shape) == len(expected) and all(
        size is None or size == got for size, got in zip(expected, shape, strict=True)
    )
    if not fits:
        raise ValueError(f"got the shape {list(shape)}")
