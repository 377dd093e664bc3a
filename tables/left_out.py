"""Rows that are asked about and cannot be used."""

from dataclasses import dataclass, field

from tidegate.tables.errors import InputError

_SHOWN = 3
# From this many rows on, the share of those left out is judged while reading.
_JUDGED = 1000


@dataclass
class LeftOut:
    """Rows that cannot be used: they are counted, and too many of them stop the work.

    Attributes:
      most: the share of all rows that is allowed.
      rows: how many were read.
      count: how many of them cannot be used.
      first: places and reasons of the first few.
    """

    most: float = 0.05
    rows: int = 0
    count: int = 0
    first: list[str] = field(default_factory=list)

    def add_rows(self, count: int) -> None:
        """Counts rows that can be used."""
        self.rows += count

    def add_bad(self, reason: str, place: str) -> None:
        """Counts one that cannot.

        Raises:
          InputError: there are too many.
        """
        self.rows += 1
        self.count += 1
        if len(self.first) < _SHOWN:
            self.first.append(f"{place}: {reason}")
        if self.rows >= _JUDGED:
            self.judge()

    def judge(self) -> None:
        """Judges the share so far.

        Raises:
          InputError: it is too large.
        """
        if self.count > self.most * self.rows:
            raise InputError(
                f"{self}; more than {self.most:.0%} of the rows: mend them, or allow more with "
                "--max-bad-share"
            )

    def __str__(self) -> str:
        return f"{self.count} of {self.rows} rows cannot be used: {'; '.join(self.first)}"
