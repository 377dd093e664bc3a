"""A model's outputs as columns of a file.

- One value for each row: a column of the output's name.
- Classes and their scores: the best few pairs are columns, the best first: `classes_1`,
  `probabilities_1`, `classes_2` and so on.
- Any other list or matrix: a column of JSON lists.
- Where the file has a column of that name already (the true `label`, say), the output's is called
  `predicted_label`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidegate.serving.client.signatures import Signature, TensorSpec
from tidegate.serving.client.stream import check_rows
from tidegate.serving.client.tensors import as_text, numpy_type
from tidegate.tables.roles import Output


class AnswerColumns:
    """The columns of a signature's outputs.

    Args:
      signature: what is called.
      roles: by output, what it is; of the others, nothing is known but their shapes.
      beside: the columns that the answers are written beside.
      top: how many classes; 0 for lists of all.

    Attributes:
      columns: the answers' own.
    """

    def __init__(
        self,
        signature: Signature,
        roles: Mapping[str, Output],
        beside: Sequence[str],
        top: int = 3,
    ) -> None:
        classes, scores = ranked(signature, roles) if top else ("", ())
        self._ranked = (classes, *scores) if scores else ()
        known = [_width(signature.outputs[name]) for name in self._ranked]
        self._top = min([top, *(size for size in known if size is not None)])
        apart = {*self._ranked, *(whole(roles) if self._ranked else ())}
        names = [name for name in signature.outputs if name not in apart]
        names += [f"{name}_{at}" for at in range(1, self._top + 1) for name in self._ranked]
        self._column: dict[str, str] = {}
        taken = set(beside)
        for name in names:
            column = name
            while column in taken:
                column = f"predicted_{column}"
            taken.add(column)
            self._column[name] = column
        self._outputs = signature.outputs
        self.columns = list(self._column.values())

    def types(self) -> dict[str, Any]:
        """By column, pyarrow's type, where the signature states a single value for each row."""
        import pyarrow

        found = {}
        for name, column in self._column.items():
            output = name if name in self._outputs else name.rpartition("_")[0]
            spec = self._outputs[output]
            if spec.dtype == "string" and (spec.rank == 1 or output in self._ranked):
                found[column] = pyarrow.string()
            elif spec.rank == 1 or output in self._ranked:
                dtype = numpy_type(spec.number)
                # Arrow has no bfloat16 and the like.
                found[column] = pyarrow.from_numpy_dtype("float32" if dtype.kind == "V" else dtype)
        return found

    def rows(self, outputs: Mapping[str, np.ndarray[Any, Any]], count: int) -> list[dict[str, Any]]:
        """A dict for each row, by column.

        Raises:
          InvalidArgumentError: an output has not one value for each row.
        """
        check_rows(outputs, count)
        values: dict[str, Sequence[Any]] = {}
        if self._ranked:
            values.update(self._best(outputs, count))
        for name, column in self._column.items():
            if column not in values:
                values[column] = plain(outputs[name])
        return [
            dict(zip(self.columns, row, strict=True))
            for row in zip(*(values[column] for column in self.columns), strict=True)
        ]

    def _best(
        self, outputs: Mapping[str, np.ndarray[Any, Any]], count: int
    ) -> dict[str, Sequence[Any]]:
        order = np.argsort(-outputs[self._ranked[1]], axis=1, kind="stable")[:, : self._top]
        found: dict[str, Sequence[Any]] = {}
        for name in self._ranked:
            best = np.take_along_axis(outputs[name], order, axis=1)
            for place in range(1, self._top + 1):
                there = place <= best.shape[1]
                found[self._column[f"{name}_{place}"]] = (
                    plain(best[:, place - 1]) if there else [None] * count
                )
        return found


def _width(spec: TensorSpec) -> int | None:
    """The size of the last dimension; None where it may be any."""
    return spec.shape[-1] if spec.shape else None


def ranked(signature: Signature, roles: Mapping[str, Output]) -> tuple[str, tuple[str, ...]]:
    """The output with the names of classes, and those with a number for each of them.

    Where no role says so, they are the one output that holds several texts a row, and those that
    hold as many numbers.
    """
    classes = [name for name in signature.outputs if roles.get(name, Output()).kind == "classes"]
    if classes:
        scores = [
            name
            for name, role in roles.items()
            if role.kind == "scores" and name not in whole(roles)
        ]
        return classes[0], tuple(name for name in scores if name in signature.outputs)
    texts = [
        name
        for name, spec in signature.outputs.items()
        if spec.dtype == "string" and spec.rank == 2
    ]
    if roles or len(texts) != 1:
        return "", ()
    (names,) = texts
    wide = _width(signature.outputs[names])
    return names, tuple(
        name
        for name, spec in signature.outputs.items()
        if "float" in spec.dtype
        and spec.rank == 2
        and (None in (sizes := {_width(spec), wide}) or len(sizes) == 1)
    )


def whole(roles: Mapping[str, Output]) -> set[str]:
    """The outputs with a number for every class, whose names travel with the model."""
    return {name for name, role in roles.items() if role.kind == "scores" and role.names}


def plain(array: np.ndarray[Any, Any]) -> list[Any]:
    """An array as Python values: str for bytes, floats with no more digits than they have."""
    if array.dtype == np.dtype(object):
        texts: list[Any] = as_text(array).tolist()
        return texts
    if array.dtype.kind == "V":  # bfloat16 and its like.
        array = array.astype(np.float32)
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        # The nearest double of a float32 has a long tail of digits; of its text, none.
        array = array.astype(str).astype(np.float64)
    if array.dtype.kind == "c":
        array = array.astype(str)
    values: list[Any] = array.tolist()
    return values
