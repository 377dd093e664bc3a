"""Figures of alarms by hand, and the simple methods on series whose answer is known."""

import numpy as np
import pytest
from scipy.stats import norm

from tidegate.models.anomaly_detection.baseline import baseline, rivals, windowed_gaussian
from tidegate.models.anomaly_detection.evaluation import gates, statistics, summarise
from tidegate.models.anomaly_detection.judged import (
    CHANNELS,
    LABEL,
    RAISED,
    RATE,
    SCORE,
    SECONDS,
    VALUE,
)
from tidegate.models.anomaly_detection.settings import DataSettings, FeatureSettings, GateSettings


def points(alarms: list[int], windows: list[tuple[int, int]]) -> np.ndarray:
    """Hundred hours, of which the first ten are padding."""
    found = np.zeros((1, 110, CHANNELS))
    found[0, :10] = np.nan
    own = found[0, 10:]
    own[:, RATE], own[:, SECONDS] = 0.01, 3600
    own[alarms, RAISED] = 1
    own[alarms, SCORE] = 3
    for first, last in windows:
        own[first : last + 1, LABEL] = 1
    return found


def test_figures_by_hand() -> None:
    judged = points([22, 25, 50, 90], [(20, 29), (70, 79)])
    found = summarise(statistics(None, judged))
    # A hit of two windows, two false alarms; the second alarm of a window is none of both.
    assert (found["recall"], found["precision"]) == (0.5, pytest.approx(1 / 3))
    assert found["f1"] == pytest.approx(0.4)
    assert found["delay"] == 2
    assert found["false_alarms"] == pytest.approx(1000 * 2 / 80)
    assert found["false_alarms_a_week"] == pytest.approx(2 / (80 / 168))
    assert found["promised"] == pytest.approx(10)
    # The chance of two or more is 5 % where 0.3554 are expected (tables of Garwood 1936).
    assert found["alarm_excess"] == pytest.approx(0.3554 / 0.8, abs=1e-3)


def test_without_labels_every_alarm_is_false_and_no_gate_needs_labels() -> None:
    judged = points([22, 50], [])
    judged[..., LABEL] = np.nan
    found = summarise(statistics(None, judged))
    assert found["false_alarms"] == pytest.approx(20) and found["windows"] == 0
    for gate in gates(GateSettings()):
        assert np.isfinite(found[gate.metric])
    assert found["f1"] == found["nab_standard"] == 0


def test_simple_methods_find_spikes_and_keep_their_promise() -> None:
    random = np.random.default_rng(0)
    features = FeatureSettings(context=56, recent=8, false_alarms=2.0, judged_steps=4_000)
    record = {
        "y": random.normal(size=4_000),
        "label": np.zeros(4_000),
        "first_target": [0],
        "step_seconds": 3600,
        "step_months": 0,
        "step_index": 0,
        "step_business": 0,
    }
    score = windowed_gaussian(record, features)
    past = record["y"][500 - features.reach : 500]
    z = abs(record["y"][500] - past.mean()) / past.std()
    assert score[500] == pytest.approx(-np.log10(2 * norm.sf(z)), rel=1e-6)
    spiked = {**record, "y": record["y"].copy(), "label": record["label"].copy()}
    for place in (1_000, 2_000, 3_000):
        spiked["y"][place], spiked["label"][place] = 30.0, 1
    data = DataSettings(label_column="label")
    records = {"train": lambda: [record], "eval": lambda: [spiked]}
    others = {
        title: chunks for title, (chunks, _) in rivals(records, data, features)["eval"].items()
    }
    assert set(others) == {"seasonal residual", "isolation forest"}
    for title, chunks in {"Gaussian": baseline(records, data, features)["eval"], **others}.items():
        ((_, judged),) = chunks
        found = summarise(statistics(None, judged))
        # A spike soon after a false alarm raises none of its own.
        assert found["recall"] > 0.6 and found["windows"] == 3, title
        assert 0.5 < found["false_alarms"] < 6, title
        assert np.isfinite(judged[0, -1, VALUE])
