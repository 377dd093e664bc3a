"""What became of the series."""

from dataclasses import dataclass, field
from typing import Any

from components.examples_report import PLACES, RowReport
from components.series_example_gen.frequency import Distances
from models.core.errors import InputError


@dataclass
class Reading(RowReport):
    """What the first pass over the files found.

    `rows` counts the usable ones under ``all``.

    Attributes:
      distances: between neighbours in the series.
    """

    distances: Distances = field(default_factory=Distances)

    def add(self, other: Any) -> None:
        """Adds another part's report to this one."""
        super().add(other)
        self.distances.add(other.distances)

    def check(self, *, max_bad_share: float, source: str) -> None:
        """Stops a run that could not read its data, or too little of it.

        Raises:
          InputError: an error while reading, too many unusable rows, or no row at all.
        """
        if self.bad and not max_bad_share and not self.fatal:
            reason = max(sorted(self.bad), key=lambda reason: self.bad[reason])
            count = sum(self.bad.values())
            more = f" (and {count - 1} more rows)" if count > 1 else ""
            raise InputError(
                f"{self.places[reason][0]}: {reason}{more}; mend it, or leave such rows out with "
                "data.max_bad_share"
            )
        self.check_rows(max_bad_share=max_bad_share, source=source)
        if not self.rows.get("all"):
            raise InputError(f"{source}: no usable row; {self.bad_line() or 'it is empty'}")


@dataclass
class SeriesReport(RowReport):
    """Counts over series; reports of parts of the data add up.

    `rows` counts, by split, the target steps that have a value.

    Attributes:
      series: by split, its series.
      steps: by split, its target steps, the missing ones among them.
      found: series in the data.
      left_out: by reason, series and the first of them: what could not be used for a split.
      noted: the same for what was used and a person should know.
      longest: steps of the longest series, and its name.
    """

    series: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    found: int = 0
    left_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    noted: dict[str, dict[str, Any]] = field(default_factory=dict)
    longest: tuple[int, str] = (0, "")

    def add_piece(self, split: str, steps: int, values: int) -> None:
        """Counts a series' part of a split."""
        self.series[split] = self.series.get(split, 0) + 1
        self.steps[split] = self.steps.get(split, 0) + steps
        self.rows[split] = self.rows.get(split, 0) + values

    def leave_out(self, reason: str, name: str) -> None:
        """Counts a series that could not be used for a split."""
        _count(self.left_out, {reason: {"series": 1, "first": [name]}})

    def note(self, what: str, name: str) -> None:
        """Counts a series that a person should know of."""
        _count(self.noted, {what: {"series": 1, "first": [name]}})

    def add(self, other: Any) -> None:
        """Adds another part's report to this one."""
        super().add(other)
        for mine, theirs in ((self.series, other.series), (self.steps, other.steps)):
            for split, count in theirs.items():
                mine[split] = mine.get(split, 0) + count
        self.found += other.found
        _count(self.left_out, other.left_out)
        _count(self.noted, other.noted)
        self.longest = max(self.longest, other.longest)

    def lines(self, step: Any) -> list[str]:
        """What a person should know, a line each."""
        steps = sum(self.steps.values())
        missing = steps - sum(self.rows.values())
        first = f"{self.found} series, step {step}, {steps} steps" + (
            f", {missing / steps:.1%} of them without a value" if missing else ""
        )
        return [
            first,
            *(
                f"{what}: {count['series']} series ({', '.join(count['first'])}"
                f"{', …' if count['series'] > len(count['first']) else ''})"
                for counts in (self.left_out, self.noted)
                for what, count in sorted(counts.items())
            ),
        ]


def _count(mine: dict[str, dict[str, Any]], theirs: dict[str, dict[str, Any]]) -> None:
    for reason, count in theirs.items():
        known = mine.setdefault(reason, {"series": 0, "first": []})
        known["series"] += count["series"]
        # Sorted, so that the order in which parts come does not show.
        known["first"] = sorted([*known["first"], *count["first"]])[:PLACES]


def check(report: SeriesReport, *, horizon: int, target: str, source: str) -> None:
    """Stops a run whose series cannot be learnt from.

    Args:
      report: of all the data.
      horizon: steps that are forecast at once.
      target: the target's column, for messages.
      source: the data's path, for messages.

    Raises:
      InputError: an error in a series; no value at all; no series long enough for a split that
        training needs.
    """
    if report.fatal:
        raise InputError(sorted(report.fatal)[0])
    steps, name = report.longest
    if not steps:
        raise InputError(f"{source}: no series has a value in column {target!r}")
    for split, setting in (
        ("train", "features.horizon"),
        ("valid", "data.valid_size"),
        ("eval", "data.eval_size"),
    ):
        if report.rows.get(split):
            continue
        least = horizon + 1 if split == "train" else horizon
        more = "" if split == "train" else f", or see {setting} and data.{split}_from"
        raise InputError(
            f"{source}: features.horizon={horizon} is too long for the data: no series has "
            f"{least} steps for the split {split!r}; the longest, {name!r}, has {steps} in all. "
            f"Lower features.horizon{more}"
        )
