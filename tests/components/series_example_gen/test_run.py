"""What SeriesExampleGen writes: every value in its place, gaps marked, nothing seen too early."""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tidegate.components.example_gen.report import SPLITS
from tidegate.tables.reads import SeriesReads, SeriesSplits, from_json

Generate = Callable[..., Any]
CONTEXT, HORIZON = 30, 6
WINDOW = {"context": CONTEXT, "horizon": HORIZON}
HOUR = 3600


def frame() -> pd.DataFrame:
    """Eight hourly series of several lengths and begins, with gaps, empty cells and covariates."""
    random = np.random.default_rng(7)
    parts = []
    for number in range(8):
        steps = 60 + 17 * number
        part = pd.DataFrame(
            {
                "unique_id": f"store {number}",
                "ds": pd.date_range("2021-03-27", periods=steps, freq="H")
                + pd.Timedelta(hours=5 * number),
                "y": random.normal(100, 5, steps).astype(np.float32),
                "heat": random.normal(size=steps).astype(np.float32),
                "promo": random.integers(0, 2, steps),
                "side": "north" if number % 2 else "süd",
                "area": 10.5 * number,
            }
        )
        part.loc[random.random(steps) < 0.05, "y"] = np.nan
        part.loc[random.random(steps) < 0.05, "heat"] = np.nan
        parts.append(part)
    rows = pd.concat(parts)
    return rows.sample(frac=1, random_state=1).reset_index(drop=True)


def as_text(examples: Any) -> str:
    """Examples that can be compared, as NaN is not equal to itself."""
    return json.dumps(examples, sort_keys=True)


COVARIATES = {"static": "side", "static_numbers": "area", "historic": "heat", "future": "promo"}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "rows.csv"
    frame().to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def generated(generate: Generate, source: Path) -> Any:
    return generate(source, **WINDOW, **COVARIATES)


def rebuilt(generated: Any, name: str, column: str) -> tuple[int, list[float]]:
    """A series put together from the targets' steps of its pieces, and its start."""
    values: list[float] = []
    pieces = generated.of(name)
    for split in SPLITS:
        if split in pieces:
            values += pieces[split][column][pieces[split]["first_target"][0] :]
    return pieces["train"]["start"][0], values


def test_every_value_is_a_target_once_and_where_it_was(generated: Any) -> None:
    for name, rows in frame().groupby("unique_id"):
        known = rows.set_index("ds").sort_index()
        known = known.loc[known.y.first_valid_index() : known.y.last_valid_index()]
        grid = known.asfreq("H")
        for column in ("y", "heat", "promo"):
            start, values = rebuilt(generated, name, column)
            assert start == int(grid.index[0].timestamp())
            np.testing.assert_array_equal(values, grid[column].astype(np.float32))


def test_history_is_what_was_before_and_no_more_than_the_context(generated: Any) -> None:
    for number in range(8):
        pieces = generated.of(f"store {number}")
        start, values = rebuilt(generated, f"store {number}", "y")
        ends = []
        for split in SPLITS:
            piece = pieces[split]
            at = (piece["start"][0] - start) // HOUR
            np.testing.assert_array_equal(piece["y"], values[at : at + len(piece["y"])])
            first = at + piece["first_target"][0]
            assert piece["first_target"][0] == (0 if split == "train" else min(CONTEXT, first))
            ends.append((first, at + len(piece["y"])))
        # An example holds nothing at or after the first target of a later split.
        assert all(end == first for (_, end), (first, _) in pairwise(ends))


@pytest.mark.parametrize(("season", "expected"), [(None, 144), (20, 120), (5, CONTEXT)])
def test_held_out_splits_look_back_by_six_seasons(
    csv: Callable[..., Path], generate: Generate, season: int | None, expected: int
) -> None:
    """Those of the frequency, unless a setting says otherwise: here 24 hours."""
    hours = pd.date_range("2021-03-01", periods=600, freq="h")
    rows = [["a", hour.isoformat(), number] for number, hour in enumerate(hours)]
    found = generate(csv(rows), **{**WINDOW, "season": season}).splits
    for split in ("valid", "eval", "test"):
        (example,) = found[split]
        assert example["first_target"] == [expected]
        first = 600 - {"valid": 180, "eval": 120, "test": 60}[split]
        assert example["y"][0] == first - expected


def test_what_each_example_holds(generated: Any) -> None:
    pieces = generated.of("store 3")
    for example in pieces.values():
        assert sorted(example) == [
            "area", "first_target", "heat", "promo", "side", "start",
            "step_business", "step_index", "step_months", "step_seconds", "unique_id", "y",
        ]  # fmt: skip
        steps = example["step_seconds"], example["step_months"], example["step_index"]
        assert steps == ([HOUR], [0], [0])
        assert example["side"] == ["north"] and example["area"] == [31.5]
        assert len(example["y"]) == len(example["heat"]) == len(example["promo"])
    assert generated.of("store 2")["eval"]["side"] == ["süd"]


def test_the_report_counts_what_was_written(generated: Any) -> None:
    report = generated.report
    assert generated.split_names == list(SPLITS)
    assert report["step"] == "1 hour" and report["found"] == 8
    for split, examples in generated.splits.items():
        targets = [y for e in examples for y in e["y"][e["first_target"][0] :]]
        assert report["series"][split] == len(examples) == 8
        assert report["steps"][split] == len(targets)
        assert report["rows"][split] == sum(not math.isnan(y) for y in targets)
    assert report["bad"] == report["left_out"] == report["noted"] == {}


def test_nothing_but_splits_and_report_is_left(generated: Any) -> None:
    assert {path.name for path in generated.folder.iterdir()} == {
        *(f"Split-{split}" for split in SPLITS),
        "report.json",
    }


def write_as(kind: str, folder: Path) -> Path:
    rows = frame()
    path = folder / f"rows.{kind}"
    if kind == "parquet":
        rows.to_parquet(path)
    elif kind.startswith("jsonl"):
        text = rows.to_json(orient="records", lines=True, date_format="iso", double_precision=15)
        path.write_bytes(gzip.compress(text.encode()) if kind.endswith("gz") else text.encode())
    else:
        rows.to_csv(path, index=False, sep="\t")
    return path


@pytest.mark.parametrize(
    "kind",
    ["parquet", *(pytest.param(kind, marks=pytest.mark.slow) for kind in ("tsv", "jsonl.gz"))],
)
def test_other_formats_give_the_same_examples(
    generate: Generate, generated: Any, tmp_path: Path, kind: str
) -> None:
    found = generate(write_as(kind, tmp_path), **WINDOW, **COVARIATES)
    assert as_text(found.splits) == as_text(generated.splits)


def test_several_files_and_buckets_give_the_same_series(
    generate: Generate, generated: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tidegate.components.series_example_gen import executor

    rows = frame()
    for part in range(3):
        rows[part::3].to_csv(tmp_path / f"{part}.csv", index=False)
    monkeypatch.setattr(executor, "_BUCKET_BYTES", 10_000)
    found = generate(tmp_path, **WINDOW, **COVARIATES)
    files = sorted(path.name for path in (found.folder / "Split-train").iterdir())
    assert len(files) > 1 and all(name.endswith(f"-of-{files[0][-8:]}") for name in files)
    for split in SPLITS:
        # Series are in the order of a hash, whatever the number of files.
        assert as_text(found.splits[split]) == as_text(generated.splits[split])


@pytest.mark.slow
def test_two_worker_processes_give_the_same_examples(
    generate: Generate, generated: Any, tmp_path: Path
) -> None:
    rows = frame()
    for part in range(3):
        rows[part::3].to_csv(tmp_path / f"{part}.csv", index=False)
    beam = (
        "--runner=DirectRunner",
        "--allow_unsafe_triggers",
        "--direct_running_mode=multi_processing",
        "--direct_num_workers=2",
        "--sdk_container_image=none",
    )
    found = generate(tmp_path, beam=beam, **WINDOW, **COVARIATES)
    assert as_text(found.splits) == as_text(generated.splits)


def test_cutoffs(generate: Generate, source: Path) -> None:
    found = generate(source, **WINDOW, eval_from="2021-03-29T12:00", test_from="2021-03-30")
    for split, begin, end in (
        ("eval", "2021-03-29T12:00", "2021-03-30"),
        ("test", "2021-03-30", "2022"),
    ):
        for example in found.splits[split]:
            first = example["start"][0] + HOUR * example["first_target"][0]
            assert first == int(pd.Timestamp(begin).timestamp())
            assert example["start"][0] + HOUR * len(example["y"]) <= pd.Timestamp(end).timestamp()
    assert sum(count["series"] for count in found.report["left_out"].values()) > 0


def test_a_test_file_after_a_pause(csv: Callable[..., Path], generate: Generate) -> None:
    train = csv([["a", at, at] for at in range(80)])
    later = [["a", at, at] for at in range(90, 100)] + [["b", at, at] for at in range(50)]
    found = generate(train, csv(later, name="test.csv"), **WINDOW)
    test = found.of("a")["test"]
    first = test["first_target"][0]
    assert first == CONTEXT and test["y"][first:] == list(range(90, 100))
    assert test["y"][first - 12 : first - 10] == [78, 79] and math.isnan(test["y"][first - 1])
    # A series that the training data lacks: its first steps are history.
    assert found.of("b")["test"]["first_target"] == [CONTEXT]
    assert sum(found.report["rows"][split] for split in ("train", "valid", "eval")) == 80
    assert found.report["rows"]["test"] == 10 + 50 - CONTEXT


def test_what_cannot_be_used_is_counted_and_named(
    csv: Callable[..., Path], generate: Generate
) -> None:
    days = [f"{time:%Y-%m-%d}" for time in pd.date_range("2020", periods=80)]
    rows = [["long", day, at % 7] for at, day in enumerate(days)]
    rows += [["flat", day, 4] for day in days]
    rows += [["void", day, ""] for day in days]
    rows += [["brief", day, at] for at, day in enumerate(days[: HORIZON - 1])]
    rows += [["short", day, at] for at, day in enumerate(days[: 3 * HORIZON])]
    report = generate(csv(rows), **WINDOW).report
    assert report["noted"] == {"constant": {"series": 1, "first": ["flat"]}}
    assert report["left_out"] == {
        "no value at all": {"series": 1, "first": ["void"]},
        f"fewer than {HORIZON + 1} steps (horizon + 1) for 'train'": {
            "series": 1,
            "first": ["brief"],
        },
        "too short for the split 'test'": {"series": 1, "first": ["short"]},
        "too short for the split 'valid'": {"series": 1, "first": ["short"]},
    }
    assert report["series"] == {"train": 3, "valid": 2, "eval": 3, "test": 2}


def test_a_gap_longer_than_all_that_is_known_is_noted(
    csv: Callable[..., Path], generate: Generate
) -> None:
    months = [f"{time:%Y-%m-%d}" for time in pd.date_range("1998", periods=72, freq="MS")]
    rows = [[name, month, at % 7] for name in ("right", "wrong") for at, month in enumerate(months)]
    rows[-1][1] = "2203-12-01"
    found = generate(csv(rows), **WINDOW)
    assert found.report["noted"] == {
        "a gap of more steps than the series has values; is a time wrong?": {
            "series": 1,
            "first": ["wrong: 2400 steps between 2003-11-01 00:00:00 and 2203-12-01 00:00:00"],
        }
    }
    assert set(found.of("right")) == set(SPLITS)


def test_digits_that_float32_cannot_keep_are_noted(
    csv: Callable[..., Path], generate: Generate
) -> None:
    levels = {"alike": (2**24, 0), "high": (1_700_000_000, 0), "low": (0, 0), "warm": (0, 10**9)}
    rows = [
        [name, at, level + (at % 2 if name == "alike" else 37 * at % 100), heat + at % 3, 2**24 + 1]
        for name, (level, heat) in levels.items()
        for at in range(80)
    ]
    path = csv(rows, "unique_id,ds,y,heat,area")
    found = generate(path, **WINDOW, static_numbers="area", historic="heat")
    # Nor is "alike" constant, all of whose values are kept as one.
    assert found.report["noted"] == {
        "digits are lost: about seven are kept (float32), too few for these changes; subtract a "
        "constant from the column, or give differences": {
            "series": 3,
            "first": [
                "alike: 16777217 is read as 16777216",
                "high: 1700000037 is read as 1700000000",
                "warm, 'heat': 1000000001 is read as 1000000000",
            ],
        }
    }


@pytest.mark.slow
def test_names_that_are_numbers(generate: Generate, tmp_path: Path) -> None:
    rows = frame()
    rows["unique_id"] = rows.unique_id.str[-1].astype(float)
    rows.to_parquet(tmp_path / "rows.parquet")
    found = generate(tmp_path / "rows.parquet", **WINDOW)
    assert {e["unique_id"][0] for e in found.splits["train"]} == {str(n) for n in range(8)}


def test_the_component_takes_plain_arguments(tmp_path: Path) -> None:
    from tfx.dsl.compiler import compiler
    from tfx.orchestration import pipeline

    from tidegate.components.series_example_gen.component import SeriesExampleGen

    path = tmp_path / "rows.csv"
    path.write_text("day,sold\n")
    gen = SeriesExampleGen(
        data=str(path),
        reads=SeriesReads(time="day", target="sold"),
        splits=SeriesSplits(horizon=6, context=30),
    )
    compiled = compiler.Compiler().compile(pipeline.Pipeline("series", "/out", components=[gen]))
    (node,) = compiled.nodes
    parameters = node.pipeline_node.parameters.parameters
    assert sorted(parameters) == [*("fingerprint", "reads", "splits", "test", "train")]
    # Of the data and of the code.
    assert all(map(len, parameters["fingerprint"].field_value.string_value.split("-")))
    assert from_json(SeriesReads, parameters["reads"].field_value.string_value).target == "sold"


def test_events_are_added_up_and_days_without_any_are_zero(csv: Any, generate: Generate) -> None:
    rows = [("a", f"2020-01-{day:02d}", f'"{day},5"') for day in range(1, 31) if day != 4]
    rows += [("a", "2020-01-02", '"2,25"'), *[("a", f"2020-02-{d:02d}", -999) for d in range(1, 7)]]
    found = generate(csv(rows), decimal=",", duplicates="sum", fill="zero", frequency="D")
    assert found.of("a")["train"]["y"][:5] == [1.5, 4.75, 3.5, 0, 5.5]
    (noted,) = (count for what, count in found.report["noted"].items() if "data.missing" in what)
    assert noted == {"series": 1, "first": ["a: -999 6 times"]}
