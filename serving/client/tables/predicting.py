"""A file through a model: rows in, answers out, in order and in constant memory."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from tidegate.serving.client.answers import Answers
from tidegate.serving.client.client import Client
from tidegate.serving.client.errors import InvalidArgumentError
from tidegate.serving.client.signatures import Signature, choose
from tidegate.serving.client.stream import in_order
from tidegate.serving.client.tables.answers import AnswerColumns
from tidegate.serving.client.tables.formats import TableError
from tidegate.serving.client.tables.reading import LeftOut, Row
from tidegate.serving.client.tables.requests import (
    Layout,
    PlainRows,
    Request,
    as_example,
    by_column,
    choose_signature,
    resolve,
)
from tidegate.serving.client.tables.series import SeriesRows
from tidegate.serving.client.tables.series_inputs import (
    ID,
    TIME,
    long_file,
    made_inputs,
    read_inputs,
    takes_series,
)
from tidegate.serving.client.tables.writing import open_writer


@dataclass(frozen=True)
class Question:
    """What is asked of which model.

    Attributes:
      model: its name.
      signature: None for the one that fits the columns.
      version, label: which version; the newest if neither is given.
      columns: by input (or feature of a tf.Example), its column where the name is another.
      kinds: by column, ``text``, ``int`` or ``float`` of a tf.Example's feature.
      top: how many classes stand in columns; 0 for lists of all.
      batch_size: rows to a request.
      in_flight: requests at the same time.
    """

    model: str
    signature: str | None = None
    version: int | None = None
    label: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    top: int = 3
    batch_size: int = 64
    in_flight: int = 4


@dataclass(frozen=True)
class Plan:
    """How a question is asked of rows with certain columns.

    Attributes:
      question: what is asked.
      signature: of whom.
      layout: rows to requests, answers to rows.
      columns: of the rows of answers.
      types: by column, pyarrow's type where it is known; empty if it was not asked for.
      advice: what helps where the model cannot read the rows; empty where nothing is known to.
    """

    question: Question
    signature: Signature
    layout: Layout
    columns: list[str]
    types: Mapping[str, object]
    advice: str = ""


def plan(
    client: Client,
    question: Question,
    columns: list[str],
    left_out: LeftOut,
    where: str,
    types: Mapping[str, object] | None = None,
) -> Plan:
    """Matches columns with a signature of the model.

    Args:
      client: asked for the signatures.
      question: what is asked.
      columns: of the rows.
      left_out: counts rows that cannot be used.
      where: names the rows in errors.
      types: by column, pyarrow's type; None where no types are needed.

    Raises:
      TableError: no signature takes them.
      ServingClientError: the server does not answer, or does not know the model or signature.
    """
    signatures = client.signatures(question.model, version=question.version, label=question.label)
    file = long_file(columns, question.columns, where)
    long = columns if file is None else list(dict.fromkeys([*columns, *file.columns]))
    given = {
        name: column
        for name, column in question.columns.items()
        if file is None or name not in file.columns
    }
    known = [*long, *given]
    advice = ""
    if question.signature is None:
        read = {name: read_inputs(one, known) for name, one in signatures.items()}
        signature = signatures[choose_signature(read, long, given).name]
        whole = [one for one in signatures.values() if takes_series(one, long)]
        if signature.examples_input is not None and len(whole) == 1:
            # None fits a file of series: the one for series says what is missing.
            signature = whole[0]
        if signature.examples_input is not None:
            advice = _advice(signatures.values(), columns)
    else:
        signature = choose(signatures, question.signature, question.model)
    if file is not None and takes_series(signature, long):
        made = made_inputs(signature, known)
        wanted = read_inputs(signature, known)
        inputs = resolve(wanted, long, given, where)
        series = SeriesRows(signature, inputs, made, file, left_out)
        return Plan(question, signature, series, series.columns, {})
    answers = AnswerColumns(signature, columns, question.top)
    if signature.examples_input is not None and signature.examples_input not in columns:
        for name, column in question.columns.items():
            if column not in columns:
                raise TableError(
                    f"{where}: no column {column!r}, named by --column {name}={column}"
                )
        features = {name: name for name in columns if name not in question.columns.values()}
        features.update(question.columns)
        convert = as_example(signature.examples_input, features, question.kinds)
    else:
        convert = by_column(signature, resolve(signature, columns, question.columns, where))
    return Plan(
        question,
        signature,
        PlainRows(convert, answers, left_out),
        [*columns, *answers.columns],
        {} if types is None else {**types, **answers.arrow_types()},
        advice,
    )


def _advice(signatures: Iterable[Signature], columns: list[str]) -> str:
    """What helps where columns are sent as tf.Examples since they fit no signature's inputs."""
    others = [one for one in signatures if one.examples_input is None]
    if not others:
        return ""
    named = {
        one.name: [TIME, *read_inputs(one, [ID, TIME]).inputs]
        if takes_series(one, [ID])
        else one.inputs
        for one in others
    }
    inputs = "; ".join(f"{name}: {', '.join(names)}" for name, names in named.items())
    return (
        f"the columns {', '.join(columns)} are not the inputs of a signature ({inputs}): if they "
        "have other names, say --column INPUT=COLUMN"
    )


def ask(client: Client, plan: Plan, rows: Iterable[Row]) -> Iterable[tuple[Request, Answers]]:
    """Asks for the answers to rows; requests and answers in order.

    Raises:
      TableError: the model cannot read rows that fit no signature's inputs.
      ServingClientError: as `Client.predict`.
    """
    question = plan.question

    def answered(request: Request) -> Answers:
        try:
            return client.predict(
                question.model,
                request.inputs,
                signature=plan.signature.name,
                version=question.version,
                label=question.label,
            )
        except InvalidArgumentError as error:
            if not plan.advice:
                raise
            raise TableError(f"{error.message}; {plan.advice}") from None

    requests = plan.layout.requests(rows, question.batch_size)
    return in_order(answered, requests, question.in_flight)


class Source(Protocol):
    """Rows to ask about: a `RowReader`, or texts.

    Attributes:
      path: names them in errors.
      columns: their names.
      left_out: counts rows that cannot be used.
      types: by column, pyarrow's type; None where it is not known.
    """

    path: str
    columns: list[str]
    left_out: LeftOut
    types: dict[str, Any] | None

    def __iter__(self) -> Iterator[Row]:
        """The rows, once."""


def predict_file(
    client: Client,
    question: Question,
    source: Source,
    output: str | None,
    progress: Callable[[int], None] = lambda rows: None,
) -> int:
    """Writes the answers to a file's rows.

    Args:
      client: asked.
      question: what is asked.
      source: its rows.
      output: the file to write; None for CSV to the standard output.
      progress: told after each request how many rows were written.

    Returns:
      How many rows were written.

    Raises:
      TableError: the input or the output is wrong.
      ServingClientError: the server refuses, fails, or does not answer.
    """
    needs_types = output is not None and output.lower().endswith((".parquet", ".pq"))
    types: Mapping[str, object] | None = None
    if needs_types:
        types = source.types or {}
    made = plan(client, question, source.columns, source.left_out, source.path, types)
    count = 0
    with open_writer(output, made.columns, made.types) as writer:
        for request, answers in ask(client, made, source):
            rows = made.layout.answers(request, answers)
            writer.write(rows)
            count += len(rows)
            progress(count)
    return count
