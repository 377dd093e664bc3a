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
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.components.record_example_gen.executor import Plan as RecordPlan
from tidegate.components.record_example_gen.executor import _ReadFiles
from tidegate.components.record_example_gen.sources import Source
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
from tidegate.tables.errors import InputError
from tidegate.tables.formats import FileFormat
from tidegate.tables.frequency import Distances, infer
from tidegate.tables.grid import Gridding
from tidegate.tables.ordered import merged
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
    duplicates: Any = "error"
    fill: Any = "none"

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


def localized(text: str, decimal: str, thousands: str | None) -> str:
    """A number as people of a country write it; any other text as it is."""
    whole, point, part = text.partition(".")
    if thousands and whole.removeprefix("-").isdecimal():
        whole = f"{int(whole):,}".replace(",", thousands) if int(whole) else whole
    return whole + (decimal if point else "") + part


@st.composite
def written(draw: st.DrawFn, rows: list[dict[str, Any]], form: str | None, kinds: Any) -> Made:
    kind = draw(st.sampled_from(kinds))
    delimiter = draw(st.sampled_from(",;|\t")) if kind in ("csv", "tsv") else ","
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]))
    if kind not in ("csv", "tsv", "jsonl"):
        encoding = "utf-8"
    decimal, thousands = draw(st.sampled_from([(".", None), (",", None), (",", "."), (".", " ")]))
    zone = None if form in ("epoch_s", "epoch_ms") else "Europe/Berlin"
    for row in rows:
        for column in {"y", "heat"} & set(row):
            row[column] = localized(row[column], decimal, thousands)
    how = FileFormat(
        encoding,
        delimiter,
        missing=("-", "?"),
        time_format=form,
        decimal=decimal,
        thousands=thousands,
        # Days of an epoch are those of UTC.
        timezone=draw(st.sampled_from([None, zone])),
    )
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
    duplicates = draw(st.sampled_from(["error", "sum", "mean", "last"]))
    if duplicates != "error":
        again = draw(st.lists(st.sampled_from(rows), max_size=4))
        # Beside a value, each row of a time has one: "last" leaves each series its value.
        rows += [{**row, "y": "7.5", "heat": draw(NUMBERS)} for row in again]
    made = draw(written(rows, form, list(ENDINGS)))
    if integer:
        made = replace(made, how=replace(made.how, timezone=None))
    return replace(made, duplicates=duplicates, fill=draw(st.sampled_from(["none", "zero"])))


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
    table = merged(arrange(parts), reads, [path])
    for series in each_series(table):
        distances.add_series(series, [path], integer)
    step = infer(distances, path)
    gridding = Gridding(
        step,
        [path],
        reads.static_numbers,
        reads.future,
        reads.static,
        fill=reads.fill == "zero",
        how=reads.how,
    )
    output = Written("", 1, gridding, Splitting(1, 1, {}), reads)
    found = {}
    for series in each_series(table):
        grid = grid_of(series, gridding, frozenset())
        assert grid is not None
        example = series_example(grid, Piece("train", 0, 1, grid.steps), output)
        features = {
            name: list(getattr(one, one.WhichOneof("kind")).value)
            for name, one in example.features.feature.items()
        }
        found[series.name] = features
    return step, found


def in_asking(source: Any, reads: SeriesReads, step: Step) -> Mapping[str, Any]:
    """The inputs of the one request."""
    types = {
        "name": ("string", 1), "start": ("int64", 1), "y": ("float", 2), "mask": ("bool", 2),
        "heat": ("float", 2), "side": ("string", 1), "area": ("float", 1),
    }  # fmt: skip
    with planned(
        Model(Roles("ask", reads, INPUTS, step=step), types), Question("m"), source
    ) as plan:
        (request,) = plan.layout.requests(100)
    return request.inputs


@given(tables())
@settings(max_examples=80, deadline=None)
def test_series(made: Made) -> None:
    reads = replace(READS, how=made.how, duplicates=made.duplicates, fill=made.fill)
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
        asked = in_asking(source, reads, step)
    assert asked["name"].tolist() == list(dict.fromkeys(row["s"].strip() for row in made.rows))
    for at, name in enumerate(asked["name"]):
        example = trained[name]
        assert example["unique_id"] == [name.encode()]
        seen = np.flatnonzero(asked["mask"][at])
        steps = slice(seen[0], seen[-1] + 1)
        # Training leaves out the steps before the first value and after the last one.
        scale = step.seconds or step.index or 1
        if not (step.months or step.business):  # Days may all be of a week.
            assert example["start"] == [asked["start"][at] + seen[0] * scale]
        for column in ("y", "heat"):
            np.testing.assert_array_equal(
                np.array(example[column], np.float32), asked[column][at, steps]
            )
        np.testing.assert_array_equal(asked["mask"][at], ~np.isnan(asked["y"][at]))
        assert example["side"] == [asked["side"][at].encode()]
        np.testing.assert_array_equal(np.array(example["area"], np.float32), asked["area"][at])


# A day with two events, one with an empty cell beside a value, one without any row, and one with an
# empty cell alone; the static text is in one row.
EVENTS = """s;t;y;heat;side;area
a;2024-01-01;1.000,5;2;;7
a;2024-01-02;4;1;;7
a;2024-01-01;2;4;south;
a;2024-01-02;;3;;7
a;2024-01-04;-;;;7
a;2024-01-05;-1;0;;
"""
NAN = float("nan")


@pytest.mark.parametrize(
    ("duplicates", "fill", "y", "heat"),
    [
        ("sum", "none", [1002.5, 4, NAN, NAN, -1], [3, 2, NAN, NAN, 0]),
        ("sum", "zero", [1002.5, 4, 0, NAN, -1], [3, 2, NAN, NAN, 0]),
        ("mean", "none", [501.25, 4, NAN, NAN, -1], [3, 2, NAN, NAN, 0]),
        ("last", "zero", [2, NAN, 0, NAN, -1], [4, 3, NAN, NAN, 0]),
    ],
)
def test_events(tmp_path: Path, duplicates: Any, fill: Any, y: list[float], heat: Any) -> None:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS)
    how = FileFormat(delimiter=";", missing=("-",), decimal=",", thousands=".")
    reads = replace(READS, how=how, duplicates=duplicates, fill=fill)
    step, trained = in_training(str(path), reads)
    asked = in_asking(str(path), reads, step)
    for column, expected in (("y", y), ("heat", heat)):
        np.testing.assert_array_equal(trained["a"][column], expected)
        np.testing.assert_array_equal(asked[column], [expected])
    assert trained["a"]["side"] == [b"south"] and asked["side"].tolist() == ["south"]
    assert trained["a"]["area"] == [7] and asked["area"].tolist() == [7]


@pytest.mark.parametrize("duplicates", ["sum", "last"])
def test_a_static_column_that_changes_within_a_time(tmp_path: Path, duplicates: Any) -> None:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS.replace("a;2024-01-01;2;4;south;", "a;2024-01-01;2;4;south;8"))
    how = FileFormat(delimiter=";", missing=("-",), decimal=",", thousands=".")
    reads = replace(READS, how=how, duplicates=duplicates)
    for ask in (in_training, lambda *given: in_asking(*given, Step(seconds=86_400))):
        with pytest.raises(InputError, match=r"events.csv:2: series 'a': static column 'area'"):
            ask(str(path), reads)


def test_rows_of_one_time_of_a_model_that_adds_none_up(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(EVENTS.replace("1.000,5", "1"))
    reads = replace(READS, how=FileFormat(delimiter=";", missing=("-",)))
    with pytest.raises(InputError, match="which this model was not"):
        in_asking(str(path), reads, Step(seconds=86_400))
    path.write_text(EVENTS)
    with pytest.raises(InputError, match=r"'1.000,5'.*--decimal=',' and --thousands='.' would"):
        in_asking(str(path), reads, Step(seconds=86_400))


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
        *rows, tagged = _ReadFiles(RecordPlan(reads, RecordSplits())).process(Source((path,)))
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
