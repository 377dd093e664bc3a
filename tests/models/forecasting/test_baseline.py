"""The seasonal naive forecast, ETS and ARIMA on the windows that the model is judged on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from tidegate.models.core.part import Part
from tidegate.models.forecasting import baseline as module
from tidegate.models.forecasting import rivals as other
from tidegate.models.forecasting.backtest import CHANNELS, MEAN, NAIVE, QUANTILES, SCALE, TRUTH
from tidegate.models.forecasting.baseline import baseline
from tidegate.models.forecasting.evaluation import statistics, summarise
from tidegate.models.forecasting.rivals import rivals
from tidegate.models.forecasting.settings import LEVELS, DataSettings, FeatureSettings
from tidegate.models.series.fitted import Method, arima, ets

FEATURES = FeatureSettings(horizon=6, context=48, backtest_windows=3, backtest_step=6)
STEP = {"step_seconds": 0, "step_months": 1, "step_index": 0, "step_business": 0}

Records = dict[str, Callable[[], Iterator[dict[str, Any]]]]


def wave(length: int, noise: float = 0.0, seed: int = 0) -> np.ndarray:
    steps = np.arange(length)
    random = np.random.default_rng(seed)
    season = 5 * np.sin(2 * np.pi * steps / 12)
    return 50 + 0.5 * steps + season + noise * random.normal(size=length)


def record(y: np.ndarray, name: str = "a", first_target: int = 60, start: int = 0) -> Any:
    return {"unique_id": name, "start": start, "y": y, "first_target": first_target, **STEP}


def splits(**rows: list[Any]) -> Records:
    def reader(some: list[Any]) -> Callable[[], Iterator[dict[str, Any]]]:
        return lambda: iter(some)

    return {split: reader(some) for split, some in rows.items()}


def records(*series: np.ndarray, first_target: int = 60) -> Records:
    rows = [record(one, f"s{place}", first_target) for place, one in enumerate(series)]
    return splits(train=rows, eval=rows)


def test_the_seasonal_naive_forecast_and_its_intervals() -> None:
    values = wave(90)
    answers = baseline(records(values, values[:70]), DataSettings(), FEATURES)
    assert set(answers) == {"eval"}
    ((targets, judged),) = answers["eval"]
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
def test_methods_follow_season_and_trend(method: Method) -> None:
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
    assert set(found) == {"repeat-last", "ETS", "ARIMA"}
    for title, (chunks, covers) in found.items():
        ((targets, judged),) = chunks
        assert targets is None and covers is None  # All windows were done.
        assert (np.diff(judged[..., QUANTILES:], axis=-1) > 0).all()
        figures = summarise(statistics(None, judged))
        assert figures["windows"] == 2
        assert figures["relative_mase"] == pytest.approx(figures["relative_mae"], rel=0.1)
        if title == "repeat-last":
            assert (np.ptp(judged[..., MEAN], axis=-1) == 0).all()
        else:
            assert figures["relative_mase"] < 0.5


def test_a_season_that_train_has_and_the_frequency_does_not_is_a_rival() -> None:
    place = np.arange(200)
    series = [
        10 * np.sin(2 * np.pi * place / 7) + np.random.default_rng(seed).normal(0, 1, place.size)
        for seed in range(3)
    ]
    found = rivals(
        splits(train=[record(one[:120], first_target=0) for one in series], eval=[
            record(one, first_target=150) for one in series
        ]), DataSettings(), FEATURES,
    )["eval"]  # fmt: skip
    ((_, judged),) = found["the last 7 steps again"][0]
    assert summarise(statistics(None, judged))["relative_mase"] < 0.5


def test_the_naive_forecast_is_judged_chunk_by_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    series = [wave(70 + 3 * seed, 1.0, seed) for seed in range(7)]
    ((_, whole),) = baseline(records(*series), DataSettings(), FEATURES)["eval"]
    monkeypatch.setattr(module, "_CHUNK", 3)
    read: list[int] = []

    def rows() -> Iterator[dict[str, Any]]:
        for place, one in enumerate(series):
            read.append(place)
            yield record(one)

    chunks = baseline({"eval": rows}, DataSettings(), FEATURES)["eval"]
    assert read == []
    some = [next(chunks)[1]]
    assert read == [0, 1, 2]  # What follows is not held.
    some += [one for _, one in chunks]
    assert [len(one) for one in some] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(some), whole)
    sums = [statistics(None, one) for one in some]
    for name, expected in statistics(None, whole).items():
        np.testing.assert_allclose(sum(one[name] for one in sums), expected, rtol=1e-12)


class Spy:
    """A method that keeps the histories that it is given."""

    def __init__(self) -> None:
        self.seen: list[np.ndarray] = []
        self.seasons: set[int] = set()

    def __call__(
        self, history: np.ndarray, season: int, horizon: int
    ) -> tuple[np.ndarray, np.ndarray]:
        self.seen.append(history)
        self.seasons.add(season)
        return np.zeros(horizon), np.ones(horizon)


@pytest.fixture
def spy(monkeypatch: pytest.MonkeyPatch) -> Spy:
    """In the place of ETS; there is no ARIMA."""

    def impossible(*_: object) -> tuple[np.ndarray, np.ndarray]:
        raise ValueError

    found = Spy()
    monkeypatch.setattr(other, "ets", found)
    monkeypatch.setattr(other, "arima", impossible)
    return found


@pytest.mark.parametrize(
    ("series", "each", "windows"), [(1, 5, 5), (14, 5, 70), (15, 4, 60), (20, 3, 60), (30, 3, 60)]
)
def test_counts_decide_which_windows_rivals_judge(
    series: int, each: int, windows: int, spy: Spy
) -> None:
    features = FEATURES.model_copy(update={"backtest_windows": 5})
    found = rivals(records(*[wave(100)] * series), DataSettings(), features)["eval"]
    assert set(found) == {"repeat-last", "ETS"}
    chunks, part = found["ETS"]
    ((_, judged),) = chunks
    first = min(series, 20)
    places = {f"s{number}": list(range(each)) for number in range(first)}
    title = f"{windows} of {5 * first} windows of the first {first} series"
    assert part == (None if windows == 5 * series else Part(title, "unique_id", places))
    assert len(spy.seen) == windows
    done = np.isfinite(judged[..., TRUTH]).all(axis=-1)
    assert done.tolist() == [[place < each for place in range(5)]] * first
    assert statistics(None, judged)["windows"] == windows


# 1 August 2001, by step: seconds, months, integer time.
AUGUST = 996_624_000
GRIDS = {
    "hours": ({"step_seconds": 3600}, lambda place: AUGUST + 3600 * place),
    "days": ({"step_seconds": 86_400}, lambda place: AUGUST + 86_400 * place),
    # The last days of months, of 28 to 31 days.
    "months": (
        {"step_months": 1},
        lambda place: int(
            (np.datetime64("2001-08") + place + 1).astype("datetime64[s]").astype(int) - 86_400
        ),
    ),
    "quarters": (
        {"step_months": 3},
        lambda place: int(
            (np.datetime64("1971-02") + 3 * place).astype("datetime64[s]").astype(int)
        ),
    ),
    "business days": (
        {"step_business": 1},
        lambda place: int(
            np.busday_offset("2001-08-03", place).astype("datetime64[s]").astype(int)
        ),
    ),
    "integers": ({"step_index": 5}, lambda place: 5 * place - 100),
}


def pieces(grid: str, borders: dict[str, tuple[int, int, int]]) -> Records:
    """By split, its part of a series of 0, 1, 2 ..., from begin to end with its first target."""
    step, time = GRIDS[grid]
    none = dict.fromkeys(STEP, 0)
    return splits(
        **{
            split: [
                # Another series comes first, whose values would be seen.
                {**record(np.full(40, -1.0), "other", 20, time(0)), **none, **step},
                {
                    **record(np.arange(begin, end), "a", first - begin, time(begin)),
                    **none,
                    **step,
                },
            ]
            for split, (begin, first, end) in borders.items()
        }
    )


@pytest.mark.parametrize("grid", list(GRIDS))
def test_the_history_of_rivals_reaches_back_into_train_and_ends_before_the_origin(
    grid: str, spy: Spy
) -> None:
    features = FeatureSettings(horizon=6, context=8, backtest_windows=2, backtest_step=6)
    borders = {
        "train": (0, 0, 60),
        "valid": (52, 60, 75),
        "eval": (67, 75, 90),
        "test": (82, 90, 102),
    }
    found = rivals(pieces(grid, borders), DataSettings(), features)
    assert set(found) == {"valid", "eval", "test"}
    own = [history for history in spy.seen if history[-1] >= 0]
    # Of valid, of eval, then of test: the last origin first.
    for history, origin in zip(own, (69, 63, 84, 78, 96, 90), strict=True):
        np.testing.assert_array_equal(history, np.arange(origin))
    judged = found["eval"]["ETS"][0][0][1][1]
    np.testing.assert_array_equal(judged[:, :, TRUTH], [range(84, 90), range(78, 84)])
    # The scale of the errors is that of the example alone, as the model's is.
    alone = rivals({"eval": pieces(grid, borders)["eval"]}, DataSettings(), features)
    np.testing.assert_array_equal(judged, alone["eval"]["ETS"][0][0][1][1])
    assert sorted(len(history) for history in spy.seen if history[-1] >= 0)[:2] == [11, 17]


def test_the_history_of_rivals_ends_at_a_step_that_no_example_holds(spy: Spy) -> None:
    features = FeatureSettings(horizon=6, context=8, backtest_windows=1)
    borders = {"train": (0, 0, 66), "eval": (67, 75, 90)}
    rivals(pieces("months", borders), DataSettings(), features)
    (history,) = (one for one in spy.seen if one[-1] >= 0)
    np.testing.assert_array_equal(history, np.arange(67, 84))


def test_the_history_of_rivals_is_bounded(monkeypatch: pytest.MonkeyPatch, spy: Spy) -> None:
    features = FeatureSettings(horizon=6, context=300, backtest_windows=1)
    borders = {"train": (0, 0, 400), "eval": (390, 400, 420)}
    rivals(pieces("hours", borders), DataSettings(), features)
    (history,) = (one for one in spy.seen if one[-1] >= 0)
    np.testing.assert_array_equal(history, np.arange(414 - 240, 414))
    # The series is the second of each split.
    monkeypatch.setattr(other, "_MOST_SEARCHED", 1)
    spy.seen.clear()
    rivals(pieces("hours", borders), DataSettings(), features)
    (history,) = (one for one in spy.seen if one[-1] >= 0)
    np.testing.assert_array_equal(history, np.arange(390, 414))


@pytest.mark.parametrize(
    ("season", "fitted", "said"),
    [
        (24, 24, None),
        (52, 1, "3 of 3 windows of the first 1 series, without the season of 52 steps"),
    ],
)
def test_rivals_say_that_a_long_season_is_left_out(
    season: int, fitted: int, said: str | None, spy: Spy
) -> None:
    features = FEATURES.model_copy(update={"season": season})
    found = rivals(records(wave(100)), DataSettings(), features)["eval"]
    part = found["ETS"][1]
    assert (part and part.title) == said
    assert spy.seasons == {fitted}


def test_rivals_without_a_single_solution_are_left_out() -> None:
    short = FeatureSettings(horizon=2, context=4, backtest_windows=2, backtest_step=1)
    values = np.array([1.0, 2.0, np.nan, 4.0, 5.0])
    found = rivals(records(values, first_target=2), DataSettings(), short)["eval"]
    assert set(found) == {"repeat-last"}


def test_a_history_too_short_for_a_method_is_counted() -> None:
    features = FeatureSettings(horizon=2, context=4, backtest_windows=2, backtest_step=26)
    found = rivals(records(wave(30, 0.5), first_target=2), DataSettings(), features)["eval"]
    assert set(found) == {"repeat-last", "ETS", "ARIMA"}
    del found["repeat-last"]
    for chunks, part in found.values():
        ((_, judged),) = chunks
        title = "1 of 2 windows of the first 1 series, 1 without a solution"
        assert part == Part(title, "unique_id", {"s0": [0]})
        # The origins are 28 and 2.
        assert np.isfinite(judged[0, :, :, TRUTH]).all(axis=1).tolist() == [True, False]
        assert statistics(None, judged)["windows"] == 1


def test_levels_are_normal_quantiles() -> None:
    found = module.with_quantiles(np.array([[10.0]]), np.array([[2.0]]))
    assert found.shape == (1, 1, 1 + len(LEVELS))
    assert found[0, 0, 1] == pytest.approx(10 - 2 * 1.959964, rel=1e-5)
    assert found[0, 0, 4] == pytest.approx(10.0)
