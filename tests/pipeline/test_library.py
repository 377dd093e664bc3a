"""`import tidegate`: what a program and a notebook call. Whole runs are in `test_library_run`."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet
import pytest
import tensorflow as tf

import tidegate
from tests.pipeline.test_report import summary
from tests.remote_files import mended_ram, read
from tests.serving import models
from tidegate.pipeline.library.frames import held_frame
from tidegate.pipeline.library.model import times_as_given
from tidegate.pipeline.library.wording import worded
from tidegate.pipeline.predict.command import predict
from tidegate.pipeline.run.candidate import read_candidate, why_not_there
from tidegate.pipeline.run.made import Made
from tidegate.pipeline.run.request import parse_settings
from tidegate.pipeline.run.summary import write_summary
from tidegate.tables.errors import InputError

FAILED = {"metric": "margin", "value": 0.0123, "expected": "at least 0.05", "passed": False}


def test_importing_it_imports_nothing_heavy_and_says_what_there_is() -> None:
    code = (
        "import sys; before = set(sys.modules); import tidegate; "
        "names = {name.partition('.')[0] for name in set(sys.modules) - before}; "
        "print(*names - set(sys.stdlib_module_names)); print(*dir(tidegate))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported, there = done.stdout.splitlines()
    assert imported == "tidegate"
    assert set(tidegate.__all__) <= set(there.split())
    for name in tidegate.__all__:
        assert getattr(tidegate, name).__doc__
    assert tidegate.InputError is InputError
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = tidegate.runn


# Settings


def test_settings_are_sections_or_dotted_names() -> None:
    nested = {"training": {"steps": 10}, "data": {"future": ("price",)}}
    dotted = {"training.steps": 10, "data.future": ["price"]}
    assert parse_settings(nested) == parse_settings(dotted)
    assert parse_settings({"training": {"steps": 10}, "training.epochs": 2}) == {
        "training": {"steps": 10, "epochs": 2}
    }
    assert parse_settings({"data": {"path": Path("a")}}) == {"data": {"path": "a"}}


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"steps": 10}, "settings['steps'] = 10: expected 'section.key': value, or"),
        ({"training.": 1}, "settings['training.'] = 1: expected 'section.key': value, or"),
        (
            {"training": {"steps": 10}, "training.steps": 11},
            "settings: training.steps is given twice",
        ),
    ],
)
def test_settings_of_another_form_are_one_line(given: dict[str, Any], line: str) -> None:
    with pytest.raises(InputError, match=f"^{re.escape(line)}"):
        parse_settings(given)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        ({"task": "forcasting"}, "no task 'forcasting'. Did you mean 'forecasting'?"),
        ({"settings": {"training": {"step": 1}}}, "unknown setting 'training.step'"),
        ({"settings": {"trainig": {}}}, "unknown section 'trainig'"),
        ({"settings": {"training.steps": 0}}, "training.steps=0: expected"),
        ({"data": [1]}, "data: expected a pandas DataFrame, a path or a data set's name, got list"),
        ({"data": "nowhere.csv"}, "no such file or folder: nowhere.csv"),
        ({"data": "imdb-small"}, "the data set 'imdb-small' is for the task 'text_classification'"),
    ],
)
def test_wrong_input_is_an_input_error_and_leaves_nothing(
    call: dict[str, Any], line: str, tmp_path: Path
) -> None:
    frame = pd.DataFrame({"unique_id": ["a"], "ds": [1], "y": [1.0]})
    with pytest.raises(tidegate.InputError) as error:
        tidegate.run(**{"task": "forecasting", "data": frame, "output": tmp_path / "out", **call})
    assert line in str(error.value) and "\n" not in str(error.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Likely: --set data.time_column=Month --set data.target_column=N.y",
            "Likely: settings={'data.time_column': 'Month', 'data.target_column': 'N.y'}",
        ),
        ("(try --set data.future=promo,price)", "(try settings={'data.future': 'promo,price'})"),
        ("--level 120: expected", "level 120: expected"),
        ("(--column INPUT=COLUMN, --id)", "(columns={'INPUT': 'COLUMN'}, --id)"),
        ("a.csv: 'x --data' it says", "a.csv: 'x data' it says"),
        ("no-such--data", "no-such--data"),
    ],
)
def test_options_are_called_what_they_are_in_a_call(line: str, expected: str) -> None:
    assert worded(line) == expected


def test_a_frame_without_its_columns_is_named_data_and_leaves_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"unique_id": ["a"], "Month": ["2020-01-01"], "y": [1.0]})
    line = r"^data: no column 'ds'.* settings=\{'data.KEY': 'NAME'\}.*settings=\{'data.time_column'"
    for call in (tidegate.run, tidegate.create_pipeline):
        with pytest.raises(tidegate.InputError, match=line):
            call("forecasting", frame, output=tmp_path / "deep" / "out")
        assert not (tmp_path / "deep").exists()


# Frames


def _written(frame: pd.DataFrame, folder: Path) -> pd.DataFrame:
    path = held_frame(frame, "data").write(str(folder), Made())
    return pyarrow.parquet.read_table(path).to_pandas()


def test_equal_frames_are_one_file_and_others_another(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b"], "label": pd.Categorical(["x", "y"])}, index=[5, 9])
    again = frame.reset_index(drop=True).astype({"label": str})
    assert held_frame(frame, "data") == held_frame(again, "data")
    assert held_frame(frame, "data").name != held_frame(frame.iloc[::-1], "data").name
    pd.testing.assert_frame_equal(_written(frame, tmp_path), again)
    assert held_frame(frame, "data").title == "a DataFrame of 2 rows and 2 columns"


def test_a_frame_goes_to_a_store_as_to_a_disk(tmp_path: Path) -> None:
    held = held_frame(pd.DataFrame({"text": ["a"]}), "data")
    with mended_ram():
        made = Made()
        path = held.write("ram://frames/out/data", made)
        assert path == f"ram://frames/out/data/{held.name}" and read(path) == held.content
        made.undo()
        assert not tf.io.gfile.exists("ram://frames/out")


def test_what_pandas_alone_has_is_written_as_what_it_means(tmp_path: Path) -> None:
    times = pd.period_range("2020-01", periods=3, freq="M", name="ds")
    frame = pd.DataFrame({"y": pd.array([1, None, 3], "Int64")}, index=times)
    written = _written(frame, tmp_path)
    assert list(written["ds"]) == list(pd.date_range("2020-01", periods=3, freq="MS"))
    assert written["y"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (
            pd.DataFrame({"y": [1.0]}, index=pd.date_range("2020", periods=1)),
            "times are in the index, which has no name",
        ),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are called 'a'"),
        (
            pd.DataFrame({"ds": [pd.Timestamp("2020"), pd.Timestamp("2021", tz="UTC")]}, dtype="O"),
            "some times of the column 'ds' have a time zone and some have none",
        ),
        (pd.DataFrame({"id": [1, "a"]}), "the column 'id' holds int, str, which are not of one"),
    ],
)
def test_a_frame_that_is_no_table_is_refused(frame: pd.DataFrame, line: str) -> None:
    with pytest.raises(InputError, match=f"^data: {line}"):
        held_frame(frame, "data")


def test_times_come_back_as_the_frame_has_them() -> None:
    times = pd.date_range("2020-01-30", periods=2, freq="D", name="ds")
    given = pd.DataFrame({"ds": times, "y": [1.0, 2.0]})
    for data in (given, given.set_index("ds"), given.set_index([given["y"], "ds"])):
        answers = pd.DataFrame({"ds": ["2020-02-01 00:00:00"], "mean": [3.0]})
        assert times_as_given(answers, data)["ds"].tolist() == [pd.Timestamp("2020-02-01")]
    zoned = given.assign(ds=given["ds"].dt.tz_localize("Europe/Berlin"))
    answers = pd.DataFrame({"ds": ["2024-10-27 02:00:00+02:00", "2024-10-27 02:00:00+01:00"]})
    expected = pd.date_range("2024-10-27T00:00Z", periods=2, freq="H").tz_convert("Europe/Berlin")
    assert times_as_given(answers, zoned)["ds"].tolist() == expected.tolist()
    answers = pd.DataFrame({"ds": ["2020-02-01"]})
    assert times_as_given(answers, given.astype({"ds": str}))["ds"].tolist() == ["2020-02-01"]


# Models


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`serving/half/{1,2,10}`, of which the last has no graph."""
    folder = tmp_path_factory.mktemp("models")
    for version, offset in ((1, 2.0), (2, 3.0)):
        models.half_plus_two(folder / "serving" / "half" / str(version), offset)
    (folder / "serving" / "half" / "10").mkdir()
    return folder


@pytest.mark.parametrize(
    ("below", "offset"), [("serving", 3.0), ("serving/half", 3.0), ("serving/half/1", 2.0)]
)
def test_a_model_is_loaded_and_asked_in_this_process(
    saved: Path, below: str, offset: float
) -> None:
    with tidegate.load(saved / below) as model:
        assert model.name == "half" and "matrix" in model.signatures
        x = np.arange(200, dtype=np.float32)
        answers = model.predict(pd.DataFrame({"x": x, "note": "n"}))
        assert list(answers.columns) == ["x", "note", "y"]
        np.testing.assert_allclose(answers["y"], x * 0.5 + offset)
        with pytest.raises(InputError):
            model.predict(pd.DataFrame({"z": [1.0]}))


def test_texts_are_asked_in_order(tmp_path: Path) -> None:
    with tidegate.load(models.text_words(tmp_path / "words" / "3")) as model:
        texts = ["one", "one two", "水 闸 门"]
        assert model.predict(pd.Series(texts))["text"].tolist() == texts
        for wrong in ("one", [1], 5):
            with pytest.raises(InputError, match=r"^data: expected a"):
                model.predict(wrong)  # type: ignore[arg-type]


def test_what_is_no_model_is_one_line(saved: Path, tmp_path: Path) -> None:
    for path, line in (
        (tmp_path / "nowhere", "no such file or folder"),
        (saved, "no model there; expected saved_model.pb"),
        (saved / "serving/half/10", "no model there"),
    ):
        with pytest.raises(InputError, match=line):
            tidegate.load(path)
    for name in ("a", "b"):
        models.half_plus_two(tmp_path / name / "1")
    with pytest.raises(InputError, match=r"several models are there \(a, b\); name one"):
        tidegate.load(tmp_path)
    broken = models.broken(tmp_path / "c" / "1")
    with pytest.raises(InputError, match=r"cannot be loaded: "):
        tidegate.load(broken)


# Runs that are there


def _run(folder: Path, **changes: Any) -> tidegate.Run:
    content = summary(
        task="text_classification",
        settings={"serving": {"model_name": None}},
        candidate="tfx/Trainer/model/4/Format-Serving",
        **changes,
    )
    write_summary(str(folder), content)
    return tidegate.Run(folder)


def test_a_run_that_did_not_pass_says_so_and_its_candidate_answers(tmp_path: Path) -> None:
    models.half_plus_two(tmp_path / "tfx/Trainer/model/4/Format-Serving")
    run = _run(tmp_path, pushed=None, gates=[FAILED], plots=[])
    assert run.pushed is None and run.gates == [FAILED]
    line = f"the last run in {tmp_path} did not pass: margin is 0.0123, expected at least 0.05"
    with pytest.raises(InputError, match=f"^{re.escape(line)}; run.candidate.predict asks"):
        run.predict(pd.DataFrame({"x": [1.0]}))
    assert run.candidate.predict(pd.DataFrame({"x": [1.0]}))["y"].tolist() == [2.5]
    assert "margin is 0.0123" in repr(run) and "margin is 0.0123" in run._repr_html_()
    asked = why_not_there(f"{tmp_path}/serving/")
    assert asked == f"{line}; --candidate {tmp_path} asks its model all the same"


def test_the_command_asks_a_candidate_and_says_each_time_that_it_did_not_pass(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    models.half_plus_two(tmp_path / "tfx/Trainer/model/4/Format-Serving")
    _run(tmp_path, pushed=None, gates=[FAILED], plots=[])
    (tmp_path / "x.csv").write_text("x\n4\n")
    line = f"the last run in {tmp_path} did not pass: margin is 0.0123, expected at least 0.05"

    def ask(*words: str) -> str:
        predict.main([*words, "--file", str(tmp_path / "x.csv")], standalone_mode=False)
        said = capfd.readouterr()
        assert said.err == f"tidegate: {line}\n"
        return said.out

    for _ in range(2):
        assert ask("--candidate", str(tmp_path)) == "x,y\n4,4.0\n"
    for words, said in (
        (["half", "--models", f"{tmp_path}/serving"], f"no model 'half' there: {line}"),
        (["half", "--candidate", str(tmp_path)], "--candidate names the model"),
        (["--candidate", "a", "--models", "b"], "received --models and --candidate; expected one"),
        ([], "no MODEL: give its name, or --candidate DIR"),
    ):
        with pytest.raises(InputError, match=re.escape(said)):
            ask(*words)


def test_a_run_that_passed_is_asked_by_its_pushed_model(tmp_path: Path) -> None:
    pushed = models.half_plus_two(tmp_path / "serving/text_classification/7")
    run = _run(tmp_path, pushed=str(pushed), plots=[])
    assert run.predict(pd.DataFrame({"x": [4.0]}))["y"].tolist() == [4.0]
    assert why_not_there(f"{tmp_path}/serving") == ""
    assert read_candidate(str(tmp_path)).failed == ""


def test_a_notebook_shows_figures_gates_and_pictures(tmp_path: Path) -> None:
    picture = tf.io.encode_png(np.zeros([2, 3, 1], np.uint8)).numpy()
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots/training.png").write_bytes(picture)
    run = _run(tmp_path, plots=["elsewhere/plots/training.png"])
    (figure,) = run.figures.values()
    assert figure.name == "training" and figure._repr_png_() == picture
    shown = run._repr_html_()
    assert f"data:image/png;base64,{base64.b64encode(picture).decode()}" in shown
    for text in ("eval: 40 rows", "a simple one", "0.9124", "margin", "passed", "pushed to"):
        assert text in shown


def test_where_no_run_was_finished_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no run was finished there"):
        tidegate.Run(tmp_path)
    assert why_not_there(f"{tmp_path}/serving") == ""
    (tmp_path / "summary.json").write_text('{"half')
    with pytest.raises(InputError, match=r"summary.json: cannot be read"):
        read_candidate(str(tmp_path))
    (tmp_path / "summary.json").write_text(json.dumps({"pushed": None}))
    with pytest.raises(InputError, match=r"of an earlier version of tidegate; run it again"):
        read_candidate(str(tmp_path))
