"""injected_faults: each kind of fault is there, labelled, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tidegate.data import registry
from tidegate.data.sets.injected_faults import KINDS


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    prepared = registry.prepare("injected_faults", tmp_path_factory.mktemp("faults"))
    found = pd.read_csv(prepared.train)
    assert len(found) == prepared.rows["train"]
    return found


def test_it_is_the_same_each_time(rows: pd.DataFrame, tmp_path: Path) -> None:
    again = pd.read_csv(registry.prepare("injected_faults", tmp_path).train)
    pd.testing.assert_frame_equal(rows, again)


def test_each_series_has_five_labelled_faults_of_its_kind(rows: pd.DataFrame) -> None:
    assert set(rows.kind) == set(KINDS)
    for name, series in rows.groupby("unique_id"):
        label = series.label.to_numpy()
        assert (np.diff(label) == 1).sum() == 5, name
        assert series["size"].notna().to_numpy().tolist() == (label == 1).tolist()
        values, kind = series.y.to_numpy(), series.kind.iloc[0]
        runs = (values[1:] == values[:-1]) & (label[1:] == 1)
        if kind == "flat_line":
            assert runs.sum() >= 5 * 35
        assert ((values == 0).sum() == 5 * 6) == (kind == "drop_out")


def test_a_spike_is_as_large_as_it_says(rows: pd.DataFrame) -> None:
    for _, series in rows[rows.kind == "spike"].groupby("unique_id"):
        values, label = series.y.to_numpy(), series.label.to_numpy()
        begins = np.flatnonzero(np.diff(label) == 1) + 1
        # The difference from the mean of both neighbours, whose noise is near to its own.
        off = np.abs(values[begins] - (values[begins - 1] + values[begins + 1]) / 2)
        size = series["size"].to_numpy()[begins]
        noise = np.median(off / size)
        np.testing.assert_allclose(off / noise, size, rtol=0.4, atol=2)
