"""A table that a task shows a person beside its pictures: its worst mistakes, say."""

import json
from dataclasses import asdict, dataclass
from typing import TypeAlias

Cell: TypeAlias = str | int | float | None


@dataclass(frozen=True)
class Table:
    """What is shown.

    Attributes:
      title: what the rows are.
      columns: their names.
      rows: a cell for each column; a number is shown with four digits, None as empty.
      note: what a person has to know to read it; may be empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""

    def to_json(self) -> str:
        """For `from_json`."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Table":
        """What `to_json` wrote."""
        written = json.loads(text)
        return cls(
            written["title"],
            tuple(written["columns"]),
            tuple(tuple(row) for row in written["rows"]),
            written["note"],
        )
