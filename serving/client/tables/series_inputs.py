"""Whether a file is one of series for a signature, and the inputs that are made of its columns.

Where the file has no column for them, `series` makes these inputs:

- `mask` (or `y_mask` for the input `y`), [series, steps]: whether there is a value, neither padding
  nor NaN.
- `length` or `lengths`, [series]: how many steps there are.
- `start`, [series]: the time of the first step, seconds since 1970 where `ds` holds dates, else the
  number that stands there. With zones, steps of whole days or months follow the clock on the wall,
  shorter ones UTC: see `times`. Rows that the file leaves out between two times are then put in as
  missing; the step is the smallest between two rows of the series, by the calendar for months.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.serving.client.signatures import Signature, TensorSpec
from tidegate.serving.client.tables.formats import TableError

ID = "unique_id"
TIME = "ds"
START = "start"
LENGTHS = ("length", "lengths")
# What the training calls the series of data without names.
_ONLY_SERIES = "series"


@dataclass(frozen=True)
class LongFile:
    """The columns that say which series a row is of, and when.

    Attributes:
      id: the column of names; None where all rows are one series.
      time: the column of times; None where there is none.
    """

    id: str | None
    time: str | None

    @property
    def columns(self) -> list[str]:
        """What `cells` adds."""
        return [ID] if self.time is None else [ID, TIME]

    def cells(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """A row's cells, with the name as `unique_id` and the time as `ds`."""
        if self.id == ID and self.time in (TIME, None):
            return row
        found = {**row, ID: _ONLY_SERIES if self.id is None else row[self.id]}
        if self.time is not None:
            found[TIME] = row[self.time]
        return found


def long_file(columns: Sequence[str], given: Mapping[str, str], path: str) -> LongFile | None:
    """How a file is one of series; None where it has neither names nor times.

    Args:
      columns: of the file.
      given: by input, or `ds`, its column where the name is another.
      path: names the file in errors.

    Raises:
      TableError: a column that was given is not there.
    """
    for name in (ID, TIME):
        if name in given and given[name] not in columns:
            raise TableError(
                f"{path}: no column {given[name]!r}, named by --column {name}={given[name]}"
            )
    names, times = (
        column if column in columns else None
        for column in (given.get(ID, ID), given.get(TIME, TIME))
    )
    return None if names is None and times is None else LongFile(names, times)


def takes_series(signature: Signature, columns: Sequence[str]) -> bool:
    """Whether a file of these columns is one of series for this signature."""
    return ID in columns and any(is_steps(spec) for spec in signature.inputs.values())


def is_steps(spec: TensorSpec) -> bool:
    """Whether an input is [series, steps]."""
    return spec.rank == 2


def made_inputs(signature: Signature, columns: Sequence[str]) -> frozenset[str]:
    """The inputs that are made of the others, as the module's text says."""
    if not takes_series(signature, columns):
        return frozenset()
    found = set()
    for name, spec in signature.inputs.items():
        if name in columns:
            continue
        base = name.removesuffix("mask").removesuffix("_")
        masks = name.endswith("mask") and is_steps(spec) and (not base or base in signature.inputs)
        starts = name == START and TIME in columns
        if masks or ((starts or name in LENGTHS) and spec.rank == 1):
            found.add(name)
    return frozenset(found)


def read_inputs(signature: Signature, columns: Sequence[str]) -> Signature:
    """The signature without the inputs that are made here."""
    made = made_inputs(signature, columns)
    inputs = {name: spec for name, spec in signature.inputs.items() if name not in made}
    return dataclasses.replace(signature, inputs=inputs)
