"""Paths and URIs: what is read of ``ram://`` is what is read of a disk."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest
from apache_beam.io.filesystem import BeamIOError
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.value_provider import RuntimeValueProvider

from tests.remote_files import RamFileSystem, mended_ram, write
from tidegate.components import files
from tidegate.tables.errors import InputError
from tidegate.tables.files import data_files
from tidegate.tables.left_out import LeftOut
from tidegate.tables.rows import Rows

ROWS = [("tide", "a"), ("水库", "b"), ("moon", "a")]


def _csv(delimiter: str = ",") -> bytes:
    lines = [("text", "label"), *ROWS]
    return "".join(delimiter.join(line) + "\n" for line in lines).encode()


def _json() -> bytes:
    lines = (json.dumps({"text": text, "label": label}) for text, label in ROWS)
    return "\n".join(lines).encode()


def _parquet() -> bytes:
    stored = io.BytesIO()
    columns = dict(zip(("text", "label"), map(list, zip(*ROWS, strict=True)), strict=True))
    pyarrow.parquet.write_table(pyarrow.table(columns), stored, row_group_size=2)
    return stored.getvalue()


FORMATS: dict[str, Callable[[], bytes]] = {
    "rows.csv": _csv,
    "rows.tsv": lambda: _csv("\t"),
    "rows.jsonl": _json,
    "rows.parquet": _parquet,
    "rows.csv.gz": lambda: gzip.compress(_csv()),
    "rows.jsonl.gz": lambda: gzip.compress(_json()),
}


class FailingFileSystem(RamFileSystem):
    """A store that lists its objects and then refuses to give them."""

    class Forbidden(Exception):
        """An error of the store's client: no OSError."""

    @classmethod
    def scheme(cls) -> str:
        return "failing"

    def _list(self, dir_or_prefix: str) -> Any:
        if "closed" in dir_or_prefix:
            cause = self.Forbidden("403: no right to list")
            raise BeamIOError("List failed", {dir_or_prefix: BeamIOError("403", {"x": cause})})
        ram = dir_or_prefix.replace("failing://", "ram://")
        for found in super()._list(ram):
            found.path = found.path.replace("ram://", "failing://")
            yield found

    def exists(self, path: str) -> bool:
        return super().exists(path.replace("failing://", "ram://"))

    def open(self, path: str, *_: Any, **__: Any) -> Any:
        raise self.Forbidden("403: no right\nto read")


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with mended_ram():
        yield


@pytest.mark.parametrize(
    ("path", "local"), [("rows.csv", True), ("/a/b", True), ("gs://b/rows.csv", False)]
)
def test_what_has_a_scheme_is_not_local(path: str, local: bool) -> None:
    assert files.is_local(path) is local


def test_a_relative_path_is_made_absolute_and_a_uri_stays_as_it_is() -> None:
    assert files.absolute("rows.csv") == str(Path.cwd() / "rows.csv")
    assert files.absolute("gs://b/../rows.csv") == "gs://b/../rows.csv"


def test_size_is_that_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_bytes(b"12345")
    assert files.size(str(tmp_path / "rows.csv")) == 5
    assert files.size(write("ram://size/rows.csv", b"12345")) == 5
    with pytest.raises(FileNotFoundError):
        files.size("ram://size/none.csv")


def test_a_remote_folder_is_listed_without_hidden_files() -> None:
    for name in ("b.csv", "a.csv", ".c.csv", "_d.csv", "deeper/e.csv"):
        write(f"ram://listed/{name}", b"text,label\nx,a\n")
    expected = ["ram://listed/a.csv", "ram://listed/b.csv"]
    assert files.list_files("ram://listed") == expected
    assert data_files("ram://listed/", files) == expected


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_is_read_alike_from_a_disk_and_a_store(tmp_path: Path, name: str) -> None:
    content = FORMATS[name]()
    (tmp_path / name).write_bytes(content)
    here, there = str(tmp_path / name), write(f"ram://formats/{name}", content)
    assert data_files(there, files) == [there]
    with Rows(there, columns=("text", "label"), opener=files) as stored:
        read = list(stored)
    assert [row for _, row in read] == ROWS
    with Rows(here, columns=("text", "label")) as local:
        assert list(local) == read
    assert files.content_fingerprint([there]) == files.content_fingerprint([here])


def test_parquet_comes_in_batches_from_a_store() -> None:
    path = write("ram://batches/rows.parquet", _parquet())
    with Rows(path, columns=("text", "more"), optional=("more",), opener=files) as rows:
        batches = list(rows.batches(2, LeftOut()))
    assert [
        {name: cells.to_pylist() for name, cells in one.columns.items()} for one in batches
    ] == [
        {"text": ["tide", "水库"]},
        {"text": ["moon"]},
    ]
    assert [one.numbers.tolist() for one in batches] == [[1, 2], [3]]


def test_a_stored_file_can_be_read_from_any_place() -> None:
    content = bytes(range(256)) * 9_000  # More than is asked for at once.
    with files.open_bytes(write("ram://places/file", content)) as file:
        assert file.read(3) == content[:3]
        assert file.seek(-5, io.SEEK_END) == len(content) - 5
        assert file.read() == content[-5:]
        file.seek(1_500_000)
        assert (file.read(7), file.tell()) == (content[1_500_000:1_500_007], 1_500_007)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("ram://none/rows.csv", "no such file or folder: ram://none/rows.csv"),
        (
            "tide://b/rows.csv",
            "tide://b/rows.csv: cannot be read: Beam has no file system for tide:// here; expected "
            "a local path, or gs://, s3://, azfs://, hdfs://",
        ),
        ("s3://b/rows.csv", "s3://b/rows.csv: cannot be read: s3:// needs apache-beam[aws]"),
        (
            "azfs://b/c/rows.csv",
            "azfs://b/c/rows.csv: cannot be read: azfs:// needs apache-beam[azure]",
        ),
        (
            "failing://closed/rows.csv",
            "failing://closed/rows.csv: cannot be read: 403: no right to list",
        ),
    ],
    ids=["no object", "no file system", "no AWS", "no Azure", "no right"],
)
def test_what_cannot_be_listed_is_one_line(
    path: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("boto3", "azure"):  # As where they are not installed.
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(InputError) as error:
        data_files(path, files)
    assert str(error.value) == line


def test_what_a_store_refuses_to_give_is_one_line() -> None:
    write("ram://kept/rows.csv", _csv())
    (path,) = data_files("failing://kept", files)
    with pytest.raises(InputError) as error, Rows(path, columns=("text",), opener=files) as rows:
        list(rows)
    assert str(error.value) == (
        "failing://kept/rows.csv: cannot be read: Forbidden: 403: no right to read"
    )


def test_beams_file_systems_learn_the_runs_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileSystems, "_pipeline_options", None)
    monkeypatch.setattr(RuntimeValueProvider, "runtime_options", None)
    given: list[Any] = []

    class Optional(RamFileSystem):
        def __init__(self, pipeline_options: Any) -> None:
            super().__init__(pipeline_options)
            given.append(pipeline_options.get_all_options().get("hdfs_host"))

        @classmethod
        def scheme(cls) -> str:
            return "optional"

    files.check_scheme("optional://b")
    files.set_beam_options(["--hdfs_host=tide"])
    files.check_scheme("optional://b")
    assert given == [None, "tide"]


def test_the_fingerprint_is_of_names_and_contents_not_of_the_folder(tmp_path: Path) -> None:
    def fingerprint(folder: str, name: str, content: str) -> str:
        path = tmp_path / folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        return files.content_fingerprint([str(path)])

    first = fingerprint("one", "a.csv", "x")
    assert fingerprint("two", "a.csv", "x") == first
    assert fingerprint("two", "a.csv", "y") != first
    assert fingerprint("two", "b.csv", "x") != first
    assert len(first) == 16


def test_the_fingerprint_sees_a_change_behind_the_first_mebibyte(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"x" * (3 << 20))
    first = files.content_fingerprint([str(path)])
    path.write_bytes(b"x" * (3 << 20) + b"y")
    assert files.content_fingerprint([str(path)]) != first


def test_the_fingerprint_of_two_files_is_not_that_of_one(tmp_path: Path) -> None:
    for name, content in (("a.csv", "x"), ("b.csv", "y")):
        (tmp_path / name).write_text(content)
    paths = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    assert files.content_fingerprint(paths) != files.content_fingerprint(paths[:1])
