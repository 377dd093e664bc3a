"""The step of a data set's time grid, from the distances between neighbours in its series."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

import numpy as np

from tidegate.tables import integer_times
from tidegate.tables.errors import InputError
from tidegate.tables.series import Series
from tidegate.tables.time_grid import DAY, Step

SHORTEST_MONTH = 28 * DAY
# A series with this many distances, most of them alike, has a step of its own.
_FEW = 3


@dataclass
class Vote:
    """The series whose commonest distance is the same.

    Attributes:
      weight: how often they have it.
      name: the first of them by name.
      place: ``file:row`` of its first row.
    """

    weight: int
    name: str
    place: str

    def add(self, other: "Vote") -> None:
        """Adds the same of another part of the data."""
        self.weight += other.weight
        self.name, self.place = min((self.name, self.place), (other.name, other.place))


@dataclass
class Distances:
    """Distances between neighbours; those of parts of the data add up.

    Attributes:
      votes: by step, the series whose commonest distance it is.
      sure: of these, the series that have it most of the time.
      weekend: rows on a Saturday or Sunday.
      over_weekend: distances from a Friday to the next Monday.
      against, speaking: by form of time stamps, what says that integers have it or not.
    """

    votes: dict[Step, Vote] = field(default_factory=dict)
    sure: dict[Step, Vote] = field(default_factory=dict)
    weekend: int = 0
    over_weekend: int = 0
    against: Counter[str] = field(default_factory=Counter)
    speaking: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """For JSON, whose keys are no steps; `from_dict` reads it."""
        return {
            name: [(astuple(step), astuple(vote)) for step, vote in value.items()]
            if name in ("votes", "sure")
            else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> "Distances":
        """What `as_dict` gave."""
        values: dict[str, Any] = {
            name: {Step(*step): Vote(*vote) for step, vote in value}
            if isinstance(value, list)
            else value
            for name, value in written.items()
        }
        for name in ("against", "speaking"):
            values[name] = Counter(values[name])
        return cls(**values)

    def add(self, other: "Distances") -> None:
        """Adds another part's."""
        for mine, theirs in ((self.votes, other.votes), (self.sure, other.sure)):
            for step, vote in theirs.items():
                if step in mine:
                    mine[step].add(vote)
                else:
                    mine[step] = vote
        self.weekend += other.weekend
        self.over_weekend += other.over_weekend
        self.against.update(other.against)
        self.speaking.update(other.speaking)

    def add_series(self, series: Series, files: Sequence[str], integer: bool) -> None:
        """Adds a series whose times are in order and distinct."""
        if len(series.table.time) < 2:
            return
        step, weight, count = _commonest(series, integer)
        place = series.place(0, files)
        one = Distances({step: Vote(weight, series.name, place)})
        if count >= _FEW and 2 * weight > count:
            one.sure = {step: Vote(weight, series.name, place)}
        if step == Step(seconds=DAY):
            days = wall(series) // DAY
            weekdays = weekday(days)
            one.weekend = int((weekdays > 4).sum())
            one.over_weekend = int(((np.diff(days) == 3) & (weekdays[:-1] == 4)).sum())
        if integer:
            one.against, one.speaking = integer_times.votes(series.table.time)
        self.add(one)


def wall(series: Series) -> np.ndarray:
    """int64[rows], the clock on the wall in seconds since 1970-01-01."""
    return series.table.time + series.table.ahead


def month_and_day(seconds: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Months since 1970-01, days of the month from 1, and days that the month has."""
    stamps = seconds.astype("datetime64[s]")
    months = stamps.astype("datetime64[M]")
    day = (stamps.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64) + 1
    length = ((months + 1).astype("datetime64[D]") - months.astype("datetime64[D]")).astype(
        np.int64
    )
    return months.astype(np.int64), day, length


def off_day(seconds: np.ndarray) -> tuple[np.ndarray, int]:
    """Rows that are not on the day, and at the time of day, that most have in their month.

    Args:
      seconds: int64[rows], at least one.

    Returns:
      Those rows, and the day; a month that is shorter has its last day instead, so that 31 is
      the end of each month.
    """
    _, day, length = month_and_day(seconds)
    usual = 31 if (day == length).all() else _mode(day)[0]
    clock = seconds % DAY
    wrong = (day != np.minimum(usual, length)) | (clock != _mode(clock)[0])
    return np.flatnonzero(wrong), usual


def _commonest(series: Series, integer: bool) -> tuple[Step, int, int]:
    """A series' commonest step, how often it has it, and its number of distances."""
    time = series.table.time
    if integer:
        distance, weight = _mode(np.diff(time))
        return Step(index=distance), weight, len(time) - 1
    clock = wall(series)
    distance, weight = _mode(np.diff(clock))
    if distance >= SHORTEST_MONTH and not len(off_day(clock)[0]):
        months, weight = _mode(np.diff(month_and_day(clock)[0]))
        return Step(months=months), weight, len(time) - 1
    if distance <= 0 or distance % DAY:
        distance, weight = _mode(np.diff(time))
    return Step(seconds=distance), weight, len(time) - 1


def _mode(distances: np.ndarray) -> tuple[int, int]:
    """The commonest value, the smallest of several, and its count."""
    values, counts = np.unique(distances, return_counts=True)
    return int(values[counts.argmax()]), int(counts.max())


def infer(distances: Distances, source: str, plain: bool = False) -> Step:
    """The step that most neighbours are apart.

    Args:
      distances: of the data.
      source: names it in errors.
      plain: whether integers are said to be no time stamps.

    Raises:
      InputError: no series has two rows; series with different steps; integers that look like
        time stamps.
    """
    if not distances.votes:
        raise InputError(
            f"{source}: every series has a single row; expected series of several times: is "
            "data.id_column right?"
        )
    step = max(
        distances.votes,
        key=lambda step: (distances.votes[step].weight, [-part for part in _size(step)]),
    )
    stamps = "" if plain else integer_times.advice(distances.against, distances.speaking)
    if step.index and stamps:
        raise InputError(f"{source}: {stamps}")
    others = sorted(other for other in distances.sure if other != step)
    if others:
        mine, other = distances.votes[step], distances.sure[others[0]]
        raise InputError(
            f"{other.place}: series {other.name!r} has a step of {others[0]}, but series "
            f"{mine.name!r} ({mine.place}) one of {step}; expected one frequency in a data set: "
            "part the data, or set data.frequency to the one that holds for all"
        )
    if step == Step(seconds=DAY) and not distances.weekend and distances.over_weekend:
        return Step(business=1)  # Monday to Friday alone.
    return step


def _size(step: Step) -> tuple[int, int, int]:
    return step.seconds, step.months, step.index


def weekday(days: np.ndarray) -> np.ndarray:
    """Days since 1970-01-01, a Thursday, to days of the week; Monday is 0."""
    found: np.ndarray = (days + 3) % 7
    return found
