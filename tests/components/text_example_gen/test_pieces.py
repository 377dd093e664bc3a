"""Text to pieces: nothing lost, nothing of a later split earlier, documents whole."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from tidegate.components.example_gen.report import RowReport
from tidegate.components.text_example_gen import pieces as module
from tidegate.components.text_example_gen.pieces import (
    Fragments,
    Piece,
    measure,
    pieces,
    sources_of,
    with_splits,
)
from tidegate.tables.errors import InputError
from tidegate.tables.files import data_files
from tidegate.tables.reads import Column, RecordReads, TextSplits


def read(path: Path, test: Path | None = None, **how: Any) -> tuple[list[Piece], RowReport]:
    splits = TextSplits(**how)
    tests = data_files(str(test)) if test else []
    reads = RecordReads(columns=(Column("text", key=True),))
    text = Fragments(sources_of(data_files(str(path)), tests, splits), reads, splits)
    report = RowReport()
    found = with_splits(text.read(report), measure(text.read(RowReport())), splits)
    return list(pieces(found)), report


def text_of(found: list[Piece], split: str) -> str:
    return "".join(piece.text for piece in found if piece.split == split)


LINES = "".join(f"line {number}\n" for number in range(1000))


@pytest.mark.parametrize("zipped", [False, True])
def test_a_stream_is_parted_by_contiguous_parts(zipped: bool, tmp_path: Path) -> None:
    path = tmp_path / ("a.txt.gz" if zipped else "a.txt")
    content = LINES.encode()
    path.write_bytes(gzip.compress(content) if zipped else content)
    found, _ = read(path, valid_share=0.1, eval_share=0.2)
    assert "".join(piece.text for piece in found) == LINES
    assert [piece.split for piece in found] == ["train", "valid", "eval"]
    sizes = [len(piece.text) / len(LINES) for piece in found]
    assert sizes == pytest.approx([0.7, 0.1, 0.2], abs=0.002)
    assert all(piece.text.endswith("\n") and piece.part == 0 for piece in found)
    few, _ = read(path, valid_share=0.1, eval_share=0.2, most=100)
    assert len(text_of(few, "eval")) < 120


def test_long_text_comes_in_pieces_that_are_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PIECE", 300)
    monkeypatch.setattr(module, "_JUDGED_PIECE", 600)
    (tmp_path / "a.txt").write_text("x" * 2000 + "\n" + LINES)
    found, _ = read(tmp_path / "a.txt", valid_share=0.1, eval_share=0.1)
    assert "".join(piece.text for piece in found) == "x" * 2000 + "\n" + LINES
    for split, most in (("train", 300), ("valid", 600), ("eval", 600)):
        own = [piece for piece in found if piece.split == split]
        assert [piece.part for piece in own] == list(range(len(own))) and len(own) > 1
        assert all(len(piece.text) <= most for piece in own)


def test_documents_are_whole_and_equal_ones_on_one_side(tmp_path: Path) -> None:
    rows = [f"text {number % 300}" for number in range(600)]
    (tmp_path / "a.csv").write_text("text\n" + "\n".join(rows) + "\n")
    found, report = read(tmp_path, documents="row", valid_share=0.2, eval_share=0.2)
    assert sorted(piece.text for piece in found) == sorted(rows)
    parts = {split: {p.text for p in found if p.split == split} for split in ("train", "eval")}
    assert not parts["train"] & parts["eval"]
    assert len(parts["eval"]) == pytest.approx(60, abs=25)
    assert not report.bad
    (tmp_path / "b.csv").write_text('text\na\n" "\n')
    _, report = read(tmp_path / "b.csv", documents="row")
    assert report.bad == {"empty text": 1}


def test_files_are_documents(tmp_path: Path) -> None:
    for name in "abcdefgh":
        (tmp_path / f"{name}.txt").write_text(f"{name}\n{name}\n")
    found, _ = read(tmp_path, documents="file", valid_share=0.3, eval_share=0.3)
    assert sorted(piece.text for piece in found) == [f"{name}\n{name}\n" for name in "abcdefgh"]


def test_names_of_files_give_their_splits(tmp_path: Path) -> None:
    for name, size in (("train", 500), ("valid", 100), ("test", 50)):
        lines = "".join(f"{name} {number}\n" for number in range(size))
        (tmp_path / f"{name}.txt").write_text(lines)
    found, _ = read(tmp_path, files=True)
    assert text_of(found, "train").count("\n") == 500
    # Train is not parted; eval is the second half of valid.
    halves = [text_of(found, split) for split in ("valid", "eval")]
    assert "".join(halves) == (tmp_path / "valid.txt").read_text()
    assert abs(len(halves[0]) - len(halves[1])) < 20
    assert text_of(found, "test").count("test") == 50
    (tmp_path / "other.txt").write_text("x")
    with pytest.raises(InputError, match=r"other\.txt: the file's name begins with no split"):
        read(tmp_path, files=True)


def test_a_test_file_is_the_test_split(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(LINES)
    (tmp_path / "b.txt").write_text("of the test\n")
    found, _ = read(tmp_path / "a.txt", tmp_path / "b.txt")
    assert text_of(found, "test") == "of the test\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a\0b\n", r"a\.txt:1: holds a byte 0; expected text"),
        (b"caf\xe9\n", r"a\.txt:1: not utf-8"),
        (b"", r"a\.txt: the file is empty"),
    ],
)
def test_what_is_no_text_is_refused(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(tmp_path / "a.txt")
