"""Answers to files: formats, and that a file is whole or as it was."""

from __future__ import annotations

import csv
import gzip
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tidegate.tables.errors import InputError
from tidegate.tables.writing import open_writer

COLUMNS = ["text", "score", "list", "flag"]
ROWS: list[dict[str, Any]] = [
    {"text": 'a, "b"\nc', "score": 0.5, "list": [1.0, float("nan")], "flag": True},
    {"text": "水闸", "score": float("nan"), "list": [], "flag": None},
]


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> None:
    with open_writer(str(path), list(rows[0]), {}) as writer:
        writer.write(rows[:1])
        writer.write(rows[1:])


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv"])
def test_csv(tmp_path: Path, name: str) -> None:
    write(tmp_path / name)
    stored = (tmp_path / name).read_bytes()
    text = (gzip.decompress(stored) if name.endswith("gz") else stored).decode()
    delimiter = "\t" if name.endswith("tsv") else ","
    assert list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter)) == [
        COLUMNS,
        ['a, "b"\nc', "0.5", "[1.0, null]", "true"],
        ["水闸", "", "[]", ""],
    ]


def test_json_lines(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl.gz")
    lines = gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"text": 'a, "b"\nc', "score": 0.5, "list": [1.0, None], "flag": True},
        {"text": "水闸", "score": None, "list": [], "flag": None},
    ]
    assert "水闸" in lines[1]


def test_parquet_in_several_groups(tmp_path: Path) -> None:
    import pyarrow.parquet

    with open_writer(str(tmp_path / "a.parquet"), ["n", "nothing"], {}) as writer:
        for start in range(0, 20_000, 100):
            writer.write([{"n": n, "nothing": None} for n in range(start, start + 100)])
    file = pyarrow.parquet.ParquetFile(tmp_path / "a.parquet")
    assert file.metadata.num_row_groups > 1
    assert file.read()["n"].to_pylist() == list(range(20_000))


def test_parquet_of_mixed_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="column 'x' does not fit one Parquet type"):
        write(tmp_path / "a.parquet", [{"x": 1}, {"x": "a"}])
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl.gz", "a.parquet"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(RuntimeError), open_writer(str(tmp_path / name), ["x"], {}) as writer:
        writer.write([{"x": 1}] * 10_000)
        assert (tmp_path / name).read_text() == "mine"
        raise RuntimeError
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_the_standard_output_gets_no_header_before_a_row(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(InputError), open_writer(None, ["x"], {}):
        raise InputError("the first row is refused")
    assert capsys.readouterr().out == ""
    for rows, written in (([{"x": 1}], "x\n1\n"), ([], "x\n")):
        with open_writer(None, ["x"], {}) as writer:
            writer.write(rows)
        assert capsys.readouterr().out == written


def test_permissions_and_links_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "a.csv", tmp_path / "link.csv"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to(target)
    write(link)
    assert link.is_symlink()
    assert target.read_text().startswith("text,")
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    before = os.umask(0o027)
    try:
        write(tmp_path / "new.csv")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "new.csv").stat().st_mode) == 0o640


def test_what_csv_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not fit CSV.*write JSON lines"):
        write(tmp_path / "a.csv", [{"x": "a\x00b"}])
    assert os.listdir(tmp_path) == []


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    import resource
    import signal

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with (
            pytest.raises(InputError, match=r"a\.csv: cannot be written: File too large"),
            open_writer(str(tmp_path / "a.csv"), ["x"], {}) as writer,
        ):
            writer.write([{"x": "a" * 1000}] * 1000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    for path, said in (
        (tmp_path / "nosuch" / "a.csv", "no such folder"),
        (tmp_path / "folder.csv", "it is there and no file"),
        (tmp_path / "a.txt", "cannot tell the format"),
    ):
        with pytest.raises(InputError, match=said), open_writer(str(path), ["x"], {}):
            raise AssertionError("opened")
