"""What is read: several columns, labels that requests do without, rows in the file's order."""

from pathlib import Path

import numpy as np
import pytest

from tidegate.models.anomaly_detection.settings import DataSettings, FeatureSettings, ModelSettings
from tidegate.models.anomaly_detection.task import raw_features, reads, roles
from tidegate.models.core.settings import read_section
from tidegate.tables.errors import InputError
from tidegate.tables.left_out import LeftOut
from tidegate.tables.ordered import check_once, in_order, merged
from tidegate.tables.rows import Rows
from tidegate.tables.series import Series
from tidegate.tables.series_files import has_integer_time, read_tables

LONG = """unique_id,ds,y,heat,label
a,2020-01-01 02:00,1,10,0
b,2020-01-01 02:00,5,50,0
a,2020-01-01 01:00,2,20,1
a,2020-01-01 01:00,3,30,0
"""


def settings(**given: str) -> DataSettings:
    return read_section("data", DataSettings, given)


def test_several_columns_and_labels() -> None:
    data = settings(target_columns="y,heat", label_column="label", static="kind")
    assert data.columns() == ("ds", "y", "kind", "heat", "label")
    read = reads(data)
    assert (read.target, read.historic, read.labels) == ("y", ("heat",), ("label",))
    raw = {feature.name: feature for feature in raw_features(data)}
    assert raw["label"].label and raw["kind"].slice and not raw["heat"].label
    asked = roles(read, FeatureSettings(), {"step_of": [[3600, 0, 0, 0]]})
    assert set(asked.inputs) == {"start", "y", "heat", "length"}
    assert asked.reads is not None and "label" not in asked.reads.columns
    with pytest.raises(InputError, match="named twice"):
        settings(target_columns="y,heat", label_column="heat")


def test_rows_in_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text(LONG)

    def read_by(data: DataSettings) -> dict[str, Series]:
        read = reads(data)
        integer, found = has_integer_time(str(path), read), {}
        with Rows(str(path), read.how, read.columns, read.optional) as rows:
            for one in in_order(read_tables(rows, read, integer, LeftOut(0.0))):
                series = Series(one.name, merged(one.table, read, [str(path)]))
                check_once(series, [str(path)], integer, read)
                found[one.name] = series
        return found

    with pytest.raises(InputError, match=r"data\.order=file takes the rows as they come"):
        read_by(settings())
    found = read_by(settings(order="file"))
    assert found["a"].table.time.tolist() == [0, 1, 2]
    assert found["b"].table.time.tolist() == [0]
    np.testing.assert_array_equal(found["a"].table.numbers[:, 0], [1, 2, 3])
    with pytest.raises(InputError, match="frequency is of times"):
        settings(order="file", frequency="h")


def test_defaults_depend_on_at_most_a_hundred_points() -> None:
    assert FeatureSettings().reach <= 100
    assert ModelSettings().units <= 64
