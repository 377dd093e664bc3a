"""The fingerprint of an ExampleGen's data and code, for caches that know parameters alone."""

from tidegate.components.files import content_fingerprint
from tidegate.components.record_files import data_files


def data_fingerprint(train: str, test: str | None) -> str:
    """Hashes the files that an ExampleGen reads.

    Args:
      train: a data file, or a folder of them.
      test: the same for a fixed test split, or None.

    Raises:
      InputError: there is no such file.
    """
    return content_fingerprint(data_files(train) + (data_files(test) if test else []))


def join(data: str, code: str) -> str:
    """The ExampleGen's `fingerprint`.

    Args:
      data: fingerprint of the data; empty where it is not known before the run.
      code: fingerprint of the code.
    """
    return f"{data}-{code}"


def complete(fingerprint: str, train: str, test: str | None) -> str:
    """An ExampleGen's `fingerprint` with the data's part, which is read from the data if missing.

    Args:
      fingerprint: as `join` made it.
      train: a data file, or a folder of them.
      test: the same for a fixed test split, or None.

    Raises:
      InputError: there is no such file.
    """
    data, _, code = fingerprint.partition("-")
    return fingerprint if data else join(data_fingerprint(train, test), code)
