"""Where files come from: this machine, or what an opener reaches."""

import os
from typing import BinaryIO, Protocol

from tidegate.tables.errors import InputError
from tidegate.tables.formats import endings, format_of, known_format


class Opener(Protocol):
    """Reaches files by path or URI."""

    def open_bytes(self, path: str) -> BinaryIO:
        """Opens a file for reading, as stored. Raises OSError."""

    def list_files(self, path: str) -> list[str]:
        """The file itself, or the files of a folder that are not hidden; sorted.

        Raises:
          FileNotFoundError: there is no such file or folder.
          OSError: it cannot be listed.
          ValueError: nothing reaches such a URI.
        """

    def size(self, path: str) -> int:
        """The file's size in bytes. Raises OSError."""

    def reason(self, error: BaseException) -> str:
        """Why a file could not be reached, in one line."""


class LocalFiles:
    """Files of this machine; see `Opener`."""

    def open_bytes(self, path: str) -> BinaryIO:
        """See `Opener`."""
        return open(path, "rb")

    def list_files(self, path: str) -> list[str]:
        """See `Opener`."""
        if "://" in path:
            raise ValueError("a URI; expected a file of this machine")
        if os.path.isfile(path):
            return [path]
        if not os.path.isdir(path):
            raise FileNotFoundError(path)
        names = sorted(name for name in os.listdir(path) if name[0] not in "._")
        paths = [os.path.join(path, name) for name in names]
        return [file for file in paths if os.path.isfile(file)]

    def size(self, path: str) -> int:
        """See `Opener`."""
        return os.path.getsize(path)

    def reason(self, error: BaseException) -> str:
        """See `Opener`."""
        text = getattr(error, "strerror", None) or " ".join(str(error).split())
        return text or type(error).__name__


LOCAL = LocalFiles()


def data_files(path: str, opener: Opener = LOCAL) -> list[str]:
    """The data files that a path names: itself, or those of a folder.

    Raises:
      InputError: nothing is there, the ending is not known, or a folder mixes formats.
    """
    try:
        listed = opener.list_files(path)
    except FileNotFoundError:
        raise InputError(f"no such file or folder: {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a scheme that nothing reaches.
        raise InputError(f"{path}: cannot be read: {opener.reason(error)}") from None
    if listed == [path]:
        format_of(path)
        return listed
    known = {file: kind for file in listed if (kind := known_format(file))}
    if not known:
        raise InputError(f"{path}: no data file in this folder; expected {endings()}")
    formats = sorted(set(known.values()))
    if len(formats) > 1:
        raise InputError(f"{path}: files of several formats ({', '.join(formats)}); expected one")
    return list(known)
