"""Lines that come in by the standard input, and a bar on a terminal."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator

from tidegate.tables.errors import InputError


def lines() -> Iterator[str]:
    """The lines of the standard input, as they come."""
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise InputError(
                f"standard input:{number}: not utf-8 (byte 0x{line[error.start]:02x} at position "
                f"{error.start + 1} of the line)"
            ) from None


@contextlib.contextmanager
def progress() -> Iterator[Callable[[int, float], None]]:
    """A bar on a terminal; nothing else where there is none."""
    if not sys.stderr.isatty():
        yield lambda rows, share: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    parts = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*parts, TimeRemainingColumn(), console=Console(stderr=True)) as bar:
        task = bar.add_task("0 rows", total=1.0)
        yield lambda rows, share: bar.update(task, completed=share, description=f"{rows:,} rows")
