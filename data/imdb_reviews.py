"""Reading the Large Movie Review Dataset in the forms that people have it in."""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple, cast

from tidegate.data.dataset import DatasetError
from tidegate.data.source_table import source_rows

SPLITS = ("train", "test")
LABELS = ("neg", "pos")

# The reviews' place in the archive; 'train/unsup', word lists and ratings are passed over.
_PLACE = re.compile(r"(?:aclImdb/)?(train|test)/(neg|pos)/[^/.][^/]*\.txt")
# The longest review has 14 kB. Far more is another file, or one made to fill the memory.
_MOST_BYTES = 1 << 20
_BLOCK = 1 << 20
_GZIP_MAGIC = b"\x1f\x8b"
_CSV_LABELS = {"0": "neg", "1": "pos", "neg": "neg", "pos": "pos"}
_DAMAGED = (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError)


class Review(NamedTuple):
    """One review: its split ('train', 'test'), label ('neg', 'pos') and untouched text."""

    split: str
    label: str
    text: str


def read_reviews(source: Path) -> Iterator[Review]:
    """Yields the labelled reviews from a copy of the data set, in the order they lie there.

    Args:
        source: the archive `aclImdb_v1.tar.gz`; the folder that comes out of it; or two files
            `train.csv` and `test.csv`, plain or gzip'd, with the columns `text` and `label`
            (0, 1, neg or pos), given as their folder or as one of them.

    Raises:
        DatasetError: if the source has none of these forms, is damaged, or one of train/neg,
            train/pos, test/neg and test/pos is missing.
    """
    missing = {(split, label) for split in SPLITS for label in LABELS}
    for review in _read(source):
        missing.discard((review.split, review.label))
        yield review
    if missing:
        names = ", ".join("/".join(pair) for pair in sorted(missing))
        raise DatasetError(
            f"imdb: {source} holds no reviews of {names}; expected neg and pos in train and test:"
            " pass the complete data set"
        )


def _read(source: Path) -> Iterator[Review]:
    if source.is_file() and not source.name.endswith((".csv", ".csv.gz")):
        return _read_archive(source)
    folder = source if source.is_dir() else source.parent
    tables = {split: _table(folder, split) for split in SPLITS}
    if all(tables.values()):
        return _read_tables({split: path for split, path in tables.items() if path})
    for root in (source, source / "aclImdb"):
        if any((root / split).is_dir() for split in SPLITS):
            return _read_folder(root)
    raise DatasetError(
        f"imdb: received {source}; expected aclImdb_v1.tar.gz, the folder aclImdb from it, or"
        " train.csv and test.csv (plain or .gz) with the columns text and label in one folder"
    )


def _read_archive(path: Path) -> Iterator[Review]:
    """Streams the reviews out of the archive; nothing is unpacked, so no name can do harm."""
    try:
        # Not tarfile's own decompression: read as a stream, it takes a damaged end for the end.
        with _open_archive(path) as stream, tarfile.open(fileobj=stream, mode="r|") as archive:
            while (member := archive.next()) is not None:
                # The archive object remembers every member; there are 100,000.
                archive.members.clear()  # type: ignore[attr-defined]
                if review := _review_in(archive, member, path):
                    yield review
            while stream.read(_BLOCK):  # the gzip checksum is compared at the very end
                pass
    except _DAMAGED as error:
        raise _damaged(path, "a whole tar archive (.tar.gz)", error) from error


def _open_archive(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        zipped = file.read(len(_GZIP_MAGIC)) == _GZIP_MAGIC
    return cast("IO[bytes]", gzip.open(path)) if zipped else path.open("rb")


def _review_in(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Review | None:
    """The review that a member holds; None for the other files."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or ".." in name.parts:
        raise DatasetError(
            f"imdb: {path} holds the unsafe name {member.name!r}; expected paths"
            " inside aclImdb/: get the archive from its home"
        )
    place = _PLACE.fullmatch(str(name))
    if place is None:
        return None
    if not member.isreg() or member.size > _MOST_BYTES:
        raise DatasetError(
            f"imdb: {member.name} in {path} is no review; expected a text file"
            f" of at most {_MOST_BYTES:,} bytes: get the archive from its home"
        )
    content = cast("IO[bytes]", archive.extractfile(member)).read()
    return Review(place[1], place[2], _decode(content, f"{path}: {member.name}"))


def _read_folder(root: Path) -> Iterator[Review]:
    for split in SPLITS:
        for label in LABELS:
            for path in sorted((root / split / label).glob("[!.]*.txt")):
                yield Review(split, label, _decode(path.read_bytes(), str(path)))


def _table(folder: Path, split: str) -> Path | None:
    for name in (f"{split}.csv", f"{split}.csv.gz"):
        if (folder / name).is_file():
            return folder / name
    return None


def _read_tables(tables: dict[str, Path]) -> Iterator[Review]:
    for split, path in tables.items():
        for place, (text, given) in source_rows("imdb", path, ["text", "label"]):
            label = _CSV_LABELS.get(given)
            if label is None:
                raise DatasetError(
                    f"imdb: {place}: received label {given!r:.80}; expected 0, 1, neg or pos"
                )
            yield Review(split, label, text)


def _decode(content: bytes, place: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DatasetError(f"imdb: {place} is not UTF-8: {error}; get a good copy") from error


def _damaged(path: Path, expected: str, error: Exception) -> DatasetError:
    return DatasetError(f"imdb: {path} is damaged ({error}); expected {expected}: get it again")
