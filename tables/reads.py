"""What is read of files of rows or series, and how it is parted: plain values, filled by a task.

An ExampleGen takes them as its arguments; what was read travels with the model, so that a file
that is asked about is read alike. Light: tasks import it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, TypeVar

from tidegate.tables.formats import PLAIN, FileFormat
from tidegate.tables.time_grid import Step, parse_step

T = TypeVar("T")


@dataclass(frozen=True)
class Column:
    """A column of a file of records, and the feature that it becomes.

    Attributes:
      name: the feature's.
      column: the column's; the feature's if not given.
      kind: ``bytes`` (UTF-8 text), ``float`` or ``int``.
      label: a class; known in training alone.
      key: rows with equal values of it are on one side of a split.
    """

    name: str
    column: str = ""
    kind: Literal["bytes", "float", "int"] = "bytes"
    label: bool = False
    key: bool = False

    @property
    def source(self) -> str:
        """The column's name."""
        return self.column or self.name


@dataclass(frozen=True)
class Parallel:
    """Plain files, a record of each line, the parts of which stand on the same line of each.

    Attributes:
      split: the records'; those of train are parted further, as long as valid or eval has no files.
      files: by column, the file's name below the data's folder.
    """

    split: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class RecordReads:
    """What is read of a file in which each row is one record.

    Attributes:
      columns: what is read of a row; one of them is the key.
      how: how files are read.
      max_bad_share: the share of rows that may be unusable.
      parallel: the plain files that are read, below a folder; empty for tables.
    """

    columns: tuple[Column, ...]
    how: FileFormat = PLAIN
    max_bad_share: float = 0.05
    parallel: tuple[Parallel, ...] = ()

    @property
    def below(self) -> tuple[str, ...]:
        """The names of all plain files."""
        return tuple(name for part in self.parallel for name in part.files)

    @property
    def kinds(self) -> dict[str, str]:
        """By kind, as `likely_columns` knows it, the column."""
        texts = {"label" if one.label else "text": one.source for one in self.columns}
        return texts if len(texts) == len(self.columns) else {}

    def __post_init__(self) -> None:
        keys = [one.name for one in self.columns if one.key]
        if len(keys) != 1:
            raise ValueError(f"{keys} are keys; expected one column that decides the split")


@dataclass(frozen=True)
class RecordSplits:
    """How records are parted by a hash of their key, or by a column.

    Attributes:
      column: that says train, valid, eval or test; None for the hash alone.
      valid_share, eval_share: of the rows of train.
      seed: changes which keys go where.
    """

    column: str | None = None
    valid_share: float = 0.05
    eval_share: float = 0.05
    seed: int = 0


@dataclass(frozen=True)
class SeriesReads:
    """What is read of a file in the long format, with a row for each series and time.

    Attributes:
      time: the column of times.
      target: the column of the values.
      id: the column of the series' names; None for a file of one series.
      id_optional: whether a file may lack that column: it is then one series.
      static: columns of texts that hold for a whole series.
      static_numbers: columns of numbers that hold for a whole series.
      historic: columns of numbers known up to now.
      labels: columns of numbers known in training alone.
      future: columns of numbers known ahead.
      frequency: as `parse_step` reads it; None to infer it.
      duplicates: what becomes of rows of one series and time: see `merged`.
      order: ``time``, or ``file``: rows count as steps in the order of their files, whatever their
        times; empty where a task does not offer that.
      fill: ``zero``, a step without a row is 0; ``none``, its value is missing.
      how: how files are read.
      max_bad_share: the share of rows that may be unusable.
    """

    time: str
    target: str
    id: str | None = None
    id_optional: bool = False
    static: tuple[str, ...] = ()
    static_numbers: tuple[str, ...] = ()
    historic: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    future: tuple[str, ...] = ()
    frequency: str | None = None
    duplicates: Literal["error", "sum", "mean", "last"] = "error"
    order: Literal["", "time", "file"] = ""
    fill: Literal["none", "zero"] = "none"
    how: FileFormat = PLAIN
    max_bad_share: float = 0.0

    @property
    def step(self) -> Step | None:
        """The given frequency; None where it is to be inferred."""
        if self.order == "file":
            return Step(index=1)
        return None if self.frequency is None else parse_step(self.frequency)

    @property
    def kinds(self) -> dict[str, str]:
        """By kind, as `likely_columns` knows it, the column."""
        names = {"name": self.id} if self.id and not self.id_optional else {}
        return {"time": self.time, "number": self.target, **names}

    @property
    def numbers(self) -> tuple[str, ...]:
        """The columns of numbers: the target, static ones, and the varying ones."""
        return (self.target, *self.static_numbers, *self.varying)

    @property
    def varying(self) -> tuple[str, ...]:
        """Those beside the target that have a value a step: historic, labels, then future."""
        return (*self.historic, *self.labels, *self.future)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column, in the order in which rows are read."""
        return (*((self.id,) if self.id else ()), self.time, *self.numbers, *self.static)

    @property
    def optional(self) -> tuple[str, ...]:
        """Columns that a file may lack."""
        return (self.id,) if self.id and self.id_optional else ()


@dataclass(frozen=True)
class SeriesSplits:
    """How series are parted by time; see `SeriesExampleGen`.

    Attributes:
      horizon: steps that are forecast at once.
      context: steps of history before a split's first target, at most.
      season: steps of a season; None for the usual one of the frequency.
      sizes: by split, steps (1 or more), a share of each series (below 1), or 0 for none.
      cutoffs: by split, the time of its first target, instead of its size.
    """

    horizon: int
    context: int
    season: int | None = None
    sizes: Mapping[str, float] = field(
        default_factory=lambda: {"valid": 0.1, "eval": 0.1, "test": 0.1}
    )
    cutoffs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class TextSplits:
    """What a document is, and how documents, or the parts of one stream, are parted.

    Attributes:
      documents: ``stream``, all rows on end, parted by contiguous parts, train first; ``file``
        and ``row``, each is one, parted by a hash of its beginning.
      files: whether a file's name begins with its split: train, valid, eval or test; where valid
        has files and eval has none, eval is the second half of valid.
      column: that says train, valid, eval or test, of tables.
      valid_share, eval_share: of the characters, or documents, of train.
      most: characters of a stream that valid and eval have at most, each.
      seed: changes which documents go where.
    """

    documents: Literal["stream", "file", "row"] = "stream"
    files: bool = False
    column: str | None = None
    valid_share: float = 0.05
    eval_share: float = 0.05
    most: int = 2_000_000
    seed: int = 0


def to_json(value: Any) -> str:
    """Any of these values; `from_json` reads it."""
    return json.dumps(as_dict(value), sort_keys=True, ensure_ascii=False)


def as_dict(value: Any) -> dict[str, Any]:
    """The same for a part of a larger JSON; it says which kind of value it is."""
    written = {**asdict(value), "kind": type(value).__name__}
    if "how" in written:
        written["how"] = value.how.as_dict()
    return written


def from_json(kind: type[T], text: str) -> T:
    """What `to_json` wrote.

    Raises:
      ValueError: it is of another kind.
    """
    return from_dict(kind, json.loads(text))


def from_dict(kind: type[T] | None, written: Mapping[str, Any]) -> T:
    """What `as_dict` gave.

    Args:
      kind: of the value; None for the one that it says.
      written: the value.

    Raises:
      ValueError: it is of another kind, or of none that is known.
    """
    kinds = (RecordReads, RecordSplits, SeriesReads, SeriesSplits, TextSplits)
    known = {one.__name__: one for one in kinds}
    made: Any = known.get(str(written.get("kind")))
    if made is None or (kind is not None and made is not kind):
        raise ValueError(f"a value of kind {written.get('kind')!r}")
    values: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in written.items()
        if name != "kind"
    }
    if "how" in values:
        values["how"] = FileFormat.from_dict(values["how"])
    if made is RecordReads:
        values["columns"] = tuple(Column(**one) for one in values["columns"])
        values["parallel"] = tuple(
            Parallel(one["split"], tuple(one["files"])) for one in values.get("parallel", ())
        )
    found: T = made(**values)
    return found
