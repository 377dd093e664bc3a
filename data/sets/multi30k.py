"""`multi30k`: captions of pictures in German and in English, with their own split.

Of the validation captions every other one is what the gates are judged on, so that all training
captions are trained on.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Mapping
from pathlib import Path

from tidegate.data.dataset import Dataset, DatasetError

_SPLITS = {"train": "train", "val": "valid", "test_2016_flickr": "test"}
_LANGUAGES = ("de", "en")


def _read(folder: Path, split: str, language: str) -> list[str]:
    names = (f"{split}.{language}.gz", f"{split}.{language}")
    path = next((folder / name for name in names if (folder / name).is_file()), None)
    if path is None:
        raise DatasetError(
            f"multi30k: {folder} holds no {' and no '.join(names)}; expected a folder with those of"
            f" {', '.join(_SPLITS)} in {' and '.join(_LANGUAGES)}: pass it with --from"
        )
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            lines = str(file.read()).split("\n")
    except UnicodeDecodeError as error:
        raise DatasetError(f"multi30k: {path} is not UTF-8: {error}; get a good copy") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(
            f"multi30k: {path} is damaged ({error}); expected a whole gzip file: get it again"
        ) from error
    return [line.strip() for line in lines[: -1 if not lines[-1] else None]]


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    if source is None:
        raise ValueError("multi30k is written from a local copy; received none")
    rows = 0
    with (folder / "multi30k.tsv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow([*_LANGUAGES, "split"])
        for name, split in _SPLITS.items():
            sides = [_read(source, name, language) for language in _LANGUAGES]
            sizes = [len(side) for side in sides]
            if len(set(sizes)) > 1:
                raise DatasetError(
                    f"multi30k: {name} has {sizes[0]:,} German and {sizes[1]:,} English lines;"
                    " expected as many of each: get a good copy"
                )
            for number, pair in enumerate(zip(*sides, strict=True)):
                place = "eval" if split == "valid" and number % 2 else split
                writer.writerow([*pair, place])
                rows += 1
    return {"train": rows}


DATASET = Dataset(
    name="multi30k",
    task="translation",
    title="31,014 captions of pictures in German and English, parted as published (Multi30K)",
    source="Elliott et al., Multi30K: Multilingual English-German Image Descriptions, 2016",
    licence="for research and education, not commercial (those who made Flickr30K)",
    files={"train": "multi30k.tsv"},
    rows={"train": 31_014},
    write=_write,
    copy="FOLDER",
    checksums={
        "multi30k.tsv": "sha256:e6d6bb3d890c7bb250b9e0ae37636ad5ba0ec807742d95d51eb14e0696710d0c"
    },
    settings={
        "data.source_column": "de",
        "data.target_column": "en",
        "data.split_column": "split",
    },
)
