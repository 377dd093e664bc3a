"""What is asked of which model, and what the model's own roles say of it."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from tidegate.serving.client.answers import Answers
from tidegate.serving.client.signatures import Signature, choose
from tidegate.serving.client.tensors import as_text
from tidegate.tables.errors import InputError, nearest
from tidegate.tables.formats import FileFormat
from tidegate.tables.reads import RecordReads, SeriesReads
from tidegate.tables.roles import ASKED, SIGNATURE, TEXT, Input, Output, Roles, read_role
from tidegate.tables.time_grid import Step, known_zone


class Asks(Protocol):
    """What answers: a `Client`, or a model in this process."""

    def signatures(
        self, model: str, *, version: int | None = None, label: str | None = None
    ) -> dict[str, Signature]:
        """The model's signatures by name."""

    def predict(
        self,
        model: str,
        inputs: Mapping[str, Any],
        *,
        signature: str | None = None,
        version: int | None = None,
        label: str | None = None,
    ) -> Answers:
        """The outputs by name."""


@dataclass(frozen=True)
class Question:
    """What is asked of which model; what is not given is as the model's roles say.

    Attributes:
      model: its name.
      signature: None for the one of the roles, or that which fits the columns.
      version, label: which version; the newest if neither is given.
      columns: by input (or feature of a tf.Example), its column.
      kinds: by column, ``text``, ``int`` or ``float`` of a tf.Example's feature.
      roles: by input or output, its role as `read_role` reads it.
      id, time: columns of the series' names and times.
      step: of the model's series.
      how: by name, attributes of `FileFormat` and their values.
      max_bad_share: of the rows, how many may be unusable.
      options: by input that a request may leave out, its value for all rows, as text.
      levels, quantiles: of the columns for quantiles, as `QuantileColumns` takes them.
      top: how many classes stand in columns; 0 for lists of all.
      batch_size: rows to a request.
      in_flight: requests at the same time.

    Raises:
      InputError: levels or quantiles that are none.
    """

    model: str
    signature: str | None = None
    version: int | None = None
    label: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    id: str | None = None
    time: str | None = None
    step: Step | None = None
    how: Mapping[str, Any] = field(default_factory=dict)
    max_bad_share: float | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    levels: tuple[float, ...] = ()
    quantiles: tuple[float, ...] = ()
    top: int = 3
    batch_size: int = 64
    in_flight: int = 4

    def __post_init__(self) -> None:
        for option, given, below in (
            ("--level", self.levels, 100),
            ("--quantiles", self.quantiles, 1),
        ):
            if not all(0 < number < below for number in given):
                text = ",".join(f"{number:g}" for number in given)
                raise InputError(f"{option} {text}: expected numbers between 0 and {below}")


@dataclass(frozen=True)
class Asked:
    """A question with what the model says of itself.

    Attributes:
      question: what is asked.
      signatures: the model's, without the one that gives the roles.
      roles: the model's, with what the question says otherwise.
    """

    question: Question
    signatures: Mapping[str, Signature]
    roles: Roles

    @property
    def how(self) -> FileFormat:
        """How a file is read. Raises InputError: contradicting marks, or no such time zone."""
        base = FileFormat() if self.roles.reads is None else self.roles.reads.how
        how = dataclasses.replace(base, by_options=True, **self.question.how)
        how.check_marks()
        if how.timezone is not None:
            try:
                known_zone(how.timezone)
            except ValueError as error:
                raise InputError(f"{how.setting('timezone')} {error}") from None
        return how

    @property
    def series(self) -> SeriesReads | None:
        """What is read of a file of series; None where files hold records."""
        reads, question = self.roles.reads, self.question
        if not isinstance(reads, SeriesReads):
            if question.id is None and question.time is None:
                return None
            if question.time is None:
                raise InputError(
                    f"--id {question.id}: a file of series has a column of times, too: name it "
                    "with --time COLUMN"
                )
            reads = SeriesReads(time=question.time, target="", max_bad_share=0.05)
        changes: dict[str, Any] = {"how": self.how}
        if question.id is not None:
            changes.update(id=question.id, id_optional=False)
        if question.time is not None:
            changes.update(time=question.time)
        if question.max_bad_share is not None:
            changes.update(max_bad_share=question.max_bad_share)
        return dataclasses.replace(reads, **changes)

    @property
    def max_bad_share(self) -> float:
        """Of the rows of a file of records, how many may be unusable."""
        if self.question.max_bad_share is not None:
            return self.question.max_bad_share
        reads = self.roles.reads
        return reads.max_bad_share if isinstance(reads, RecordReads) else 0.05

    @property
    def signature(self) -> Signature | None:
        """The signature that the question or the roles name; None where neither does."""
        name = self.question.signature or self.roles.signature
        return None if name is None else choose(self.signatures, name, self.question.model)

    def inputs(self, signature: Signature) -> dict[str, Input]:
        """The roles of a signature's inputs, as far as they are known.

        Raises:
          InputError: an option is about an input or output that the signature does not have.
        """
        known = dict(self.roles.inputs) if self._is_told(signature) else {}
        for name, text in self.question.roles.items():
            role = read_role(text)
            if isinstance(role, Input):
                _check(name, text, signature.inputs, "input", signature.name)
                known[name] = dataclasses.replace(role, column=role.column or name)
        return {name: role for name, role in known.items() if name in signature.inputs}

    def outputs(self, signature: Signature) -> dict[str, Output]:
        """The same for its outputs."""
        known = dict(self.roles.outputs) if self._is_told(signature) else {}
        for name, text in self.question.roles.items():
            role = read_role(text)
            if isinstance(role, Output):
                _check(name, text, signature.outputs, "output", signature.name)
                known[name] = role
        return known

    def _is_told(self, signature: Signature) -> bool:
        """Whether the model's roles are those of this signature."""
        return self.roles.signature in (None, signature.name)


def _check(name: str, text: str, known: Mapping[str, Any], what: str, signature: str) -> None:
    if name not in known:
        raise InputError(
            f"--role {name}={text}: signature {signature!r} has no {what} {name!r}. "
            f"{nearest(name, known)}"
        )


def asked(client: Asks, question: Question) -> Asked:
    """Asks a model for its signatures and for its roles, if it has any.

    Raises:
      InputError: its roles cannot be read.
      ServingClientError: the server does not answer, or does not know the model.
    """
    which: dict[str, Any] = {"version": question.version, "label": question.label}
    signatures = dict(client.signatures(question.model, **which))
    teller = signatures.pop(SIGNATURE, None)
    roles = Roles()
    if teller is not None and set(teller.inputs) == {ASKED} and set(teller.outputs) == {TEXT}:
        inputs = {ASKED: np.array([b""], object)}
        told = client.predict(question.model, inputs, signature=SIGNATURE, **which)
        text: str = as_text(told[TEXT]).tolist()[0]
        roles = Roles.from_json(text, f"the roles of model {question.model!r}")
    elif teller is not None:  # Another's signature of this name.
        signatures[SIGNATURE] = teller
    if question.step is not None:
        roles = dataclasses.replace(roles, step=question.step)
    return Asked(question, signatures, roles)
