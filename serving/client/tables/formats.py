"""File formats by ending, and the one kind of error that files give."""

import os

_FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class TableError(ValueError):
    """A file, or what is to be made of it, is wrong; one line says what and where."""

    def __init__(self, message: str) -> None:
        # A library's message or a column's name woven into it may hold line breaks.
        super().__init__(" ".join(line.strip() for line in message.splitlines()))


def is_zipped(path: str) -> bool:
    """Whether a file is gzip'd, by its ending."""
    return path.lower().endswith(".gz")


def format_of(path: str) -> str:
    """``csv``, ``tsv``, ``jsonl`` or ``parquet``, by the file's ending.

    Raises:
      TableError: the ending is none of those known.
    """
    stem = path[: -len(".gz")] if is_zipped(path) else path
    ending = os.path.splitext(stem)[1].lower()
    if ending not in _FORMATS or (is_zipped(path) and _FORMATS[ending] == "parquet"):
        known = ", ".join(sorted(_FORMATS))
        raise TableError(
            f"{path}: cannot tell the format from the ending {ending!r}; expected {known}, "
            "each but Parquet also with .gz"
        )
    return _FORMATS[ending]
