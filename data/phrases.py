"""Phrases in two languages, made from Babel's CLDR data: names, and values as each writes them.

CLDR, the Unicode Common Locale Data Repository, says how each language names countries, languages,
currencies and units, and how it writes dates, times, numbers, amounts, durations and lists. Both
sides of a pair are the same value, so that one is the translation of the other. The values are
drawn by a generator with a fixed seed.
"""

from __future__ import annotations

import csv
import datetime
import importlib.metadata
import random
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.data.dataset import Dataset, DatasetError

# A value in a language: given a Babel locale, its text.
Phrase = Callable[[Any], str]
_SOURCE = "en"
# Pairs of each kind of value; fewer where some are alike.
_OF_EACH = 3_500
_NAMES = ("territories", "languages", "currencies", "scripts")
_DATES = ("full", "long", "medium")
_PARTS = ("yMMMM", "MMMd", "MMMEd", "yQQQQ", "MMMMd")
_CURRENCIES = ("EUR", "USD", "GBP", "JPY", "CHF", "CNY", "SEK", "INR", "BRL", "PLN", "TRY", "KRW")
_UNITS = (
    *("length-kilometer", "length-meter", "length-centimeter", "length-mile", "mass-kilogram"),
    *("mass-gram", "duration-hour", "duration-minute", "duration-second", "volume-liter"),
    *("temperature-celsius", "speed-kilometer-per-hour", "area-square-meter", "power-kilowatt"),
    *("digital-megabyte", "energy-kilowatt-hour", "frequency-hertz", "angle-degree"),
)
# By unit of a duration, its seconds as Babel has them.
_SECONDS: Mapping[Any, int] = {
    "minute": 60,
    "hour": 3_600,
    "day": 86_400,
    "week": 604_800,
    "month": 2_592_000,
    "year": 31_536_000,
}


def phrases(language: str, each: int = _OF_EACH) -> Iterator[tuple[str, str]]:
    """Pairs of an English phrase and the same one in another language.

    No English phrase comes twice, and white space is plain spaces.

    Args:
      language: CLDR's code.
      each: pairs of each kind of value.
    """
    # Imported here: listing the data sets does not need it.
    from babel import Locale

    source, target = Locale.parse(_SOURCE), Locale.parse(language)
    seen: set[str] = set()

    def new(phrase: Phrase) -> Iterator[tuple[str, str]]:
        pair = tuple(" ".join(phrase(locale).split()) for locale in (source, target))
        if pair[0] not in seen:
            seen.add(pair[0])
            yield pair[0], pair[1]

    named = list(_named(source, target))
    for phrase in named:
        yield from new(phrase)
    draw = random.Random(0)
    for kind in (_date, _time, _number, _amount, _measure, _duration):
        for _ in range(each):
            yield from new(kind(draw))
    for _ in range(2 * each):
        yield from new(_listed(draw, named))


def _named(source: Any, target: Any) -> Iterator[Phrase]:
    """What both languages have a name for."""
    for table in _NAMES:
        there = getattr(target, table)
        for code in sorted(getattr(source, table)):
            if code in there:
                yield _name(table, code)


def _name(table: str, code: str) -> Phrase:
    return lambda locale: str(getattr(locale, table)[code])


def _date(draw: random.Random) -> Phrase:
    from babel import dates

    day = datetime.date(1950, 1, 1) + datetime.timedelta(days=draw.randrange(36_500))
    if draw.random() < 0.6:
        form = draw.choice(_DATES)
        return lambda locale: dates.format_date(day, form, locale=locale)
    parts = draw.choice(_PARTS)
    return lambda locale: dates.format_skeleton(parts, day, locale=locale)


def _time(draw: random.Random) -> Phrase:
    from babel import dates

    day = datetime.date(2000, 1, 1) + datetime.timedelta(days=draw.randrange(12_000))
    clock = datetime.time(draw.randrange(24), draw.randrange(60), draw.randrange(60))
    if draw.random() < 0.3:
        return lambda locale: dates.format_time(clock, "medium", locale=locale)
    at = datetime.datetime.combine(day, clock)
    return lambda locale: dates.format_datetime(at, "medium", locale=locale)


def _value(draw: random.Random) -> float:
    """A number of a size that people write, with up to two decimals."""
    return round(draw.random() * 10 ** draw.randint(0, 6), draw.randint(0, 2))


def _number(draw: random.Random) -> Phrase:
    from babel import numbers

    value = _value(draw) * draw.choice((1, 1, 1, -1))
    if draw.random() < 0.7:
        return lambda locale: numbers.format_decimal(value, locale=locale)
    share = round(value % 1, 3)
    return lambda locale: numbers.format_percent(share, locale=locale, decimal_quantization=False)


def _amount(draw: random.Random) -> Phrase:
    from babel import numbers

    value, code = _value(draw), draw.choice(_CURRENCIES)
    return lambda locale: numbers.format_currency(value, code, locale=locale, format_type="name")


def _measure(draw: random.Random) -> Phrase:
    from babel import units

    value, unit = draw.choice((1, round(_value(draw) % 1_000, 1))), draw.choice(_UNITS)
    return lambda locale: str(units.format_unit(value, unit, length="long", locale=locale))


def _duration(draw: random.Random) -> Phrase:
    """So much time ago, or in so much time."""
    from babel import dates

    unit = draw.choice(list(_SECONDS))
    count = draw.randint(1, 99) * draw.choice((1, -1))
    delta = datetime.timedelta(seconds=count * _SECONDS[unit])
    return lambda locale: dates.format_timedelta(
        delta, granularity=unit, threshold=1e9, add_direction=True, locale=locale
    )


def _listed(draw: random.Random, named: list[Phrase]) -> Phrase:
    """Two to four names, all of them or one of them."""
    from babel import lists

    some = draw.sample(named, draw.randint(2, 4))
    style: Any = draw.choice(("standard", "standard", "or"))
    return lambda locale: lists.format_list([one(locale) for one in some], style, locale=locale)


def _edition() -> str:
    try:
        return f"Babel {importlib.metadata.version('babel')}"
    except importlib.metadata.PackageNotFoundError:
        raise DatasetError(
            "the package babel is not installed; it holds the phrases: install Babel 2.18.0, or "
            "choose another data set"
        ) from None


def phrase_set(name: str, language: str, title: str, rows: int, known: str) -> Dataset:
    """A data set of phrases.

    Args:
      name: the data set's.
      language: of the translations, CLDR's code.
      title: one line that says what it is.
      rows: pairs, of the edition that is known.
      known: checksum of that.
    """
    file = f"{name}.tsv"

    def write(folder: Path, source: Path | None) -> Mapping[str, int]:
        del source
        count = 0
        with (folder / file).open("w", encoding="utf-8", newline="") as out:
            writer = csv.writer(out, delimiter="\t", lineterminator="\n")
            writer.writerow(["source", "target"])
            for pair in phrases(language):
                writer.writerow(pair)
                count += 1
        return {"train": count}

    return Dataset(
        name=name,
        task="translation",
        title=title,
        source="the installed package Babel: names and forms of Unicode CLDR",
        licence="Unicode License v3 (CLDR), BSD-3-Clause (Babel)",
        files={"train": file},
        rows={"train": rows},
        write=write,
        checksums={file: known},
        edition="Babel 2.18.0",
        edition_at_hand=_edition,
    )
