"""Progress of a download: a bar on a terminal, a readable line now and then elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

_MEGABYTE = 1_000_000
_LINES = 10
_UNKNOWN_SIZE_STEP = 10 * _MEGABYTE

Advance = Callable[[int, "int | None"], None]


@contextmanager
def progress(label: str, stream: TextIO | None = None) -> Iterator[Advance]:
    """Shows how far something has come, on standard error unless told otherwise.

    Gives a function to be called with the bytes done and the bytes in total (None: unknown).
    On a terminal it draws a bar with speed and time left; elsewhere it writes a line at every
    tenth of the total, or every 10 MB if that is unknown.
    """
    stream = stream or sys.stderr
    if stream.isatty():
        with _bar(label, stream) as advance:
            yield advance
    else:
        yield _line_writer(label, stream)


@contextmanager
def _bar(label: str, stream: TextIO) -> Iterator[Advance]:
    # rich takes longer to import than listing the data sets may take.
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _line_writer(label: str, stream: TextIO) -> Advance:
    steps_shown = -1

    def advance(done: int, total: int | None) -> None:
        nonlocal steps_shown
        steps = done * _LINES // total if total else done // _UNKNOWN_SIZE_STEP
        if steps == steps_shown:
            return
        steps_shown = steps
        size = f"{done / _MEGABYTE:.1f}"
        if total:
            size += f" of {total / _MEGABYTE:.1f} MB ({100 * done // total} %)"
        else:
            size += " MB"
        print(f"{label}: {size}", file=stream, flush=True)

    return advance
