"""The fingerprint of an ExampleGen's data and code, for caches that know parameters alone."""

import json
import os
from collections.abc import Sequence
from typing import Any

from tidegate.components import files
from tidegate.tables.files import data_files, several, sources
from tidegate.tables.reads import from_dict


def data_fingerprint(train: str, test: str | None, below: Sequence[str] = ()) -> str:
    """Hashes the files that an ExampleGen reads.

    Args:
      train: a data file, or a folder of them.
      test: the same for a fixed test split, or None.
      below: as `data_files` takes it, of train.

    Raises:
      InputError: there is no such file.
    """
    paths = data_files(train, files, below) + (data_files(test, files) if test else [])
    return files.content_fingerprint(paths)


def complete(fingerprint: str, train: str, test: str | None, reads: str = "") -> str:
    """An ExampleGen's `fingerprint` with the data's part, which is read from the data if missing.

    Args:
      fingerprint: that of the data, a hyphen, and that of the code.
      train: a data file, or a folder of them.
      test: the same for a fixed test split, or None.
      reads: what is read of them, as an ExampleGen takes it.

    Raises:
      InputError: there is no such file.
    """
    data, _, code = fingerprint.partition("-")
    if data:
        return fingerprint
    below = getattr(from_dict(None, json.loads(reads)), "below", ()) if reads else ()
    return f"{data_fingerprint(train, test, below)}-{code}"


def known(train: Any, test: Any, reads: Any) -> str:
    """The fingerprint of the data, as far as it is known when the pipeline is made.

    Args:
      train: a data file, or a folder of them, or a RuntimeParameter of one.
      test: the same for a fixed test split, or None.
      reads: what is read of it.
    """
    given = [several(one) if isinstance(one, list | tuple) else one for one in (train, test) if one]
    here = all(isinstance(one, str) and all(map(os.path.exists, sources(one))) for one in given)
    if not here:
        return ""
    below = getattr(reads, "below", ())
    return data_fingerprint(given[0], given[1] if len(given) > 1 else None, below)
