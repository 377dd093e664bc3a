"""A CSV file of labelled texts whose row order depends on the rows alone.

The rows are sorted by a hash of their content: a shuffle that is the same on every machine, in
every process and for every source that delivers the same rows, whatever order it has them in.
"""

from __future__ import annotations

import csv
import hashlib
import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import TextIO

_SEED = b"tidegate 1\0"
_BUCKETS = "0123456789abcdef"


class LabelledTextFile:
    """Writes `text,label` rows to a CSV file, in the order of their hashes.

    Rows wait in sixteen files beside the target, by the first digit of their hash; closing
    sorts one of them at a time, so that memory holds about a sixteenth of the data.

    Use as a context manager; the target appears when the block ends without an exception.

    Attributes:
        rows: number of rows added so far.
    """

    def __init__(self, path: Path) -> None:
        self.rows = 0
        self._path = path
        self._stack = ExitStack()
        self._buckets: dict[str, TextIO] = {}

    def __enter__(self) -> LabelledTextFile:
        for digit in _BUCKETS:
            bucket = self._bucket_path(digit).open("w+", encoding="utf-8")
            self._buckets[digit] = self._stack.enter_context(bucket)
        return self

    def add(self, text: str, label: str) -> None:
        """Adds one row."""
        content = json.dumps([text, label])
        digest = hashlib.sha256(_SEED + content.encode()).hexdigest()
        # JSON without raw line breaks: one row is one line, and sorting lines sorts by hash.
        self._buckets[digest[0]].write(f"{digest}\t{content}\n")
        self.rows += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            if error is None:
                self._write_sorted()
        for digit in _BUCKETS:
            self._bucket_path(digit).unlink(missing_ok=True)

    def _bucket_path(self, digit: str) -> Path:
        return self._path.with_name(f".{self._path.name}.{digit}")

    def _write_sorted(self) -> None:
        with self._path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(["text", "label"])
            for bucket in self._buckets.values():
                bucket.seek(0)
                writer.writerows(json.loads(line.split("\t", 1)[1]) for line in sorted(bucket))
