"""The fingerprint of an ExampleGen's data and code, for caches that know parameters alone."""

import os
from typing import Any

from tidegate.components import files
from tidegate.tables.files import data_files, several, sources


def data_fingerprint(train: str, test: str | None) -> str:
    """Hashes the files that an ExampleGen reads.

    Args:
      train: a data file, or a folder of them.
      test: the same for a fixed test split, or None.

    Raises:
      InputError: there is no such file.
    """
    paths = data_files(train, files) + (data_files(test, files) if test else [])
    return files.content_fingerprint(paths)


def complete(fingerprint: str, train: str, test: str | None) -> str:
    """An ExampleGen's `fingerprint` with the data's part, which is read from the data if missing.

    Args:
      fingerprint: that of the data, a hyphen, and that of the code.
      train: a data file, or a folder of them.
      test: the same for a fixed test split, or None.

    Raises:
      InputError: there is no such file.
    """
    data, _, code = fingerprint.partition("-")
    return fingerprint if data else f"{data_fingerprint(train, test)}-{code}"


def known(train: Any, test: Any) -> str:
    """The fingerprint of the data, as far as it is known when the pipeline is made.

    Args:
      train: a data file, or a folder of them, or a RuntimeParameter of one.
      test: the same for a fixed test split, or None.
    """
    given = [several(one) if isinstance(one, list | tuple) else one for one in (train, test) if one]
    here = all(isinstance(one, str) and all(map(os.path.exists, sources(one))) for one in given)
    return data_fingerprint(given[0], given[1] if len(given) > 1 else None) if here else ""
