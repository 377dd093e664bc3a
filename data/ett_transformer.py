"""Electricity Transformer Temperature: one transformer station's seven channels as long series.

The authors' split, 12, 4 and 4 months of 30 days for training, validation and test, is kept:
rows after these 20 months are not used by the protocol and are left out. The validation months
are halved, into `valid` and `eval`; the test months are `test`.
"""

from __future__ import annotations

import csv
import gzip
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path

from tidegate.data import checksum
from tidegate.data.dataset import Archive, Dataset, DatasetError
from tidegate.data.source_table import source_rows

_COMMIT = "1d16c8f4f943005d613b5bc962e9eeb06058cf07"
CHANNELS = ("HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL", "OT")
_DAYS_A_MONTH = 30
_MONTHS = 20


def _find(source: Path, file_name: str) -> Path:
    """The table: the path itself, or in that folder, plain or gzip'd."""
    if source.is_file():
        return source
    for name in (file_name, f"{file_name}.gz"):
        for path in (source / name, source / "ETT-small" / name):
            if path.is_file():
                return path
    raise DatasetError(
        f"ett: received --from {source}, a folder without {file_name} or {file_name}.gz"
    )


def _verify(path: Path, known: str) -> None:
    """Compares the uncompressed content with its checksum."""
    digest = checksum.start(known)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except (EOFError, gzip.BadGzipFile) as error:
        raise DatasetError(f"ett: {path} cannot be read: {error}") from None
    if f"{digest.name}:{digest.hexdigest()}" != known:
        raise DatasetError(
            f"ett: {path} has the wrong checksum; expected {known} of its uncompressed content: "
            "is it damaged, or another edition?"
        )


def _writer(
    file_name: str, known: str, rows: int
) -> Callable[[Path, Path | None], Mapping[str, int]]:
    def write(folder: Path, source: Path | None) -> Mapping[str, int]:
        if source is None:
            raise ValueError("ett is written from a download or a local copy; received none")
        path = _find(source, file_name)
        _verify(path, known)
        read = source_rows("ett", path, ["date", *CHANNELS])
        table = [cells for _, cells in itertools.islice(read, rows)]
        with (folder / file_name).open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(["unique_id", "ds", "y"])
            for at, channel in enumerate(CHANNELS, start=1):
                out.writerows([channel, row[0], row[at]] for row in table)
        return {"train": len(table) * len(CHANNELS)}

    return write


def ett(name: str, file_name: str, title: str, known: str, steps_a_day: int) -> Dataset:
    """One of the station's tables as a data set.

    Args:
        name: what the user types.
        file_name: the table's name in the authors' repository.
        title: one line that says what it is.
        known: checksum of the table.
        steps_a_day: rows a day.
    """
    month = _DAYS_A_MONTH * steps_a_day
    return Dataset(
        name=name,
        task="forecasting",
        title=title,
        source="https://github.com/zhouhaoyi/ETDataset (Zhou et al., Informer, AAAI 2021)",
        licence="CC BY-ND 4.0",
        files={"train": file_name},
        rows={"train": _MONTHS * month * len(CHANNELS)},
        write=_writer(file_name, known, _MONTHS * month),
        archive=Archive(
            url=f"https://raw.githubusercontent.com/zhouhaoyi/ETDataset/{_COMMIT}/ETT-small/{file_name}",
            file_name=file_name,
            checksum=known,
        ),
        settings={
            "data.valid_size": str(2 * month),
            "data.eval_size": str(2 * month),
            "data.test_size": str(4 * month),
            "features.horizon": "96",
            "features.context": "336",
        },
    )
