"""A long file of series to a signature that takes whole series, and its answers long again.

The rows of a series become one row of a request. An input of two dimensions is an array of
[series, steps], padded on the right with NaN (floats), 0 (other numbers), false or empty text; an
input of one dimension is a value of the whole series. What each input is, its role says.

The answers have the columns of names and of times of the file, `step` from 1, and a column for each
output.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.serving.client.signatures import TensorSpec
from tidegate.serving.client.stream import batched, check_rows
from tidegate.serving.client.tables.answers import plain
from tidegate.serving.client.tables.cells import CellError, as_number, kind_of
from tidegate.serving.client.tables.quantiles import QuantileColumns, check_no_levels
from tidegate.serving.client.tables.requests import Request
from tidegate.serving.client.tables.series_roles import SeriesRoles
from tidegate.serving.client.tensors import numpy_type
from tidegate.tables.errors import InputError
from tidegate.tables.grid import Gridding, Places
from tidegate.tables.left_out import LeftOut
from tidegate.tables.ordered import check_once, in_order, merged
from tidegate.tables.roles import Output
from tidegate.tables.rows import Rows
from tidegate.tables.series import Series, Table
from tidegate.tables.series_files import ONLY_SERIES, read_tables, zone_of
from tidegate.tables.time_grid import Step
from tidegate.tables.zones import ahead_of

STEP = "step"


@dataclass(frozen=True)
class _Asked:
    """A series on its grid.

    Attributes:
      series: its rows.
      places: where they stand.
      texts, numbers: that hold for the whole series.
    """

    series: Series
    places: Places
    texts: tuple[str, ...]
    numbers: list[float]

    @property
    def steps(self) -> int:
        return int(self.places.at[-1]) + 1


class SeriesRows:
    """The rows of a series are one row of a request.

    Args:
      roles: how the signature is asked.
      rows: of the file, opened for `roles.reads`.
      left_out: counts rows that cannot be used.

    Attributes:
      columns: of the rows of answers.
    """

    def __init__(self, roles: SeriesRoles, rows: Rows, left_out: LeftOut) -> None:
        self._roles = roles
        self._rows = rows
        self._left_out = left_out
        reads, signature = roles.reads, roles.signature
        texts = [name for name, role in roles.inputs.items() if role.kind == "static"]
        static = {roles.inputs[name].column for name in texts}
        self._zone = reads.how.timezone or zone_of(rows, reads.time)
        self._gridding = Gridding(
            step=roles.step or Step(index=1),
            files=[rows.path],
            statics=reads.static_numbers,
            futures=reads.future,
            names=tuple(column for column in reads.static if column in static),
            fixed=True,
            fill=reads.fill == "zero",
            how=reads.how,
        )
        kinds = {name: roles.outputs.get(name, Output()).kind for name in signature.outputs}
        self._kinds = kinds
        self._id = reads.id or ONLY_SERIES
        self._column = {
            name: roles.outputs.get(name, Output()).column or name
            for name in signature.outputs
            if kinds[name] not in ("step", "levels", "quantiles")
        }
        self._quantiles = {
            name: QuantileColumns(name, roles.outputs[name], roles.levels, roles.quantiles)
            for name in signature.outputs
            if kinds[name] == "quantiles"
        }
        if not self._quantiles:
            check_no_levels(roles.levels, roles.quantiles)
        times = [column for name, column in self._column.items() if kinds[name] == "time"]
        first = list(dict.fromkeys([self._id, STEP, *times]))
        others = [column for column in self._column.values() if column not in times]
        others += [column for made in self._quantiles.values() for column in made.columns]
        for column in others:
            if column in first:
                raise InputError(
                    f"signature {signature.name!r} has an output {column!r}, which is a column of "
                    "the answers to series: rename the file's column"
                )
        self.columns = [*first, *others]

    def requests(self, size: int) -> Iterator[Request]:
        """Requests of at most `size` series.

        Raises:
          InputError: rows that cannot be used, times off the model's grid, a covariate that is not
            known, a series that is longer than the model takes.
        """
        for batch in batched(self._asked(), size):
            longest = max(asked.steps for asked in batch)
            inputs: dict[str, Any] = {}
            made = sorted(
                self._roles.inputs, key=lambda name: self._roles.inputs[name].kind == "mask"
            )
            for name in made:
                inputs[name] = self._input(name, batch, longest, inputs)
            yield Request(inputs, batch)

    def answers(
        self, request: Request, outputs: Mapping[str, np.ndarray[Any, Any]]
    ) -> list[dict[str, Any]]:
        """The answers, long; a value of the whole series stands at each of its steps.

        Steps that the model numbers 0 are padding, and have no row.
        """
        check_rows(outputs, len(request.rows))
        by_step = {
            name for name, a in outputs.items() if a.ndim > 1 and self._kinds.get(name) != "levels"
        }
        steps = {outputs[name].shape[1] for name in by_step}
        if len(steps) > 1:
            shapes = {name: list(array.shape) for name, array in outputs.items()}
            raise InputError(
                f"outputs of several numbers of steps: {shapes}; say which are none, as "
                "--role OUTPUT=levels"
            )
        values: dict[str, Any] = {name: plain(outputs[name]) for name in self._column}
        numbers = [outputs[name] for name in by_step if self._kinds.get(name) == "step"]
        found = []
        for number, asked in enumerate(request.rows):
            for step in range(max(steps, default=1)):
                if any(one[number, step] == 0 for one in numbers):
                    continue
                row: dict[str, Any] = {self._id: asked.series.name, STEP: step + 1}
                for name, column in self._column.items():
                    value = values[name][number]
                    value = value[step] if name in by_step else value
                    row[column] = self._time(asked, value) if self._kinds[name] == "time" else value
                for name, made in self._quantiles.items():
                    row.update(made.row(outputs[name][number, step]))
                found.append(row)
        return found

    def _asked(self) -> Iterator[_Asked]:
        for series in in_order(self._tables()):
            files, reads = self._gridding.files, self._roles.reads
            series = Series(series.name, merged(series.table, reads, files))
            check_once(series, files, self._roles.integer, reads)
            if self._roles.step is None:
                places = Places(np.arange(len(series.table.time)), int(series.table.time[0]))
            else:
                places = self._gridding.places(series)
                self._gridding.check_steps(series, places.at)
            asked = _Asked(series, places, *self._gridding.static(series))
            self._check_future(asked)
            yield asked

    def _tables(self) -> Iterator[Table]:
        roles = self._roles
        yield from read_tables(self._rows, roles.reads, roles.integer, self._left_out)
        self._left_out.judge()
        if not self._left_out.rows:
            raise InputError(f"{self._rows.path}: no row in this file")

    def _check_future(self, asked: _Asked) -> None:
        """Refuses a covariate that has to be known ahead and is not, at any step."""
        series, reads = asked.series, self._roles.reads
        seen = np.flatnonzero(~np.isnan(series.table.numbers[:, 0]))
        if not len(seen):
            return
        needed = int(asked.places.at[seen[-1]]) + 1 + self._roles.horizon
        for column in reads.future:
            at = reads.numbers.index(column)
            there = np.zeros(max(needed, asked.steps), bool)
            there[asked.places.at] = ~np.isnan(series.table.numbers[:, at])
            missing = np.flatnonzero(~there[:needed])
            if not len(missing):
                continue
            row = int(np.searchsorted(asked.places.at, missing[0], side="right")) - 1
            time = self._gridding.text(asked.places, int(missing[0]))
            raise InputError(
                f"{series.place(row, self._gridding.files)}: series {series.name!r}: the covariate "
                f"{column!r} is not known at {len(missing)} of the {needed} steps up to the last "
                f"one that is forecast (first at {time}); it "
                f"must be known at each: fill it, and add rows with an empty {reads.target!r} for "
                "the steps to come"
            )

    def _input(
        self, name: str, batch: list[_Asked], longest: int, made: Mapping[str, Any]
    ) -> np.ndarray[Any, Any]:
        role, spec = self._roles.inputs[name], self._roles.signature.inputs[name]
        dtype = numpy_type(spec.number)
        if role.kind == "name":
            return np.array([asked.series.name for asked in batch], object)
        if role.kind == "start":
            return np.array([self._gridding.time(a.places, 0) for a in batch], dtype)
        if role.kind == "length":
            return np.array([asked.steps for asked in batch], dtype)
        if role.kind == "mask":
            array = made[role.of]
            there = np.arange(array.shape[1]) < np.array([[a.steps] for a in batch])
            if array.dtype.kind == "f":
                there &= ~np.isnan(array)
            return there.astype(dtype)
        if role.kind == "static":
            return self._static(role.column, batch, spec)
        return self._steps(name, role.column, batch, spec, longest)

    def _static(self, column: str, batch: list[_Asked], spec: TensorSpec) -> np.ndarray[Any, Any]:
        reads, kind = self._roles.reads, kind_of(spec)
        if kind in "Ob":
            at = self._gridding.names.index(column)
            texts = [asked.texts[at] for asked in batch]
            if kind == "O":
                return np.array(texts, object)
            cells: list[Any] = texts
        else:
            at = reads.static_numbers.index(column)
            cells = [asked.numbers[at] for asked in batch]
        return np.array(
            [
                self._number(asked, 0, column, cell, kind)
                for asked, cell in zip(batch, cells, strict=True)
            ],
            numpy_type(spec.number),
        )

    def _steps(
        self, name: str, column: str, batch: list[_Asked], spec: TensorSpec, longest: int
    ) -> np.ndarray[Any, Any]:
        """[series, steps], padded on the right to the longest, or to the size that is fixed."""
        fixed = spec.shape[1] if spec.shape else None
        if fixed is not None and longest > fixed:
            raise InputError(
                f"a series has {longest} steps, the input {name!r} takes {fixed}; cut the series"
            )
        reads, kind, dtype = self._roles.reads, kind_of(spec), numpy_type(spec.number)
        padding = {"f": np.nan, "c": np.nan, "O": "", "b": False}.get(kind, 0)
        padded = np.full((len(batch), fixed or longest), padding, dtype)
        for array, asked in zip(padded, batch, strict=True):
            table = asked.series.table
            if kind in "Ob":
                cells = table.names[:, reads.static.index(column)]
            else:
                cells = table.numbers[:, reads.numbers.index(column)]
            if kind not in "Of":
                rows = enumerate(cells.tolist())
                cells = np.array(
                    [self._number(asked, row, column, cell, kind) for row, cell in rows], dtype
                )
            array[asked.places.at] = cells
            if column == reads.target:
                array[self._gridding.zeros(asked.places.at, table.numbers[:, 0])] = 0
        return padded

    def _number(self, asked: _Asked, row: int, column: str, cell: Any, kind: str) -> Any:
        try:
            return as_number(cell, kind)
        except CellError as error:
            place = asked.series.place(row, self._gridding.files)
            raise InputError(f"{place}: {column}: {error}") from None

    def _time(self, asked: _Asked, value: int) -> int | float | str:
        """A time of an answer, in the unit of `start`, as the file writes its times."""
        if self._roles.integer:
            return value
        table, step = asked.series.table, self._roles.step
        by_date = step is not None and step.by_date
        ahead = int(table.ahead[-1])
        if self._zone:
            ahead = ahead_of(self._zone, value, by_date)
        return self._roles.manner.written(value if by_date else value + ahead, ahead)
