"""`injected_faults`: hourly series with faults of six kinds, made from a seed.

A series has a level, a day's season, quieter weekends, and noise that is half of the hour's
before. Each has faults of one kind: one in its first half, which is trained on, and four later.
Their size is given in units of the noise's standard deviation:

- `spike`: one value is off by the size.
- `level_shift`: a day's values are.
- `drop_out`: six values are 0; the size is how far the level is from it.
- `flat_line`: a day and a half repeats its first value; the size is the season's height.
- `variance`: for a day the noise is as many times as large.
- `season`: a day and a half of the season is upside down; the size is its height.

The label is 1 from a fault's first step to eight steps behind its last: its end is a part of it.
"""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from tidegate.data.dataset import Dataset

KINDS = ("spike", "level_shift", "drop_out", "flat_line", "variance", "season")
_LASTS = {"spike": 1, "level_shift": 24, "drop_out": 6, "flat_line": 36, "variance": 24,
          "season": 36}  # fmt: skip
_EACH, _STEPS = 4, 1_500
_SIZES = (5.0, 7.0, 10.0, 14.0, 20.0)
_BEHIND = 8
# Where faults are, as shares of a series: each begins within a fiftieth behind.
_PLACES = (0.2, 0.62, 0.7, 0.78, 0.93)


def _series(kind: str, number: int) -> Iterator[tuple[float, int, str]]:
    """By step: the value, its label, and the size of a fault, if there is one."""
    drawn = random.Random(f"{kind} {number}")
    noise = drawn.uniform(0.5, 3.0)
    level, height = noise * drawn.uniform(20, 60), noise * drawn.uniform(4, 8)
    phase = drawn.randrange(24)
    sizes = list(_SIZES)
    drawn.shuffle(sizes)
    faults = {}
    for share, size in zip(_PLACES, sizes, strict=True):
        begin = round(_STEPS * share) + drawn.randrange(_STEPS // 50)
        fixed = {"drop_out": level / noise, "flat_line": 2 * height / noise,
                 "season": 2 * height / noise, "variance": size / 2}  # fmt: skip
        sign = drawn.choice((-1, 1))
        faults[begin] = (fixed.get(kind, size), sign)
    off = last = size = 0.0
    sign, begin = 1, -_STEPS
    for step in range(_STEPS):
        if step in faults:
            begin, (size, sign) = step, faults[step]
        within = step < begin + _LASTS[kind]
        labelled = step < begin + _LASTS[kind] + _BEHIND
        off = 0.5 * off + noise * math.sqrt(0.75) * drawn.gauss(0, 1)
        season = height * math.sin(2 * math.pi * (step + phase) / 24)
        weekend = 0.95 if step // 24 % 7 >= 5 else 1.0
        value = weekend * level + season + off
        if within:
            if kind in ("spike", "level_shift"):
                value += sign * size * noise
            elif kind == "drop_out":
                value = 0.0
            elif kind == "flat_line":
                value = last
            elif kind == "variance":
                value += (size - 1) * off
            else:
                value -= 2 * season
        last = value
        yield value, int(labelled), f"{size:.1f}" if labelled else ""


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    del source
    first, count = datetime(2024, 1, 1), 0
    with (folder / "injected_faults.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["unique_id", "ds", "y", "label", "kind", "size"])
        for kind in KINDS:
            for number in range(_EACH):
                for step, (value, label, size) in enumerate(_series(kind, number)):
                    time = (first + timedelta(hours=step)).isoformat(sep=" ")
                    out.writerow([f"{kind}_{number}", time, f"{value:.3f}", label, kind, size])
                    count += 1
    return {"train": count}


DATASET = Dataset(
    name="injected_faults",
    task="anomaly_detection",
    title="24 hourly series with faults of six kinds, labelled",
    source="made by this package from a seed",
    licence="Apache-2.0, as this package",
    files={"train": "injected_faults.csv"},
    rows={"train": len(KINDS) * _EACH * _STEPS},
    write=_write,
    checksums={
        "injected_faults.csv": "sha256:"
        "3b227d73e4e8a3918fd47691ca3a672fcdaeb61f6a8fe9253898318a46e7b633"
    },
    settings={
        "data.label_column": "label",
        "data.static": "kind",
        "data.valid_size": "0.15",
        "data.eval_size": "0.3",
        "data.test_size": "0.1",
    },
)
