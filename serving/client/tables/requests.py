"""A file's columns to a signature's inputs, one row of the file to one row of a request."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tidegate.serving.client import examples
from tidegate.serving.client.errors import InvalidArgumentError
from tidegate.serving.client.names import nearest
from tidegate.serving.client.signatures import DEFAULT, Signature
from tidegate.serving.client.stream import batched, columns
from tidegate.serving.client.tables.answers import AnswerColumns
from tidegate.serving.client.tables.cells import CellError, converter, feature
from tidegate.serving.client.tables.formats import TableError
from tidegate.serving.client.tables.reading import LeftOut, Row


@dataclass(frozen=True)
class Request:
    """Rows for one request.

    Attributes:
      inputs: by name, an array or list.
      rows: what stands beside the answers, one for each row of the request.
    """

    inputs: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]


class Layout(Protocol):
    """How a file's rows become requests, and answers become rows."""

    def requests(self, rows: Iterable[Row], size: int) -> Iterator[Request]:
        """Requests of at most `size` rows. Raises TableError."""

    def answers(
        self, request: Request, outputs: Mapping[str, np.ndarray[Any, Any]]
    ) -> list[dict[str, Any]]:
        """The rows to write."""


def resolve(
    signature: Signature, columns: Sequence[str], given: Mapping[str, str], path: str
) -> dict[str, str]:
    """By input, the column that it is read from: the one given, else the one of its name.

    Raises:
      TableError: there is no such input or column.
    """
    for name in given:
        if name not in signature.inputs:
            raise TableError(
                f"--column {name}={given[name]}: signature {signature.name!r} has no input "
                f"{name!r}. {nearest(name, signature.inputs)}"
            )
    found = {}
    for name, spec in signature.inputs.items():
        column = given.get(name, name)
        if column in columns:
            found[name] = column
        elif name in given or name not in signature.optional:
            raise TableError(
                f"{path}: no column {column!r} for the input {name!r} ({spec}) of signature "
                f"{signature.name!r}. {nearest(column, columns)} Name it with --column "
                f"{name}=COLUMN"
            )
    return found


def choose_signature(
    signatures: Mapping[str, Signature], columns: Sequence[str], given: Mapping[str, str]
) -> Signature:
    """The signature for a file's columns, where none is named.

    `serving_default` if its inputs are columns; else the one signature whose inputs all are; else
    `serving_default` again, which may take serialized tf.Examples.

    Raises:
      TableError: several fit, or there is no `serving_default`.
    """

    def fits(one: Signature) -> bool:
        if one.examples_input is not None or not set(given) <= set(one.inputs):
            return False
        return all(
            given.get(name, name) in columns for name in one.inputs if name not in one.optional
        )

    if DEFAULT in signatures and fits(signatures[DEFAULT]):
        return signatures[DEFAULT]
    found = [one for one in signatures.values() if fits(one)]
    if len(found) == 1:
        return found[0]
    if len(found) > 1:
        names = ", ".join(one.name for one in found)
        raise TableError(f"several signatures take these columns ({names}): name one, --signature")
    if DEFAULT not in signatures:
        raise TableError(
            f"no signature takes the columns {', '.join(columns)}; the model has "
            f"{'; '.join(str(one) for one in signatures.values())}"
        )
    return signatures[DEFAULT]


# A row of the file to a row of a request, by input. Raises CellError.
Convert = Callable[[Mapping[str, Any]], dict[str, Any]]


def by_column(signature: Signature, columns: Mapping[str, str]) -> Convert:
    """Converts cells to the inputs' types; `columns` says by input where it is read from."""
    converters = {
        name: (column, converter(signature.inputs[name])) for name, column in columns.items()
    }

    def convert(cells: Mapping[str, Any]) -> dict[str, Any]:
        converted = {}
        for name, (column, to_value) in converters.items():
            try:
                converted[name] = to_value(cells[column])
            except CellError as error:
                raise CellError(f"{column}: {error}") from None
        return converted

    return convert


def as_example(name: str, features: Mapping[str, str], kinds: Mapping[str, str]) -> Convert:
    """Converts a row to one serialized tf.Example.

    Args:
      name: the input that takes it.
      features: by feature, its column.
      kinds: by column, ``text``, ``int`` or ``float``, where the cell's own type is not meant.
    """

    def convert(cells: Mapping[str, Any]) -> dict[str, Any]:
        try:
            row = {one: feature(cells[at], kinds.get(at)) for one, at in features.items()}
            return {name: examples.example(row).SerializeToString()}
        except InvalidArgumentError as error:
            raise CellError(error.message) from None

    return convert


class PlainRows:
    """One row of the file is one row of a request; the file's columns stand beside the answers.

    Args:
      convert: a row to inputs.
      answers: the columns of the answers.
      left_out: counts rows that cannot be used.
    """

    def __init__(self, convert: Convert, answers: AnswerColumns, left_out: LeftOut) -> None:
        self._convert = convert
        self._answers = answers
        self._left_out = left_out

    def requests(self, rows: Iterable[Row], size: int) -> Iterator[Request]:
        """See `Layout`."""
        for batch in batched(self._converted(rows), size):
            inputs = columns([converted for _, converted in batch])
            yield Request(inputs, [cells for cells, _ in batch])

    def _converted(self, rows: Iterable[Row]) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        for row in rows:
            try:
                yield row.cells, self._convert(row.cells)
            except CellError as error:
                self._left_out.add(row.place, str(error))

    def answers(
        self, request: Request, outputs: Mapping[str, np.ndarray[Any, Any]]
    ) -> list[dict[str, Any]]:
        """See `Layout`."""
        found = self._answers.rows(outputs, len(request.rows))
        return [{**row, **answer} for row, answer in zip(request.rows, found, strict=True)]
