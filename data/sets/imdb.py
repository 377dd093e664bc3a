"""`imdb`: the Large Movie Review Dataset v1.0, sentiment of English movie reviews."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from tidegate.data.content_order import LabelledTextFile
from tidegate.data.dataset import Archive, Dataset

_FILES = {"train": "train.csv", "test": "test.csv"}


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    # Imported here: listing the data sets does not need the readers.
    from tidegate.data.imdb_reviews import read_reviews

    if source is None:
        raise ValueError("imdb is written from an archive or a local copy; received none")
    with ExitStack() as stack:
        out = {
            split: stack.enter_context(LabelledTextFile(folder / name))
            for split, name in _FILES.items()
        }
        for review in read_reviews(source):
            out[review.split].add(review.text, review.label)
    return {split: file.rows for split, file in out.items()}


DATASET = Dataset(
    name="imdb",
    task="text_classification",
    title="50,000 movie reviews (long, English) in two classes: neg and pos",
    source="https://ai.stanford.edu/~amaas/data/sentiment/ (Maas et al., ACL 2011, P11-1015)",
    licence="none stated; the authors ask to cite the paper",
    files=_FILES,
    # As the authors split it; 12,500 of each class in each. The unlabelled reviews are left out.
    rows={"train": 25_000, "test": 25_000},
    write=_write,
    archive=Archive(
        url="https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",
        file_name="aclImdb_v1.tar.gz",
        checksum="sha256:c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    ),
    settings={"data.text_column": "text", "data.label_column": "label"},
)
