"""TensorFlow's ``ram://`` for Beam as well: files that are on no disk, for tests.

Beam finds the class below by its scheme once this module is imported. As an object store, it knows
files alone.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, cast
from unittest import mock

import tensorflow as tf
from apache_beam.io.filesystem import (
    BeamIOError,
    CompressedFile,
    CompressionTypes,
    FileMetadata,
    FileSystem,
)
from tensorflow.python.lib.io import file_io


def write(uri: str, content: bytes) -> str:
    """Makes a file; gives its URI."""
    # ``ram://`` lists a file only where its folder was made.
    tf.io.gfile.makedirs(uri.rpartition("/")[0])
    with tf.io.gfile.GFile(uri, "wb") as file:
        file.write(content)
    return uri


def read(uri: str) -> bytes:
    """A file's content."""
    with tf.io.gfile.GFile(uri, "rb") as file:
        return cast(bytes, file.read())


def tree(uri: str) -> list[str]:
    """All files below a folder, as paths within it."""
    return sorted(
        f"{folder}/{name}".removeprefix(f"{uri}/")
        for folder, _, names in tf.io.gfile.walk(uri)
        for name in names
    )


def _exists(path: str) -> bool:
    return bool(tf.io.gfile.glob(path))


def _isdir(path: str) -> bool:
    return _exists(path) and bool(_TRUE["isdir"](path))


def _listdir(path: str) -> list[str]:
    if not _isdir(path):
        raise tf.errors.NotFoundError(None, None, f"Could not find directory {path}")
    folder = path.rstrip("/")
    return [found.removeprefix(f"{folder}/") for found in tf.io.gfile.glob(f"{folder}/*")]


def _rmtree(path: str) -> None:
    if _isdir(path):
        for name in _listdir(path):
            _rmtree(f"{path.rstrip('/')}/{name}")
    tf.io.gfile.remove(path)


def _rename(src: str, dst: str, overwrite: bool = False) -> None:
    if not _isdir(src):
        _TRUE["rename"](src, dst, overwrite)
        return
    tf.io.gfile.makedirs(dst)
    for name in _listdir(src):
        _rename(f"{src}/{name}", f"{dst}/{name}", overwrite)
    tf.io.gfile.remove(src)


def _copy(src: str, dst: str, overwrite: bool = False) -> None:
    if overwrite and dst.startswith("ram://") and _exists(dst):
        tf.io.gfile.remove(dst)
    _TRUE["copy"](src, dst, overwrite)


# TensorFlow's name of a function inside, the function, and what takes its place for ``ram://``.
_MENDED = {
    "exists": ("file_exists_v2", _exists),
    "isdir": ("is_directory_v2", _isdir),
    "listdir": ("list_directory_v2", _listdir),
    "rmtree": ("delete_recursively_v2", _rmtree),
    "rename": ("rename_v2", _rename),
    "copy": ("copy_v2", _copy),
}
_TRUE: dict[str, Any] = {name: getattr(tf.io.gfile, name) for name in _MENDED}


@contextmanager
def mended_ram() -> Iterator[None]:
    """Has ``ram://`` know folders as TensorFlow's other file systems do.

    It takes ``a/bc`` for a file of the folder ``a/b``, a renamed folder loses its files, and a file
    that is written anew keeps what it held. What Python asks of it is put right here; TensorFlow's
    readers and writers, which name files, are its own.
    """

    def mended(name: str, mend: Any) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            paths = [os.fsdecode(one) if isinstance(one, bytes) else one for one in given]
            paths += [os.fsdecode(named.pop(key)) for key in ("src", "dst", "path") if key in named]
            in_ram = any(isinstance(one, str) and one.startswith("ram://") for one in paths)
            return (mend if in_ram else _TRUE[name])(*paths, **named)

        return call

    check = file_io.FileIO._prewrite_check

    def empty_first(file: Any) -> None:
        path = os.fsdecode(file.name)
        first = "w" in file.mode and file._writable_file is None
        if first and path.startswith("ram://") and _exists(path):
            tf.io.gfile.remove(path)
        check(file)

    with contextlib.ExitStack() as stack:
        for name, (inner, mend) in _MENDED.items():
            call = mended(name, mend)
            stack.enter_context(mock.patch.object(tf.io.gfile, name, call))
            stack.enter_context(mock.patch.object(file_io, inner, call))
        stack.enter_context(mock.patch.object(file_io.FileIO, "_prewrite_check", empty_first))
        yield


class _Stored(io.RawIOBase):
    """A `GFile` for reading, as Python's own streams."""

    mode = "rb"

    def __init__(self, path: str) -> None:
        self._file = tf.io.gfile.GFile(path, "rb")
        self._size = self._file.size()  # Raises where there is none.

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        self._file.seek((0, self.tell(), self._size)[whence] + offset)
        return self.tell()

    def tell(self) -> int:
        return cast(int, self._file.tell())


class _Written(io.BytesIO):
    """What is written; as in an object store, it is there once it is closed."""

    mode = "wb"

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def close(self) -> None:
        if not self.closed:
            write(self._path, self.getvalue())
        super().close()


class RamFileSystem(FileSystem):
    """``ram://`` of this process."""

    @classmethod
    def scheme(cls) -> str:
        return "ram"

    def join(self, basepath: str, *paths: str) -> str:
        return "/".join((basepath.rstrip("/"), *paths))

    def split(self, path: str) -> tuple[str, str]:
        head, _, tail = path.rpartition("/")
        return head, tail

    def mkdirs(self, path: str) -> None:
        tf.io.gfile.makedirs(path)

    def has_dirs(self) -> bool:
        return False

    def _list(self, dir_or_prefix: str) -> Iterator[FileMetadata]:
        folder = dir_or_prefix.rpartition("/")[0]
        for name in tree(folder) if tf.io.gfile.exists(folder) else []:
            uri = f"{folder}/{name}"
            if uri.startswith(dir_or_prefix):
                yield self.metadata(uri)

    def create(
        self,
        path: str,
        mime_type: str = "application/octet-stream",
        compression_type: str = CompressionTypes.AUTO,
    ) -> BinaryIO:
        return self._compressed(_Written(path), path, compression_type)

    def open(
        self,
        path: str,
        mime_type: str = "application/octet-stream",
        compression_type: str = CompressionTypes.AUTO,
    ) -> BinaryIO:
        try:
            stored = io.BufferedReader(_Stored(path))
        except tf.errors.NotFoundError:
            raise BeamIOError("Open operation failed", {path: FileNotFoundError(path)}) from None
        return self._compressed(stored, path, compression_type)

    @staticmethod
    def _compressed(file: Any, path: str, compression_type: str) -> BinaryIO:
        kind = FileSystem._get_compression_type(path, compression_type)
        plain = kind == CompressionTypes.UNCOMPRESSED
        return cast(BinaryIO, file if plain else CompressedFile(file, kind))

    def copy(self, sources: Sequence[str], destinations: Sequence[str]) -> None:
        for source, target in zip(sources, destinations, strict=True):
            for name in tree(source) or [""]:
                write(f"{target}/{name}".rstrip("/"), read(f"{source}/{name}".rstrip("/")))

    def rename(self, sources: Sequence[str], destinations: Sequence[str]) -> None:
        self.copy(sources, destinations)
        self.delete(sources)

    def exists(self, path: str) -> bool:
        return bool(tf.io.gfile.exists(path))

    def size(self, path: str) -> int:
        return int(tf.io.gfile.stat(path).length)

    def last_updated(self, path: str) -> float:
        return tf.io.gfile.stat(path).mtime_nsec / 1e9

    def metadata(self, path: str) -> FileMetadata:
        return FileMetadata(path, self.size(path), self.last_updated(path))

    def delete(self, paths: Sequence[str]) -> None:
        for path in paths:
            if tf.io.gfile.isdir(path):
                tf.io.gfile.rmtree(path)
            else:
                tf.io.gfile.remove(path)
