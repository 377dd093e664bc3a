"""How a file becomes requests of a model, and its answers columns: what travels with the model.

A model's `assets.extra` holds `FILE`, and its signature `SIGNATURE` gives the same text to who has
the server alone. With it a file like the one that was trained on is asked about without options.
Light: tasks and clients import it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

from tidegate.tables.errors import InputError, nearest
from tidegate.tables.reads import RecordReads, SeriesReads, as_dict, from_dict
from tidegate.tables.time_grid import Step

FILE = "tidegate_roles.json"
SIGNATURE = "roles"
# The signature's input, of which it takes any number of rows, and its output: the text, for each.
ASKED, TEXT = "rows", "json"
EDITION = 1

InputKind = Literal["value", "name", "start", "values", "future", "static", "mask", "length"]
OutputKind = Literal[
    "value", "detail", "alignment", "step", "time", "classes", "scores", "quantiles", "levels"
]


@dataclass(frozen=True)
class Input:
    """Where an input of a request comes from.

    Attributes:
      kind: `value`, a row's cell. Of a series, [series, steps]: `values`, of a column up to the
        last row with one, `future`, beyond it as well, `mask`, whether the input `of` has a value;
        [series]: `name`, `start` (time of the first step: seconds since 1970 of the clock that the
        step follows, or integer time), `static` (a column's only value), `length` (of steps).
      column: the column of the file.
      of: the input that a mask is of.
    """

    kind: InputKind
    column: str = ""
    of: str = ""


@dataclass(frozen=True)
class Output:
    """What an output is.

    Attributes:
      kind: `value`; `detail`, which a file of answers has and a person is not shown; `alignment`,
        a matrix of weights, which a person sees on a terminal, as a detail else; `classes`, names
        of classes, and `scores`, a number for each of them; of a series, `time` of a step (as
        `start`), `step`, its number from 1, `quantiles` and, at which, their `levels`.
      column: its name as a column; the output's if not given.
      of: the output with the names of the scores, or the levels of the quantiles; of an alignment
        the outputs with the texts of its rows and of its columns, with a space between.
      names: names of the classes, where no output has them.
      levels: of the quantiles, each between 0 and 1, ascending.
    """

    kind: OutputKind = "value"
    column: str = ""
    of: str = ""
    names: tuple[str, ...] = ()
    levels: tuple[float, ...] = ()


@dataclass(frozen=True)
class Roles:
    """How a file is asked about.

    Attributes:
      signature: the one that files are asked through; None for that which fits the columns.
      reads: what was read in training; None where that is not known.
      inputs, outputs: by name.
      step: the model's; None where it has none, or it is not known: rows stand as they come.
      horizon: steps that are forecast; 0 where it is not known.
    """

    signature: str | None = None
    reads: RecordReads | SeriesReads | None = None
    inputs: Mapping[str, Input] = field(default_factory=dict)
    outputs: Mapping[str, Output] = field(default_factory=dict)
    step: Step | None = None
    horizon: int = 0

    def named(self, names: Mapping[str, Sequence[str]]) -> "Roles":
        """The same with names of classes, by the output that has a number for each of them."""
        outputs = {
            name: replace(role, names=tuple(names.get(name, role.names)))
            for name, role in self.outputs.items()
        }
        return replace(self, outputs=outputs)

    def to_json(self) -> str:
        """For `from_json`."""
        written = {
            **asdict(replace(self, reads=None)),
            "edition": EDITION,
            "reads": None if self.reads is None else as_dict(self.reads),
        }
        return json.dumps(written, ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str, where: str) -> "Roles":
        """What `to_json` wrote.

        Args:
          text: the JSON.
          where: names it in errors.

        Raises:
          InputError: it is no such text, or of a later edition.
        """
        try:
            written: dict[str, Any] = json.loads(text)
            edition = written.pop("edition")
            if edition > EDITION:
                raise InputError(
                    f"{where}: of edition {edition}; this tidegate reads up to {EDITION}: install "
                    "the one that trained the model, or a newer one"
                )
            outputs = {
                name: Output(
                    **{**one, "names": tuple(one["names"]), "levels": tuple(one["levels"])}
                )
                for name, one in written["outputs"].items()
            }
            return cls(
                signature=written["signature"],
                reads=None if written["reads"] is None else from_dict(None, written["reads"]),
                inputs={name: Input(**one) for name, one in written["inputs"].items()},
                outputs=outputs,
                step=None if written["step"] is None else Step(**written["step"]),
                horizon=written["horizon"],
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{where}: not the roles of a model: {type(error).__name__}: {error}"
            ) from None


def read_role(text: str) -> Input | Output:
    """A role from an option: a kind of input or output, or ``mask:INPUT``.

    What is the kind of either is an input's.

    Raises:
      InputError: there is no such kind.
    """
    given, _, of = text.partition(":")
    kind: Any = given
    inputs, outputs = get_args(InputKind), get_args(OutputKind)
    if kind in inputs:
        return Input(kind, of=of)
    if kind in outputs:
        return Output(kind, of=of)
    raise InputError(f"role {text!r}: {nearest(kind, {*inputs, *outputs})}")
