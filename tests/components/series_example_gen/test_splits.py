"""Nothing of a later split is seen in an earlier one, and no step is a target twice."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.components.example_gen.report import SPLITS
from tidegate.components.series_example_gen.splits import (
    Piece,
    Splitting,
    check_cutoffs,
    cutoff_steps,
)
from tidegate.tables.errors import InputError
from tidegate.tables.grid import Places
from tidegate.tables.time_grid import Step, parse_timestamp

SIZES = {"valid": 0.1, "eval": 0.1, "test": 0.1}
size = st.one_of(st.just(0.0), st.floats(0.01, 0.3), st.integers(1, 60).map(float))


@st.composite
def splittings(draw: st.DrawFn) -> Splitting:
    horizon = draw(st.integers(1, 40))
    sizes = {
        split: given if given < 1 else max(given, horizon)
        for split, given in ((split, draw(size)) for split in SPLITS[1:])
    }
    return Splitting(draw(st.integers(1, 80)), horizon, sizes)


def cut(splitting: Splitting, steps: int, cutoffs: Mapping[str, int] | None = None) -> list[Piece]:
    return splitting.pieces(steps, cutoffs or {}, steps, steps)[0]


def check(pieces: list[Piece], splitting: Splitting, steps: int) -> None:
    """What holds for every way to part a series."""
    assert [piece.split for piece in pieces] == [
        s for s in SPLITS if s in {p.split for p in pieces}
    ]
    for piece in pieces:
        assert 0 <= piece.begin <= piece.first < piece.end <= steps
        least = splitting.horizon + (piece.split == "train")
        assert piece.end - piece.first >= least
        # All the history that there is, up to what is asked for, and none for train.
        wanted = 0 if piece.split == "train" else splitting.history
        assert piece.first - piece.begin == min(wanted, piece.first)
    for earlier, later in pairwise(pieces):
        # All that an earlier example holds, history or target, is before any later target.
        assert earlier.end <= later.first


@given(splittings(), st.integers(1, 600))
def test_sizes_leave_no_step_out_and_none_in_two_splits(splitting: Splitting, steps: int) -> None:
    pieces, reasons = splitting.pieces(steps, {}, steps, steps)
    check(pieces, splitting, steps)
    targets = [step for piece in pieces for step in range(piece.first, piece.end)]
    if steps > splitting.horizon:
        assert targets == list(range(steps))
    else:
        assert not pieces and set(reasons) == {"train"}
    wanted = {split for split, size in splitting.sizes.items() if size}
    missing = wanted - {piece.split for piece in pieces}
    assert set(reasons) - {"train"} == (missing if pieces else set())


@given(splittings(), st.integers(1, 600), st.data())
def test_cutoffs_are_the_borders(splitting: Splitting, steps: int, data: st.DataObject) -> None:
    where = st.integers(-50, steps + 50)
    at = dict(zip(("eval", "test"), sorted([data.draw(where), data.draw(where)]), strict=True))
    pieces, reasons = splitting.pieces(steps, at, steps, steps)
    check(pieces, splitting, steps)
    found = {piece.split: piece for piece in pieces}
    for split, cutoff in at.items():
        if split in found:
            assert found[split].first == max(cutoff, 0)
    if "eval" in found:
        assert found["eval"].end == min(at["test"], steps)
    if at["test"] >= steps:
        assert reasons.get("test", "nothing after").startswith(("nothing after", "fewer"))
    for split in ("train", "valid"):
        assert split not in found or found[split].end <= max(at["eval"], 0)


@given(splittings(), st.integers(0, 300), st.integers(0, 30), st.integers(1, 100))
def test_a_test_file_is_the_test_split(
    splitting: Splitting, train: int, gap: int, test: int
) -> None:
    splitting = Splitting(splitting.context, splitting.horizon, {**splitting.sizes, "test": 0})
    gap = gap if train else 0
    steps = train + gap + test
    pieces, _ = splitting.pieces(steps, {}, train, train + gap)
    check(pieces, splitting, steps)
    for piece in pieces:
        if piece.split == "test":
            assert piece.end == steps
            if train:
                assert piece.first == train + gap
            else:
                assert 1 <= piece.first <= max(splitting.context, 1)
        else:
            assert piece.end <= train


def test_the_default_shares_of_a_hand_worked_series() -> None:
    splitting = Splitting(30, 5, SIZES)
    assert cut(splitting, 200) == [
        Piece("train", 0, 0, 140),
        Piece("valid", 110, 140, 160),
        Piece("eval", 130, 160, 180),
        Piece("test", 150, 180, 200),
    ]


def test_held_out_splits_have_six_seasons_of_history_or_some_steps() -> None:
    for context, season, history in ((30, 12, 72), (90, 12, 90), (1, 1, 24)):
        splitting = Splitting(context, 5, SIZES, season=season)
        cut_at = [(piece.split, piece.begin) for piece in cut(splitting, 200)]
        begins = [("valid", 140 - history), ("eval", 160 - history), ("test", 180 - history)]
        assert cut_at == [("train", 0), *begins]


@pytest.mark.parametrize(
    ("steps", "splits"),
    [
        (25, "train valid eval test"),  # 10 for train, and 5 for each other split
        (24, "train valid eval"),
        (19, "train eval"),
        (14, "train"),
        (6, "train"),
        (5, ""),
    ],
)
def test_a_short_series_gives_up_test_then_valid_then_eval(steps: int, splits: str) -> None:
    assert [piece.split for piece in cut(Splitting(30, 5, SIZES), steps)] == splits.split()


def test_a_size_before_a_cutoff_takes_from_train() -> None:
    splitting = Splitting(4, 3, {"valid": 10.0, "eval": 0.1, "test": 0.0})
    pieces = cut(splitting, 100, {"eval": 60, "test": 90})
    assert [(p.split, p.first, p.end) for p in pieces] == [
        ("train", 0, 50),
        ("valid", 50, 60),
        ("eval", 60, 90),
        ("test", 90, 100),
    ]


@pytest.mark.parametrize(
    ("cutoff", "start", "step", "day", "expected"),
    [
        ("2020-01-02", "2020-01-01", Step(seconds=3600), 1, 24),
        ("2020-01-01T00:30", "2020-01-01", Step(seconds=3600), 1, 1),
        ("2020-01-01T02:00+02:00", "2020-01-01", Step(seconds=3600), 1, 0),
        ("2019-12-31", "2020-01-01", Step(seconds=86_400), 1, -1),
        # Steps of days are those of the clock on the wall.
        ("2020-01-05T00:00+02:00", "2020-01-01", Step(seconds=86_400), 1, 4),
    ],
)
def test_a_cutoff_is_the_first_step_that_is_not_before_it(
    cutoff: str, start: str, step: Step, day: int, expected: int
) -> None:
    begin = parse_timestamp(start)[0]
    assert cutoff_steps({"eval": cutoff}, grid(begin, day), step) == {"eval": expected}


@pytest.mark.parametrize(
    ("cutoff", "day", "expected"),
    [
        ("2020-03", 1, 2),
        ("2020-03-02", 1, 3),
        ("2020-02-29", 31, 1),  # The end of February is not before it.
        ("2020-03-15", 31, 2),
        ("2020-03-16", 15, 3),
    ],
)
def test_a_cutoff_among_months(cutoff: str, day: int, expected: int) -> None:
    start = 50 * 12  # January 2020
    assert cutoff_steps({"eval": cutoff}, grid(start, day), Step(months=1)) == {"eval": expected}


@pytest.mark.parametrize(
    ("cutoff", "expected"),
    [
        ("2020-01-06", 3),  # From Wednesday to Monday.
        ("2020-01-04", 3),
        ("2020-01-03", 2),
        ("2020-01-03T16:00", 2),
        ("2020-01-03T16:01", 3),
        ("2020-01-05T23:00", 3),
        ("2019-12-31", -1),
    ],
)
def test_a_cutoff_among_business_days(cutoff: str, expected: int) -> None:
    first = int(np.busday_count("1969-12-29", "2020-01-01"))
    places = Places(np.zeros(1, np.int64), first, clock=16 * 3600)
    assert cutoff_steps({"eval": cutoff}, places, Step(business=1)) == {"eval": expected}


def grid(first: int, day: int = 1) -> Places:
    return Places(np.zeros(1, np.int64), first, day)


def test_a_cutoff_in_integer_time() -> None:
    assert cutoff_steps({"eval": "11"}, grid(3), Step(index=5)) == {"eval": 2}


@pytest.mark.parametrize(
    ("cutoff", "integer", "message"),
    [
        ("2024-01-01", True, "data.eval_from=2024-01-01: expected an integer, as PATH holds inte"),
        ("120", False, "data.eval_from=120: expected a time in ISO 8601, such as 2024-01-31, as"),
    ],
)
def test_a_cutoff_of_the_other_kind(cutoff: str, integer: bool, message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_cutoffs({"eval": cutoff}, integer, "PATH holds")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(("cutoff", "integer"), [("-3", True), ("20240101", True), ("2024", False)])
def test_a_cutoff_of_the_right_kind(cutoff: str, integer: bool) -> None:
    check_cutoffs({"eval": cutoff}, integer, "PATH holds")


@given(splittings(), st.integers(1, 600), st.sampled_from(["valid", "eval"]))
def test_a_split_is_there_from_the_steps_that_it_is_said_to_need(
    splitting: Splitting, steps: int, split: str
) -> None:
    if splitting.sizes[split]:
        enough = sum(splitting.needs(split, steps).values()) <= steps
        assert (split in {piece.split for piece in cut(splitting, steps)}) == enough
