"""A file through a model: rows in, answers out, in order and in constant memory."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tidegate.serving.client.answers import Answers
from tidegate.serving.client.errors import InvalidArgumentError
from tidegate.serving.client.signatures import Signature
from tidegate.serving.client.stream import in_order
from tidegate.serving.client.tables.answers import AnswerColumns
from tidegate.serving.client.tables.quantiles import check_no_levels
from tidegate.serving.client.tables.question import Asked, Asks, Question, asked
from tidegate.serving.client.tables.requests import (
    PlainRows,
    Record,
    Request,
    as_example,
    by_column,
    check_inputs,
    choose_signature,
    resolve,
    with_options,
)
from tidegate.serving.client.tables.series import SeriesRows
from tidegate.serving.client.tables.series_roles import series_roles
from tidegate.tables.errors import InputError, listed
from tidegate.tables.files import LOCAL, Opener
from tidegate.tables.left_out import LeftOut
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import Rows
from tidegate.tables.writing import is_parquet, open_writer


class Layout(Protocol):
    """How a file's rows become requests, and answers become rows.

    Attributes:
      columns: of the rows of answers.
    """

    columns: list[str]

    def requests(self, size: int) -> Iterator[Request]:
        """Requests of at most `size` rows. Raises InputError."""

    def answers(
        self, request: Request, outputs: Mapping[str, np.ndarray[Any, Any]]
    ) -> list[dict[str, Any]]:
        """The rows to write."""


@dataclass(frozen=True)
class Plan:
    """How a source is asked about.

    Attributes:
      asked: what is asked.
      signature: of whom.
      layout: rows to requests, answers to rows.
      types: gives by column of the answers pyarrow's type, where it is known.
      left_out: counts rows that cannot be used.
      position: how much of `total` is read.
      total: bytes or rows of the source.
      advice: what helps where the model cannot read the rows; empty where nothing is known to.
    """

    asked: Asked
    signature: Signature
    layout: Layout
    types: Callable[[], Mapping[str, Any]]
    left_out: LeftOut
    position: Callable[[], int] = lambda: 0
    total: int = 0
    advice: str = ""

    def answers(self, client: Asks) -> Iterator[tuple[Request, Answers]]:
        """Asks; requests and answers in order.

        Raises:
          InputError: rows that cannot be used, or that the model cannot read.
          ServingClientError: as `Client.predict`.
        """
        question = self.asked.question

        def answered(request: Request) -> Answers:
            try:
                return client.predict(
                    question.model,
                    request.inputs,
                    signature=self.signature.name,
                    version=question.version,
                    label=question.label,
                )
            except InvalidArgumentError as error:
                if not self.advice:
                    raise
                raise InputError(f"{error.message}; {self.advice}") from None

        requests = self.layout.requests(question.batch_size)
        return in_order(answered, requests, question.in_flight)

    def rows(self, client: Asks) -> Iterator[list[dict[str, Any]]]:
        """Rows of answers, some at a time. Raises as `answers`."""
        for request, answers in self.answers(client):
            yield self.layout.answers(request, answers)


@contextlib.contextmanager
def planned(
    client: Asks, question: Question, source: Any, opener: Opener = LOCAL
) -> Iterator[Plan]:
    """Opens a source, and matches its columns with a signature of the model.

    Args:
      client: asked for the signatures.
      question: what is asked.
      source: a file's path or URI, or a pandas DataFrame.
      opener: reaches the file.

    Raises:
      InputError: the source cannot be read, or no signature takes its columns.
      ServingClientError: the server does not answer, or does not know the model or signature.
    """
    known = asked(client, question)
    series = known.series
    if series is None:
        with Rows(source, known.how, opener=opener) as rows:
            left_out = LeftOut(known.max_bad_share)
            yield _of_records(known, rows, left_out)
        return
    signature, roles = series_roles(known, series, source, opener)
    if question.options:
        raise InputError("--option: expected a model of rows; this one is asked by series")
    reads = roles.reads
    with Rows(source, reads.how, reads.columns, reads.optional, opener) as rows:
        left_out = LeftOut(reads.max_bad_share)
        layout = SeriesRows(roles, rows, left_out)
        yield Plan(known, signature, layout, dict, left_out, lambda: rows.position, rows.total)


def _of_records(known: Asked, rows: Rows, left_out: LeftOut) -> Plan:
    def records() -> Iterator[Record]:
        for number, cells in rows:
            if isinstance(cells, BrokenRow):
                left_out.add_bad(cells.reason, rows.place(number))
            else:
                yield rows.place(number), dict(zip(rows.columns, cells, strict=True))
        if not left_out.rows:
            raise InputError(f"{rows.path}: no row in this file")

    return plan(
        known,
        records(),
        rows.columns,
        rows.path,
        left_out,
        rows.types or {},
        position=lambda: rows.position,
        total=rows.total,
    )


def plan(
    known: Asked,
    records: Iterable[Record],
    columns: list[str],
    path: str,
    left_out: LeftOut,
    types: Mapping[str, Any],
    **more: Any,
) -> Plan:
    """Matches the columns of records with a signature of the model.

    Args:
      known: the question.
      records: the rows.
      columns: theirs.
      path: names them in errors.
      left_out: counts rows that cannot be used.
      types: by column, pyarrow's type where it is known.
      **more: attributes of the plan.

    Raises:
      InputError: no signature takes them.
    """
    question = known.question
    check_no_levels(question.levels, question.quantiles)
    chosen = known.signature
    signature = chosen or choose_signature(known.signatures, columns, question.columns)
    inputs, outputs = known.inputs(signature), known.outputs(signature)
    answers = AnswerColumns(signature, outputs, columns, question.top)
    advice = ""
    if signature.examples_input is not None and signature.examples_input not in columns:
        for name, column in question.columns.items():
            if column not in columns:
                raise InputError(f"{path}: no column {column!r}, named by --column {name}={column}")
        features = {name: name for name in columns if name not in question.columns.values()}
        features.update(question.columns)
        convert = as_example(signature.examples_input, features, question.kinds, known.how)
        if chosen is None:
            advice = _advice(known.signatures.values(), columns)
    else:
        check_inputs(signature, question.columns)
        named = {name: role.column for name, role in inputs.items() if role.column}
        read = resolve(signature, columns, {**named, **question.columns}, path)
        convert = by_column(signature, read, known.how)
    if question.options:
        convert = with_options(convert, signature, question.options)
    layout = PlainRows(records, columns, convert, answers, left_out)

    def all_types() -> Mapping[str, Any]:
        return {**types, **answers.types()}

    return Plan(known, signature, layout, all_types, left_out, advice=advice, **more)


def _advice(signatures: Iterable[Signature], columns: list[str]) -> str:
    """What helps where columns are sent as tf.Examples since they fit no signature's inputs."""
    named = [
        f"{signature.name}: {', '.join(signature.inputs)}"
        for signature in signatures
        if signature.examples_input is None
    ]
    if not named:
        return ""
    return (
        f"the columns {listed(columns)} are not the inputs of a signature ({'; '.join(named)}): "
        "if they have other names, say --column INPUT=COLUMN; if this is a file of series, say "
        "--time COLUMN"
    )


def predict_file(
    client: Asks,
    question: Question,
    source: Any,
    output: str | None,
    opener: Opener = LOCAL,
    progress: Callable[[int, float], None] = lambda rows, share: None,
) -> tuple[int, LeftOut]:
    """Writes the answers to a file's rows.

    Args:
      client: asked.
      question: what is asked.
      source: a file's path or URI, or a pandas DataFrame.
      output: the file to write; None for CSV to the standard output.
      opener: reaches the source.
      progress: told after each request how many rows were written, and the share that was read.

    Returns:
      How many rows were written, and what was left out.

    Raises:
      InputError: the input or the output is wrong.
      ServingClientError: the server refuses, fails, or does not answer.
    """
    with planned(client, question, source, opener) as made:
        return write(client, made, output, progress), made.left_out


def write(
    client: Asks,
    made: Plan,
    output: str | None,
    progress: Callable[[int, float], None] = lambda rows, share: None,
) -> int:
    """Writes the answers of a plan; how many rows. Raises as `predict_file`."""
    count = 0
    types = made.types() if output is not None and is_parquet(output) else {}
    with open_writer(output, made.layout.columns, types) as writer:
        for rows in made.rows(client):
            writer.write(rows)
            count += len(rows)
            progress(count, made.position() / max(made.total, 1))
    return count
