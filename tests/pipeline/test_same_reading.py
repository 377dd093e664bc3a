"""Whatever a file is like, training and asking see the same ids, times, numbers, texts and gaps."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.components.record_example_gen.executor import Plan as RecordPlan
from tidegate.components.record_example_gen.executor import _ReadFiles
from tidegate.components.series_example_gen.examples import Output as Written
from tidegate.components.series_example_gen.examples import series_example
from tidegate.components.series_example_gen.grid import grid_of
from tidegate.components.series_example_gen.passes import Plan, ReadFiles
from tidegate.components.series_example_gen.report import Reading
from tidegate.components.series_example_gen.splits import Piece, Splitting
from tidegate.serving.client.answers import Answers
from tidegate.serving.client.messages import DATA_TYPES
from tidegate.serving.client.signatures import Signature, TensorSpec
from tidegate.serving.client.tables.predicting import planned
from tidegate.serving.client.tables.question import Question
from tidegate.tables.formats import FileFormat
from tidegate.tables.frequency import Distances, infer
from tidegate.tables.grid import Gridding
from tidegate.tables.reads import Column, RecordReads, RecordSplits, SeriesReads
from tidegate.tables.roles import ASKED, SIGNATURE, TEXT, Input, Roles
from tidegate.tables.series import Table, arrange, each_series
from tidegate.tables.series_files import has_integer_time
from tidegate.tables.time_grid import Step

START = datetime(2023, 10, 27)
FORMS: dict[str | None, Callable[[datetime], Any]] = {
    None: str,
    "%d.%m.%Y %H:%M": lambda time: f"{time:%d.%m.%Y %H:%M}",
    "%m/%d/%y %Hh": lambda time: f"{time:%m/%d/%y %Hh}",
    "epoch_s": lambda time: (time - datetime(1970, 1, 1)) // timedelta(seconds=1),
    "epoch_ms": lambda time: (time - datetime(1970, 1, 1)) // timedelta(milliseconds=1),
    "excel": lambda time: (time - datetime(1899, 12, 30)) / timedelta(days=1),
}
STEPS = {"h": timedelta(hours=1), "D": timedelta(days=1), "W": timedelta(weeks=1)}
ENDINGS = {"csv": ".csv", "tsv": ".tsv", "jsonl": ".jsonl", "parquet": ".parquet", "frame": ""}
MARKS = ("", "NA", "null", " NaN ", "-", "?")
# A column's texts as they may stand in a file; NUL is no text, and half a surrogate no UTF-8.
TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=6)
NAMES = st.one_of(
    st.sampled_from(["007", "7", " a b ", "1.0", "None", "水库 1", 'say "x"', "a;b,c"]),
    TEXTS.filter(lambda text: text.strip()),
)
NUMBERS = st.one_of(
    st.integers(-(10**6), 10**6).map(str),
    st.floats(-1e6, 1e6, allow_nan=False).map(repr),
    st.sampled_from(MARKS),
)


@dataclass(frozen=True)
class Made:
    """A table and how it is written."""

    rows: list[dict[str, Any]]
    kind: str
    delimiter: str
    quoting: int
    encoding: str
    how: FileFormat

    def write(self, folder: Path) -> Any:
        """The file's path, or a frame."""
        path = folder / f"rows{ENDINGS[self.kind]}"
        if self.kind in ("parquet", "frame"):
            frame = pd.DataFrame(self.rows)
            if self.kind == "frame":
                return frame
            frame.to_parquet(path)
        elif self.kind == "jsonl":
            lines = (json.dumps(row, ensure_ascii=False) + "\n" for row in self.rows)
            path.write_text("".join(lines), encoding=self.encoding)
        else:
            with path.open("w", newline="", encoding=self.encoding) as file:
                writer = csv.DictWriter(
                    file, list(self.rows[0]), delimiter=self.delimiter, quoting=self.quoting
                )
                writer.writeheader()
                writer.writerows(self.rows)
        return str(path)


@st.composite
def written(draw: st.DrawFn, rows: list[dict[str, Any]], form: str | None, kinds: Any) -> Made:
    kind = draw(st.sampled_from(kinds))
    delimiter = draw(st.sampled_from(",;|\t")) if kind in ("csv", "tsv") else ","
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]))
    if kind not in ("csv", "tsv", "jsonl"):
        encoding = "utf-8"
    how = FileFormat(encoding, delimiter, missing=("-", "?"), time_format=form)
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    return Made(draw(st.permutations(rows)), kind, delimiter, quoting, encoding, how)


@st.composite
def tables(draw: st.DrawFn) -> Made:
    """Series with gaps, missing values, covariates, in any order."""
    form = draw(st.sampled_from(list(FORMS)))
    step = STEPS[draw(st.sampled_from(list(STEPS)))]
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique_by=lambda name: name.strip()))
    integer = form is None and draw(st.booleans())
    rows = []
    for number, name in enumerate(names):
        count = draw(st.integers(3, 8))
        kept = sorted(draw(st.sets(st.integers(0, count), min_size=1))) if number else range(count)
        side, area = draw(TEXTS), draw(st.integers(0, 99))
        for at in kept:
            time = str(7 * at - 7) if integer else FORMS[form](START + at * step)
            y = draw(NUMBERS)
            rows.append({"s": name, "t": time, "y": y, "heat": draw(NUMBERS), "side": side,
                         "area": str(area)})  # fmt: skip
        if all(row["y"] in MARKS for row in rows if row["s"] == name):
            rows[-1]["y"] = "1"
    return draw(written(rows, form, list(ENDINGS)))


READS = SeriesReads(
    time="t", target="y", id="s", static=("side",), static_numbers=("area",), historic=("heat",)
)
INPUTS = {
    "name": Input("name", "s"),
    "start": Input("start", "t"),
    "y": Input("values", "y"),
    "mask": Input("mask", of="y"),
    "heat": Input("values", "heat"),
    "side": Input("static", "side"),
    "area": Input("static", "area"),
}


class Model:
    """Answers for a model with these roles; nothing else of it is called."""

    def __init__(self, roles: Roles, inputs: Mapping[str, tuple[str, int]]) -> None:
        self._roles = roles

        def spec(name: str, dtype: str, rank: int) -> TensorSpec:
            return TensorSpec(name, dtype, (None,) * rank, DATA_TYPES[f"DT_{dtype.upper()}"])

        specs = {name: spec(name, *one) for name, one in inputs.items()}
        self._signatures = {
            "ask": Signature("ask", "predict", specs, {}),
            SIGNATURE: Signature(
                SIGNATURE,
                "predict",
                {ASKED: spec(ASKED, "string", 1)},
                {TEXT: spec(TEXT, "string", 1)},
            ),
        }

    def signatures(self, model: str, **which: Any) -> dict[str, Signature]:
        return self._signatures

    def predict(self, model: str, inputs: Mapping[str, Any], **which: Any) -> Answers:
        text = np.array([self._roles.to_json().encode()], object)
        return Answers({TEXT: text}, model=model, version=1, signature=SIGNATURE)


def in_training(source: Any, reads: SeriesReads) -> tuple[Step, dict[str, dict[str, Any]]]:
    """The step, and by series what the examples hold."""
    integer = has_integer_time(source, reads)
    path = source
    (report,) = [Reading()]
    parts = []
    for element in ReadFiles(Plan((path,), reads, integer, 1)).process((0, path)):
        if isinstance(element, tuple):
            parts.append(Table.from_bytes(element[1]))
        else:
            report = element.value
    assert not report.bad and not report.fatal, (report.bad, report.fatal)
    distances = Distances()
    for series in each_series(arrange(parts)):
        distances.add_series(series, [path], integer)
    step = infer(distances, path)
    gridding = Gridding(step, [path], reads.static_numbers, reads.future, reads.static)
    output = Written("", 1, gridding, Splitting(1, 1, {}), reads)
    found = {}
    for series in each_series(arrange(parts)):
        grid = grid_of(series, gridding, frozenset())
        assert grid is not None
        example = series_example(grid, Piece("train", 0, 1, grid.steps), output)
        features = {
            name: list(getattr(one, one.WhichOneof("kind")).value)
            for name, one in example.features.feature.items()
        }
        found[series.name] = features
    return step, found


@given(tables())
@settings(max_examples=80, deadline=None)
def test_series(made: Made) -> None:
    reads = replace(READS, how=made.how)
    with tempfile.TemporaryDirectory() as folder:
        source = made.write(Path(folder))
        trained_on = source
        if not isinstance(source, str):  # What the library trains a frame from.
            trained_on = str(Path(folder) / "frame.parquet")
            source.to_parquet(trained_on)
        try:
            step, trained = in_training(trained_on, reads)
        except Exception as error:
            if "single row" in str(error) or "one frequency" in str(error):
                return
            raise
        roles = Roles("ask", reads, INPUTS, step=step)
        types = {
            "name": ("string", 1), "start": ("int64", 1), "y": ("float", 2), "mask": ("bool", 2),
            "heat": ("float", 2), "side": ("string", 1), "area": ("float", 1),
        }  # fmt: skip
        with planned(Model(roles, types), Question("m"), source) as plan:
            (request,) = plan.layout.requests(100)
    asked = request.inputs
    assert asked["name"].tolist() == list(dict.fromkeys(row["s"].strip() for row in made.rows))
    for at, name in enumerate(asked["name"]):
        example = trained[name]
        assert example["unique_id"] == [name.encode()]
        seen = np.flatnonzero(asked["mask"][at])
        steps = slice(seen[0], seen[-1] + 1)
        # Training leaves out the steps before the first value and after the last one.
        scale = step.seconds or step.index or 1
        if not step.months:
            assert example["start"] == [asked["start"][at] + seen[0] * scale]
        for column in ("y", "heat"):
            np.testing.assert_array_equal(
                np.array(example[column], np.float32), asked[column][at, steps]
            )
        np.testing.assert_array_equal(asked["mask"][at], ~np.isnan(asked["y"][at]))
        assert example["side"] == [asked["side"][at].encode()]
        np.testing.assert_array_equal(np.array(example["area"], np.float32), asked["area"][at])


@st.composite
def records(draw: st.DrawFn) -> Made:
    cells = st.fixed_dictionaries({"review": TEXTS, "class": st.sampled_from(["a", " b ", "c"])})
    rows = [
        {"id": at, **row} for at, row in enumerate(draw(st.lists(cells, min_size=1, max_size=8)))
    ]
    return draw(written(rows, None, ["csv", "tsv", "jsonl", "parquet"]))


@given(records())
@settings(max_examples=80, deadline=None)
def test_texts(made: Made) -> None:
    columns = (Column("text", "review", key=True), Column("label", "class", label=True))
    reads = RecordReads(columns, made.how)
    roles = Roles("ask", reads, {"text": Input("value", "review")})
    with tempfile.TemporaryDirectory() as folder:
        path = made.write(Path(folder))
        *rows, tagged = _ReadFiles(RecordPlan(reads, RecordSplits())).process((path, False))
        with planned(Model(roles, {"text": ("string", 1)}), Question("m"), path) as plan:
            (request,) = plan.layout.requests(100)
    assert set(tagged.value.bad) <= {"empty text"} and not tagged.value.fatal
    trained = [
        tf.train.Example.FromString(row).features.feature["text"].bytes_list.value[0].decode()
        for _, row in rows
    ]
    texts = [row["review"] for row in made.rows]
    assert request.inputs["text"] == texts
    # An empty text teaches nothing, and is answered all the same.
    assert trained == [text for text in texts if text.strip()]
