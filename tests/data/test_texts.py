"""python_docs and wikitext2: what they hold, and copies that are something else."""

from __future__ import annotations

import gzip
import hashlib
import inspect
import json
import pydoc_data.topics
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tidegate.data import registry
from tidegate.data.dataset import Dataset, DatasetError
from tidegate.data.preparation import prepare_dataset
from tidegate.data.sets import python_docs, wikitext2

ARTICLES = {
    "train": " \n = Tides = \n \n The tide <unk> at noon . \n The gate is shut . \n",
    "valid": " \n = Gates = \n \n The gate is shut . \n",
    "test": " \n = Noon = \n",
}
NAMES = ("train.txt", "wiki.train.tokens")


def _paragraphs(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def test_python_docs_are_the_topics_and_the_modules_about_themselves(tmp_path: Path) -> None:
    prepared = registry.prepare("python_docs", tmp_path)
    text = prepared.train.read_text(encoding="utf-8")
    topics = _paragraphs("\n\n".join(pydoc_data.topics.topics.values()))
    paragraphs = _paragraphs(text)
    assert set(topics) <= set(paragraphs)
    # Topics repeat each other, and a language model is judged on what it has not seen.
    assert len(set(topics)) < len(topics)
    assert len(set(paragraphs)) == len(paragraphs)
    for kept, left_out in ((json, json.dumps), (inspect, inspect.getmodule)):
        assert set(_paragraphs(str(inspect.getdoc(kept)))) <= set(paragraphs)
        assert set(_paragraphs(str(inspect.getdoc(left_out)))).isdisjoint(paragraphs)
    assert text.count("\n") == prepared.rows["train"]
    assert 450_000 < len(text) < 650_000
    assert prepared.test is None
    assert prepared.edition == python_docs.DATASET.current_edition()
    assert (prepared.note == "") == (prepared.edition == python_docs.DATASET.edition)


def test_python_docs_of_a_python_without_its_manual(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DatasetError, match=r"lacks pydoc_data.topics; .*libpython3-stdlib"):
        registry.prepare("python_docs", tmp_path / "none")
    assert not (tmp_path / "none").exists()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Dataset:
    """`wikitext2` for the articles here: their counts and checksums in place of the real ones."""
    words = sorted(Counter(ARTICLES["train"].split()).items())
    listed = "".join(f"{word} {count}\n" for word, count in words)
    monkeypatch.setattr(wikitext2, "_TRAIN_WORDS", _sha256(listed))
    return replace(
        wikitext2.DATASET,
        rows={split: text.count("\n") for split, text in ARTICLES.items()},
        checksums={
            f"{split}.txt": f"sha256:{_sha256(ARTICLES[split])}" for split in ("valid", "test")
        },
    )


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def copy_of(folder: Path, name: str = "{}.txt", **other: str) -> Path:
    """A copy with files of such names; texts other than the real ones by their split."""
    folder.mkdir()
    for split, text in {**ARTICLES, **other}.items():
        path = folder / name.format(split)
        content = text.encode()
        path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return folder


@pytest.mark.parametrize("name", ["{}.txt", "{}.txt.gz", "wiki.{}.tokens", "wiki.{}.tokens.gz"])
def test_wikitext2_in_its_own_split(small: Dataset, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    prepared = prepare_dataset(small, out, copy_of(tmp_path / "copy", name))
    assert prepared.train == out
    assert prepared.test is None
    for split, text in ARTICLES.items():
        assert (out / f"{split}.txt").read_bytes() == text.encode()
    assert prepare_dataset(small, out).reused


def test_wikitext2_in_another_order_of_articles(small: Dataset, tmp_path: Path) -> None:
    lines = ARTICLES["train"].splitlines(keepends=True)
    source = copy_of(tmp_path / "copy", train="".join(reversed(lines)))
    assert prepare_dataset(small, tmp_path / "out", source).rows == small.rows


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"train": ARTICLES["train"].replace("<unk>", "turns")}, "train.txt has 11 distinct words"),
        ({"train": ARTICLES["train"] + "\n"}, "received 6 train rows.*expected 5 train rows"),
        ({"valid": ARTICLES["valid"].replace("shut", "open")}, "valid.txt has the wrong checksum"),
    ],
)
def test_another_text_is_refused(
    small: Dataset, tmp_path: Path, other: dict[str, str], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare_dataset(small, tmp_path / "out", copy_of(tmp_path / "copy", **other))


def test_a_copy_that_cannot_be_read(small: Dataset, tmp_path: Path) -> None:
    source, out = copy_of(tmp_path / "copy", "{}.txt.gz"), tmp_path / "out"
    with pytest.raises(
        DatasetError, match=r"expected a copy of your own: .*wikitext2 --from FOLDER"
    ):
        prepare_dataset(small, out)
    damaged = source / "train.txt.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"train.txt.gz is damaged"):
        prepare_dataset(small, out, source)
    damaged.write_bytes(gzip.compress("Gezeiten im März".encode("latin-1")))
    with pytest.raises(DatasetError, match=r"train.txt.gz is not UTF-8"):
        prepare_dataset(small, out, source)
    damaged.unlink()
    with pytest.raises(DatasetError, match=r"holds no train.txt and no wiki.train.tokens"):
        prepare_dataset(small, out, source)
