"""Figures are scikit-learn's, or worked by hand; sums add up."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from tidegate.models.forecasting.backtest import CHANNELS, MEAN, NAIVE, QUANTILES, SCALE, TRUTH
from tidegate.models.forecasting.evaluation import gates, statistics, summarise
from tidegate.models.forecasting.settings import LEVELS, GateSettings
from tidegate.models.forecasting.task import TASK


@pytest.fixture(scope="module")
def judged() -> np.ndarray:
    """Five series of three windows of four steps."""
    random = np.random.default_rng(0)
    found = random.normal(10, 2, size=(5, 3, 4, CHANNELS)).astype(np.float32)
    found[..., SCALE] = np.abs(random.normal(1, 0.3, size=(5, 3, 1))) + 0.1
    found[..., QUANTILES:] = np.sort(found[..., QUANTILES:], axis=-1)
    found[0, 0, :, TRUTH] = np.nan
    found[1, 2, 1, TRUTH] = np.nan
    return found


def test_figures_are_those_of_scikit_learn(judged: np.ndarray) -> None:
    found = summarise(statistics(None, judged))
    rows = judged.reshape(-1, CHANNELS).astype(float)
    rows = rows[np.isfinite(rows[:, TRUTH])]
    truth, mean, naive = rows[:, TRUTH], rows[:, MEAN], rows[:, NAIVE]
    assert found["mae"] == pytest.approx(metrics.mean_absolute_error(truth, mean))
    assert found["rmse"] == pytest.approx(metrics.mean_squared_error(truth, mean) ** 0.5)
    assert found["naive_mae"] == pytest.approx(metrics.mean_absolute_error(truth, naive))
    assert found["naive_rmse"] == pytest.approx(metrics.mean_squared_error(truth, naive) ** 0.5)
    weight = 1 / rows[:, SCALE]
    scaled = metrics.mean_absolute_error(truth * weight, mean * weight)
    assert found["mase"] == pytest.approx(scaled)
    naive_scaled = metrics.mean_absolute_error(truth * weight, naive * weight)
    assert found["relative_mase"] == pytest.approx(scaled / naive_scaled)
    pinball = [
        metrics.mean_pinball_loss(truth, rows[:, QUANTILES + place], alpha=level)
        for place, level in enumerate(LEVELS)
    ]
    assert found["wql"] == pytest.approx(2 * np.mean(pinball) / np.abs(truth).mean())
    assert found["relative_wql"] == pytest.approx(
        2 * np.mean(pinball) / metrics.mean_absolute_error(truth, naive)
    )
    assert (found["windows"], found["unanswered"]) == (14, 0)
    inside = (rows[:, QUANTILES + 1] <= truth) & (truth <= rows[:, QUANTILES + 5])
    assert found["coverage_80"] == pytest.approx(inside.mean())
    assert found["coverage_80_error"] == pytest.approx(abs(inside.mean() - 0.8))
    width = (rows[:, QUANTILES + 6] - rows[:, QUANTILES]).mean()
    assert found["width_95"] == pytest.approx(width)


def test_figures_by_step_are_those_of_the_step_alone(judged: np.ndarray) -> None:
    found = summarise(statistics(None, judged))
    for step in range(4):
        alone = summarise(statistics(None, judged[:, :, step : step + 1]))
        for name in (one.removesuffix("_by_step") for one in TASK.evaluation.arrays):
            assert found[f"{name}_by_step"][step] == pytest.approx(alone[name]), name  # type: ignore[index]


def one_window(
    truth: list[float], mean: list[float], naive: list[float], scale: float
) -> np.ndarray:
    found = np.zeros((1, 1, len(truth), CHANNELS))
    found[0, 0, :, TRUTH], found[0, 0, :, MEAN], found[0, 0, :, NAIVE] = truth, mean, naive
    found[..., SCALE] = scale
    found[..., QUANTILES:] = np.arange(len(LEVELS)) - 3
    return found


def test_worked_by_hand() -> None:
    window = one_window([1.0, -2.0, 0.0], [3.0, -2.0, 0.0], [1.0, 0.0, np.nan], 0.5)
    found = summarise(statistics(None, window))
    assert found["smape"] == pytest.approx((200 * 2 / 4 + 0 + 0) / 3)
    # The step without a naive forecast is in neither mean: what is compared is the same.
    assert found["mase"] == pytest.approx((4 + 0) / 2)
    assert found["naive_mase"] == pytest.approx((0 + 4) / 2)
    assert found["naive_smape"] == pytest.approx((0 + 200) / 2)
    # 80 %: from -2 to 2; 95 %: from -3 to 3.
    assert found["coverage_80"] == 1.0 and found["width_80"] == 4.0 and found["width_95"] == 6.0


def test_a_window_without_a_scale_is_out_of_mase_alone() -> None:
    without = one_window([5.0], [4.0], [4.0], np.nan)
    both = np.concatenate([without, one_window([5.0], [3.0], [4.0], 1.0)])
    found = summarise(statistics(None, both))
    assert found["mase"] == pytest.approx(2.0)
    assert found["mae"] == pytest.approx(1.5)


def test_nothing_judged_has_no_figures() -> None:
    found = summarise(statistics(None, np.full((2, 3, 4, CHANNELS), np.nan)))
    assert found.pop("windows") == found.pop("unanswered") == 0
    assert all(np.isnan(value).all() for value in found.values())
    assert {*found, "windows", "unanswered"} == {
        *TASK.evaluation.scalars,
        *TASK.evaluation.arrays,
    }


def test_the_naive_forecast_taken_for_certain_has_a_quantile_loss_of_1() -> None:
    window = one_window([1.0, 5.0], [0.0, 0.0], [2.0, 7.0], 1.0)
    window[..., QUANTILES:] = window[..., NAIVE, np.newaxis]
    assert summarise(statistics(None, window))["relative_wql"] == pytest.approx(1.0)


def test_endless_intervals_cover_everything_and_do_not_pass(judged: np.ndarray) -> None:
    endless = judged.copy()
    endless[..., QUANTILES:] = np.linspace(-1e9, 1e9, len(LEVELS))
    found = summarise(statistics(None, endless))
    assert found["coverage_80"] == found["coverage_95"] == 1.0
    bounds = {gate.metric: gate.at_most for gate in gates(GateSettings())}
    assert found["relative_wql"] > bounds["relative_wql"]


@pytest.mark.parametrize("place", [MEAN, QUANTILES + 2])
def test_windows_without_an_answer_are_counted_and_do_not_pass(
    judged: np.ndarray, place: int
) -> None:
    broken = judged.copy()
    broken[2, :2, :, place] = np.nan
    # Where there is no naive forecast either, or no truth, nothing could be answered or judged.
    broken[3, 0, :, NAIVE] = broken[3, 0, :, place] = np.nan
    broken[0, 0, :, place] = np.nan
    found = summarise(statistics(None, broken))
    assert found["unanswered"] == 2 and found["windows"] == 14 - 3
    (gate,) = (one for one in gates(GateSettings()) if one.metric == "unanswered")
    assert gate.at_most == 0


def test_a_perfect_forecast_and_the_naive_one() -> None:
    window = one_window([1.0, 2.0], [1.0, 2.0], [2.0, 2.0], 1.0)
    found = summarise(statistics(None, window))
    assert found["mase"] == found["smape"] == found["rmse"] == found["relative_mase"] == 0
    window[..., MEAN] = window[..., NAIVE]
    assert summarise(statistics(None, window))["relative_mase"] == pytest.approx(1.0)


def windows_of(mase: np.ndarray, naive: float = 1.0, steps: int = 4) -> np.ndarray:
    """A series each, forecast over a few steps with these errors."""
    found = np.zeros((len(mase), 1, steps, CHANNELS))
    found[..., MEAN], found[..., NAIVE] = mase[:, None, None], naive
    found[..., SCALE] = 1.0
    return found


def test_the_uncertainty_of_mase_is_that_of_a_mean_of_windows() -> None:
    random = np.random.default_rng(0)
    many = random.exponential(0.5, size=400)
    # By resampling the windows, as nothing in `summarise` does.
    drawn = random.choice(many, size=(4_000, many.size)).mean(axis=1)
    found = summarise(statistics(None, windows_of(many, naive=2.0)))
    assert found["relative_mase"] == pytest.approx(many.mean() / 2)
    assert found["relative_mase_uncertainty"] == pytest.approx(drawn.std() / 2, rel=0.03)
    # Sums of parts, and windows that are half missing.
    parts = [statistics(None, windows_of(many[begin::2], naive=2.0)) for begin in (0, 1)]
    whole = summarise({name: parts[0][name] + parts[1][name] for name in parts[0]})
    assert whole["relative_mase_uncertainty"] == pytest.approx(found["relative_mase_uncertainty"])
    half = windows_of(many, naive=2.0)
    half[:, :, 2:, TRUTH] = np.nan
    error = summarise(statistics(None, half))["relative_mase_uncertainty"]
    assert error == pytest.approx(found["relative_mase_uncertainty"])


@pytest.mark.parametrize(("count", "share"), [(1, 1.0), (3, 1 / 3), (100, 0.01)])
def test_few_windows_that_agree_are_not_sure(count: int, share: float) -> None:
    found = summarise(statistics(None, windows_of(np.full(count, 0.5))))
    assert found["relative_mase_uncertainty"] == pytest.approx(0.5 * share)


def test_what_is_clearly_worse_is_beyond_the_bound_of_many_windows() -> None:
    """The default's 1.05 times and the uncertainty, where errors are as unlike as these."""
    (gate,) = (one for one in gates(GateSettings()) if one.metric == "relative_mase")
    assert gate.at_most is not None

    def allowed(count: int) -> float:
        errors = np.random.default_rng(1).exponential(0.5, size=count)
        figures = summarise(statistics(None, windows_of(errors)))
        bound = gate.at_most * figures["relative_mase"] + figures["relative_mase_uncertainty"]
        return float(bound / figures["relative_mase"])

    assert allowed(60) < 1.3 and allowed(1_000) < 1.1
    assert allowed(24) > 1.1 and allowed(3) > 1.3


def test_gates_are_those_of_the_settings() -> None:
    found = {gate.metric: gate for gate in gates(GateSettings(relative_mase=0.9, max_loss=0.1))}
    assert found["relative_mase"].at_most == 0.9
    assert found["relative_wql"].at_most == 1.0
    assert found["coverage_80_error"].at_most == found["coverage_95_error"].at_most == 0.2
    assert found["mase"].max_loss == 0.1 and not found["mase"].higher_is_better
