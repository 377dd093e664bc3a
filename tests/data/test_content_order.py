"""The order of a labelled text file depends on its rows alone."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tidegate.data.content_order import LabelledTextFile

ROWS = [(f"text {i}", "even" if i % 2 == 0 else "odd") for i in range(500)]
ODD_TEXTS = [('say "no",\nthen\r\ngo\t', "a"), ("\u2028 分かりました \x85", "b"), ("", "c")]


def write(path: Path, rows: list[tuple[str, str]]) -> bytes:
    with LabelledTextFile(path) as out:
        for row in rows:
            out.add(*row)
    assert out.rows == len(rows)
    return path.read_bytes()


def read(path: Path) -> list[tuple[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["text", "label"]
    return [(text, label) for text, label in rows]


def test_same_rows_in_any_order_give_the_same_file(tmp_path):
    forward = write(tmp_path / "a.csv", ROWS)
    assert write(tmp_path / "b.csv", ROWS[::-1]) == forward


def test_rows_are_shuffled_and_complete(tmp_path):
    write(tmp_path / "a.csv", ROWS)
    rows = read(tmp_path / "a.csv")
    assert sorted(rows) == sorted(ROWS)
    # 100 rows of a fair shuffle hold 50 odd ones, give or take 5 times the deviation of 4.5.
    assert 28 <= sum(label == "odd" for _, label in rows[:100]) <= 72


def test_texts_come_back_unchanged_and_repeated_rows_stay(tmp_path):
    write(tmp_path / "a.csv", ODD_TEXTS + ODD_TEXTS)
    assert sorted(read(tmp_path / "a.csv")) == sorted(ODD_TEXTS + ODD_TEXTS)


def test_an_exception_leaves_no_file(tmp_path):
    with pytest.raises(RuntimeError), LabelledTextFile(tmp_path / "a.csv") as out:
        out.add("text", "label")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_nothing_but_the_target_remains(tmp_path):
    write(tmp_path / "a.csv", ROWS)
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
