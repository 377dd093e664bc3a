"""cldr_phrases and multi30k: both sides beside their sources, and copies that are others."""

from __future__ import annotations

import csv
import gzip
from dataclasses import replace
from pathlib import Path

import pytest
from babel import Locale

from tidegate.data import registry
from tidegate.data.dataset import Dataset, DatasetError
from tidegate.data.phrases import phrases
from tidegate.data.preparation import prepare_dataset
from tidegate.data.sets import multi30k


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_phrases_are_of_one_value_in_both_languages(tmp_path: Path) -> None:
    prepared = registry.prepare("cldr_phrases", tmp_path)
    rows = rows_of(prepared.train)
    pairs = {row["source"]: row["target"] for row in rows}
    # No source has two translations, one of which would be wrong.
    assert len(pairs) == len(rows) == prepared.rows["train"] > 20_000
    english, german = Locale("en"), Locale("de")
    for code in ("DE", "JP", "CI"):
        assert pairs[english.territories[code]] == german.territories[code]
    # May is its own abbreviation.
    months = {english.months["format"]["wide"][n]: n for n in range(1, 13) if n != 5}
    dates = [one for one in pairs if one.split()[0] in months and one.count(" ") == 2]
    assert len(dates) > 300
    for text in dates:
        month, day, year = text.replace(",", "").split()
        expected = f"{day}. {german.months['format']['wide'][months[month]]} {year}"
        assert pairs[text] == expected
    euros = [one for one in pairs if one.endswith(" euros")]
    assert len(euros) > 100
    for text in euros:
        number = text.removesuffix(" euros").translate(str.maketrans(",.", ".,"))
        assert pairs[text] == f"{number} Euro"
    lists = [one for one in pairs if ", and " in one]
    assert len(lists) > 1_000
    assert all(" und " in pairs[one] for one in lists)
    assert not any("\u00a0" in text or "\u202f" in text for pair in pairs.items() for text in pair)
    assert (prepared.note == "") == (registry.get("cldr_phrases").edition == prepared.edition)


def test_phrases_of_another_language_are_drawn_alike() -> None:
    german, chinese = (list(phrases(language, each=20)) for language in ("de", "zh"))
    assert german == list(phrases("de", each=20))
    both = {one for one, _ in german} & {one for one, _ in chinese}
    assert len(both) > 1_000
    assert dict(chinese)["Germany"] == Locale("zh").territories["DE"]


def copied(folder: Path, ending: str = ".gz", **other: str) -> Path:
    folder.mkdir()
    for split in ("train", "val", "test_2016_flickr"):
        for language in ("de", "en"):
            text = other.get(f"{split}_{language}", f"{split} {language} 1\n{split}, \t2 \n")
            path = folder / f"{split}.{language}{ending}"
            path.write_bytes(gzip.compress(text.encode()) if ending else text.encode())
    return folder


@pytest.fixture
def small() -> Dataset:
    """`multi30k` for the captions here: without the real ones' checksum."""
    return replace(multi30k.DATASET, rows={"train": 6}, checksums={})


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_multi30k_in_its_own_split(small: Dataset, tmp_path: Path, ending: str) -> None:
    prepared = prepare_dataset(small, tmp_path / "out", copied(tmp_path / "copy", ending))
    assert prepared.test is None
    rows = rows_of(prepared.train)
    assert [row["split"] for row in rows] == ["train"] * 2 + ["valid", "eval"] + ["test"] * 2
    assert (rows[1]["de"], rows[1]["en"]) == ("train, \t2", "train, \t2")
    assert rows[2]["de"] == "val de 1"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"val_de": "a\n"}, "val has 1 German and 2 English lines"),
        ({"train_de": "a\n", "train_en": "b\n"}, "received 5 train rows; expected 6 train rows"),
    ],
)
def test_another_copy_is_refused(
    small: Dataset, tmp_path: Path, other: dict[str, str], message: str
) -> None:
    with pytest.raises(DatasetError, match=message):
        prepare_dataset(small, tmp_path / "out", copied(tmp_path / "copy", **other))


def test_a_copy_that_cannot_be_read(small: Dataset, tmp_path: Path) -> None:
    source, out = copied(tmp_path / "copy"), tmp_path / "out"
    damaged = source / "val.en.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DatasetError, match=r"val.en.gz is damaged"):
        prepare_dataset(small, out, source)
    damaged.write_bytes(gzip.compress("Gezeiten im März".encode("latin-1")))
    with pytest.raises(DatasetError, match=r"val.en.gz is not UTF-8"):
        prepare_dataset(small, out, source)
    damaged.unlink()
    with pytest.raises(DatasetError, match=r"holds no val.en.gz and no val.en;"):
        prepare_dataset(small, out, source)
