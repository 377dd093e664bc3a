"""Where a series is parted in time, so that nothing of a later split is seen in an earlier one."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidegate.components.example_gen.report import SPLITS
from tidegate.tables.errors import InputError
from tidegate.tables.frequency import month_and_day, weekday
from tidegate.tables.grid import Places
from tidegate.tables.reads import SeriesSplits
from tidegate.tables.time_grid import DAY, Step, parse_clock, parse_timestamp
from tidegate.tables.zones import ahead_of

_HELD_OUT = SPLITS[1:]
# What goes on from a season is judged by how it went on before: seasons, and steps at least.
_SEASONS, _FEWEST = 6, 24
# Given up one after another where a series is too short; the gates need `eval` most.
_GIVEN_UP = ("test", "valid", "eval")


@dataclass(frozen=True)
class Piece:
    """A split's part of a series.

    Attributes:
      split: its name.
      begin: the first step in it, history included.
      first: its first own target.
      end: one past its last target.
    """

    split: str
    begin: int
    first: int
    end: int


@dataclass(frozen=True)
class Splitting:
    """How series are parted.

    Attributes:
      context: steps of history before a split's first target, at most.
      horizon: steps that are forecast at once; a split has as many targets or is left out.
      sizes: by split, steps (1 or more), a share of the series (below 1), or 0 for none.
      cutoffs: by split, the time of its first target as the user wrote it, instead of its size.
      timezone: of cutoffs without an offset; None for UTC.
      season: steps of a season, 0 for none. Held-out splits have six of them as history, 24 steps
        at least, where that is more than the context: forecasts by season and trend, which stand
        under and beside the model's, look further back than the network.
    """

    context: int
    horizon: int
    sizes: Mapping[str, float]
    cutoffs: Mapping[str, str] = field(default_factory=dict)
    season: int = 0
    timezone: str | None = None

    def needs(self, split: str, steps: int) -> dict[str, int]:
        """By split, the steps that a series must have for a split of a size to be cut from it.

        Args:
          split: a held-out one that has no cutoff.
          steps: the series' length.

        Returns:
          Those of train, and of the splits that are not given up before this one.
        """
        later = _GIVEN_UP[_GIVEN_UP.index(split) :]
        kept = [one for one in _before_cutoffs(self.cutoffs) if one in later]
        return {"train": 2 * self.horizon, **{one: self._size(one, steps) for one in kept}}

    @property
    def history(self) -> int:
        """Steps before a held-out split's first target that its examples hold, at most."""
        return max(self.context, _SEASONS * self.season, _FEWEST)

    @property
    def least(self) -> int:
        """Steps of the shortest series that can be learnt from: one, and its horizon."""
        return self.horizon + 1

    def pieces(
        self, steps: int, cutoffs: Mapping[str, int], train_end: int, test_at: int
    ) -> tuple[list[Piece], dict[str, str]]:
        """Parts a series.

        Args:
          steps: its length.
          cutoffs: by split, its first step, for the splits that have a cutoff.
          train_end: one past the last value of the training data.
          test_at: the first step from a test file; `steps` where there is none. Steps before it
            that follow `train_end` have no value and are no targets.

        Returns:
          The pieces in order of time, and by split why it is left out, for those that should be
          there and are not. With sizes, the steps of a split that is left out belong to the one
          before; with cutoffs and test files, to none.
        """
        borders, reasons = self._borders(train_end, cutoffs)
        if test_at < steps:
            borders["test"] = (test_at, steps)
        found = []
        for split in SPLITS:
            if split not in borders:
                continue
            first, end = borders[split]
            if split == "test" and train_end == 0 and test_at < steps:
                # Without history before the border, the first steps serve as it.
                first = max(min(self.context, steps - self.horizon), 1)
            if end - first >= (self.least if split == "train" else self.horizon):
                begin = 0 if split == "train" else max(0, first - self.history)
                found.append(Piece(split, begin, first, end))
            elif end > first or (split == "train" and train_end > 0):
                reasons[split] = f"fewer than horizon={self.horizon} steps for {split!r}"
                if split == "train":
                    reasons[split] = f"fewer than {self.least} steps (horizon + 1) for 'train'"
        if not found and "train" in reasons:
            reasons = {"train": reasons["train"]}
        return found, reasons

    def _borders(
        self, steps: int, cutoffs: Mapping[str, int]
    ) -> tuple[dict[str, tuple[int, int]], dict[str, str]]:
        """By split, its first target and the end of its targets."""
        sizes = {split: self._size(split, steps) for split in _HELD_OUT if split not in cutoffs}
        reasons = {
            split: f"nothing after data.{split}_from"
            for split, at in cutoffs.items()
            if at >= steps
        }
        sharing = _before_cutoffs(cutoffs)
        room = max(min([steps, *cutoffs.values()]), 0)
        for split in _GIVEN_UP:
            # Beside held-out splits, train keeps a horizon of history and one of targets.
            if sum(sizes.get(one, 0) for one in sharing) <= room - 2 * self.horizon:
                break
            if split in sharing and sizes.pop(split, 0):
                reasons[split] = f"too short for the split {split!r}"
        borders, end = {}, steps
        for split in reversed(_HELD_OUT):
            if split in cutoffs:
                first = min(max(cutoffs[split], 0), end)
            else:
                first = max(end - sizes.get(split, 0), 0)
            borders[split] = (first, end)
            end = first
        borders["train"] = (0, end)
        return borders, reasons

    def _size(self, split: str, steps: int) -> int:
        size = self.sizes[split]
        if 0 < size < 1:
            return max(self.horizon, round(size * steps))
        return int(size)


def split_rule(splits: SeriesSplits, test_file: bool) -> Splitting:
    """How series are parted.

    Args:
      splits: as an ExampleGen is given them.
      test_file: whether the test split has files of its own.

    Raises:
      InputError: a split of a given length is shorter than the horizon.
    """
    sizes = {split: splits.sizes.get(split, 0.0) for split in _HELD_OUT}
    cutoffs = {
        split: at for split, at in splits.cutoffs.items() if split != "test" or not test_file
    }
    # A test split of a size would follow eval's cutoff, and be part of it.
    if test_file or "eval" in cutoffs:
        sizes["test"] = 0.0
    for split, size in sizes.items():
        if 1 <= size < splits.horizon and split not in cutoffs:
            raise InputError(
                f"data.{split}_size={size:g} is shorter than features.horizon={splits.horizon}; "
                "expected at least one horizon, or a share of each series"
            )
    return Splitting(splits.context, splits.horizon, sizes, cutoffs)


def _before_cutoffs(cutoffs: Iterable[str]) -> tuple[str, ...]:
    """The splits of a size that share their room with train: those before any with a cutoff."""
    first = min((_HELD_OUT.index(split) for split in cutoffs), default=len(_HELD_OUT))
    return _HELD_OUT[:first]


def check_cutoffs(
    cutoffs: Mapping[str, str], integer: bool, source: str, form: str | None = None
) -> None:
    """Compares the kind of the cutoffs with that of the data's times.

    Args:
      cutoffs: by split, as the user wrote it.
      integer: whether the data's times are integers.
      source: what says so, for messages: ``column 'ds' of data.csv holds``.
      form: of the data's times; a cutoff is not in this, but six digits might be a week.

    Raises:
      InputError: an integer for time stamps, or the other way round.
    """
    wanted = "an integer" if integer else "a time in ISO 8601, such as 2024-01-31"
    kind = "integers" if integer else "time stamps"
    read: Callable[[str], Any] = int if integer else parse_timestamp
    for split, text in cutoffs.items():
        try:
            if (
                form == "isoweek"
                and len(text.strip()) == len("202012")
                and text.strip().isdecimal()
            ):
                raise ValueError(text)
            read(text)
        except ValueError:
            raise InputError(
                f"data.{split}_from={text}: expected {wanted}, as {source} {kind}"
            ) from None


def cutoff_time(text: str, step: Step, timezone: str | None) -> int:
    """A cutoff in integer time, or in seconds of the clock that the step follows."""
    if step.index:
        return int(text)
    clock, ahead = parse_clock(text)
    if ahead is None:
        return clock if step.by_date else clock - ahead_of(timezone, clock, clock=True)
    utc = clock - ahead
    if timezone:
        ahead = ahead_of(timezone, utc)
    return utc + (ahead if step.by_date else 0)


def cutoff_steps(
    cutoffs: Mapping[str, str], places: Places, step: Step, timezone: str | None = None
) -> dict[str, int]:
    """By split, the first step of a grid that is not before its cutoff; may be out of the grid.

    Args:
      cutoffs: by split, an integer or a time stamp.
      places: of the grid.
      step: the grid's.
      timezone: of cutoffs without an offset; None for UTC.
    """
    found = {}
    for split, text in cutoffs.items():
        moment, scale = cutoff_time(text, step, timezone), step.index or step.seconds
        if step.business:
            day, clock = divmod(moment, DAY)
            of_week = int(weekday(np.array(day)))
            late = of_week < 5 and clock > places.clock
            moment = 5 * ((day + 3) // 7) + min(of_week + late, 5)
            scale = step.business
        if step.months:
            month, of_month, length = (int(part[0]) for part in month_and_day(np.array([moment])))
            moment, scale = month + (of_month > min(places.day, length)), step.months
        found[split] = -((places.first - moment) // scale)
    return found
