"""`languages`: which language is a short text in? Made from the names in Babel's CLDR data.

CLDR, the Unicode Common Locale Data Repository, names the world's countries, languages,
currencies, units and so on in each language. The texts are read from the installed Babel.
Left out are texts

- that two of the languages share (compared by `same_text`), as they have no one label;
- without a letter of a script of their language ('kcal', '1 / 2'), as they tell nothing;
- of the names of time zones: each is one pattern ('... Standard Time') filled 150 times.
"""

from __future__ import annotations

import importlib.metadata
import unicodedata
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.data.content_order import LabelledTextFile
from tidegate.data.dataset import Dataset, DatasetError

# Language code to the scripts it is written in, as the first word of their letters' Unicode
# names. CJK stands for Han characters.
LANGUAGES: Mapping[str, tuple[str, ...]] = {
    "ar": ("ARABIC",),
    "bg": ("CYRILLIC",),
    "bn": ("BENGALI",),
    "cs": ("LATIN",),
    "da": ("LATIN",),
    "de": ("LATIN",),
    "el": ("GREEK",),
    "en": ("LATIN",),
    "es": ("LATIN",),
    "fa": ("ARABIC",),
    "fi": ("LATIN",),
    "fr": ("LATIN",),
    "he": ("HEBREW",),
    "hi": ("DEVANAGARI",),
    "hu": ("LATIN",),
    "id": ("LATIN",),
    "it": ("LATIN",),
    "ja": ("CJK", "HIRAGANA", "KATAKANA"),
    "ko": ("HANGUL",),
    "nl": ("LATIN",),
    "pl": ("LATIN",),
    "pt": ("LATIN",),
    "ro": ("LATIN",),
    "ru": ("CYRILLIC",),
    "sv": ("LATIN",),
    "sw": ("LATIN",),
    "ta": ("TAMIL",),
    "th": ("THAI",),
    "tr": ("LATIN",),
    "uk": ("CYRILLIC",),
    "vi": ("LATIN",),
    "zh": ("CJK",),
}

_NAME_TABLES = ("territories", "languages", "variants", "currency_names", "measurement_systems")
_CALENDAR_TABLES = ("months", "days", "quarters", "day_periods")


def same_text(text: str) -> str:
    """What two texts have in common if they count as the same: NFKC, case folded, stripped."""
    return unicodedata.normalize("NFKC", text).casefold().strip()


def letter_scripts(text: str) -> set[str]:
    """The scripts of a text's letters, as the first words of their Unicode names."""
    return {unicodedata.name(char, "?").split()[0] for char in text if char.isalpha()}


def _strings(tree: Any) -> Iterator[str]:
    """All strings in a table of tables."""
    if isinstance(tree, str):
        yield tree
    else:
        for branch in tree.values():
            yield from _strings(branch)


def _names(language: str) -> Iterator[str]:
    """Names that CLDR gives in a language: full forms, no abbreviations, no patterns."""
    # Imported here: listing the data sets does not need it.
    from babel import localedata

    # LocaleDataDict follows CLDR's references from one table to another.
    tables = localedata.LocaleDataDict(localedata.load(language))  # type: ignore[arg-type]
    for table in _NAME_TABLES:
        yield from _strings(tables[table])
    for unit in tables["unit_display_names"].values():
        if "long" in unit:
            yield unit["long"]
    for table in _CALENDAR_TABLES:
        for context in tables[table].values():
            if "wide" in context:
                yield from _strings(context["wide"])
    yield from _strings(tables["eras"]["wide"])


def _texts() -> Iterator[tuple[str, str]]:
    """Each distinct text with its language, without those that two languages share."""
    owner: dict[str, str | None] = {}
    spelling: dict[str, str] = {}
    for language in LANGUAGES:
        for name in _names(language):
            key = same_text(name)
            spelling.setdefault(key, name.strip())
            if owner.setdefault(key, language) != language:
                owner[key] = None
    for key, only in owner.items():
        if only is not None and not letter_scripts(key).isdisjoint(LANGUAGES[only]):
            yield spelling[key], only


def _edition() -> str:
    try:
        version = importlib.metadata.version("babel")
    except importlib.metadata.PackageNotFoundError:
        raise DatasetError(
            "languages: the package babel is not installed; it holds the texts:"
            " install Babel 2.18.0, or choose another data set"
        ) from None
    # Normalisation, case folding and scripts come with Python's Unicode tables.
    return f"Babel {version} with Unicode {unicodedata.unidata_version}"


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    del source
    with LabelledTextFile(folder / "languages.csv") as out:
        for text, language in _texts():
            out.add(text, language)
    return {"train": out.rows}


DATASET = Dataset(
    name="languages",
    task="text_classification",
    title=f"names of countries, currencies, units, ... in {len(LANGUAGES)} languages: which one?",
    source="the installed package Babel: display names of Unicode CLDR",
    licence="Unicode License v3 (CLDR), BSD-3-Clause (Babel)",
    files={"train": "languages.csv"},
    rows={"train": 33_480},
    write=_write,
    checksums={
        "languages.csv": "sha256:38d18c092a055e201e39ecfaf0879999b574ecb35e7798a90428f262d74b9894"
    },
    edition="Babel 2.18.0 with Unicode 13.0.0",
    edition_at_hand=_edition,
    settings={
        "data.text_column": "text",
        "data.label_column": "label",
    },
)
