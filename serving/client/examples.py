"""Plain dicts to tf.Examples."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.serving.client.errors import mismatch
from tidegate.serving.client.messages import Example

# Columns, each with a value per row; or rows, each with a value per feature.
Examples = Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]


def rows_of(given: Examples) -> Sequence[Mapping[str, Any]]:
    """Columns as rows; rows as they are.

    Raises:
      InvalidArgumentError: the columns are of several lengths, or text instead of a list of it.
    """
    if not isinstance(given, Mapping):
        return given
    for name, values in given.items():
        if isinstance(values, (str, bytes)) or np.ndim(values) == 0:
            raise mismatch(f"column {name!r}: expected a list with one value per row, got a value")
    lengths = {name: len(values) for name, values in given.items()}
    if len(set(lengths.values())) > 1:
        raise mismatch(f"expected columns of one length, got {lengths}")
    return [dict(zip(given, row, strict=True)) for row in zip(*given.values(), strict=True)]


def example(row: Mapping[str, Any]) -> Any:
    """A row as a tf.Example.

    Args:
      row: by feature, a value or a flat list of values: str or bytes, bool or int, float. None
        and an empty list leave the feature out, so that the model's own default holds.

    Raises:
      InvalidArgumentError: a value of another type, or values of several types.
    """
    message = Example()
    for name, value in row.items():
        if value is None:
            continue
        values = value if isinstance(value, (list, tuple)) else np.ravel(np.asarray(value)).tolist()
        if isinstance(value, bytes):  # NumPy would cut zeros off the end.
            values = [value]
        if values:
            _set(message.features.feature[name], name, values)
    return message


def _set(feature: Any, name: str, values: Sequence[Any]) -> None:
    if all(isinstance(value, (str, bytes)) for value in values):
        feature.bytes_list.value.extend(
            value if isinstance(value, bytes) else value.encode("utf-8", "replace")
            for value in values
        )
    elif all(isinstance(value, (bool, int, np.integer, np.bool_)) for value in values):
        if not all(-(2**63) <= int(value) < 2**63 for value in values):
            raise mismatch(f"feature {name!r}: an integer of more than 64 bits")
        feature.int64_list.value.extend(int(value) for value in values)
    elif all(isinstance(value, (bool, int, float, np.number, np.bool_)) for value in values):
        feature.float_list.value.extend(float(value) for value in values)
    else:
        kinds = sorted({type(value).__name__ for value in values})
        raise mismatch(
            f"feature {name!r}: expected text, integers or floats, one type each, got {kinds}"
        )


def serialize(rows: Sequence[Mapping[str, Any]]) -> list[bytes]:
    """Rows as serialized tf.Examples.

    Raises:
      InvalidArgumentError: as `example`; the message names the row, from 0.
    """
    serialized = []
    for number, row in enumerate(rows):
        try:
            serialized.append(example(row).SerializeToString())
        except ValueError as error:
            raise mismatch(f"row {number}: {getattr(error, 'message', error)}") from None
    return serialized
