"""Times of answers look like those of the file."""

from __future__ import annotations

import datetime

import pytest

from tidegate.tables.stamps import Manner
from tidegate.tables.time_grid import parse_timestamp

ZONES = {"+08:00": 8 * 3600, "-0500": -5 * 3600, "+02": 7200, "Z": 0, " UTC": 0}


@pytest.mark.parametrize(
    ("example", "time", "written"),
    [
        ("2024-01-30", "2024-02-01", "2024-02-01"),
        ("20240130", "2024-02-01", "20240201"),
        ("2024/1/30", "2024-02-01", "2024/02/01"),
        ("2024.01.30", "2024-02-01", "2024.02.01"),
        ("2024-01-30", "2024-01-30 01:00", "2024-01-30 01:00:00"),
        ("2024-01", "2024-03", "2024-03"),
        ("2024-01", "2024-03-02", "2024-03-02"),
        ("2023Q3", "2024-01", "2024Q1"),
        ("2023-Q3", "2024-01-02", "2024-01-02"),
        ("2024-01-31 23:59:59", "2024-03-31 23:59:59", "2024-03-31 23:59:59"),
        ("2024-01-30 00:00", "2024-02-01", "2024-02-01 00:00"),
        ("2024-01-30T00:00", "2024-01-30 01:30:30", "2024-01-30T01:30:30"),
        ("20240130T0000", "2024-01-30 02:00", "20240130T0200"),
        (" 2024-01-30T00:00:00,000Z", "2024-01-30 02:00", "2024-01-30T02:00:00Z"),
        (str(datetime.date(2024, 1, 30)), "2024-02-01", "2024-02-01"),
        (str(datetime.datetime(2024, 1, 30)), "2024-01-31", "2024-01-31 00:00:00"),
    ],
)
def test_a_time_has_the_form_of_the_example(example: str, time: str, written: str) -> None:
    assert Manner(example).written(parse_timestamp(time)[0], 0) == written


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_with_a_zone_is_read_back(zone: str) -> None:
    ahead = ZONES[zone]
    written = Manner(f"2020-06-30 10:00{zone}").written(1_706_659_200 + ahead, ahead)
    assert written.endswith(zone)
    assert parse_timestamp(written) == (1_706_659_200, ahead)


def test_a_zone_of_half_an_hour_is_written_in_full() -> None:
    assert Manner("2020-06-30 10:00+02").written(0, 19_800) == "1970-01-01 00:00+0530"


@pytest.mark.parametrize("form", ["%d.%m.%Y %Hh", "%b %d %Y", "%d/%m/%y %H:%M%z"])
def test_a_format_of_the_data_settings(form: str) -> None:
    ahead = 7200 if "%z" in form else 0
    written = Manner("x", form).written(1_706_659_200 + ahead, ahead)
    assert parse_timestamp(written, form)[0] == 1_706_659_200
