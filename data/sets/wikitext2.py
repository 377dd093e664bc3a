"""`wikitext2`: WikiText-2, articles of Wikipedia in words, with its own split and vocabulary.

Words are parted by spaces, and rare ones are `<unk>` already, so that perplexities compare with
those that are published. A line is a paragraph, a heading or empty; the end of each counts as one
more token there.
"""

from __future__ import annotations

import collections
import gzip
import hashlib
import zlib
from collections.abc import Mapping
from pathlib import Path

from tidegate.data.dataset import Dataset, DatasetError

_FILES = {"train": "train.txt", "valid": "valid.txt", "test": "test.txt"}
# SHA-256 of "word count\n" by word. Copies have the articles of train in several orders.
_TRAIN_WORDS = "d10dec96002295be8a0348d78b9f042a6014a4a0c7363277d5cda94e4654a32f"


def _find(folder: Path, split: str) -> Path:
    for name in (f"{split}.txt", f"wiki.{split}.tokens"):
        for path in (folder / name, folder / f"{name}.gz"):
            if path.is_file():
                return path
    raise DatasetError(
        f"wikitext2: {folder} holds no {split}.txt and no wiki.{split}.tokens, plain or .gz;"
        " expected a folder with those of train, valid and test: pass it with --from"
    )


def _read(path: Path) -> str:
    opened = gzip.open if path.suffix == ".gz" else open
    try:
        with opened(path, "rt", encoding="utf-8") as file:
            content = file.read()
    except UnicodeDecodeError as error:
        raise DatasetError(f"wikitext2: {path} is not UTF-8: {error}; get a good copy") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DatasetError(
            f"wikitext2: {path} is damaged ({error}); expected a whole gzip file: get it again"
        ) from error
    return str(content)


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    if source is None:
        raise ValueError("wikitext2 is written from a local copy; received none")
    lines = {}
    for split, name in _FILES.items():
        path = _find(source, split)
        content = _read(path)
        if split == "train":
            counts = sorted(collections.Counter(content.split()).items())
            listed = "".join(f"{word} {count}\n" for word, count in counts)
            if hashlib.sha256(listed.encode()).hexdigest() != _TRAIN_WORDS:
                raise DatasetError(
                    f"wikitext2: {path} has {len(counts):,} distinct words, and not those of"
                    " WikiText-2's train in their numbers (33,277, beside the ends of lines):"
                    " expected the data set in words, not the raw one"
                )
        (folder / name).write_text(content, encoding="utf-8", newline="\n")
        lines[split] = content.count("\n")
    return lines


DATASET = Dataset(
    name="wikitext2",
    task="language_model",
    title="2 million words of Wikipedia's articles, in 33,278 different ones (WikiText-2)",
    source="Merity et al., Pointer Sentinel Mixture Models, 2016 (arXiv 1609.07843)",
    licence="CC BY-SA",
    files=_FILES,
    rows={"train": 36_718, "valid": 3_760, "test": 4_358},
    write=_write,
    copy="FOLDER",
    checksums={
        "valid.txt": "sha256:f0737ed31fc1329026e95cb8b98e19c2a182c39c240ab909dc31abf2f8af58e8",
        "test.txt": "sha256:d790b833ef8cf03a90db7bf1271b7520b83c45ce07ba3c1a9699df81e239eca0",
    },
    settings={"data.split_files": "true", "features.tokenizer": "spaces"},
)
