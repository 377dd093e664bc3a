"""Files by path or URI: what is local through the standard library, the rest through Beam."""

import hashlib
import os
from collections.abc import Iterable
from typing import BinaryIO, cast


def is_local(path: str) -> bool:
    """Whether a path names a file of this machine."""
    return "://" not in path


def open_bytes(path: str) -> BinaryIO:
    """Opens a file or URI for reading, as stored (gzip is not undone).

    Raises:
      OSError: it cannot be opened.
    """
    if is_local(path):
        return open(path, "rb")
    from apache_beam.io.filesystem import CompressionTypes
    from apache_beam.io.filesystems import FileSystems

    return cast(BinaryIO, FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED))


def list_files(path: str) -> list[str]:
    """The file itself, or the files of a folder that are not hidden; sorted.

    Raises:
      FileNotFoundError: there is no such file or folder.
    """
    if is_local(path):
        if os.path.isfile(path):
            return [path]
        if not os.path.isdir(path):
            raise FileNotFoundError(path)
        names = sorted(name for name in os.listdir(path) if name[0] not in "._")
        files = [os.path.join(path, name) for name in names]
        return [file for file in files if os.path.isfile(file)]
    from apache_beam.io.filesystems import FileSystems

    patterns = [path, path.rstrip("/") + "/*"]
    for match in FileSystems.match(patterns):
        found = sorted(item.path for item in match.metadata_list)
        if found:
            return [file for file in found if file.rpartition("/")[2][:1] not in ("", ".", "_")]
    raise FileNotFoundError(path)


def size(path: str) -> int:
    """The file's size in bytes.

    Raises:
      OSError: there is no such file.
    """
    if is_local(path):
        return os.path.getsize(path)
    from apache_beam.io.filesystems import FileSystems

    (match,) = FileSystems.match([path])
    return int(match.metadata_list[0].size_in_bytes)


def content_fingerprint(paths: Iterable[str]) -> str:
    """Hashes files' names and contents; equal data gives an equal fingerprint.

    Returns:
      16 hexadecimal digits.

    Raises:
      OSError: a file cannot be read.
    """
    digest = hashlib.blake2b(digest_size=8)
    for path in paths:
        digest.update(path.rpartition("/")[2].encode() + b"\0")
        with open_bytes(path) as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    return digest.hexdigest()
