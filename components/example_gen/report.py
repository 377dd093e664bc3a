"""What every ExampleGen leaves beside its splits: usable rows, and those that were not."""

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Generic, TypeVar

import apache_beam as beam
from tfx.dsl.io import fileio

from tidegate.tables.errors import InputError

REPORT_FILE = "report.json"
SPLITS = ("train", "valid", "eval", "test")
# Places kept of each reason: enough to find the cause.
PLACES = 3


R = TypeVar("R", bound="RowReport")


@dataclass
class RowReport:
    """Counts over rows; reports of parts of the data add up.

    Attributes:
      rows: usable rows by split.
      bad: by reason, how many rows could not be used.
      places: by reason, the first places.
      fatal: errors that end the reading of a file.
      remarks: by remark, how many usable rows a person should know of; the first are in `places`.
    """

    rows: dict[str, int] = field(default_factory=dict)
    bad: dict[str, int] = field(default_factory=dict)
    places: dict[str, list[str]] = field(default_factory=dict)
    fatal: list[str] = field(default_factory=list)
    remarks: dict[str, int] = field(default_factory=dict)

    def add_bad(self, reason: str, place: str) -> None:
        """Counts a row that cannot be used."""
        self.bad[reason] = self.bad.get(reason, 0) + 1
        places = self.places.setdefault(reason, [])
        if len(places) < PLACES:
            places.append(place)

    def add_several_lines(self, count: int, place: str) -> None:
        """Counts rows that have a cell of several lines: a stray quote makes such, too.

        Args:
          count: of the rows; 0 for none.
          place: of the first.
        """
        if count:
            self.remark("with a cell of several lines", count, place)

    def remark(self, what: str, count: int, place: str) -> None:
        """Counts usable rows of which a person should know something; the place is the first's."""
        self.remarks[what] = self.remarks.get(what, 0) + count
        self.places.setdefault(what, []).append(place)

    def remark_lines(self) -> list[str]:
        """The remarks, a line each."""
        return [
            f"{count} rows {remark} (first at {', '.join(self.places[remark])})"
            for remark, count in sorted(self.remarks.items())
        ]

    def add(self, other: Any) -> None:
        """Adds another part's report, of the same kind, to this one."""
        for split, count in other.rows.items():
            self.rows[split] = self.rows.get(split, 0) + count
        for reason, count in other.bad.items():
            self.bad[reason] = self.bad.get(reason, 0) + count
            self.places[reason] = (self.places.get(reason, []) + other.places[reason])[:PLACES]
        for remark, count in other.remarks.items():
            self.remarks[remark] = self.remarks.get(remark, 0) + count
            self.places[remark] = (self.places.get(remark, []) + other.places[remark])[:PLACES]
        self.fatal += other.fatal

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls: type[R], written: Mapping[str, Any]) -> R:
        """What `as_dict` gave."""
        return cls(**written)

    @property
    def bad_share(self) -> float:
        """The share of rows that could not be used."""
        bad = sum(self.bad.values())
        return bad / max(bad + sum(self.rows.values()), 1)

    def bad_line(self) -> str:
        """The unusable rows in one line: how many, why, where."""
        return "; ".join(
            f"{count} rows: {reason} (first at {', '.join(self.places[reason])})"
            for reason, count in sorted(self.bad.items(), key=lambda item: -item[1])
        )

    def check_rows(self, *, max_bad_share: float, source: str) -> None:
        """Stops a run that could not read its data, or too little of it.

        Raises:
          InputError: an error while reading; too many unusable rows.
        """
        if self.fatal:
            raise InputError(sorted(self.fatal)[0])
        if self.bad_share > max_bad_share:
            raise InputError(
                f"{source}: {self.bad_share:.1%} of the rows cannot be used, more than "
                f"data.max_bad_share={max_bad_share:.1%}: {self.bad_line()}"
            )


class SumOf(beam.CombineFn, Generic[R]):
    """Adds reports of one kind up."""

    def __init__(self, kind: type[R]) -> None:
        self._kind = kind

    def create_accumulator(self) -> R:
        return self._kind()

    def add_input(self, mutable_accumulator: R, element: R) -> R:
        mutable_accumulator.add(element)
        return mutable_accumulator

    def merge_accumulators(self, accumulators: Iterable[R]) -> R:
        total = self._kind()
        for accumulator in accumulators:
            total.add(accumulator)
        return total

    def extract_output(self, accumulator: R) -> R:
        return accumulator


def keep_report(report: RowReport, path: str) -> None:
    """Writes the sum of reports where the process that has started the pipeline reads it."""
    with fileio.open(path, "w") as file:
        file.write(json.dumps(report.as_dict(), default=int))  # NumPy's integers are some counts.


def kept_report(kind: type[R], path: str) -> R:
    """What `keep_report` wrote."""
    with fileio.open(path) as file:
        return kind.from_dict(json.loads(file.read()))


def write_report(folder: str, content: Mapping[str, Any]) -> None:
    """Writes an ExampleGen's report beside its splits."""
    with fileio.open(os.path.join(folder, REPORT_FILE), "w") as file:
        file.write(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True))


def read_report(folder: str) -> dict[str, Any]:
    """The report of an ExampleGen: `rows` by split, `bad` rows by reason, their `places`."""
    with fileio.open(os.path.join(folder, REPORT_FILE)) as file:
        content: dict[str, Any] = json.loads(file.read())
    return content


def left_out(report: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """What an ExampleGen left out, by reason: how many of what, and the first places."""
    rows = {
        reason: {"rows": count, "first": report["places"][reason]}
        for reason, count in report["bad"].items()
    }
    return {**rows, **report.get("left_out", {})}
