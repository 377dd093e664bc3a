"""Labelled texts in CSV files, plain or gzip'd: read, and cut for a trial."""

import csv
import gzip
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def opened(path: Path, mode: str = "r") -> Iterator[IO[str]]:
    """A text file, through gzip where its name ends in ``.gz``."""
    if path.suffix == ".gz":
        with (
            gzip.GzipFile(path, f"{mode}b", compresslevel=1) as raw,
            io.TextIOWrapper(raw, encoding="utf-8", newline="") as file,
        ):
            yield file
    else:
        with path.open(mode, encoding="utf-8", newline="") as file:
            yield file


def rows(path: Path, text: str, label: str) -> Iterator[tuple[str, str]]:
    """(text, label) of each row.

    Args:
      path: a CSV file with a header.
      text: the text's column.
      label: the label's column.
    """
    with opened(path) as file:
        for row in csv.DictReader(file):
            yield row[text], row[label]


def read(path: Path, text: str = "text", label: str = "label") -> tuple[list[str], list[str]]:
    """All texts, and all labels."""
    texts, labels = zip(*rows(path, text, label), strict=True)
    return list(texts), list(labels)


def spaced_rows(source: Path, count: int | None, folder: Path) -> Path:
    """Evenly spaced rows of a CSV file in a file of their own.

    Args:
      source: the file; its rows may be sorted by label.
      count: how many rows; None for the file as it is.
      folder: where the cut file is written.

    Returns:
      The file to read.
    """
    if count is None:
        return source
    target = folder / source.name
    with opened(source) as file:
        total = sum(1 for _ in csv.reader(file)) - 1
    with opened(source) as file, opened(target, "w") as out:
        reader, writer = csv.reader(file), csv.writer(out)
        writer.writerow(next(reader))
        for number, row in enumerate(reader):
            if (number + 1) * count // total > number * count // total:
                writer.writerow(row)
    return target
