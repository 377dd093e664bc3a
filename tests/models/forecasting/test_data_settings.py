"""What is read: lists of columns, the frequency, and splits in the order of time."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.models.core.settings import read_section
from tidegate.models.forecasting.data_settings import DataSettings
from tidegate.tables.errors import InputError
from tidegate.tables.time_grid import Step


def read(**values: Any) -> DataSettings:
    return read_section("data", DataSettings, values)


@pytest.mark.parametrize(
    ("given", "columns"),
    [("a", ["a"]), ("a, b", ["a", "b"]), (["a", "b"], ["a", "b"]), (None, []), ("", [])],
)
def test_columns_as_a_list_of_words(given: Any, columns: list[str]) -> None:
    assert read(historic=given).historic == columns


def test_settings_round_trip() -> None:
    settings = read(static="a,b", frequency=3, eval_from=20, test_from="30")
    assert DataSettings.model_validate_json(settings.model_dump_json()) == settings
    assert settings.step == Step(index=3)


def test_a_file_may_lack_the_name_column_unless_it_was_named() -> None:
    assert read().columns() == ("ds", "y")
    assert read(id_column="unique_id", future="p").columns() == ("ds", "y", "p")
    assert read(id_column="shop", static_numbers="n").columns() == ("shop", "ds", "y", "n")


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"test_size": 0}, False),
        ({"eval_from": "2020-01-01"}, False),
        ({"eval_from": "2020-01-01", "test_from": "2021-01-01"}, True),
        ({"test_size": 0, "test_from": "2021-01-01"}, True),
        ({"valid_size": 0, "valid_from": 5, "eval_size": 0, "eval_from": 9}, False),
    ],
)
def test_a_test_split_is_cut_or_not(values: dict[str, Any], expected: bool) -> None:
    assert read(**values).has_test == expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"frequency": "BM"}, "business month ends"),
        ({"timezone": "europe/berln"}, "Did you mean 'Europe/Berlin'"),
        ({"time_format": "epoch"}, "expected a format such as %d/%m/%Y, or epoch_s, epoch_ms"),
        ({"frequency": "often"}, "expected a pandas offset alias"),
        ({"historic": "y"}, "column 'y' is named twice"),
        ({"historic": "a", "future": "b,a"}, "column 'a' is named twice"),
        ({"historic": "start"}, "may not be called 'start'"),
        ({"future": "mask"}, "may not be called 'mask'"),
        ({"valid_size": 0.5, "eval_size": 0.4, "test_size": 0.1}, "leave nothing to train on"),
        ({"eval_size": 2.5}, "expected whole steps"),
        ({"eval_size": 0}, "eval_size=0 leaves the split 'eval' empty"),
        ({"valid_size": 0.0, "eval_from": 9}, "valid_size=0 leaves the split 'valid' empty"),
        ({"eval_from": "then"}, "data.eval_from='then'"),
        ({"eval_from": "2021", "test_from": "2020"}, "eval_from=2021 is not before test_from"),
        ({"valid_from": 9, "eval_from": 9}, "valid_from=9 is not before eval_from=9"),
        ({"valid_from": 100, "eval_from": "2020-01-01"}, "expected two times or two integers"),
        ({"id_colum": "x"}, "Did you mean 'id_column'?"),
    ],
)
def test_what_does_not_fit_is_one_line(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        read(**values)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
