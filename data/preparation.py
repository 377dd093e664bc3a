"""Putting the files of a data set into a folder: all of them, checked, or none.

The files are written into a hidden folder beside their place, checked, and renamed. A small
hidden record beside them (`.<name>.json`) holds their checksums, so that a second call finds
them unchanged and writes nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tidegate.data import checksum
from tidegate.data.dataset import Dataset, DatasetError, PreparedData
from tidegate.data.download import download

# Another edition of a source may have somewhat other rows; more than this is another thing.
_ROWS_TOLERANCE = 0.2

_RECORD_KEYS = {"edition", "rows", "note", "checksums"}


def prepare_dataset(dataset: Dataset, folder: Path, source: Path | None = None) -> PreparedData:
    """Puts the data set's files into `folder`, or finds them there unchanged.

    Nothing unfinished is ever seen under a final name. Files that another call prepared are
    reused if their checksums and edition are those on record, and written again otherwise. A
    download that was interrupted leaves its `.part` file in `folder`, and continues there.

    Args:
        dataset: the data set.
        folder: where the files go; made if missing. One call at a time works in it; a second
            one waits.
        source: a local copy, instead of the download.

    Raises:
        DatasetError: if the source is unusable, the download fails, the content is not what the
            data set states, or `folder` cannot be written or holds a foreign file of that name.
    """
    _check_source(dataset, source)
    made = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with _only_one_in(folder):
                return _find(dataset, folder) or _make(dataset, folder, source)
        except BaseException:
            if made:
                with suppress(OSError):  # not empty: a download to be continued
                    folder.rmdir()
            raise
    except OSError as error:
        raise DatasetError(
            f"{dataset.name}: cannot read or write {error.filename or folder}:"
            f" {error.strerror or error}; check its permissions and the room left in {folder}"
        ) from error


def _check_source(dataset: Dataset, source: Path | None) -> None:
    if source is None:
        return
    if not dataset.command:
        raise DatasetError(
            f"{dataset.name}: received --from {source}, but the data set is made from"
            f" {dataset.source}; leave --from out"
        )
    if not source.exists():
        raise DatasetError(f"{dataset.name}: received --from {source}, which does not exist")


@contextmanager
def _only_one_in(folder: Path) -> Iterator[None]:
    """Holds a lock on the folder; the system frees it if the process dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems have no locks: go on without
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _record_path(dataset: Dataset, folder: Path) -> Path:
    return folder / f".{dataset.name}.json"


def _read_record(dataset: Dataset, folder: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(_record_path(dataset, folder).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return record if isinstance(record, dict) and record.keys() >= _RECORD_KEYS else None


def _find(dataset: Dataset, folder: Path) -> PreparedData | None:
    """The files if they are there, of the current edition, and have the checksums on record."""
    record = _read_record(dataset, folder)
    if record is None:
        for file_name in dataset.files.values():
            if (folder / file_name).exists():
                raise DatasetError(
                    f"{dataset.name}: {folder / file_name} exists and is not part of a prepared"
                    " data set; expected a folder of its own: name another one, or move the file"
                )
        return None
    if record["edition"] != dataset.current_edition():
        return None
    # Of the stated edition the content is known: an earlier tidegate may have written another.
    stated = dataset.checksums if record["edition"] == dataset.edition else {}
    for file_name in dataset.files.values():
        path, known = folder / file_name, record["checksums"].get(file_name)
        if known is None or known != stated.get(file_name, known):
            return None
        if not path.is_file() or not checksum.matches(path, known):
            return None
    return _prepared(dataset, folder, record["rows"], record["note"], reused=True)


def _make(dataset: Dataset, folder: Path, source: Path | None) -> PreparedData:
    if source is None and dataset.copy:
        raise DatasetError(
            f"{dataset.name}: nothing is downloaded; expected a copy of your own: {dataset.command}"
        )
    # A fixed name: what a killed process left there is cleared away by the next call.
    staging = folder / f".{dataset.name}.part"
    shutil.rmtree(staging, ignore_errors=True)
    fetched: Path | None = None
    if source is None and dataset.archive is not None:
        archive = dataset.archive
        # A name of our own: it is deleted in the end, which a file of the user's must not be.
        fetched = folder / f".{dataset.name}-{archive.file_name}"
        download(archive.url, fetched, archive.checksum, label=dataset.name)
    try:
        staging.mkdir()
        rows = dict(dataset.write(staging, source or fetched))
        note = _check(dataset, staging, rows)
        record = {
            "name": dataset.name,
            "edition": dataset.current_edition(),
            "rows": rows,
            "note": note,
            "checksums": {
                name: checksum.of_file(staging / name) for name in dataset.files.values()
            },
        }
        record_path = _record_path(dataset, staging)
        record_path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        # The record goes first: should the process die between two renames, the next call sees
        # that the files are ours and that their checksums differ, and writes them again.
        for name in (record_path.name, *dataset.files.values()):
            os.replace(staging / name, folder / name)
    except DatasetError:
        _forget(fetched)  # its checksum was right: another download would not mend it
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    _forget(fetched)
    return _prepared(dataset, folder, rows, note, reused=False)


def _forget(fetched: Path | None) -> None:
    if fetched is not None:
        fetched.unlink(missing_ok=True)


def _check(dataset: Dataset, staging: Path, rows: Mapping[str, int]) -> str:
    """Compares what was written with what the data set states; returns the note on it."""
    edition = dataset.current_edition()
    if edition == dataset.edition:
        if rows != dict(dataset.rows):
            raise DatasetError(
                f"{dataset.name}: received {_counts(rows)}; expected {_counts(dataset.rows)}:"
                " the source is incomplete or another data set"
            )
        for name, known in dataset.checksums.items():
            if not checksum.matches(staging / name, known):
                raise DatasetError(
                    f"{dataset.name}: {name} has the wrong checksum; expected {known}"
                    f" for {dataset.edition or dataset.source}: is the source changed or damaged?"
                )
        return ""
    for split, expected in dataset.rows.items():
        if abs(rows.get(split, 0) - expected) > _ROWS_TOLERANCE * expected:
            raise DatasetError(
                f"{dataset.name}: {edition} gives {_counts(rows)}; expected about"
                f" {_counts(dataset.rows)}, as {dataset.edition} does: install that"
            )
    return (
        f"made from {edition}, not {dataset.edition}: {_counts(rows)}"
        f" (recorded: {_counts(dataset.rows)}), content not compared with a checksum"
    )


def _counts(rows: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {split} rows" for split, count in rows.items())


def _prepared(
    dataset: Dataset, folder: Path, rows: Mapping[str, int], note: str, *, reused: bool
) -> PreparedData:
    paths = {split: folder / name for split, name in dataset.files.items()}
    whole = "valid" in paths  # The folder then says which file is what.
    return PreparedData(
        train=folder if whole else paths["train"],
        test=None if whole else paths.get("test"),
        rows=rows,
        settings=dataset.settings,
        edition=dataset.current_edition(),
        reused=reused,
        note=note,
    )
