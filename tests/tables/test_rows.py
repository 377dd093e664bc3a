"""Every format gives the same records, plain or gzip'd, one file or a folder."""

from __future__ import annotations

import csv
import gzip
import io
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.tables.cells import as_text
from tidegate.tables.errors import InputError
from tidegate.tables.files import data_files
from tidegate.tables.formats import FileFormat, format_of
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import Rows, check_head

ROWS = [
    ("plain", "a"),
    ('with "quotes", commas, and\ttabs', "b"),
    ("two\nlines", "a"),
    ("dos\r\nlines", "b"),
    ("水闸 🌊 naïve", "类"),
]
COLUMNS = ("text", "label")


def as_csv(rows: Sequence[tuple[str, str]], delimiter: str = ",") -> bytes:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerows([("id", "text", "label"), *((i, *row) for i, row in enumerate(rows))])
    return out.getvalue().encode()


def as_tsv(rows: Sequence[tuple[str, str]]) -> bytes:
    return as_csv(rows, "\t")


def as_json_lines(rows: Sequence[tuple[str, str]]) -> bytes:
    lines = [json.dumps({"id": 1, "label": b, "text": a}, ensure_ascii=False) for a, b in rows]
    return "".join(line + "\n" for line in lines).encode()


def as_parquet(rows: Sequence[tuple[str, str]]) -> bytes:
    out = io.BytesIO()
    table = pyarrow.table(
        {
            "label": pyarrow.array([b for _, b in rows], pyarrow.string()),
            "id": list(range(len(rows))),
            "text": pyarrow.array([a for a, _ in rows], pyarrow.string()),
        }
    )
    pyarrow.parquet.write_table(table, out, row_group_size=2)
    return out.getvalue()


WRITERS: dict[str, Callable[[Sequence[tuple[str, str]]], bytes]] = {
    ".csv": as_csv,
    ".tsv": as_tsv,
    ".tab": as_tsv,
    ".jsonl": as_json_lines,
    ".ndjson": as_json_lines,
    ".json": as_json_lines,
    ".parquet": as_parquet,
    ".pq": as_parquet,
}


def read(
    path: Path | str, columns: tuple[str, ...] = COLUMNS, **how: Any
) -> list[dict[str, Any] | BrokenRow]:
    return [record for _, record in records(path, columns, **how)]


def records(
    path: Path | str, columns: tuple[str, ...] = COLUMNS, **how: Any
) -> list[tuple[str, dict[str, Any] | BrokenRow]]:
    """Each row's place, and its cells by column."""
    with Rows(str(path), FileFormat(**how), columns) as rows:
        return [
            (
                rows.place(number),
                row if isinstance(row, BrokenRow) else dict(zip(columns, row, strict=True)),
            )
            for number, row in rows
        ]


def texts(path: Path | str) -> list[tuple[str, str]]:
    return [(record["text"], record["label"]) for record in read(path)]  # type: ignore[index]


@pytest.mark.parametrize("ending", WRITERS)
def test_every_format_gives_all_records_in_order(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows{ending}"
    path.write_bytes(WRITERS[ending](ROWS))
    assert texts(path) == ROWS


@pytest.mark.parametrize("ending", [e for e in WRITERS if e not in (".parquet", ".pq")])
def test_every_text_format_is_read_gzipped(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"ROWS{ending.upper()}.GZ"
    path.write_bytes(gzip.compress(WRITERS[ending](ROWS)))
    assert texts(path) == ROWS


def test_a_gzip_file_of_several_members_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl.gz"
    path.write_bytes(b"".join(gzip.compress(as_json_lines([row])) for row in ROWS))
    assert texts(path) == ROWS


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl"])
def test_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"rows{ending}"
    rows = ROWS[:2]
    content = WRITERS[ending](rows)
    path.write_bytes(b"\xef\xbb\xbf" + content)
    assert texts(path) == rows


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_line_ends_may_be_crlf_and_the_last_may_be_missing(tmp_path: Path, ending: str) -> None:
    rows = [("one", "a"), ("two", "b")]
    content = WRITERS[ending](rows).replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    path = tmp_path / f"rows{ending}"
    path.write_bytes(content.removesuffix(b"\r\n"))
    assert texts(path) == rows


def test_a_place_is_the_line_where_the_record_begins(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('text,label\none,a\n"two\nlines",b\n\nfour,a\n')
    places = [place for place, _ in records(path)]
    assert places == [f"{path}:{line}" for line in (2, 3, 6)]


def test_the_place_in_json_lines_counts_blank_lines_too(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('\n{"text": "a", "label": 1}\n\n{"text": "b", "label": 2}\n')
    places = [place for place, _ in records(path)]
    assert places == [f"{path}:2", f"{path}:4"]


def test_only_the_columns_asked_for_are_given(tmp_path: Path) -> None:
    for ending, write in WRITERS.items():
        path = tmp_path / f"rows{ending}"
        path.write_bytes(write(ROWS[:1]))
        assert read(path, ("label",)) == [{"label": "a"}]


def test_a_header_may_follow_blank_lines_and_hold_spaces(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("\n\n text , label \nhello,a\n")
    assert texts(path) == [("hello", "a")]


def test_another_delimiter(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(as_csv(ROWS, ";"))
    records = read(path, delimiter=";")
    assert [(r["text"], r["label"]) for r in records] == ROWS  # type: ignore[index]


@pytest.mark.parametrize("delimiter", [";;", "", "\n", '"'])
def test_a_delimiter_that_cannot_be_one_is_refused(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "rows.csv"
    path.write_bytes(as_csv(ROWS))
    if delimiter == "":
        assert texts(path) == ROWS  # An empty setting is the format's own delimiter.
        return
    with pytest.raises(InputError, match=r"data\.delimiter"):
        read(path, delimiter=delimiter)


def test_a_folder_gives_its_files_in_order_without_the_hidden_ones(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", ".hidden.csv", "_SUCCESS", "_part.csv", "README.md", "c.csv.gz"):
        (tmp_path / name).write_bytes(b"text,label\nx,y\n")
    (tmp_path / "folder.csv").mkdir()
    assert data_files(str(tmp_path)) == [str(tmp_path / n) for n in ("a.csv", "b.csv", "c.csv.gz")]


def test_a_file_may_be_named_although_it_is_hidden(tmp_path: Path) -> None:
    path = tmp_path / ".rows.csv"
    path.write_bytes(as_csv(ROWS))
    assert data_files(str(path)) == [str(path)]


def test_a_folder_of_several_formats_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(as_csv(ROWS))
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(as_json_lines(ROWS)))
    with pytest.raises(InputError, match=rf"^{tmp_path}: .*\(csv, jsonl\)"):
        data_files(str(tmp_path))


def test_a_folder_without_data_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.rtf").write_text("x")
    with pytest.raises(InputError, match="no data file in this folder"):
        data_files(str(tmp_path))


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=rf"^no such file or folder: {tmp_path}/none\.csv$"):
        data_files(f"{tmp_path}/none.csv")


def test_a_scheme_that_no_file_system_knows_is_named() -> None:
    with pytest.raises(InputError, match=r"^nowhere://bucket/rows\.csv: cannot be read"):
        data_files("nowhere://bucket/rows.csv")


@pytest.mark.parametrize("name", ["rows.txt", "rows", "rows.xlsx", "rows.csv.zip", "rows.gz"])
def test_an_unknown_ending_is_refused_and_the_known_ones_listed(name: str) -> None:
    with pytest.raises(InputError, match=rf"^{name}: .*\.csv.*\.jsonl.*\.parquet.*\.gz"):
        format_of(name)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("as it is", "as it is"),
        (None, ""),
        (float("nan"), ""),
        (1, "1"),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (1e300, str(int(1e300))),
        (float("inf"), "inf"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        ("水闸".encode(), "水闸"),
        ("half a pair \ud83c", "half a pair ?"),
    ],
)
def test_a_cell_as_text(value: Any, text: str) -> None:
    assert as_text(value) == text
    assert as_text(value).encode().decode() == text


def test_check_head_accepts_a_record_and_refuses_a_bare_header(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("text,label\nx,a\n")
    check_head(str(path), COLUMNS, FileFormat())
    path.write_text("text,label\n\n")
    with pytest.raises(InputError, match=rf"^{path}: no record in this file$"):
        check_head(str(path), COLUMNS, FileFormat())


# Any text that UTF-8 can hold; NUL is no text and CSV has no way to write it.
CELL = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"))


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
@given(st.lists(st.tuples(CELL, CELL), min_size=1, max_size=8))
@settings(max_examples=30, deadline=None)
def test_whatever_a_writer_writes_is_read_back(ending: str, rows: list[tuple[str, str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"rows{ending}"
        path.write_bytes(WRITERS[ending](rows))
        assert texts(path) == rows
