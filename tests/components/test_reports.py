"""Reports of an ExampleGen's passes come back from a file as they were."""

from pathlib import Path

import numpy as np
import pytest

from tidegate.components.example_gen.report import RowReport, keep_report, kept_report
from tidegate.components.record_example_gen.report import Report
from tidegate.components.series_example_gen.report import Reading, SeriesReport
from tidegate.tables.frequency import Distances, Vote
from tidegate.tables.time_grid import Step

VOTES = {Step(months=1): Vote(3, "水", "a.csv:2"), Step(seconds=60): Vote(1, "b", "a.csv:9")}
PARTS = {"rows": {"all": 5}, "bad": {"no time": 1}, "places": {"no time": ["a.csv:3"]}}


@pytest.mark.parametrize(
    "report",
    [
        Report(
            **PARTS,
            fatal=["it ends"],
            labels={"train": {"茶": 2}},
            given=["eval"],
            remarks={"a quote in it": 1},
        ),
        Reading(**PARTS, distances=Distances(VOTES, {Step(index=2): Vote(1, "c", "d:1")}, 4)),
        SeriesReport(**PARTS, longest=(7, "a"), span=(-3, 9), steps={"train": 8}),
        SeriesReport(noted={"constant": {"series": 1, "first": ["a"]}}),
    ],
    ids=lambda report: type(report).__name__,
)
def test_a_report_is_read_as_it_was_written(report: RowReport, tmp_path: Path) -> None:
    path = str(tmp_path / "report")
    keep_report(report, path)
    assert kept_report(type(report), path) == report


def test_numbers_of_numpy_are_written_too(tmp_path: Path) -> None:
    path = str(tmp_path / "report")
    keep_report(RowReport(rows={"all": np.int64(2**60)}), path)
    assert kept_report(RowReport, path) == RowReport(rows={"all": 2**60})
