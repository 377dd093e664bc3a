"""A file's columns to a signature's inputs, one row of the file to one row of a request."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.serving.client import examples
from tidegate.serving.client.errors import InvalidArgumentError
from tidegate.serving.client.signatures import DEFAULT, Signature
from tidegate.serving.client.stream import batched, columns
from tidegate.serving.client.tables.answers import AnswerColumns
from tidegate.serving.client.tables.cells import CellError, converter, feature
from tidegate.tables.errors import InputError, listed, nearest
from tidegate.tables.formats import FileFormat
from tidegate.tables.left_out import LeftOut

# A row's place, and its cells by column.
Record = tuple[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Request:
    """Rows for one request.

    Attributes:
      inputs: by name, an array or list.
      rows: what stands beside the answers, one for each row of the request.
    """

    inputs: Mapping[str, Any]
    rows: Sequence[Any]


def resolve(
    signature: Signature, columns: Sequence[str], given: Mapping[str, str], path: str
) -> dict[str, str]:
    """By input, the column that it is read from: the one given, else the one of its name.

    Raises:
      InputError: there is no such input or column.
    """
    check_inputs(signature, given)
    resolved = {}
    for name, spec in signature.inputs.items():
        column = given.get(name, name)
        if column in columns:
            resolved[name] = column
        elif name in given or name not in signature.optional:
            raise InputError(
                f"{path}: no column {column!r} for the input {name!r} ({spec}) of signature "
                f"{signature.name!r}. {nearest(column, columns)} Name it with --column "
                f"{name}=COLUMN"
            )
    return resolved


def check_inputs(signature: Signature, given: Mapping[str, Any]) -> None:
    """Refuses options about inputs that a signature does not have.

    Raises:
      InputError: there are such.
    """
    for name in given:
        if name not in signature.inputs:
            raise InputError(
                f"--column {name}={given[name]}: signature {signature.name!r} has no input "
                f"{name!r}. {nearest(name, signature.inputs)}"
            )


def choose_signature(
    signatures: Mapping[str, Signature], columns: Sequence[str], given: Mapping[str, str]
) -> Signature:
    """The signature for a file's columns, where none is named.

    `serving_default` if its inputs are columns; else the one signature whose inputs all are; else
    `serving_default` again, which may take serialized tf.Examples.

    Raises:
      InputError: several fit, or there is no `serving_default`.
    """

    def fits(signature: Signature) -> bool:
        if signature.examples_input is not None or not set(given) <= set(signature.inputs):
            return False
        return all(
            given.get(name, name) in columns
            for name in signature.inputs
            if name not in signature.optional
        )

    if DEFAULT in signatures and fits(signatures[DEFAULT]):
        return signatures[DEFAULT]
    fitting = [signature for signature in signatures.values() if fits(signature)]
    if len(fitting) == 1:
        return fitting[0]
    if len(fitting) > 1:
        names = ", ".join(signature.name for signature in fitting)
        raise InputError(f"several signatures take these columns ({names}): name one, --signature")
    if DEFAULT not in signatures:
        raise InputError(
            f"no signature takes the columns {listed(columns)}; the model has "
            f"{'; '.join(str(signature) for signature in signatures.values())}"
        )
    return signatures[DEFAULT]


# A row of the file to a row of a request, by input. Raises CellError.
Convert = Callable[[Mapping[str, Any]], dict[str, Any]]


def by_column(signature: Signature, columns: Mapping[str, str], how: FileFormat) -> Convert:
    """Converts cells to the inputs' types; `columns` says by input where it is read from."""
    converters = {
        name: (column, converter(signature.inputs[name], how)) for name, column in columns.items()
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


def with_options(convert: Convert, signature: Signature, options: Mapping[str, str]) -> Convert:
    """The same with values of inputs that a request may leave out, alike for all rows.

    Raises:
      InputError: no such input, or a value that it does not take.
    """
    values = {}
    for name, text in options.items():
        if name not in signature.optional:
            raise InputError(
                f"--option {name}={text}: not an option of signature {signature.name!r}. "
                f"{nearest(name, signature.optional)}"
            )
        try:
            values[name] = converter(signature.inputs[name])(text)
        except CellError as error:
            raise InputError(
                f"--option {name}={text}: {error}; expected {signature.inputs[name]}, of which "
                "this is one row"
            ) from None
    return lambda cells: {**convert(cells), **values}


def as_example(
    name: str, features: Mapping[str, str], kinds: Mapping[str, str], how: FileFormat
) -> Convert:
    """Converts a row to one serialized tf.Example.

    Args:
      name: the input that takes it.
      features: by feature, its column.
      kinds: by column, ``text``, ``int`` or ``float``, where the cell's own type is not meant.
      how: how texts say a number, or that there is none.
    """

    def convert(cells: Mapping[str, Any]) -> dict[str, Any]:
        try:
            row = {each: feature(cells[at], kinds.get(at), how) for each, at in features.items()}
            return {name: examples.example(row).SerializeToString()}
        except InvalidArgumentError as error:
            raise CellError(error.message) from None

    return convert


class PlainRows:
    """One row of the file is one row of a request; the file's columns stand beside the answers.

    Args:
      records: the rows.
      beside: their columns.
      convert: a row to inputs.
      answers: the columns of the answers.
      left_out: counts rows that cannot be used.

    Attributes:
      columns: of the rows of answers.
    """

    def __init__(
        self,
        records: Iterable[Record],
        beside: Sequence[str],
        convert: Convert,
        answers: AnswerColumns,
        left_out: LeftOut,
    ) -> None:
        self.columns = [*beside, *answers.columns]
        self._records = records
        self._convert = convert
        self._answers = answers
        self._left_out = left_out

    def requests(self, size: int) -> Iterator[Request]:
        """Requests of at most `size` rows.

        Raises:
          InputError: too many rows cannot be used.
        """
        for batch in batched(self._converted(), size):
            inputs = columns([converted for _, converted in batch])
            yield Request(inputs, [cells for cells, _ in batch])
        self._left_out.judge()

    def _converted(self) -> Iterator[tuple[Mapping[str, Any], dict[str, Any]]]:
        for place, cells in self._records:
            try:
                converted = self._convert(cells)
            except CellError as error:
                self._left_out.add_bad(str(error), place)
                continue
            self._left_out.add_rows(1)
            yield cells, converted

    def answers(
        self, request: Request, outputs: Mapping[str, np.ndarray[Any, Any]]
    ) -> list[dict[str, Any]]:
        """The rows to write."""
        answers = self._answers.rows(outputs, len(request.rows))
        return [{**row, **answer} for row, answer in zip(request.rows, answers, strict=True)]
