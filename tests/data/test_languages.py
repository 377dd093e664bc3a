"""languages: its labels, scripts and texts, against Babel's own interface."""

from __future__ import annotations

import collections
import csv
import os
import re
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
from babel import Locale

import tidegate.data.sets
from tidegate.data import registry
from tidegate.data.dataset import PreparedData

# Blocks from Unicode's Blocks.txt.
BLOCKS = {
    "ar": r"\u0600-\u06ff",
    "bg": r"\u0400-\u04ff",
    "bn": r"\u0980-\u09ff",
    "el": r"\u0370-\u03ff\u1f00-\u1fff",
    "fa": r"\u0600-\u06ff",
    "he": r"\u0590-\u05ff",
    "hi": r"\u0900-\u097f",
    "ja": r"\u3040-\u30ff\u4e00-\u9fff\u3400-\u4dbf",
    "ko": r"\uac00-\ud7af",
    "ru": r"\u0400-\u04ff",
    "ta": r"\u0b80-\u0bff",
    "th": r"\u0e00-\u0e7f",
    "uk": r"\u0400-\u04ff",
    "zh": r"\u4e00-\u9fff\u3400-\u4dbf",
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory) -> PreparedData:
    return registry.prepare("languages", tmp_path_factory.mktemp("languages"))


@pytest.fixture(scope="module")
def rows(prepared) -> list[tuple[str, str]]:
    with prepared.train.open(encoding="utf-8", newline="") as file:
        return [(row["text"], row["label"]) for row in csv.DictReader(file)]


def test_counts(prepared, rows):
    assert len(rows) == prepared.rows["train"]
    assert 30_000 <= len(rows) <= 36_000
    per_label = collections.Counter(label for _, label in rows)
    assert len(per_label) == 32
    assert {"zh", "ja", "ko", "ru", "ar", "hi"} <= per_label.keys()
    assert min(per_label.values()) >= 500
    assert prepared.test is None


def test_tested_edition_is_compared_with_its_checksum(prepared):
    dataset = registry.get("languages")
    assert (prepared.note == "") == (dataset.current_edition() == dataset.edition)


def test_every_text_has_a_letter_of_its_language(rows):
    letters = {label: re.compile(f"[{block}]") for label, block in BLOCKS.items()}
    latin = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")
    lacking = [row for row in rows if not letters.get(row[1], latin).search(row[0])]
    assert lacking == []


def test_thirteen_scripts(rows):
    # The first word of a letter's name in Unicode is its script.
    found = {
        unicodedata.name(char, "?").split()[0]
        for text, _ in rows
        for char in text
        if char.isalpha()
    }
    scripts = "LATIN CYRILLIC GREEK ARABIC HEBREW DEVANAGARI BENGALI TAMIL THAI"
    assert {*scripts.split(), "CJK", "HIRAGANA", "KATAKANA", "HANGUL"} <= found


def test_no_text_occurs_twice_in_any_spelling(rows):
    keys = collections.Counter(
        unicodedata.normalize("NFKC", text).casefold().strip() for text, _ in rows
    )
    assert [key for key, count in keys.items() if count > 1] == []


def test_shared_names_are_left_out_and_own_names_are_in(rows):
    texts = dict(rows)
    german, english = Locale("de").territories, Locale("en").territories
    # ISO 3166 codes: Angola is written alike in both, Germany is not.
    assert german["AO"] == english["AO"]
    assert english["AO"] not in texts
    assert Locale("ja").territories["JP"] == Locale("zh").territories["JP"] == "日本"
    assert "日本" not in texts
    assert texts[german["DE"]] == "de"
    assert texts[english["DE"]] == "en"
    assert texts[Locale("ko").currencies["KRW"]] == "ko"
    assert texts[Locale("cs").months["format"]["wide"][1]] == "cs"


def test_rows_are_mixed(rows):
    assert len({label for _, label in rows[:1000]}) == 32


def test_same_bytes_in_processes_with_other_hash_seeds(prepared, tmp_path):
    root = Path(tidegate.data.sets.__path__[0]).parents[1]
    code = "import sys; from pathlib import Path; from data import registry\n"
    code += "registry.prepare('languages', Path(sys.argv[1]))"
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / seed)],
            cwd=root,
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
        assert (tmp_path / seed / "languages.csv").read_bytes() == prepared.train.read_bytes()
