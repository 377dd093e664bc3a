"""`climate`: two monthly series of the climate, from the data sets inside statsmodels.

- `co2`: carbon dioxide at Mauna Loa in ppm, 1958 to 2001. The package has weekly means, of which
  some are missing; a month's value is the mean of its weeks that are there, as many decimals as
  the weeks have and one more. A month without any week stays a gap: it has no row.
- `elnino`: the sea surface temperature of the eastern Pacific in degrees Celsius, 1950 to 2010,
  a table of years by months.

A data set has one frequency. The package's sunspots are left out, as it has them by year alone:
months of them would be made up, and years would leave the two others a few dozen values.
"""

from __future__ import annotations

import csv
import importlib.metadata
import importlib.util
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tidegate.data.dataset import Dataset, DatasetError
from tidegate.data.source_table import source_rows

_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")


def _edition() -> str:
    try:
        return f"statsmodels {importlib.metadata.version('statsmodels')}"
    except importlib.metadata.PackageNotFoundError:
        raise _missing("the package statsmodels is not installed") from None


def _missing(what: str) -> DatasetError:
    return DatasetError(
        f"climate: {what}; expected the data sets of statsmodels 0.14.6: install that,"
        " or choose another data set"
    )


def _rows(name: str, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """These cells of the rows of one of the package's tables."""
    # find_spec does not run the package, which would import pandas and scipy.
    spec = importlib.util.find_spec("statsmodels")
    if spec is None:
        raise _missing("the package statsmodels is not installed")
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, "datasets", name, f"{name}.csv")
        if path.is_file():
            return (cells for _, cells in source_rows("climate", path, columns))
    raise _missing(f"the installed statsmodels lacks datasets/{name}/{name}.csv")


def _co2() -> Iterator[tuple[str, str]]:
    """(first day of the month, mean of its weeks)."""
    weeks: dict[str, list[float]] = {}
    for date, value in _rows("co2", ["date", "co2"]):
        if value:
            weeks.setdefault(f"{date[:4]}-{date[4:6]}-01", []).append(float(value))
    for month, values in sorted(weeks.items()):
        yield month, f"{statistics.fmean(values):.2f}"


def _elnino() -> Iterator[tuple[str, str]]:
    for year, *values in _rows("elnino", ["YEAR", *_MONTHS]):
        for number, value in enumerate(values, start=1):
            if value:
                yield f"{int(float(year))}-{number:02d}-01", f"{float(value):.2f}"


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    del source
    count = 0
    with (folder / "climate.csv").open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["unique_id", "ds", "y"])
        for name, series in (("co2", _co2), ("elnino", _elnino)):
            try:
                for month, value in series():
                    out.writerow([name, month, value])
                    count += 1
            except ValueError as error:
                raise _missing(f"received a table {name} that reads otherwise: {error}") from None
    return {"train": count}


DATASET = Dataset(
    name="climate",
    task="forecasting",
    title="2 monthly series: CO2 at Mauna Loa (with its gaps), sea temperature of El Niño",
    source="the installed package statsmodels, datasets co2 and elnino (Keeling & Whorf; NOAA)",
    licence="public domain, as the package states",
    files={"train": "climate.csv"},
    rows={"train": 1_253},
    write=_write,
    checksums={
        "climate.csv": "sha256:85c83a60e4f076061d18aafdf5ddcc18dc5c73bcca65b6475c1694aa562bf3ed"
    },
    edition="statsmodels 0.14.6",
    edition_at_hand=_edition,
    settings={"features.horizon": "12", "features.context": "72"},
)
