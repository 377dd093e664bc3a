"""Where files come from: this machine, or what an opener reaches."""

import json
import os
from collections.abc import Sequence
from typing import BinaryIO, Protocol

from tidegate.tables.errors import InputError
from tidegate.tables.formats import endings, format_of, is_text, known_format


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


def several(paths: Sequence[str]) -> str:
    """Several paths as one text, as a parameter of a pipeline holds them; `sources` parts them."""
    return paths[0] if len(paths) == 1 else json.dumps(list(paths), ensure_ascii=False)


def sources(text: str) -> list[str]:
    """The paths of a text: one, or those that `several` joined."""
    if not text.startswith("["):
        return [text]
    try:
        paths = json.loads(text)
    except ValueError:
        return [text]
    return [str(path) for path in paths] if isinstance(paths, list) else [text]


def data_files(path: str, opener: Opener = LOCAL, below: Sequence[str] = ()) -> list[str]:
    """The data files that a path names: itself, or those of a folder; of several, all of theirs.

    Args:
      path: of a file or folder, or what `several` gave.
      opener: reaches it.
      below: names of plain files below the folder, where settings name them: it is they then.

    Raises:
      InputError: nothing is there, the ending is not known, a folder mixes formats, or a file is
        named twice.
    """
    if below:
        return [_file_below(path, name, opener) for name in below]
    named = [file for source in sources(path) for file in _files_of(source, opener)]
    for file in named:
        if named.count(file) > 1:
            raise InputError(f"{file}: named twice; expected each file once")
    return named


def _file_below(folder: str, name: str, opener: Opener) -> str:
    path = f"{folder.rstrip('/')}/{name}"
    try:
        opener.size(path)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: {opener.reason(error)}; the data settings name a file {name!r} below {folder}"
        ) from None
    return path


def _files_of(path: str, opener: Opener) -> list[str]:
    try:
        listed = opener.list_files(path)
    except FileNotFoundError:
        raise InputError(f"no such file or folder: {path}") from None
    except (OSError, ValueError) as error:  # ValueError: a scheme that nothing reaches.
        raise InputError(f"{path}: cannot be read: {opener.reason(error)}") from None
    if listed == [path]:
        if not is_text(path):
            format_of(path)
        return listed
    known = {file: kind for file in listed if (kind := known_format(file))}
    # Plain text beside a table is a note on it.
    known = known or {file: "text" for file in listed if is_text(file)}
    if not known:
        raise InputError(f"{path}: no data file in this folder; expected {endings()}, .txt")
    formats = sorted(set(known.values()))
    if len(formats) > 1:
        raise InputError(f"{path}: files of several formats ({', '.join(formats)}); expected one")
    return list(known)
