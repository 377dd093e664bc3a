"""Rows of files, and what is wrong with files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from tidegate.serving.client.tables.formats import TableError
from tidegate.serving.client.tables.reading import RowReader


def read(path: Path, **how: Any) -> list[dict[str, Any]]:
    with RowReader(str(path), **how) as reader:
        return [row.cells for row in reader]


ROWS = [{"text": 'a, "b"\nc', "n": "1"}, {"text": "水闸", "n": "2"}]
CSV = 'text,n\n"a, ""b""\nc",1\n\n水闸,2\n'


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    stored = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(stored) if name.endswith(".gz") else stored)
    return path


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("rows.csv", CSV),
        ("rows.CSV.gz", CSV),
        ("rows.tsv", 'text\tn\n"a, ""b""\nc"\t1\n水闸\t2\n'),
        ("rows.jsonl", "\n".join(json.dumps(row) for row in ROWS) + "\n\n"),
        ("rows.json.gz", "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)),
        ("marked.csv", "\ufeff" + CSV),
        ("windows.csv", CSV.replace("\n", "\r\n").replace("\r\nc", "\nc")),
    ],
)  # fmt: skip
def test_each_format_gives_the_same_rows(tmp_path: Path, name: str, content: str) -> None:
    path = write(tmp_path, name, content)
    with RowReader(str(path)) as reader:
        assert reader.columns == ["text", "n"]
        rows = list(reader)
        assert [row.cells for row in rows] == ROWS
        assert 0 < reader.position <= reader.total
        assert reader.left_out.rows == 2
    assert rows[0].place == f"{path}:{1 if 'json' in name else 2}"


def test_parquet_keeps_types(tmp_path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    table = pyarrow.table({"text": ["a", None], "n": [1, 2], "list": [[1.0], [2.0, 3.0]]})
    pyarrow.parquet.write_table(table, tmp_path / "rows.parquet")
    with RowReader(str(tmp_path / "rows.parquet")) as reader:
        rows = [row.cells for row in reader]
        assert (reader.position, reader.total) == (2, 2)
    assert rows == table.to_pylist()


def test_other_encodings_and_delimiters(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "text;n\n水闸;1\n".encode("gb18030"))
    assert read(path, encoding="gb18030", delimiter=";") == [{"text": "水闸", "n": "1"}]


WRONG: dict[str, tuple[str, str | bytes, dict[str, Any], str]] = {
    "empty": ("a.csv", "", {}, "a.csv: the file is empty"),
    "a header alone": ("a.csv", "text\n", {}, "a.csv: no row in this file"),
    "two columns of a name": ("a.csv", "x,x\n1,2\n", {}, "a.csv:1: two columns are called 'x'"),
    "encoding": ("a.csv", b"text\nna\xefve\n", {}, "a.csv:2: not utf-8 (byte 0xef at position 3"),
    "unknown encoding": ("a.csv", "x\n1\n", {"encoding": "klingon"}, "encoding 'klingon'"),
    "wide encoding": ("a.csv", "x\n1\n", {"encoding": "utf-16"}, "encoding 'utf-16'"),
    "quoting": ("a.csv", 'text\n"x"y\n', {}, "a.csv:2: broken quoting"),
    "delimiter": ("a.csv", "x\n1\n", {"delimiter": ";;"}, "part columns by ';;'"),
    "no JSON": ("a.jsonl", '{"x": 1}\nx\n', {}, "a.jsonl:2: not JSON"),
    "no object": ("a.jsonl", "[1]\n", {}, "a.jsonl:1: expected a JSON object a line, got list"),
    "a new key": ("a.jsonl", '{"x": 1}\n{"y": 1}\n', {}, "a.jsonl:2: the first row has no 'y'"),
    "no Parquet": ("a.parquet", "text\n", {}, "a.parquet: not a Parquet file"),
    "ending": ("a.xlsx", "text\n", {}, "a.xlsx: cannot tell the format"),
    "zipped Parquet": ("a.parquet.gz", "text\n", {}, "cannot tell the format"),
    "fields": ("a.csv", "x,y\n1\n1,2\n", {}, "1 of 2 rows cannot be used: "),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_with_its_place(case: str, tmp_path: Path) -> None:
    name, content, how, said = WRONG[case]
    path = write(tmp_path, name, content)
    with pytest.raises(TableError) as caught:
        read(path, **how)
    assert said in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_what_is_no_gzip_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.csv.gz").write_text("text\n")
    with pytest.raises(TableError, match="cannot be read: Not a gzipped file"):
        read(tmp_path / "a.csv.gz")
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"x\n" + b"1\n" * 9999)[:-30])
    with pytest.raises(TableError, match=r"b.csv.gz: cannot be read"):
        read(tmp_path / "b.csv.gz")
    with pytest.raises(TableError, match=r"no such file: nosuch\.csv"):
        RowReader("nosuch.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match="cannot be read: Is a directory"):
        read(tmp_path / "folder.csv")


def test_few_broken_rows_are_counted_and_shown(tmp_path: Path) -> None:
    lines = ["x,y", *(f"{n},{n}" if n % 25 else f"{n}" for n in range(1, 101))]
    path = write(tmp_path, "a.csv", "\n".join(lines))
    with RowReader(str(path)) as reader:
        assert len(list(reader)) == 96
    assert str(reader.left_out) == (
        f"4 of 100 rows cannot be used: {path}:26: 1 fields, the header has 2; "
        f"{path}:51: 1 fields, the header has 2; {path}:76: 1 fields, the header has 2"
    )


def test_many_broken_rows_stop_before_the_file_ends(tmp_path: Path) -> None:
    path = write(tmp_path, "a.csv", "x,y\n1,2\n" + "1\n" * 100_000)
    with (
        RowReader(str(path)) as reader,
        pytest.raises(TableError, match="of 1000 rows cannot be used"),
    ):
        list(reader)
