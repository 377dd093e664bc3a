"""The seasonal naive forecast, ETS and ARIMA on the windows that the model is judged on."""

from __future__ import annotations

import numpy as np
import pytest

from models.forecasting import baseline as module
from models.forecasting.backtest import CHANNELS, MEAN, NAIVE, QUANTILES, SCALE, TRUTH
from models.forecasting.baseline import arima, baseline, ets, rivals
from models.forecasting.evaluation import statistics, summarise
from models.forecasting.settings import LEVELS, DataSettings, FeatureSettings

FEATURES = FeatureSettings(horizon=6, context=48, backtest_windows=3, backtest_step=6)
STEP = {"step_seconds": 0, "step_months": 1, "step_index": 0}


def wave(length: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    steps = np.arange(length)
    random = np.random.default_rng(seed)
    season = 5 * np.sin(2 * np.pi * steps / 12)
    return 50 + 0.5 * steps + season + noise * random.normal(size=length)


def records(*series: np.ndarray, first_target: int = 60) -> dict[str, object]:
    rows = [{"y": one, "first_target": first_target, **STEP} for one in series]
    return {"train": lambda: iter(rows), "eval": lambda: iter(rows)}


def test_the_seasonal_naive_forecast_and_its_intervals() -> None:
    values = wave(90)
    answers = baseline(records(values, values[:70]), DataSettings(), FEATURES)
    assert set(answers) == {"eval"}
    targets, judged = answers["eval"]
    assert targets is None and judged.shape == (2, 3, 6, CHANNELS)
    assert np.isfinite(judged[..., TRUTH]).all(axis=-1).tolist() == [
        [True] * 3,
        [True, False, False],
    ]
    for place, origin in enumerate((84, 78, 72)):
        found = judged[0, place]
        np.testing.assert_allclose(found[:, TRUTH], values[origin : origin + 6], rtol=1e-5)
        np.testing.assert_allclose(found[:, NAIVE], values[origin - 12 : origin - 6], rtol=1e-5)
        np.testing.assert_array_equal(found[:, MEAN], found[:, NAIVE])
        np.testing.assert_allclose(found[:, SCALE], 6.0, rtol=1e-3)  # the trend of twelve months
        # Every seasonal difference is 6: so is their root mean square.
        spread = (found[:, QUANTILES + 6] - found[:, QUANTILES]) / (2 * 1.95996)
        np.testing.assert_allclose(spread, 6.0, rtol=1e-3)
    figures = summarise(statistics(None, judged))
    assert figures["mase"] == pytest.approx(1.0, rel=1e-3)
    assert figures["windows"] == 4


@pytest.mark.parametrize("method", [ets, arima])
def test_methods_follow_season_and_trend(method: module.Method) -> None:
    values = wave(140, noise=0.3)
    mean, deviation = method(values[:128], 12, 12)
    assert mean.shape == deviation.shape == (12,)
    assert np.abs(mean - values[128:]).mean() < 1.5  # the trend of ETS is damped
    assert (deviation > 0.1).all() and (deviation < 3).all()
    assert deviation[-1] >= deviation[0]


def test_rivals_are_judged_where_they_were_done_and_say_where() -> None:
    series = [wave(100, 0.5, seed) for seed in range(2)]
    series[0][10:13] = np.nan
    features = FEATURES.model_copy(update={"backtest_windows": 1})
    found = rivals(records(*series), DataSettings(), features)["eval"]
    assert set(found) == {"ETS", "ARIMA"}
    for targets, judged, covers in found.values():
        assert targets is None
        assert covers == "2 of 2 windows of the first 2 series"
        assert (np.diff(judged[..., QUANTILES:], axis=-1) > 0).all()
        figures = summarise(statistics(None, judged))
        assert figures["windows"] == 2
        assert figures["relative_mase"] < 0.5


def test_what_the_time_does_not_allow_is_not_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def slow(history: np.ndarray, season: int, horizon: int) -> tuple[np.ndarray, np.ndarray]:
        done.append(len(history))
        monkeypatch.setattr(module, "_MOST_SECONDS", -1.0)
        return np.zeros(horizon), np.ones(horizon)

    parts = list(module._parts(records(wave(100))["eval"], FEATURES))  # type: ignore[arg-type]
    answer = module._judge(slow, parts, FEATURES)
    assert answer is not None
    _, judged, covers = answer
    assert covers == "1 of 3 windows of the first 1 series" and len(done) == 1
    assert np.isfinite(judged[0, :, :, TRUTH]).all(axis=1).tolist() == [True, False, False]
    assert module._judge(slow, parts, FEATURES) is None


def test_a_history_too_short_for_a_method_is_counted() -> None:
    short = FeatureSettings(horizon=2, context=4, backtest_windows=2, backtest_step=1)
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    found = rivals(records(values, first_target=2), DataSettings(), short).get("eval", {})
    for _, judged, covers in found.values():
        assert "without a solution" in covers
        assert not np.isfinite(judged[..., TRUTH]).all()


def test_levels_are_normal_quantiles() -> None:
    found = module.with_quantiles(np.array([[10.0]]), np.array([[2.0]]))
    assert found.shape == (1, 1, 1 + len(LEVELS))
    assert found[0, 0, 1] == pytest.approx(10 - 2 * 1.959964, rel=1e-5)
    assert found[0, 0, 4] == pytest.approx(10.0)
