"""climate: its months and gaps, against pandas' means of the package's own tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import tidegate.data.sets
from tidegate.data import registry
from tidegate.data.dataset import DatasetError, PreparedData
from tidegate.data.sets import climate


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> PreparedData:
    return registry.prepare("climate", tmp_path_factory.mktemp("climate"))


@pytest.fixture(scope="module")
def rows(prepared: PreparedData) -> pd.DataFrame:
    return pd.read_csv(prepared.train, parse_dates=["ds"])


def series(rows: pd.DataFrame, name: str) -> pd.Series:
    return rows[rows.unique_id == name].set_index("ds").y


def test_rows_and_names(prepared: PreparedData, rows: pd.DataFrame) -> None:
    assert list(rows) == ["unique_id", "ds", "y"]
    assert rows.groupby("unique_id").size().to_dict() == {"co2": 521, "elnino": 732}
    assert len(rows) == prepared.rows["train"] and prepared.test is None
    assert not rows.isna().any(axis=None)


def test_co2_is_the_mean_of_the_weeks_and_keeps_its_gaps(rows: pd.DataFrame) -> None:
    from statsmodels.datasets import co2

    expected = co2.load_pandas().data.co2.resample("MS").mean()
    found = series(rows, "co2").reindex(expected.index)
    assert found.isna().equals(expected.isna()) and found.isna().sum() == 5
    np.testing.assert_allclose(found, expected, atol=0.005 + 1e-9)


def test_elnino_is_the_table_month_by_month(rows: pd.DataFrame) -> None:
    from statsmodels.datasets import elnino

    table = elnino.load_pandas().data.drop(columns="YEAR").to_numpy()
    found = series(rows, "elnino")
    assert found.index.equals(pd.date_range("1950-01", periods=732, freq="MS"))
    np.testing.assert_allclose(found, table.reshape(-1), atol=1e-9)


def test_making_it_does_not_import_statsmodels(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from data import registry;"
        f"registry.prepare('climate', Path({str(tmp_path)!r}));"
        "print(sorted({'statsmodels', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    root = Path(tidegate.data.sets.__path__[0]).parents[1]
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


def test_without_statsmodels_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(climate.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DatasetError, match=r"statsmodels is not installed; .*install that"):
        registry.prepare("climate", tmp_path)


def test_another_table_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(climate, "_rows", lambda *_: [("19580329",)])
    with pytest.raises(DatasetError, match="received a table co2 that reads otherwise"):
        registry.prepare("climate", tmp_path)
