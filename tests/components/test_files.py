"""Paths and URIs; a file system that Beam knows, without a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from apache_beam.io.filesystem import FileMetadata
from apache_beam.io.localfilesystem import LocalFileSystem

from components import files
from components.record_files import FileFormat, data_files, read_records

_ROOT: dict[str, str] = {}


class TideFileSystem(LocalFileSystem):
    """`tide://rest` is a file under a folder of this machine; Beam finds it by its scheme."""

    @classmethod
    def scheme(cls) -> str:
        return "tide"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join((basepath, *paths))

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        root = Path(_ROOT["path"])
        for path in sorted(root.rglob("*")):
            uri = f"tide://{path.relative_to(root)}"
            if path.is_file() and uri.startswith(dir_or_prefix):
                yield FileMetadata(uri, path.stat().st_size, path.stat().st_mtime)

    def exists(self, path: str) -> bool:
        return os.path.isfile(self._here(path))

    def size(self, path: str) -> int:
        return os.path.getsize(self._here(path))

    def last_updated(self, path: str) -> float:
        return os.path.getmtime(self._here(path))

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, self.size(path), self.last_updated(path))

    def _here(self, path: str) -> str:
        return os.path.join(_ROOT["path"], path.removeprefix("tide://"))

    def open(self, path: str, mime_type: str = "", compression_type: str = "auto") -> object:
        assert compression_type == "uncompressed"
        return open(self._here(path), "rb")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    _ROOT["path"] = str(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("path", "local"), [("rows.csv", True), ("/a/b", True), ("gs://b/rows.csv", False)]
)
def test_what_has_a_scheme_is_not_local(path: str, local: bool) -> None:
    assert files.is_local(path) is local


def test_size_is_that_of_the_file(remote: Path) -> None:
    (remote / "rows.csv").write_bytes(b"12345")
    assert files.size(str(remote / "rows.csv")) == 5
    assert files.size("tide://rows.csv") == 5


def test_a_remote_folder_is_listed_without_hidden_files(remote: Path) -> None:
    folder = remote / "bucket"
    folder.mkdir()
    for name in ("b.csv", "a.csv", ".c.csv", "_d.csv"):
        (folder / name).write_text("text,label\nx,a\n")
    expected = ["tide://bucket/a.csv", "tide://bucket/b.csv"]
    assert files.list_files("tide://bucket") == expected
    assert data_files("tide://bucket/") == expected


def test_a_remote_file_is_listed_and_read(remote: Path) -> None:
    (remote / "rows.csv").write_text("text,label\nx,a\n")
    assert data_files("tide://rows.csv") == ["tide://rows.csv"]
    records = list(read_records("tide://rows.csv", ("text",), FileFormat()))
    assert records == [("tide://rows.csv:2", {"text": "x"})]


def test_a_remote_path_that_is_not_there_is_not_found(remote: Path) -> None:
    with pytest.raises(FileNotFoundError):
        files.list_files("tide://none.csv")


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
