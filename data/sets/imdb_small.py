"""`imdb-small`: the 100 reviews inside the installed tfx package."""

from __future__ import annotations

import csv
import importlib.util
from collections.abc import Mapping
from pathlib import Path

from tidegate.data.content_order import LabelledTextFile
from tidegate.data.dataset import Dataset, DatasetError

_IN_PACKAGE = Path("examples", "imdb", "data", "imdb_small_with_labels.txt")
_LABELS = {"0": "neg", "1": "pos"}


def _missing(what: str) -> DatasetError:
    return DatasetError(
        f"imdb-small: {what}; expected {_IN_PACKAGE} in the package tfx: install it,"
        " or choose another data set"
    )


def _reviews_file() -> Path:
    # find_spec does not run the package, which would import TensorFlow.
    spec = importlib.util.find_spec("tfx")
    if spec is None:
        raise _missing("the package tfx is not installed")
    for folder in spec.submodule_search_locations or ():
        if (Path(folder) / _IN_PACKAGE).is_file():
            return Path(folder) / _IN_PACKAGE
    raise _missing("the installed tfx lacks its example data")


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    del source
    path = _reviews_file()
    with (
        path.open(encoding="utf-8", newline="") as file,
        LabelledTextFile(folder / "imdb-small.csv") as out,
    ):
        for row in csv.DictReader(file):
            if row.get("label") not in _LABELS or not row.get("text"):
                raise _missing(f"received a row {dict(row)!r:.80} in {path}")
            out.add(row["text"], _LABELS[row["label"]])
    return {"train": out.rows}


DATASET = Dataset(
    name="imdb-small",
    task="text_classification",
    title="100 movie reviews (long, English) in two classes: neg and pos",
    source="the installed package tfx, examples/imdb/data/imdb_small_with_labels.txt",
    licence="Apache-2.0 (tfx); the reviews are from the Large Movie Review Dataset, see imdb",
    files={"train": "imdb-small.csv"},
    rows={"train": 100},
    write=_write,
    checksums={
        "imdb-small.csv": "sha256:5d4b8c0eaae865ef2fb82671c2f81131e6ab65a08d6f4fe60242dd8026d51935"
    },
    settings={"data.text_column": "text", "data.label_column": "label"},
)
