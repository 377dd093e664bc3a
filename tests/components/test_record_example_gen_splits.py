"""RecordExampleGen's splits: every row once, equal texts on one side, the same at every run."""

from __future__ import annotations

import itertools
import json
import math
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.components.record_example_gen import executor
from tidegate.components.record_example_gen.executor import Plan, amend
from tidegate.components.record_example_gen.report import Report
from tidegate.tables.errors import InputError
from tidegate.tables.reads import Column, RecordReads, RecordSplits

Generate = Callable[..., Any]
VALID, EVAL = 0.2, 0.1
SHARES = {"valid_share": VALID, "eval_share": EVAL}
# Sorted by label, every third text twice with different neighbours.
DISTINCT = 600
ROWS = [
    (f"text {n} of {label}", label)
    for label in ("left", "right")
    for n in [*range(DISTINCT // 2), *range(0, DISTINCT // 2, 3)]
]


def write_rows(path: Path, rows: list[tuple[str, ...]], header: tuple[str, ...]) -> Path:
    lines = (json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) for row in rows)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def plan_of(**changes: Any) -> Plan:
    splits = {"valid_share": VALID, "eval_share": EVAL, **changes}
    return Plan(RecordReads((Column("text", key=True),)), RecordSplits(**splits))


def falling_into(split: str, count: int) -> list[str]:
    """Texts that the hash puts into a split."""
    plan = plan_of()
    texts = (f"candidate {n}" for n in range(10_000))
    return [text for text in texts if plan.split_of(text, None) == split][:count]


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("data") / "rows.jsonl", ROWS, ("text", "label"))


@pytest.fixture(scope="module")
def generated(generate: Generate, source: Path) -> Any:
    return generate(source, **SHARES)


def test_every_row_is_there_once(generated: Any) -> None:
    assert generated.split_names == ["train", "valid", "eval"]
    assert Counter(row for rows in generated.splits.values() for row in rows) == Counter(ROWS)


def test_equal_texts_are_on_one_side(generated: Any) -> None:
    texts = [generated.texts(split) for split in generated.splits]
    assert sum(map(len, texts)) == len(set().union(*texts)) == DISTINCT


def test_the_shares_are_those_asked_for(generated: Any) -> None:
    for split, share in (("valid", VALID), ("eval", EVAL), ("train", 1 - VALID - EVAL)):
        # Five standard deviations of a binomial count of distinct texts.
        slack = 5 * math.sqrt(DISTINCT * share * (1 - share))
        assert abs(len(generated.texts(split)) - DISTINCT * share) < slack


def test_the_order_of_sorted_labels_is_gone(generated: Any) -> None:
    labels = [label for _, label in generated.splits["train"]]
    changes = sum(a != b for a, b in itertools.pairwise(labels))
    assert changes > len(labels) / 3  # One in a sorted file, half the rows in a shuffled one.


def test_the_report_counts_what_was_written(generated: Any) -> None:
    assert generated.report == {
        "rows": {split: len(rows) for split, rows in generated.splits.items()},
        "labels": {
            split: dict(Counter(label for _, label in rows))
            for split, rows in generated.splits.items()
        },
        "bad": {},
        "remarks": {},
        "places": {},
        "fatal": [],
        "given": [],
    }


def test_nothing_but_splits_and_report_is_left(generated: Any) -> None:
    names = {path.name for path in generated.folder.iterdir()}
    assert names == {"Split-train", "Split-valid", "Split-eval", "report.json"}
    files = [path.name for path in generated.folder.glob("Split-*/*")]
    assert files == ["data_tfrecord-00000-of-00001.gz"] * 3


def test_a_second_run_gives_the_same_rows_in_the_same_order(
    generate: Generate, generated: Any, source: Path
) -> None:
    assert generate(source, **SHARES).splits == generated.splits


@pytest.mark.slow
def test_another_seed_gives_other_splits(generate: Generate, generated: Any, source: Path) -> None:
    other = generate(source, split_seed=1, **SHARES)
    assert sum(map(len, other.splits.values())) == len(ROWS)
    shared = other.texts("eval") & generated.texts("eval")
    assert len(shared) < len(generated.texts("eval")) / 2


@pytest.mark.slow
def test_several_shards_hold_the_same_rows(
    generate: Generate, generated: Any, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "_SHARD_BYTES", source.stat().st_size // 3)
    sharded = generate(source, **SHARES)
    names = sorted(path.name for path in (sharded.folder / "Split-train").iterdir())
    assert names == [f"data_tfrecord-{n:05d}-of-00004.gz" for n in range(4)]
    sizes = [path.stat().st_size for path in (sharded.folder / "Split-train").iterdir()]
    assert min(sizes) > max(sizes) / 3  # The shard is not a part of the split's own hash range.
    for split, rows in generated.splits.items():
        assert Counter(sharded.splits[split]) == Counter(rows)


@pytest.mark.slow
def test_two_worker_processes_give_the_same_examples(
    generate: Generate, generated: Any, tmp_path: Path
) -> None:
    folder = tmp_path / "parts"
    folder.mkdir()
    for part in range(4):
        write_rows(folder / f"{part}.jsonl", ROWS[part::4], ("text", "label"))
    workers = generate(
        folder,
        beam=(
            "--runner=DirectRunner",
            "--allow_unsafe_triggers",
            "--direct_running_mode=multi_processing",
            "--direct_num_workers=2",
        ),
        **SHARES,
    )
    assert workers.splits == generated.splits
    assert workers.report == generated.report


def test_a_split_column_is_followed_and_given_splits_are_not_cut_again(
    generate: Generate, tmp_path: Path
) -> None:
    given = ["train", " Training ", "VAL", "dev", "validation", "evaluation", "eval", "test"]
    rows = [(f"{n}", "ab"[n % 2 == 0], given[n // 2 % 8]) for n in range(240)]
    path = write_rows(tmp_path / "rows.jsonl", rows, ("text", "label", "part"))
    found = generate(path, split_column="part", **SHARES)
    meant = dict(zip(given, ["train"] * 2 + ["valid"] * 3 + ["eval"] * 2 + ["test"], strict=True))
    for split in ("train", "valid", "eval", "test"):
        assert found.texts(split) == {text for text, _, name in rows if meant[name] == split}
    assert sorted(found.report["given"]) == ["eval", "test", "train", "valid"]


@pytest.mark.slow
def test_what_a_split_column_does_not_give_is_cut_from_train(
    generate: Generate, tmp_path: Path
) -> None:
    rows = [(f"{n}", "ab"[n % 2 == 0], "eval" if n % 8 > 5 else "train") for n in range(400)]
    path = write_rows(tmp_path / "rows.jsonl", rows, ("text", "label", "part"))
    test = write_rows(tmp_path / "test.jsonl", [("t", "a"), ("u", "b")], ("text", "label"))
    found = generate(path, test, split_column="part", **SHARES)
    assert found.texts("eval") == {text for text, _, name in rows if name == "eval"}
    assert found.texts("train") | found.texts("valid") == {t for t, _, n in rows if n == "train"}
    assert 20 < len(found.texts("valid")) < 100
    assert found.texts("test") == {"t", "u"}


@pytest.mark.slow
def test_a_class_that_the_hash_would_take_from_train_stays_there(
    generate: Generate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many shards that the first pass writes some that the second has no rows for.
    monkeypatch.setattr(executor, "_SHARD_BYTES", 200)
    rare = [*falling_into("eval", 2), *falling_into("valid", 1)]
    rows = [*ROWS[:30], *ROWS[-30:], *((text, "rare") for text in rare)]
    path = write_rows(tmp_path / "rows.jsonl", rows, ("text", "label"))
    found = generate(path, **SHARES)
    assert {text for text, label in found.splits["train"] if label == "rare"} == set(rare)
    assert found.texts("eval").isdisjoint(rare) and found.texts("valid").isdisjoint(rare)
    assert Counter(row for some in found.splits.values() for row in some) == Counter(rows)
    assert found.report["rows"]["train"] == len(found.splits["train"])


def test_the_plan_is_kept_where_it_was_right() -> None:
    report = Report(labels={"train": {"a": 8, "b": 9}, "eval": {"a": 1}, "valid": {"b": 1}})
    assert amend(plan_of(), report) == plan_of()


def test_a_label_that_only_a_given_split_has_is_not_moved() -> None:
    report = Report(labels={"train": {"a": 8}, "eval": {"b": 1}}, given=["train", "eval"])
    assert amend(plan_of(), report) == plan_of(eval_share=0.0)


@pytest.mark.slow
def test_an_unknown_split_is_named_with_its_place(generate: Generate, tmp_path: Path) -> None:
    rows = [("a", "x", "train"), ("b", "y", "tset")]
    path = write_rows(tmp_path / "rows.jsonl", rows, ("text", "label", "part"))
    with pytest.raises(InputError) as caught:
        generate(path, split_column="part")
    assert str(caught.value) == (
        f"{path}:2: column 'part' says 'tset'; expected train, valid, eval, test"
    )
