"""Series come in order whatever the order of their rows, in parts that fit into memory."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.tables.errors import InputError
from tidegate.tables.left_out import LeftOut
from tidegate.tables.ordered import in_order
from tidegate.tables.reads import SeriesReads, SeriesSplits, from_json, to_json
from tidegate.tables.rows import Rows
from tidegate.tables.series import Table, looks_alike
from tidegate.tables.series_files import read_tables

READS = SeriesReads(time="t", target="y", id="s", static=("side",))


def part(rows: list[tuple[str, int, float, str]], first: int) -> Table:
    """Rows of (series, time, value, side) as a table."""
    ids = sorted({row[0] for row in rows})
    return Table(
        ids=np.array(ids, object),
        series=np.array([ids.index(row[0]) for row in rows], np.int32),
        time=np.array([row[1] for row in rows], np.int64),
        ahead=np.zeros(len(rows), np.int32),
        doubt=np.zeros(len(rows), np.int8),
        numbers=np.array([[row[2]] for row in rows], np.float64),
        names=np.array([[row[3]] for row in rows], object),
        file=np.zeros(len(rows), np.int32),
        row=np.arange(first, first + len(rows)),
    )


def test_names_that_others_look_like() -> None:
    joined, apart = "caf\u00e9", "cafe\u0301"
    names = ["1", "1.0", "1.05", joined, apart, "a b", "a\u00a0b", "水", "a\u200bb"]
    alike = [name for name in names if looks_alike(name)]
    assert alike == ["1.0", apart, "a\u00a0b", "a\u200bb"]


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["z", "a", "ü b", "水"]),
        st.integers(-5, 5),
        st.floats(),
        st.text(max_size=2),
    ).map(lambda row: (*row[:3], row[3].encode("utf-8", "replace").decode())),
    min_size=1,
    max_size=30,
)


@given(ROWS, st.integers(1, 12), st.sampled_from([1, 5, 1000]))
@settings(deadline=None, max_examples=60)
def test_sorting_in_parts_is_sorting(
    rows: list[tuple[str, int, float, str]], size: int, most: int
) -> None:
    parts = [part(rows[at : at + size], at) for at in range(0, len(rows), size)]
    found = list(in_order(parts, most))
    assert [series.name for series in found] == list(dict.fromkeys(row[0] for row in rows))
    for series in found:
        numbered = [(row[1], at) for at, row in enumerate(rows) if row[0] == series.name]
        expected = [at for _, at in sorted(numbered)]
        assert series.table.row.tolist() == expected
        assert series.table.time.tolist() == [rows[at][1] for at in expected]
        np.testing.assert_array_equal(
            series.table.numbers[:, 0], np.array([rows[at][2] for at in expected])
        )
        assert series.table.names[:, 0].tolist() == [rows[at][3] for at in expected]


def test_a_shuffled_file_is_that_of_its_order(tmp_path: Path) -> None:
    lines = [f"s{one},{step},{one + step},x\n" for one in range(20) for step in range(50)]
    (tmp_path / "sorted.csv").write_text("s,t,y,side\n" + "".join(lines))
    random.Random(3).shuffle(lines)
    (tmp_path / "shuffled.csv").write_text("s,t,y,side\n" + "".join(lines))

    def read(name: str, **how: Any) -> dict[str, list[Any]]:
        with Rows(str(tmp_path / name), READS.how, READS.columns) as rows:
            tables = read_tables(rows, READS, True, LeftOut())
            return {
                series.name: [series.table.time.tolist(), series.table.numbers.tolist()]
                for series in in_order(tables, **how)
            }

    assert read("shuffled.csv", most=1) == read("sorted.csv")


def test_what_is_read_travels_as_json() -> None:
    splits = SeriesSplits(horizon=3, context=9, cutoffs={"eval": "2024"})
    assert from_json(SeriesReads, to_json(READS)) == READS
    assert from_json(SeriesSplits, to_json(splits)) == splits
    with pytest.raises(ValueError, match="a value of kind 'SeriesSplits'"):
        from_json(SeriesReads, to_json(splits))


WRONG: dict[str, tuple[str, str, str]] = {
    "two columns of a name": ("a.csv", "x,x,t\n1,2,3\n", "a.csv:1: two columns are called 'x'"),
    "two keys": ("a.jsonl", '{"x": 1, "x": 2}\n', "a.jsonl:1: two columns are called 'x'"),
    "a new key": ("a.jsonl", '{"x": 1}\n{"y": 1}\n', "a.jsonl:2: the first row has no 'y'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_names_that_do_not_say_what_is_meant_are_refused(case: str, tmp_path: Path) -> None:
    name, content, said = WRONG[case]
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught, Rows(str(tmp_path / name)) as rows:
        list(rows)
    assert said in str(caught.value)


def test_columns_that_a_spreadsheet_leaves_behind_have_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,,\n1,,\n")
    with Rows(str(tmp_path / "a.csv")) as rows:
        assert rows.names == ["x", "column_2", "column_3"] and len(list(rows)) == 1


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(InputError, match=r"a\.csv: cannot be read: Is a directory"):
        Rows(str(tmp_path / "a.csv"))
    with pytest.raises(InputError, match=r"no such file: nosuch\.csv"):
        Rows("nosuch.csv")
