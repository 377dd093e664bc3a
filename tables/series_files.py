"""Files of series to tables of rows, and a count of the rows that could not be read."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from tidegate.tables import cells
from tidegate.tables.errors import InputError
from tidegate.tables.files import LOCAL, Opener
from tidegate.tables.formats import FileFormat
from tidegate.tables.numerals import advised
from tidegate.tables.reads import SeriesReads
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import Batch, Rows
from tidegate.tables.series import Table
from tidegate.tables.time_forms import INTEGER
from tidegate.tables.time_grid import DAY, Step, known_zone
from tidegate.tables.zones import UNSAID

# Rows read at a time: some megabytes of text.
_BATCH = 1 << 16
# The name of the series in a file without a column of names.
ONLY_SERIES = "series"


def first_time(source: Any, reads: SeriesReads, opener: Opener = LOCAL) -> Any:
    """The first cell of the time column that is not missing.

    Raises:
      InputError: the file cannot be read, or has no row.
    """
    with Rows(source, reads.how, reads.columns, reads.optional, opener) as rows:
        at = reads.columns.index(reads.time)
        for _, row in rows:
            if not isinstance(row, BrokenRow) and not cells.is_missing(row[at]):
                return row[at]
        raise InputError(f"{rows.path}: no row with a time in column {reads.time!r}")


def has_integer_time(source: Any, reads: SeriesReads, opener: Opener = LOCAL) -> bool:
    """Whether times are integers: as the frequency is, else as the first time is.

    Raises:
      InputError: as `first_time`, and as `check_step` for the frequency.
    """
    if reads.step is not None:
        check_step(reads.step, reads.how)
        return bool(reads.step.index)
    return is_integer(first_time(source, reads, opener), reads)


def is_integer(first: Any, reads: SeriesReads) -> bool:
    """Whether times are integers, by the first of them."""
    form = reads.how.time_format
    return form == INTEGER or (form is None and cells.is_integer_time(first))


def zone_of(rows: Rows, column: str) -> str | None:
    """The time zone that Parquet or a frame gives a column of times; None where it names none."""
    name: str | None = getattr((rows.types or {}).get(column), "tz", None)
    try:
        return name if name is None else known_zone(name).key
    except ValueError:  # An offset such as +01:00.
        return None


def check_step(step: Step, how: FileFormat) -> None:
    """Compares the form of times with the step between them.

    Raises:
      InputError: times of this form are never such a step apart.
    """
    form = how.time_format
    needed = {INTEGER: "an integer", "yearmonth": "months", "isoweek": "weeks"}.get(
        form or "", "a length of time"
    )
    fits = {
        INTEGER: step.index > 0,
        "yearmonth": step.months > 0,
        "isoweek": step.seconds > 0 and step.seconds % (7 * DAY) == 0,
    }.get(form or "", not step.index)
    if form is not None and not fits:
        raise InputError(
            f"{how.setting('time_format')}={form}: expected a step of {needed}, not of {step}; see "
            f"{how.setting('frequency')}"
        )
    if step.index and how.timezone:
        raise InputError(
            f"{how.setting('timezone')}={how.timezone}: times are integers, of which no clock is "
            f"known; leave it out, or set {how.setting('time_format')}"
        )


def read_tables(
    rows: Rows, reads: SeriesReads, integer: bool, report: Any, file: int = 0
) -> Iterator[Table]:
    """Streams a source's rows.

    Args:
      rows: the source, opened for `reads.columns`.
      reads: what is read of it.
      integer: whether times are integers; see `has_integer_time`.
      report: counts the usable rows and those that cannot be used: its `add_rows` and `add_bad`.
      file: the source's number among several.

    Raises:
      InputError: the source cannot be read.
    """
    for batch in rows.batches(_BATCH, report):
        yield _table(rows, reads, integer, batch, report, file)


def _table(
    rows: Rows, reads: SeriesReads, integer: bool, batch: Batch, report: Any, file: int
) -> Table:
    count, how = len(batch.numbers), reads.how
    usable = np.ones(count, bool)

    def refuse(column: str, wrong: Iterable[Any], what: str, advice: str = "") -> None:
        for at in wrong:
            if not usable[at]:
                continue
            usable[at] = False
            cell = batch.cell(column, int(at))
            missing = cells.is_missing(cell, how.missing)
            reason = f"{'no value' if missing else what} in column {column!r}{advice}"
            shown = "" if missing else f": {cells.as_text(cell)[:40]!r}"
            report.add_bad(reason, f"{rows.place(batch.numbers[at])}{shown}")

    series, ids = _series(reads, batch)
    if reads.id and reads.id in batch.columns:
        refuse(reads.id, np.flatnonzero((ids == "")[series]), "no name")
    if integer:
        # In the order of the file; `merged` counts each series' rows once they are together.
        in_file = reads.order == "file"
        time = np.zeros(count, np.int64) if in_file else cells.integers(batch.columns[reads.time])
        ahead, doubt = np.zeros(count, np.int32), np.zeros(count, np.int8)
    else:
        time, ahead, doubt = cells.timestamps(batch.columns[reads.time], how)
    expected = how.time_format or (
        f"ISO 8601, year first, whole seconds; else set {how.setting('time_format')}"
    )
    what = "no integer" if integer else f"no time stamp ({expected})"
    refuse(reads.time, np.flatnonzero(time == cells.NOT_READ), what)
    of_zone = f"; {how.setting('timezone')} says whose clock such times are of"
    refuse(reads.time, np.flatnonzero(doubt == UNSAID), "no offset, as others have", of_zone)
    values = np.empty((count, len(reads.numbers)))
    for at, column in enumerate(reads.numbers):
        values[:, at], wrong, beyond = cells.numbers(batch.columns[column], how)
        given = [batch.cell(column, int(row)) for row in wrong]
        for row, advice in zip(wrong, advised(given, count, how), strict=True):
            refuse(column, [row], "no number", advice)
        refuse(column, beyond, f"a number beyond {cells.LARGEST:g}")
    names = np.empty((count, len(reads.static)), object)
    for at, column in enumerate(reads.static):
        codes, found, wrong = cells.texts(batch.columns[column])
        names[:, at] = found[codes]
        refuse(column, wrong, "no text")
    report.add_rows(int(usable.sum()))
    table = Table(
        ids=ids,
        series=series,
        time=time,
        ahead=ahead,
        doubt=doubt,
        numbers=values,
        names=names,
        file=np.full(count, file, np.int32),
        row=batch.numbers,
    )
    return table if usable.all() else table.take(usable)


def _is_absent(column: Any) -> bool:
    return isinstance(column, list) and all(cell is None for cell in column)


def _series(reads: SeriesReads, batch: Batch) -> tuple[np.ndarray, np.ndarray]:
    found = batch.columns.get(reads.id) if reads.id else None
    # An absent column of a text file is read as None in every row.
    if found is None or (reads.id_optional and _is_absent(found)):
        return np.zeros(len(batch.numbers), np.int32), np.array([ONLY_SERIES], object)
    codes, names, _ = cells.texts(found)
    return codes, names
