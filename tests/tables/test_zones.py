"""Wall clocks of time zones: moments as pandas gives them, times shown twice, times never shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tidegate.components.series_example_gen.report import Reading
from tidegate.tables.errors import InputError
from tidegate.tables.formats import FileFormat
from tidegate.tables.grid import Gridding
from tidegate.tables.ordered import merged
from tidegate.tables.reads import SeriesReads
from tidegate.tables.rows import Rows
from tidegate.tables.series import Table, arrange, each_series
from tidegate.tables.series_files import read_tables
from tidegate.tables.time_grid import Step
from tidegate.tables.zones import NEVER, TWICE, zone

BERLIN = FileFormat(timezone="Europe/Berlin")
# Half hours, a change by half an hour, one at midnight, none, one of history alone, two a year in
# the south.
ZONES = ["Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC",
         "Asia/Shanghai", "America/New_York", "Africa/Casablanca"]  # fmt: skip


@pytest.mark.parametrize("name", ZONES)
def test_moments_and_offsets_are_those_of_pandas(name: str) -> None:
    known, none = zone(name), np.zeros(1, bool)
    utc = pd.date_range("1975-01-01", "2025-01-01", freq="4h13min", tz="UTC")
    seconds = utc.tz_localize(None).to_numpy("datetime64[s]").astype(np.int64)
    clock = utc.tz_convert(name).tz_localize(None)
    walls = clock.to_numpy("datetime64[s]").astype(np.int64)
    np.testing.assert_array_equal(known.ahead(seconds), walls - seconds)
    time, ahead, doubt = known.placed(walls, none)
    first = clock.tz_localize(name, ambiguous=np.ones(len(clock), bool)).tz_convert("UTC")
    expected = first.tz_localize(None).to_numpy("datetime64[s]").astype(np.int64)
    np.testing.assert_array_equal(time, expected)
    np.testing.assert_array_equal(time + ahead, walls)
    twice = clock.tz_localize(name, ambiguous="NaT").isna()
    np.testing.assert_array_equal(doubt == TWICE, twice)
    assert (name in ("UTC", "Asia/Kolkata")) or twice.any()
    # Times that the clock never shows.
    walls = np.arange(walls[0] // 900 * 900, walls[-1], 900)
    gap = pd.to_datetime(walls, unit="s").tz_localize(
        name, ambiguous=np.ones(len(walls), bool), nonexistent="NaT"
    )
    np.testing.assert_array_equal(known.placed(walls, none)[2] == NEVER, gap.isna())


def read(folder: Path, lines: list[str], reads: SeriesReads, kind: str = "csv") -> Table:
    rows = pd.DataFrame({"ds": lines, "y": np.arange(float(len(lines)))})
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        rows.assign(ds=pd.to_datetime(rows["ds"])).to_parquet(path)
    else:
        rows.to_csv(path, index=False)
    with Rows(str(path), reads.how, reads.columns) as opened:
        return arrange([*read_tables(opened, reads, False, Reading())])


def hours(begin: str, count: int) -> pd.DatetimeIndex:
    return pd.date_range(begin, periods=count, freq="H", tz="Europe/Berlin")


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("way", [1, -1])
def test_the_hour_that_clocks_repeat_is_told_apart_by_the_order_of_rows(
    tmp_path: Path, kind: str, way: int
) -> None:
    times = hours("2021-10-30 20:00", 12)
    lines = [f"{time:%Y-%m-%d %H:%M}" for time in times][::way]
    assert len(set(lines)) == len(lines) - 1
    reads = SeriesReads("ds", "y", how=BERLIN)
    table = merged(read(tmp_path, lines, reads, kind), reads, ["PATH"])
    np.testing.assert_array_equal(table.time, times.astype(np.int64) // 10**9)
    np.testing.assert_array_equal(table.numbers[:, 0], np.arange(12.0)[::way])
    (series,) = each_series(table)
    places = Gridding(Step(seconds=3600), ["PATH"], how=BERLIN).places(series)
    np.testing.assert_array_equal(places.at, np.arange(12))


@pytest.mark.parametrize(
    ("lines", "duplicates", "said"),
    [
        (
            ["2021-10-31 01:00", "2021-10-31 02:00", "2021-10-31 03:00"],
            "error",
            "PATH:3: series 'series': data.timezone=Europe/Berlin: 2021-10-31 02:00:00 comes twice",
        ),
        (
            ["2021-10-31 01:00", "2021-10-31 02:00", "2021-10-31 02:00"],
            "sum",
            "comes twice there, when clocks are put back, and this row does not say which is meant",
        ),
        (["2021-03-28 01:00", "2021-03-28 02:00"], "error", "PATH:3: .*02:00:00 does not exist"),
    ],
)
def test_hours_that_do_not_say_their_moment_are_refused(
    tmp_path: Path, lines: list[str], duplicates: str, said: str
) -> None:
    reads = SeriesReads("ds", "y", how=BERLIN, duplicates=duplicates)  # type: ignore[arg-type]
    (series,) = each_series(merged(read(tmp_path, lines, reads), reads, ["PATH"]))
    with pytest.raises(InputError, match=said):
        Gridding(Step(seconds=3600), ["PATH"], how=BERLIN).places(series)
    # Days follow the clock on the wall, and need no moment.
    Gridding(Step(seconds=86_400), ["PATH"]).places(
        next(each_series(merged(read(tmp_path, lines[1:2], reads), reads, ["PATH"])))
    )


def test_joined_files_have_a_mark_in_their_midst(tmp_path: Path) -> None:
    for encoding, name in (("utf-8-sig", "a.csv"), ("utf-16", "b.csv")):
        part = "s,ds,y\na,2021-07-0{},1\n"
        rest = "a,2021-07-03,1\n"
        content = part.format(1).encode(encoding) + rest.encode(encoding)
        (tmp_path / name).write_bytes(content)
        with Rows(str(tmp_path / name)) as rows:
            assert [row[0] for _, row in rows] == ["a", "a"]


def test_a_time_without_an_offset_beside_others_with_one_is_refused(tmp_path: Path) -> None:
    lines = ["2021-07-01T00:00+02:00", "2021-07-02T00:00", "2021-07-03T00:00+02:00"]
    path, report, reads = tmp_path / "rows.csv", Reading(), SeriesReads("ds", "y")
    pd.DataFrame({"ds": lines, "y": 1.0}).to_csv(path, index=False)
    with Rows(str(path), reads.how, reads.columns) as opened:
        (table,) = read_tables(opened, reads, False, report)
    (reason,) = report.bad
    assert reason.startswith("no offset, as others have in column 'ds'; data.timezone says")
    assert report.places[reason] == [f"{path}:3: '2021-07-02T00:00'"] and len(table.time) == 2
    assert len(read(tmp_path, lines, SeriesReads("ds", "y", how=BERLIN)).time) == 3


@pytest.mark.parametrize(
    ("line", "form"),
    [
        ("2021-07-01 14:00", None),
        ("2021-07-01T12:00Z", None),
        ("2021-07-01T17:30+05:30", None),
        ("01.07.2021 14:00", "%d.%m.%Y %H:%M"),
        ("2021-07-01 05:00 -0700", "%Y-%m-%d %H:%M %z"),
        ("1625140800", "epoch_s"),
        ("44378.58333333333", "excel"),
    ],
)
def test_only_times_without_an_offset_are_of_the_zone(
    tmp_path: Path, line: str, form: str | None
) -> None:
    reads = SeriesReads("ds", "y", how=FileFormat(timezone="Europe/Berlin", time_format=form))
    table = read(tmp_path, [line], reads)
    assert (table.time[0], table.ahead[0], table.doubt[0]) == (1_625_140_800, 7200, 0)
