"""Which rows RecordExampleGen uses, what it does with the others, and when it stops."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import tensorflow as tf
from apache_beam.pvalue import TaggedOutput

from tidegate.components.record_example_gen import report as report_module
from tidegate.components.record_example_gen.executor import Plan, _ReadFiles
from tidegate.components.record_example_gen.report import Report, SumReports, check
from tidegate.components.record_example_gen.sources import Source
from tidegate.models.core.progress import LogReporter, set_reporter
from tidegate.tables.errors import InputError
from tidegate.tables.reads import Column, RecordReads, RecordSplits

Generate = Callable[..., Any]


class Lines(LogReporter):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def told() -> Iterable[list[str]]:
    lines = Lines()
    set_reporter(lines)
    yield lines.lines
    set_reporter(LogReporter())


def json_lines(rows: Iterable[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def good(count: int, classes: str = "ab") -> list[tuple[str, str]]:
    return [(f"text {n}", classes[n % len(classes)]) for n in range(count)]


def csv_of(rows: Iterable[tuple[str, str]]) -> str:
    return "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows)


def test_rows_that_cannot_be_used_are_counted_with_places_and_told(
    generate: Generate, told: list[str], tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    first = [*good(60), ("", "a"), ("  ", "b"), ("x", " "), ("\u3000", "a"), (" ", "b")]
    (folder / "1.csv").write_text(csv_of(first) + "one field\n", encoding="utf-8")
    with gzip.open(folder / "2.csv.gz", "wt", encoding="utf-8") as file:
        file.write(csv_of([(f"other {n}", " b ") for n in range(60)]))
    found = generate(folder, valid_share=0.2, eval_share=0.2, max_bad_share=0.2)
    reasons = {"empty text": 4, "empty label": 1, "1 fields where the header has 2": 1}
    assert found.report["bad"] == reasons
    path = folder / "1.csv"
    assert found.report["places"]["empty text"] == [f"{path}:{n}" for n in (62, 63, 65)]
    assert sum(found.report["rows"].values()) == 120
    assert {label for rows in found.splits.values() for _, label in rows} == {"a", "b"}
    (line,) = told
    assert line.startswith(f"left out 4 rows: empty text (first at {path}:62, {path}:63, ")


@pytest.mark.slow
def test_labels_may_be_numbers_or_booleans_and_texts_any_unicode(
    generate: Generate, tmp_path: Path
) -> None:
    labels: list[Any] = [0, 1, 1.0, True, "1", 2.5]
    rows = [{"text": f"水 \ud83c {n}", "label": labels[n % 6]} for n in range(240)]
    path = tmp_path / "rows.jsonl"
    path.write_text(json_lines(rows))
    found = generate(path, valid_share=0.2, eval_share=0.2)
    everything = [row for rows in found.splits.values() for row in rows]
    assert Counter(label for _, label in everything) == {"0": 40, "1": 120, "true": 40, "2.5": 40}
    assert {text for text, _ in everything} == {f"水 ? {n}" for n in range(240)}


STOPS = {
    "a single class": (csv_of(good(40, "a")), None, "every row has the label 'a'"),
    "a label with one row": (
        csv_of([*good(40), ("lonely", "c")]),
        None,
        "label 'c' with a single row",
    ),
    "a test label never seen": (
        csv_of(good(40)),
        csv_of([("t", "a"), ("u", "zzz")]),
        "the test data has the label 'zzz'",
    ),
    "too many empty texts": (
        csv_of([*good(90), *[("", "a")] * 10]),
        None,
        "10.0% of the rows cannot be used, more than data.max_bad_share=5.0%: 10 rows: empty text",
    ),
    "only empty texts": (csv_of([("", "a"), (" ", "b")]), None, "100.0% of the rows cannot be"),
    "broken quoting far down": (csv_of(good(40)) + '"open,b\n', None, ":42: broken quoting"),
    "an error in the test file": (csv_of(good(40)), csv_of(good(3)) + '"o"p,b\n', ":5: broken"),
    "too few rows to split": (csv_of(good(4)), None, "leave none for the split"),
}


@pytest.mark.slow
@pytest.mark.parametrize("what", STOPS)
def test_data_that_cannot_be_learnt_from_stops_the_run(
    generate: Generate, tmp_path: Path, what: str
) -> None:
    train, test, said = STOPS[what]
    source, fixed = tmp_path / "train.csv", tmp_path / "test.csv"
    source.write_text(train)
    if test:
        fixed.write_text(test)
    with pytest.raises(InputError) as caught:
        generate(source, fixed if test else None)
    message = str(caught.value)
    assert said in message
    assert message.startswith((str(source), str(fixed)))
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
@pytest.mark.parametrize("column", ["label", "text"])
def test_a_list_is_no_label_and_no_text(tmp_path: Path, kind: str, column: str) -> None:
    rows: list[dict[str, Any]] = [{"text": "[a] [1]", "label": "[a]"}] * 3
    rows.append({"text": "b", "label": "b", column: ["politics", "sport"]})
    frame, path = pd.DataFrame(rows), tmp_path / f"rows.{kind}"
    if kind == "parquet":
        lists = [[one] if isinstance(one, str) else one for one in frame[column]]
        frame.assign(**{column: lists}).to_parquet(path)
    elif kind == "csv":
        frame.to_csv(path, index=False)
    else:
        path.write_text(json_lines(rows))
    columns = (Column("text", key=True), Column("label", label=True))
    *_, report = _ReadFiles(Plan(RecordReads(columns), RecordSplits())).process(
        Source((str(path),))
    )
    if kind == "csv" and column == "text":  # A text may be anything.
        assert not report.value.fatal and not report.value.bad
        return
    (said,) = report.value.fatal
    row = {"csv": 5, "jsonl": 4, "parquet": 1}[kind]
    assert said.startswith(f"{path}:{row}: column '{column}' holds a list, [")
    assert f"expected one {'label' if column == 'label' else 'value'} a row" in said


def reported(**fields: Any) -> Report:
    labels = {"train": {"a": 50, "b": 50}, "valid": {"a": 5, "b": 5}, "eval": {"a": 5, "b": 5}}
    rows = {"train": 100, "valid": 10, "eval": 10}
    return Report(**{"rows": rows, "labels": labels, **fields})


def refused(report: Report) -> str:
    with pytest.raises(InputError) as caught:
        check(report, max_bad_share=0.05, source="data.csv")
    return str(caught.value)


def test_sound_data_passes() -> None:
    check(reported(bad={"empty text": 6}, places={"empty text": []}), max_bad_share=0.05, source="")


def test_the_share_of_bad_rows_is_of_all_rows() -> None:
    bad = {"bad": {"empty text": 7}, "places": {"empty text": ["data.csv:3"]}}
    assert "5.5% of the rows cannot be used" in refused(reported(**bad))


def test_an_error_while_reading_comes_before_all_others() -> None:
    assert refused(Report(fatal=["b.csv:2: broken", "a.csv:9: broken"])) == "a.csv:9: broken"


def test_a_label_of_a_given_split_that_training_never_sees_stops_the_run() -> None:
    for split in ("valid", "eval"):
        labels = {"train": {"a": 5, "b": 5}, "valid": {"a": 2}, "eval": {"b": 2}}
        labels[split] = {**labels[split], "zzz": 2}
        message = refused(reported(labels=labels, given=["train", "valid", "eval"]))
        assert f"the {split} data has the label 'zzz' that training never sees" in message


def test_a_split_without_rows_names_the_setting_that_gives_it_some() -> None:
    for split in ("valid", "eval"):
        rows = {"train": 100, "valid": 10, "eval": 10}
        del rows[split]
        message = refused(reported(rows=rows))
        assert f"{split!r}" in message and f"data.{split}_share" in message


def test_a_label_column_with_a_value_a_row_is_no_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report_module, "_MOST_LABELS", 3)
    report = Report()
    for label in "abca":
        report.add_row("train", label)
    with pytest.raises(InputError, match=r"data\.label_column"):
        report.add_row("train", "d")


def test_reports_of_parts_add_up_to_that_of_the_whole() -> None:
    rows = [("train", "a"), ("eval", "b"), ("train", "b"), ("train", "a"), ("test", "a")]
    whole, parts = Report(), [Report(), Report(), Report()]
    for number, (split, label) in enumerate(rows):
        for report in (whole, parts[number % 3]):
            report.add_row(split, label)
            report.add_bad("empty text", f"f:{number}")
            report.add_given(split)
    summed = SumReports()
    total = summed.extract_output(
        summed.merge_accumulators(
            [
                summed.add_input(summed.add_input(summed.create_accumulator(), parts[0]), parts[1]),
                summed.add_input(summed.create_accumulator(), parts[2]),
            ]
        )
    )
    assert (total.rows, total.labels, total.bad) == (whole.rows, whole.labels, whole.bad)
    assert sorted(total.given) == sorted(whole.given)
    assert len(total.places["empty text"]) == 3
    assert total.bad_share == pytest.approx(0.5)


NUMBERS = (
    Column("series", "id", key=True),
    Column("count", "n", kind="int"),
    Column("y", "y", kind="float"),
)


def test_numbers_are_read_as_numbers_and_what_is_none_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    cells = ["1,2.5", "-3,1e3", "1.5,2", "x,2", "3,much", "4,", "99999999999999999999,1"]
    path.write_text("id,n,y\n" + "".join(f"s,{cell}\n" for cell in cells))
    plan = Plan(RecordReads(NUMBERS), RecordSplits(valid_share=0.0, eval_share=0.0))
    *rows, tagged = _ReadFiles(plan).process(Source((str(path),)))
    assert isinstance(tagged, TaggedOutput) and tagged.tag == _ReadFiles.REPORT
    assert tagged.value.bad == {"count is not a number": 3, "y is not a number": 1, "empty y": 1}
    values = []
    for where, serialized in rows:
        assert where == ("train", 0)
        feature = tf.train.Example.FromString(serialized).features.feature
        values.append((feature["count"].int64_list.value[:], feature["y"].float_list.value[:]))
    assert values == [([1], [2.5]), ([-3], [1000.0])]
    assert tagged.value.labels == {}
