"""What was read: rows, labels and the rows that could not be used."""

from dataclasses import dataclass, field
from typing import Any

from tidegate.components.example_gen.report import RowReport, SumOf
from tidegate.tables.errors import InputError, listed, shown

# More distinct labels than this is a column that is no label.
_MOST_LABELS = 10_000


@dataclass
class Report(RowReport):
    """Counts over records; reports of parts of the data add up.

    Attributes:
      labels: rows by split and label.
      given: the splits that the split column named.
    """

    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    given: list[str] = field(default_factory=list)

    def add_row(self, split: str, label: str | None) -> None:
        """Counts a usable row.

        Raises:
          InputError: too many distinct labels.
        """
        self.rows[split] = self.rows.get(split, 0) + 1
        if label is None:
            return
        counts = self.labels.setdefault(split, {})
        counts[label] = counts.get(label, 0) + 1
        if len(counts) > _MOST_LABELS:
            raise InputError(
                f"the label column has more than {_MOST_LABELS} distinct values; expected one of "
                "a set of classes: is data.label_column right?"
            )

    def add_given(self, split: str) -> None:
        """Notes that the split column named a split."""
        if split not in self.given:
            self.given.append(split)

    def add(self, other: Any) -> None:
        """Adds another part's report to this one."""
        super().add(other)
        for split, counts in other.labels.items():
            mine = self.labels.setdefault(split, {})
            for label, count in counts.items():
                mine[label] = mine.get(label, 0) + count
        for split in other.given:
            self.add_given(split)


class SumReports(SumOf[Report]):
    """Adds reports up."""

    def __init__(self) -> None:
        super().__init__(Report)


def check(report: Report, *, max_bad_share: float, source: str) -> None:
    """Stops a run whose data cannot be learnt from.

    Args:
      report: of all the data.
      max_bad_share: largest share of unusable rows.
      source: the data's path, for messages.

    Raises:
      InputError: an error while reading; too many unusable rows; no row in a needed split; a
        single class; a class with a single row; a label that training never sees.
    """
    report.check_rows(max_bad_share=max_bad_share, source=source)
    if not report.rows.get("train"):
        raise InputError(
            f"{source}: no usable row for training; {report.bad_line() or 'it is empty'}"
        )
    if report.labels:
        _check_labels(report, source)
    for split, setting in (("valid", "data.valid_share"), ("eval", "data.eval_share")):
        if not report.rows.get(split):
            raise InputError(
                f"{source}: {sum(report.rows.values())} usable rows leave none for the split "
                f"{split!r}; give more rows or raise {setting}"
            )


def _check_labels(report: Report, source: str) -> None:
    total: dict[str, int] = {}
    for split, counts in report.labels.items():
        if split != "test":
            for label, count in counts.items():
                total[label] = total.get(label, 0) + count
    if len(total) == 1:
        raise InputError(
            f"{source}: every row has the label {shown(next(iter(total)))!r}; expected two "
            "classes or more"
        )
    single = sorted(label for label, count in total.items() if count == 1)
    if single:
        more = f" and {len(single) - 1} more labels" if len(single) > 1 else ""
        raise InputError(
            f"{source}: label {shown(single[0])!r}{more} with a single row; expected at least 2 "
            "rows of each class: add rows, or merge or drop the class"
        )
    learnt = report.labels.get("train", {})
    for split in ("test", "valid", "eval"):
        unseen = sorted(set(report.labels.get(split, {})) - set(learnt))
        if unseen:
            raise InputError(
                f"{source}: the {split} data has the label {shown(unseen[0])!r} that training "
                f"never sees; expected one of {listed(sorted(learnt))}"
            )
