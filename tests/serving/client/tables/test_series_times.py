"""The times of a long file's answers: as the file writes them, on the clock of its zone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serving.client.scripted import FLOAT, INT64, Script, signature
from tests.serving.client.tables.long_files import STEPS, answers, sent
from tidegate.serving.client import Client
from tidegate.serving.client.tables.predicting import planned
from tidegate.serving.client.tables.question import Question
from tidegate.tables.errors import InputError
from tidegate.tables.time_grid import parse_step, parse_timestamp

TIMED = {"start": "start", "times": "time", "offsets": "step", "levels": "levels"}


@pytest.fixture
def script() -> Script:
    script = Script()
    answers = {"levels": (FLOAT, STEPS), "offsets": (INT64, STEPS), "times": (INT64, STEPS)}
    script.signatures = {
        "timed": signature(
            {**answers, "y": (FLOAT, STEPS), "start": (INT64, [-1])},
            {**answers, "y": (FLOAT, STEPS)},
        )
    }
    return script


def timed(
    client: Client, folder: Path, cells: list[tuple[str, str, int]], step: str, **more: Any
) -> list[str]:
    """The times of the answers, which are the column `times`; (series, time, times)."""
    rows = [f"{name},{time},1,{answer},1,1" for name, time, answer in cells]
    content = "\n".join(["shop,day,y,times,offsets,levels", *rows, ""])
    asked = {"signature": "timed", "roles": TIMED, "step": parse_step(step)}
    found = answers(client, folder, content, **asked, **more)
    assert found[0] == ["shop", "step", "times", "y"]
    return [row[2] for row in found[1:]]


def test_times_become_dates_again(client: Client, script: Script, tmp_path: Path) -> None:
    cells = [("a", "1970-01-02", 172_800), ("a", "1970-01-03", 259_200), ("b", "2000-01-01", 0)]
    found = timed(client, tmp_path, cells, "D")
    assert sent(script)["start"].tolist() == [86_400, 946_684_800]
    assert found[:3] == ["1970-01-03", "1970-01-04", "1970-01-01"]


@pytest.mark.parametrize(
    ("form", "step", "asked", "start", "answered", "written"),
    [
        ("yearmonth", "MS", ["202011", "202012"], "2020-11-01", "2021-01-01", "202101"),
        ("isoweek", "W", ["202052", "202053"], "2020-12-21", "2021-01-04", "202101"),
        ("epoch_s", "D", ["1609459200", "1609545600"], "2021-01-01", "2021-01-03", "1609632000"),
        ("epoch_ms", "h", ["1609459200000", "1609462800000"], "2021-01-01", "2021-01-01 02:00",
         "1609466400000"),
        ("excel", "D", ["44197", "44198"], "2021-01-01", "2021-01-03", "44199"),
        ("excel", "12h", ["44197.0", "44197.5"], "2021-01-01", "2021-01-02 12:00", "44198.5"),
    ],
)  # fmt: skip
def test_times_that_are_numbers_are_answered_as_such(
    client: Client, script: Script, tmp_path: Path,
    form: str, step: str, asked: list[str], start: str, answered: str, written: str,
) -> None:  # fmt: skip
    begin, answer = (parse_timestamp(time)[0] for time in (start, answered))
    cells, how = [("a", time, answer) for time in asked], {"time_format": form}
    assert timed(client, tmp_path, cells, step, how=how)[0] == written
    assert sent(script)["start"].tolist() == [begin]
    with pytest.raises(InputError, match=f"--time-format={form}: expected a step of .*integer"):
        timed(client, tmp_path, cells, "1", how=how)


def test_days_of_a_zone_are_those_of_its_clock(
    client: Client, script: Script, tmp_path: Path
) -> None:
    cells = [
        ("a", "2024-03-30 00:00:00+01:00", 1_711_929_600),  # 2024-04-01 00:00
        ("a", "2024-03-31 00:00:00+01:00", 1_712_016_000),
        ("b", "2024-04-01 00:00:00+02:00", 1_712_102_400),
    ]
    found = timed(client, tmp_path, cells, "D")
    assert sent(script)["start"].tolist() == [1_711_756_800, 1_711_929_600]
    assert found[:2] == ["2024-04-01 00:00:00+01:00", "2024-04-02 00:00:00+01:00"]
    assert found[2] == "2024-04-03 00:00:00+02:00"


def test_hours_of_a_zone_are_in_order_where_its_clock_goes_back(
    client: Client, script: Script, tmp_path: Path
) -> None:
    cells = [
        ("a", "2024-10-27T01:00+02:00", 1_729_994_400),  # 2024-10-27 02:00 UTC
        ("a", "2024-10-27T02:00+02:00", 1_729_998_000),
        ("a", "2024-10-27T02:00+01:00", 1_730_001_600),
    ]
    found = timed(client, tmp_path, cells, "h")
    assert sent(script)["start"].tolist() == [1_729_983_600]
    assert found == [f"2024-10-27T{hour:02d}:00+01:00" for hour in (3, 4, 5)]


@pytest.mark.parametrize(
    ("step", "asked", "start", "answered", "written"),
    [
        # Each answer is an hour after the row before it: 02:00 comes twice.
        ("h", ["2024-10-27 00:00", "2024-10-27 01:00"], "2024-10-26T22:00Z",
         ["2024-10-27T00:00Z", "2024-10-27T01:00Z"], ["2024-10-27 02:00", "2024-10-27 02:00"]),
        ("h", ["2024-10-27T00:00+02:00", "2024-10-27T01:00+02:00"], "2024-10-26T22:00Z",
         ["2024-10-27T00:00Z", "2024-10-27T01:00Z"],
         ["2024-10-27T02:00+02:00", "2024-10-27T02:00+01:00"]),
        ("h", ["2024-03-31 00:00", "2024-03-31 01:00"], "2024-03-30T23:00Z",
         ["2024-03-31T01:00Z", "2024-03-31T02:00Z"], ["2024-03-31 03:00", "2024-03-31 04:00"]),
        ("D", ["2024-03-30T00:00+01:00", "2024-03-31T00:00+01:00"], "2024-03-30",
         ["2024-04-01", "2024-04-02"], ["2024-04-01T00:00+02:00", "2024-04-02T00:00+02:00"]),
        ("B", ["2024-03-28T16:00+01:00", "2024-03-29T16:00+01:00"], "2024-03-28T16:00",
         ["2024-04-01T16:00", "2024-04-02T16:00"],
         ["2024-04-01T16:00+02:00", "2024-04-02T16:00+02:00"]),
        ("W", ["2024-03-24 06:00", "2024-03-31 06:00"], "2024-03-24 06:00",
         ["2024-04-07 06:00", "2024-04-14 06:00"], ["2024-04-07 06:00", "2024-04-14 06:00"]),
        ("MS", ["2024-02-01T06:00+01:00", "2024-03-01T06:00+01:00"], "2024-02-01T06:00",
         ["2024-04-01T06:00", "2024-12-01T06:00"],
         ["2024-04-01T06:00+02:00", "2024-12-01T06:00+01:00"]),
    ],
)  # fmt: skip
def test_answers_have_the_offset_that_the_zone_has_then(
    client: Client, script: Script, tmp_path: Path,
    step: str, asked: list[str], start: str, answered: list[str], written: list[str],
) -> None:  # fmt: skip
    cells = [
        ("a", time, parse_timestamp(answer)[0])
        for time, answer in zip(asked, answered, strict=True)
    ]
    found = timed(client, tmp_path, cells, step, how={"timezone": "Europe/Berlin"})
    assert sent(script)["start"].tolist() == [parse_timestamp(start)[0]]
    assert found == written


def test_a_frame_whose_column_has_a_zone_is_answered_in_it(client: Client, script: Script) -> None:
    """Also where nothing else says it: its offset changes between the rows and the answers."""
    import pandas as pd

    times = pd.date_range("2024-03-30", periods=2, tz="Europe/Berlin")
    frame = pd.DataFrame({"day": times, "y": 1.0, "offsets": 1, "levels": 1.0, "shop": "a"})
    frame["times"] = [parse_timestamp(time)[0] for time in ("2024-04-01", "2024-04-02")]
    asked = Question("echo", "timed", roles=TIMED, step=parse_step("D"), id="shop", time="day")
    with planned(client, asked, frame) as made:
        (rows,) = made.rows(client)
    assert [row["times"] for row in rows] == [f"2024-04-0{day} 00:00:00+02:00" for day in (1, 2)]


@pytest.mark.parametrize(
    ("rows", "how", "said"),
    [
        (["2024-10-27 02:00"], {"timezone": "Europe/Berlin"}, "--timezone=Europe/Berlin: .* twice"),
        (["2024-10-27 00:00"], {"timezone": "Europe/Berln"}, "Did you mean 'Europe/Berlin'"),
    ],
)
def test_a_time_zone_that_does_not_fit_is_refused(
    client: Client, tmp_path: Path, rows: list[str], how: dict[str, str], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        timed(client, tmp_path, [("a", time, 0) for time in rows], "h", how=how)
