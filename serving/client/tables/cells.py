"""A cell of a file as a value of an input's type."""

import json
import math
from typing import Any

import numpy as np

from tidegate.serving.client import tensors
from tidegate.serving.client.signatures import TensorSpec
from tidegate.tables.cells import as_text, is_missing, is_nested
from tidegate.tables.formats import PLAIN, FileFormat
from tidegate.tables.numerals import number

_TRUTH = {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}


class CellError(ValueError):
    """A cell does not hold what an input takes; the message is a few words."""


def as_number(value: Any, kind: str, how: FileFormat = PLAIN) -> Any:
    """A cell as a number.

    Args:
      value: text, a number or a truth value.
      kind: NumPy's kind: ``f`` float (NaN where the cell is missing), ``i`` or ``u`` integer,
        ``b`` truth value, ``c`` complex.
      how: how a text says a number, or that there is none.

    Raises:
      CellError: it is none, or missing where there is no NaN.
    """
    if is_missing(value, how.missing):
        if kind in "fc":
            return math.nan
        raise CellError("no value")
    if isinstance(value, str):
        value = value.strip()
    try:
        if (
            isinstance(value, str)
            and kind in "fiu"
            and not (how.plain_numbers or value.isdecimal())
        ):
            value = number(value, how)
        if kind == "b":
            known = _TRUTH.get(as_text(value).lower())
            if known is None:
                raise ValueError
            return known
        if kind == "f":
            return float(value)
        if kind == "c":
            return complex(value)
        try:
            exact = int(value)
        except ValueError:  # Text such as "3.0".
            exact = int(float(value))
        if not isinstance(value, int) and float(value) != float(exact):
            raise ValueError
        return exact
    except (TypeError, ValueError, OverflowError):
        wanted = {"b": "true or false", "f": "a number", "c": "a number"}.get(kind, "an integer")
        raise CellError(f"{as_text(value)[:40]!r} is not {wanted}") from None


def kind_of(spec: TensorSpec) -> str:
    """NumPy's kind of an input; ``O`` for text.

    Raises:
      TypeError: NumPy has no such type.
    """
    kind = tensors.numpy_type(spec.number).kind
    return "f" if kind == "V" else kind  # bfloat16 and its like.


def converter(spec: TensorSpec, how: FileFormat = PLAIN) -> Any:
    """A function of a cell that gives one row's value of an input.

    An input of more than one dimension takes lists: of JSON or Parquet, or as JSON in a cell of
    text. The function raises CellError.

    Raises:
      TypeError: NumPy has no such type.
    """
    kind = kind_of(spec)
    depth = 0 if spec.rank is None else max(spec.rank - 1, 0)

    def single(value: Any) -> Any:
        if kind == "O" and is_nested(value):
            raise CellError(f"{str(value)[:40]!r} is a list, where one value is expected")
        return as_text(value) if kind == "O" else as_number(value, kind, how)

    def nested(value: Any, depth: int) -> Any:
        if depth == 0:
            return single(value)
        if not isinstance(value, (list, tuple, np.ndarray)):
            raise CellError(f"{as_text(value)[:40]!r} is not a list")
        return [nested(item, depth - 1) for item in value]

    def convert(value: Any) -> Any:
        if depth and isinstance(value, str):
            try:
                value = json.loads(value)
            except ValueError:
                raise CellError(f"{value[:40]!r} is not a JSON list") from None
        return nested(value, depth)

    return convert


def feature(value: Any, kind: str | None, how: FileFormat = PLAIN) -> Any:
    """A cell as a value of a tf.Example's feature.

    Args:
      value: the cell.
      kind: ``text``, ``int`` or ``float``; None for the cell's own type.
      how: as `as_number` takes it.

    Raises:
      CellError: it is not of that kind.
    """
    if kind == "text":
        return as_text(value)
    if kind is not None:
        return None if is_missing(value, how.missing) else as_number(value, kind[0], how)
    if isinstance(value, (str, bytes, bool, int, float)) or value is None:
        return None if isinstance(value, float) and math.isnan(value) else value
    if isinstance(value, (list, tuple)):
        return [feature(item, None) for item in value if item is not None]
    return as_text(value)
