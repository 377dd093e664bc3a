"""A long file of series, `unique_id, ds` and values, to a signature that takes whole series.

The rows of a series become one row of a request; a file without names is one series. An input of
two dimensions is an array of [series, steps], padded on the right with NaN (floats), 0 (other
numbers), false or empty text; an input of one dimension is a value of the whole series, as its
first row has it. Inputs that the file has no column for are made as `series_inputs` says.

The answers are long again: `unique_id`, `step` from 1, a column for each output. An output `times`,
in the unit of `start`, becomes the column `ds`, written as the file's own times are; `offsets`,
which count the steps, become `step`.
`levels` are those of quantiles, the same at each step.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.serving.client.signatures import Signature, TensorSpec
from tidegate.serving.client.stream import batched, check_rows
from tidegate.serving.client.tables.answers import plain
from tidegate.serving.client.tables.cells import CellError, as_text, converter, kind_of
from tidegate.serving.client.tables.formats import TableError
from tidegate.serving.client.tables.reading import LeftOut, Row
from tidegate.serving.client.tables.requests import Request
from tidegate.serving.client.tables.series_inputs import (
    ID,
    LENGTHS,
    START,
    TIME,
    LongFile,
    is_steps,
)
from tidegate.serving.client.tables.times import (
    SeriesTimes,
    Time,
    is_integer_time,
    order_of,
    read_time,
)
from tidegate.serving.client.tensors import numpy_type

STEP = "step"
_TIMES, _OFFSETS, _LEVELS = "times", "offsets", "levels"
_COLUMNS = {_TIMES: TIME, _OFFSETS: STEP}


@dataclass
class _Series:
    """The rows of one series.

    Attributes:
      name: the cell of `unique_id`.
      times: the cells of `ds`; None where one could not be read, and no input needs it.
      integer: whether they are integers.
      steps: by input of two dimensions, its values.
      values: by input of one dimension, its value.
    """

    name: Any
    times: list[Time | None]
    integer: bool
    steps: dict[str, list[Any]]
    values: dict[str, Any]

    def __len__(self) -> int:
        return max(map(len, self.steps.values()))

    @property
    def clock(self) -> SeriesTimes | None:
        """Its times together; None where one could not be read."""
        read = [time for time in self.times if time is not None]
        return SeriesTimes(read, self.integer) if len(read) == len(self.times) else None

    def fill_gaps(self, clock: SeriesTimes) -> None:
        """Puts in steps that the rows leave out, as missing: NaN, false or empty.

        Raises:
          TableError: the times are not on a regular grid.
        """
        try:
            places = clock.places()
        except CellError as error:
            raise TableError(f"series {as_text(self.name)!r}: {TIME}: {error}") from None
        if places[-1] + 1 == len(places):
            return
        for name, values in self.steps.items():
            spread: list[Any] = [None] * (places[-1] + 1)
            for place, value in zip(places, values, strict=True):
                spread[place] = value
            self.steps[name] = spread


class SeriesRows:
    """The rows of a series are one row of a request.

    Args:
      signature: what is called.
      inputs: by input, its column; without those that are made here.
      made: the inputs that are made here.
      file: where names and times are.
      left_out: counts rows that cannot be used.
    """

    def __init__(
        self,
        signature: Signature,
        inputs: Mapping[str, str],
        made: frozenset[str],
        file: LongFile,
        left_out: LeftOut,
    ) -> None:
        self._signature = signature
        self._file = file
        self._left_out = left_out
        self._made = made
        self._integer: bool | None = None
        self._steps = [name for name in inputs if is_steps(signature.inputs[name])]
        self._converters = {}
        for name, column in inputs.items():
            spec = signature.inputs[name]
            step = TensorSpec(name, spec.dtype, (None,), spec.number)
            self._converters[name] = (column, converter(step))
        for column in (ID, TIME, STEP):
            if column in signature.outputs:
                raise TableError(
                    f"signature {signature.name!r} has an output {column!r}, which is a column of "
                    "the answers to series"
                )
        outputs = [_COLUMNS.get(name, name) for name in signature.outputs]
        first = [ID, STEP, *([TIME] if TIME in outputs else [])]
        self.columns = first + [name for name in outputs if name not in first]

    def requests(self, rows: Iterable[Row], size: int) -> Iterator[Request]:
        """Requests of at most `size` series.

        Raises:
          TableError: a series' rows are not together or not in the order of time, or it is longer
            than the model takes.
        """
        for batch in batched(self._series(rows), size):
            clocks = [one.clock for one in batch]
            inputs: dict[str, Any] = {}
            if START in self._made:
                dtype = numpy_type(self._signature.inputs[START].number)
                known = [clock for clock in clocks if clock is not None]  # All: see `_time`.
                for one, clock in zip(batch, known, strict=True):
                    one.fill_gaps(clock)
                inputs[START] = np.array([clock.start for clock in known], dtype)
            longest = max(map(len, batch))
            for name in self._steps:
                inputs[name] = self._padded(name, [one.steps[name] for one in batch], longest)
            for name in batch[0].values:
                inputs[name] = [one.values[name] for one in batch]
            for name in self._made - {START}:
                inputs[name] = self._make(name, batch, inputs)
            yield Request(
                inputs,
                [{ID: one.name, TIME: clock} for one, clock in zip(batch, clocks, strict=True)],
            )

    def answers(
        self, request: Request, outputs: Mapping[str, np.ndarray[Any, Any]]
    ) -> list[dict[str, Any]]:
        """The answers, long; a value of the whole series stands at each of its steps."""
        check_rows(outputs, len(request.rows))
        by_step = {name for name, a in outputs.items() if a.ndim > 1 and name != _LEVELS}
        steps = [outputs[name].shape[1] for name in by_step]
        if len(set(steps)) > 1:
            shapes = {name: list(array.shape) for name, array in outputs.items()}
            raise TableError(f"outputs of several numbers of steps: {shapes}")
        count = steps[0] if steps else 1
        values = {name: plain(array) for name, array in outputs.items()}
        if _TIMES in outputs:
            values[_TIMES] = [
                times if row[TIME] is None else [row[TIME].written(value) for value in times]
                for row, times in zip(request.rows, values[_TIMES], strict=True)
            ]
        return [
            {
                ID: row[ID],
                STEP: step + 1,
                **{
                    _COLUMNS.get(name, name): found[number][step]
                    if name in by_step
                    else found[number]
                    for name, found in values.items()
                },
            }
            for number, row in enumerate(request.rows)
            for step in range(count)
        ]

    def _series(self, rows: Iterable[Row]) -> Iterator[_Series]:
        """Groups the rows of a series, which stand together."""
        seen: set[str] = set()
        current: _Series | None = None
        before: Any = None
        for row in rows:
            cells = self._file.cells(row.cells)
            name = cells[ID]
            try:
                time = self._time(cells.get(TIME))
                values = self._values(cells)
            except CellError as error:
                self._left_out.add(row.place, str(error))
                continue
            if current is None or name != current.name:
                if current is not None:
                    yield current
                if as_text(name) in seen:
                    raise TableError(
                        f"{row.place}: the series {as_text(name)!r} goes on after another one; "
                        f"expected the file in the order of {ID}, {TIME}"
                    )
                seen.add(as_text(name))
                steps: dict[str, list[Any]] = {one: [] for one in self._steps}
                first = {one: value for one, value in values.items() if one not in steps}
                current, before = _Series(name, [], bool(self._integer), steps, first), None
            before = self._in_order(row.place, cells.get(TIME), time, before)
            current.times.append(time)
            for one in self._steps:
                current.steps[one].append(values[one])
        if current is not None:
            yield current

    def _time(self, cell: Any) -> Time | None:
        """A cell of `ds`; None where it cannot be read, and no input needs it.

        The first one that can be read says whether the file's times are integers.

        Raises:
          CellError: it cannot be read.
        """
        integer = is_integer_time(cell) if self._integer is None else self._integer
        try:
            time = read_time(cell, integer)
        except CellError as error:
            if START in self._made:
                raise CellError(f"{TIME}: {error}") from None
            return None
        self._integer = integer
        return time

    def _values(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        values = {}
        for name, (column, convert) in self._converters.items():
            try:
                values[name] = convert(cells[column])
            except CellError as error:
                raise CellError(f"{column}: {error}") from None
        return values

    @staticmethod
    def _in_order(place: str, cell: Any, time: Time | None, before: Any) -> Any:
        """What tells the row's order, if anything does; `before` is the same of the row above."""
        order: Any = order_of(cell, time)
        known = order is not None and before is not None
        if known and isinstance(order, str) == isinstance(before, str) and order < before:
            raise TableError(
                f"{place}: the time {as_text(cell)!r} comes before that of the row above; "
                f"expected the file in the order of {ID}, {TIME}"
            )
        return order

    def _padded(self, name: str, rows: list[list[Any]], longest: int) -> np.ndarray[Any, Any]:
        """[series, steps], padded on the right to the longest, or to the size that is fixed."""
        spec = self._signature.inputs[name]
        fixed = spec.shape[1] if spec.shape else None
        if fixed is not None and longest > fixed:
            raise TableError(
                f"a series has {longest} steps, the input {name!r} takes {fixed}; cut the series"
            )
        kind, dtype = kind_of(spec), numpy_type(spec.number)
        padding = {"f": np.nan, "c": np.nan, "O": "", "b": False}.get(kind, 0)
        padded = np.full((len(rows), fixed or longest), padding, dtype)
        for array, row in zip(padded, rows, strict=True):
            array[: len(row)] = [padding if value is None else value for value in row]
        return padded

    def _make(
        self, name: str, batch: list[_Series], inputs: Mapping[str, Any]
    ) -> np.ndarray[Any, Any]:
        dtype = numpy_type(self._signature.inputs[name].number)
        lengths = np.array([len(one) for one in batch])
        if name in LENGTHS:
            return lengths.astype(dtype)
        base = name.removesuffix("mask").removesuffix("_")
        if not base:  # The mask of the values: `y`, or the one float input there is.
            floats = [one for one in self._steps if inputs[one].dtype.kind == "f"]
            base = "y" if "y" in self._steps else (floats or self._steps)[0]
        array = inputs[base]
        there = np.arange(array.shape[1]) < lengths[:, np.newaxis]
        if array.dtype.kind == "f":
            there &= ~np.isnan(array)
        return there.astype(dtype)
