"""Rows of files to pieces of documents, each with its split, in constant memory."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tidegate.components import files
from tidegate.components.example_gen.report import SPLITS, RowReport
from tidegate.tables.cells import as_text
from tidegate.tables.errors import InputError
from tidegate.tables.reads import RecordReads, TextSplits
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import Rows

# Characters of a piece at most. What is judged is read with the state that the network carries
# within a piece: its pieces are long.
_PIECE, _JUDGED_PIECE = 1 << 16, 1 << 21
# What no text holds: a file with it is none.
_BINARY = "\0"


@dataclass(frozen=True)
class Fragment:
    """Text that stands on end in a file, a line or a part of one.

    Attributes:
      text: with the end of its line.
      split: as file, column or option say; empty where it is to be found.
      first: whether a document begins here.
    """

    text: str
    split: str
    first: bool


@dataclass(frozen=True)
class Piece:
    """What becomes an example.

    Attributes:
      split: of the document.
      text: not white space alone.
      part: its number in the document, from 0.
    """

    split: str
    text: str
    part: int


@dataclass(frozen=True)
class Source:
    """A file and what is known of its split.

    Attributes:
      path: of the file.
      split: of all of it; empty where rows or their place decide.
    """

    path: str
    split: str


def sources_of(train: list[str], test: list[str], splits: TextSplits) -> list[Source]:
    """The files in the order in which they are read.

    Raises:
      InputError: files are to say their splits, and one does not.
    """
    found = [Source(path, _named(path) if splits.files else "") for path in train]
    return [*found, *(Source(path, "test") for path in test)]


def _named(path: str) -> str:
    name = os.path.basename(path).lower().removeprefix("wiki.")
    for split in SPLITS:
        if name.startswith(split):
            return split
    raise InputError(
        f"{path}: the file's name begins with no split; expected {', '.join(SPLITS)}, or "
        "data.split_files=false"
    )


class Fragments:
    """The text of files, a line at a time; may be read several times.

    Args:
      sources: the files.
      reads: the column of texts, how files are read.
      splits: what a document is.
    """

    def __init__(self, sources: list[Source], reads: RecordReads, splits: TextSplits) -> None:
        self._sources = sources
        self._reads = reads
        self._splits = splits

    def read(self, report: RowReport) -> Iterator[Fragment]:
        """All of it; `report` counts the rows that cannot be used.

        Raises:
          InputError: a file cannot be read.
        """
        streams: set[str] = set()
        for source in self._sources:
            columns = [one.source for one in self._reads.columns]
            by_column = self._splits.column if not source.split else None
            if by_column:
                columns.append(by_column)
            begun = False
            with Rows(source.path, self._reads.how, columns, opener=files) as rows:
                for number, cells in rows:
                    place = rows.place(number)
                    if isinstance(cells, BrokenRow):
                        report.add_bad(cells.reason, place)
                        continue
                    text = as_text(cells[0])
                    if _BINARY in text:
                        raise InputError(
                            f"{place}: holds a byte 0; expected text, not a binary file"
                        )
                    split = source.split
                    if by_column:
                        split = _given(as_text(cells[-1]), by_column, place)
                    if self._splits.documents == "row":
                        if not text.strip():
                            report.add_bad("empty text", place)
                            continue
                        first = True
                    else:
                        text += "\n"
                        known = begun if self._splits.documents == "file" else split in streams
                        first, begun = not known, True
                        streams.add(split)
                    for at in range(0, len(text), _PIECE):
                        yield Fragment(text[at : at + _PIECE], split, first and not at)


def _given(cell: str, column: str, place: str) -> str:
    split = cell.strip().lower()
    if split not in SPLITS:
        raise InputError(f"{place}: column {column!r} says {split!r}; expected {', '.join(SPLITS)}")
    return split


@dataclass
class Sizes:
    """Characters of the fragments whose split is to be found, and by split of the others."""

    free: int
    given: dict[str, int]


def measure(fragments: Iterable[Fragment]) -> Sizes:
    """The first pass over the text."""
    sizes = Sizes(0, {})
    for one in fragments:
        if one.split:
            sizes.given[one.split] = sizes.given.get(one.split, 0) + len(one.text)
        else:
            sizes.free += len(one.text)
    return sizes


def with_splits(
    fragments: Iterable[Fragment], sizes: Sizes, splits: TextSplits
) -> Iterator[Fragment]:
    """The fragments, each with its split.

    Of a stream the last parts are held out, valid before eval; of documents, those whose hash says
    so. A split that files or a column give is not cut from train as well, but eval is the second
    half of valid where that alone is given.
    """
    shares = {"valid": splits.valid_share, "eval": splits.eval_share}
    shares = {split: 0.0 if split in sizes.given else share for split, share in shares.items()}
    halved = "valid" in sizes.given and "eval" not in sizes.given
    if halved:
        shares["eval"] = 0.0
    if sizes.given.get("train"):
        # Train is parted where nothing else gives the split.
        sizes = Sizes(sizes.free + sizes.given["train"], sizes.given)
    held = {split: min(int(share * sizes.free), splits.most) for split, share in shares.items()}
    ends = {
        "train": sizes.free - held["valid"] - held["eval"],
        "valid": sizes.free - held["eval"],
    }
    read, read_valid, before, current = 0, 0, "", "train"
    for one in fragments:
        if one.split in ("", "train"):
            if splits.documents == "stream":
                current = next((name for name, end in ends.items() if read < end), "eval")
            elif one.first:
                current = _by_hash(one.text, shares, splits.seed)
            read += len(one.text)
        elif one.split == "valid" and halved:
            half = read_valid >= sizes.given["valid"] / 2
            # A document stays whole.
            if splits.documents == "stream" or one.first or current not in ("valid", "eval"):
                current = "eval" if half else "valid"
            read_valid += len(one.text)
        else:
            current = one.split
        yield Fragment(one.text, current, one.first or current != before)
        before = current


def _by_hash(text: str, shares: dict[str, float], seed: int) -> str:
    digest = hashlib.blake2b(f"{seed}\0{text}".encode("utf-8", "replace"), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    if place < shares["eval"]:
        return "eval"
    return "valid" if place < shares["eval"] + shares["valid"] else "train"


def pieces(fragments: Iterable[Fragment]) -> Iterator[Piece]:
    """Fragments joined to pieces, each of one document; white space alone is left out."""
    held: list[str] = []
    size, part, split = 0, 0, ""

    def joined() -> Iterator[Piece]:
        text = "".join(held)
        if text.strip():
            yield Piece(split, text, part)

    for one in fragments:
        most = _PIECE if one.split == "train" else _JUDGED_PIECE
        if held and (one.first or size + len(one.text) > most):
            yield from joined()
            held, size, part = [], 0, 0 if one.first else part + 1
        split = one.split
        held.append(one.text)
        size += len(one.text)
    if held:
        yield from joined()
