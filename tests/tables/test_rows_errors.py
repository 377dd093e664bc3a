"""What cannot be read names file and line, in one line."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.tables.test_rows import records as read
from tidegate.tables.errors import InputError
from tidegate.tables.formats import FileFormat
from tidegate.tables.row_formats import BrokenRow
from tidegate.tables.rows import Rows

COLUMNS = ("text", "label")


def write(folder: Path, name: str, content: bytes | str) -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


def refused(path: str, **how: Any) -> str:
    """The message with which a file is refused, without the path in front."""
    with pytest.raises(InputError) as caught:
        read(path, **how)
    message = str(caught.value)
    assert message.startswith(path), message
    assert len(message.splitlines()) == 1, message
    return message.removeprefix(path)


def test_gb18030_is_read_where_it_is_set(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "text,label\n水闸随潮,好\n".encode("gb18030"))
    assert read(path, encoding="gb18030") == [(f"{path}:2", {"text": "水闸随潮", "label": "好"})]


def test_a_wrong_encoding_names_line_byte_and_setting(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", b"text,label\ngood,a\nna\xefve,b\n")
    message = refused(path)
    assert message.startswith(":3: not utf-8 (byte 0xef at position 3 of the line)")
    assert "data.encoding" in message


def test_records_before_a_wrong_byte_are_given(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.jsonl", b'{"text": "x", "label": 1}\n{"text": "\xff"}\n')
    with Rows(path, FileFormat(), COLUMNS) as rows:
        records = iter(rows)
        assert next(records) == (1, ("x", 1))
        with pytest.raises(InputError, match=":2: not utf-8"):
            next(records)


@pytest.mark.parametrize("encoding", ["nonsense", "hex", "undefined"])
def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path, encoding: str) -> None:
    message = refused(write(tmp_path, "rows.csv", "text,label\nx,a\n"), encoding=encoding)
    assert repr(encoding) in message and "utf-8" in message


@pytest.mark.parametrize(
    ("content", "how"),
    [
        ("text,label\nx,a\n".encode("utf-16"), {}),
        ("text\tlabel\r\nx\ta\r\n".encode("utf-16"), {"delimiter": "\\t"}),
        ("text,label\nx,a\n".encode("utf-16-be"), {"encoding": "utf-16-be"}),
        (b"text,label\rx,a\r", {}),
        (b"sep=;\r\ntext;label\r\nx;a\r\n", {}),
        (b"text;label\nx;a\n", {"delimiter": ";"}),
        (b"x,a\n", {"header": ("text", "label")}),
        (b"text,label\n'x','a'\n", {"quote_char": "'"}),
    ],
)
def test_what_spreadsheets_write(tmp_path: Path, content: bytes, how: dict[str, Any]) -> None:
    path = write(tmp_path, "rows.csv", content)
    assert [record for _, record in read(path, **how)] == [{"text": "x", "label": "a"}]


def test_a_byte_that_is_no_utf_16_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "text,label\nx,a\n".encode("utf-16") + b"\x00\xd8")
    assert ": not utf-16 after this line" in refused(path)


def test_a_nul_byte_names_its_line(tmp_path: Path) -> None:
    message = refused(write(tmp_path, "rows.csv", "text,label\nx,a\ny\0,b\n"))
    assert message.startswith(":3: a NUL byte") and "data.encoding=utf-16" in message


ROWS = [f"text {n},{'ab'[n % 2]}" for n in range(40)]


@pytest.mark.parametrize("wide", [2, 3])
def test_a_stray_quote_swallows_no_rows_unseen(tmp_path: Path, wide: int) -> None:
    rows = [f"{n}," * (wide - 2) + row for n, row in enumerate(ROWS)]
    rows[5] = rows[5].replace("text", '"text')
    rows[20] = rows[20].replace("20,", '20",', 1) if wide == 2 else rows[20] + '"'
    header = "id," * (wide - 2) + "text,label"
    path = write(tmp_path, "rows.csv", "\n".join([header, *rows, ""]))
    message = refused(path)
    assert message.startswith(":7: a quoted cell goes on to line 22, and 16 of these lines look")
    assert "data.quoting=none" in message
    assert len(read(path, quoting="none")) == 40
    assert len(read(path, quoting="trusted")) == 25


def test_cells_of_several_lines_are_read_and_counted(tmp_path: Path) -> None:
    cells = ["a, b\nc, d", "\n\n", "one\ntwo, three\nfour", "plain"]
    path = write(tmp_path, "rows.csv", "text,label\n" + "".join(f'"{c}",x\n' for c in cells))
    with Rows(path, columns=COLUMNS) as rows:
        assert [row[0] for _, row in rows] == cells  # type: ignore[index]
        assert rows.several_lines == (3, 2)


def test_what_is_taken_for_a_name_is_shown_in_short(tmp_path: Path) -> None:
    message = refused(write(tmp_path, "rows.csv", f"{'long ' * 99},b\nx,a\n"))
    assert len(message) < 200 and "long long" in message


def test_utf_8_sig_is_utf_8(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", b"\xef\xbb\xbftext,label\nx,a\n")
    assert read(path, encoding="utf-8-sig") == [(f"{path}:2", {"text": "x", "label": "a"})]


def test_broken_quoting_names_the_line_where_the_record_began(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", 'text,label\nx,a\n"two\nlines" and more,b\nz,a\n')
    assert refused(path).startswith(":3: broken quoting: ")


def test_a_quote_never_closed_names_the_line_where_it_was_opened(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", 'text,label\nx,a\n"open,b\ny,a\nz,b\n')
    assert refused(path).startswith(":3: broken quoting: ")


def test_a_quote_never_closed_does_not_read_on_for_ever(tmp_path: Path) -> None:
    line = b"0123456789abcde\n" * 4096
    path = write(tmp_path, "rows.csv.gz", b"")
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(b'text,label\nx,a\n"open,b\n')
        for _ in range(1_000):  # 62 MiB
            file.write(line)
    with Rows(path, FileFormat(), COLUMNS) as rows:
        with pytest.raises(InputError, match=r":3: broken quoting: field larger than"):
            list(rows)
        # It stops after 16 MiB of the field.
        assert rows.position < rows.total / 2


def test_a_wrong_number_of_fields_is_a_broken_row_and_reading_goes_on(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "text,label\nx\ny,b\nz,a,more\n")
    assert read(path) == [
        (f"{path}:2", BrokenRow("1 fields where the header has 2")),
        (f"{path}:3", {"text": "y", "label": "b"}),
        (f"{path}:4", BrokenRow("3 fields where the header has 2")),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('{"text": "x"', ":2: not JSON: "),
        ("[", ":2: not JSON: "),
        ("NaNs", ":2: not JSON: "),
        ('{"text": ' + "9" * 5_000 + "}", ":2: not JSON: "),
        ('["x", "a"]', ":2: expected a JSON object a line, got list"),
        ('"x"', ":2: expected a JSON object a line, got str"),
        ("null", ":2: expected a JSON object a line, got NoneType"),
    ],
)
def test_json_errors_name_the_line(tmp_path: Path, line: str, said: str) -> None:
    path = write(tmp_path, "rows.jsonl", '{"text": "x", "label": "a"}\n' + line + "\n")
    assert refused(path).startswith(said)


def test_a_json_record_may_lack_a_value(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.jsonl", '{"text": "x", "label": 1}\n{"label": null}\n')
    assert [record for _, record in read(path)][1] == {"text": None, "label": None}


@pytest.mark.parametrize("name", ["rows.csv", "rows.jsonl", "rows.tsv"])
def test_an_empty_file_is_refused(tmp_path: Path, name: str) -> None:
    assert refused(write(tmp_path, name, b"")) == ": the file is empty"
    assert refused(write(tmp_path, f"{name}.gz", gzip.compress(b""))) == ": the file is empty"


def test_an_empty_parquet_file_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, "rows.parquet", b"")).startswith(": not a Parquet file: ")


def test_a_missing_column_names_the_nearest_and_the_setting(tmp_path: Path) -> None:
    files = {
        "rows.csv": b"Text,category\nx,a\n",
        "rows.jsonl": b'{"Text": "x", "category": "a"}\n',
    }
    out = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"Text": ["x"], "category": ["a"]}), out)
    files["rows.parquet"] = out.getvalue()
    for name, content in files.items():
        message = refused(write(tmp_path, name, content))
        assert message.startswith(": no column 'text'. Did you mean 'Text'?"), message
        assert "--set data." in message


def test_a_missing_column_without_a_near_one_lists_all(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "text,category\nx,a\n")
    assert ": no column 'label'. Known: category, text." in refused(path)


def test_a_wrong_delimiter_shows_as_a_missing_column(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv", "text;label\nx;a\n")
    assert ": no column 'text'. " in refused(path)


def test_a_truncated_gzip_file_is_refused_after_what_could_be_read(tmp_path: Path) -> None:
    lines = b"text,label\n" + b"".join(b"row %d,a\n" % i for i in range(50_000))
    path = write(tmp_path, "rows.csv.gz", gzip.compress(lines)[:-2_000])
    assert refused(path).startswith(": cannot be read: ")


def test_a_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    lines = b"text,label\n" + b"".join(b"row %d,a\n" % (i * 7919) for i in range(50_000))
    packed = bytearray(gzip.compress(lines))
    packed[20_000:20_100] = b"\xff" * 100
    assert refused(write(tmp_path, "rows.csv.gz", bytes(packed))).startswith(": cannot be read: ")


def test_what_is_called_gz_and_is_not_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.csv.gz", "text,label\nx,a\n")
    assert refused(path).startswith(": cannot be read: Not a gzipped file")


def test_what_is_called_parquet_and_is_not_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, "rows.parquet", "text,label\nx,a\n")
    assert refused(path).startswith(": not a Parquet file: ")


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    table = pyarrow.table({"text": [f"t{i}" for i in range(5_000)], "label": ["a"] * 5_000})
    pyarrow.parquet.write_table(table, out)
    content = bytearray(out.getvalue())
    content[10:2_000] = b"\xff" * 1_990
    refused(write(tmp_path, "rows.parquet", bytes(content)))
