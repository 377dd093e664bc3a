"""Checksums that name their algorithm: `'sha256:<hex digest>'`."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash

_BLOCK = 1 << 20


def start(checksum: str) -> _Hash:
    """A new hash object of the algorithm that `checksum` names.

    Raises:
        ValueError: if `checksum` is not `'<algorithm>:<hex digest>'` of a known algorithm.
    """
    algorithm, _, digest = checksum.partition(":")
    if not digest:
        raise ValueError(f"received checksum {checksum!r}; expected '<algorithm>:<hex digest>'")
    return hashlib.new(algorithm)


def of_file(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file, with its algorithm's name in front.

    Raises:
        OSError: if the file cannot be read.
    """
    digest = hashlib.new(algorithm)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def matches(path: Path, checksum: str) -> bool:
    """Whether the file has the checksum.

    Raises:
        OSError: if the file cannot be read.
    """
    return of_file(path, start(checksum).name) == checksum.lower()
