"""What became of the series."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tidegate.components.example_gen.report import PLACES, SPLITS, RowReport
from tidegate.components.series_example_gen.splits import Splitting, cutoff_time
from tidegate.tables.errors import InputError
from tidegate.tables.frequency import Distances
from tidegate.tables.series import time_text
from tidegate.tables.time_grid import Step
from tidegate.tables.zones import ahead_of

# Noted of a series.
WIDE_GAP = "a gap of more steps than the series has values; is a time wrong?"
LOST_DIGITS = (
    "digits are lost: about seven are kept (float32), too few for these changes; subtract a "
    "constant from the column, or give differences"
)
LOOK_ALIKE = (
    "names that another one may look like (1.0, invisible characters, letters and accents apart); "
    "such another is another series"
)
OFFSETS = (
    "times have several offsets, of which answers keep the last; data.timezone (Europe/Berlin) "
    "gives each its own"
)
SENTINEL = (
    "one value comes many times, far outside of the others; if it says that there is none, name it "
    "in data.missing"
)


@dataclass
class Reading(RowReport):
    """What the first pass over the files found.

    `rows` counts the usable ones under ``all``.

    Attributes:
      distances: between neighbours in the series.
    """

    distances: Distances = field(default_factory=Distances)

    def as_dict(self) -> dict[str, Any]:
        """For JSON; `from_dict` reads it."""
        return {**vars(self), "distances": self.distances.as_dict()}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Reading":
        """What `as_dict` gave."""
        return cls(**{**written, "distances": Distances.from_dict(written["distances"])})

    def add_rows(self, count: int) -> None:
        """Counts usable rows."""
        self.rows["all"] = self.rows.get("all", 0) + count

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
      longest: steps of the longest series of the training data, and its name.
      span: first and last time of a value in the training data, on the clock that the step
        follows: seconds since 1970-01-01, or integer time; None where there is none.
    """

    series: dict[str, int] = field(default_factory=dict)
    steps: dict[str, int] = field(default_factory=dict)
    found: int = 0
    left_out: dict[str, dict[str, Any]] = field(default_factory=dict)
    noted: dict[str, dict[str, Any]] = field(default_factory=dict)
    longest: tuple[int, str] = (0, "")
    span: tuple[int, int] | None = None

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "SeriesReport":
        """What `as_dict` gave."""
        span = written["span"]
        pairs = {"longest": tuple(written["longest"]), "span": span and tuple(span)}
        return cls(**{**written, **pairs})

    def add_piece(self, split: str, steps: int, values: int) -> None:
        """Counts a series' part of a split."""
        self.series[split] = self.series.get(split, 0) + 1
        self.steps[split] = self.steps.get(split, 0) + steps
        self.rows[split] = self.rows.get(split, 0) + values

    def widen(self, span: tuple[int, int] | None) -> None:
        """Extends `span` to a series' own."""
        if span is not None:
            first, last = self.span or span
            self.span = min(first, span[0]), max(last, span[1])

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
        self.widen(other.span)

    def lines(self, step: Step) -> list[str]:
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


def no_value(split: str) -> str:
    """Why a series is left out of a split in which it has steps and no value."""
    return f"no value in the steps of the split {split!r}"


def check(
    report: SeriesReport, *, splitting: Splitting, step: Step, target: str, source: str
) -> None:
    """Stops a run whose series cannot be learnt from.

    Args:
      report: of all the data.
      splitting: how the series were parted.
      step: of their grid.
      target: the target's column, for messages.
      source: the data's path, for messages.

    Raises:
      InputError: an error in a series; no value at all; no series for a split that training
        needs.
    """
    if report.fatal:
        raise InputError(sorted(report.fatal)[0])
    if report.span is None:
        raise InputError(f"{source}: no series has a value in column {target!r}")
    for split in ("train", "valid", "eval"):
        if not report.rows.get(split):
            raise InputError(f"{source}: {_cause(report, report.span, split, splitting, step)}")


def _cause(
    report: SeriesReport, span: tuple[int, int], split: str, splitting: Splitting, step: Step
) -> str:
    """Why no series has a part in a split, and what to do."""
    longest, name = report.longest
    if longest < splitting.least:
        return (
            f"features.horizon={splitting.horizon} is too long for the data: no series has "
            f"{splitting.least} steps for the split 'train'; the longest, {name!r}, has "
            f"{longest} in all. Lower features.horizon"
        )
    if no_value(split) in report.left_out:
        gaps = report.noted.get(WIDE_GAP, {"first": []})["first"]
        found = f"; {WIDE_GAP} ({', '.join(gaps)})" if gaps else ""
        return f"no series has a value in the steps of the split {split!r}{found}"
    if split == "train" or split in splitting.cutoffs:
        return _cutoff_cause(span, split, splitting, step)
    needs = splitting.needs(split, longest)
    sizes = [f"data.{one}_size={splitting.sizes[one]:g}" for one in needs if one != "train"]
    takes = ", ".join(f"{steps} for {one}" for one, steps in needs.items())
    before = ""
    if splitting.cutoffs:
        before = f" before {_setting(splitting, _first_cutoff(splitting))}"
    return (
        f"no series is long enough for the split {split!r}: with "
        f"features.horizon={splitting.horizon} and {' and '.join(sizes)} it must have "
        f"{sum(needs.values())} steps{before} ({takes}); the longest, {name!r}, has {longest} in "
        "all. Lower one of these settings"
    )


def _cutoff_cause(span: tuple[int, int], split: str, splitting: Splitting, step: Step) -> str:
    """The same for a split that begins, or for train that ends, at a cutoff."""
    first, last = (
        time_text(
            time if step.by_date else time + ahead_of(splitting.timezone, time), bool(step.index)
        )
        for time in span
    )
    border = split if split in splitting.cutoffs else _first_cutoff(splitting)
    setting = _setting(splitting, border)
    at = cutoff_time(splitting.cutoffs[border], step, splitting.timezone)
    if at <= span[0] or at > span[1]:
        side = "not after the first" if at <= span[0] else "after the last"
        return (
            f"{setting} is {side} time of the data; expected a time after {first} and not after "
            f"{last}"
        )
    if split == "train":
        return (
            f"no series has {splitting.least} steps before {setting} to train on, a horizon and "
            f"one; set a later time, or lower features.horizon={splitting.horizon}"
        )
    return (
        f"no series has {splitting.horizon} steps, a horizon, from {setting} to the next split or "
        f"the end; set an earlier time, or lower features.horizon={splitting.horizon}"
    )


def _first_cutoff(splitting: Splitting) -> str:
    """The split with the earliest cutoff."""
    return min(splitting.cutoffs, key=SPLITS.index)


def _setting(splitting: Splitting, split: str) -> str:
    """A split's cutoff as the user gave it."""
    return f"data.{split}_from={splitting.cutoffs[split]}"
