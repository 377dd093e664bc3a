"""A run whose input is wrong takes back what it has made, on a disk and in a store: that alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import tensorflow as tf

from tests.remote_files import mended_ram, read, tree, write
from tidegate.pipeline.run import seals
from tidegate.pipeline.run.local_run import copy_plots
from tidegate.pipeline.run.made import Made
from tidegate.pipeline.run.output_folder import output_folder
from tidegate.pipeline.run.output_place import OutputPlace, make_remote
from tidegate.pipeline.run.runner import ComponentRun
from tidegate.pipeline.run.summary import write_summary
from tidegate.tables.errors import InputError

MINE = "mine"


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with mended_ram():
        yield


@pytest.fixture(params=["a disk", "a store"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An output folder that is not there yet, nor the one that it is in."""
    if request.param == "a disk":
        yield str(tmp_path / "runs" / "out")
        return
    yield "ram://made/runs/out"
    if tf.io.gfile.exists("ram://made"):
        tf.io.gfile.rmtree("ram://made")


def _make(output: str, local: Path) -> Made:
    """What a run makes that fails in its second component."""
    made = Made()
    made.folder(output)
    made.folder(str(local / "tfx"))
    made.metadata(str(local / "tfx/metadata.sqlite"), f"{output}/tfx/artifacts")
    (local / "tfx/metadata.sqlite").write_bytes(b"SQLite")
    root = f"{output}/tfx/artifacts"
    write(f"{root}/Gen/examples/1/Split-train/part.gz", b"rows")
    write(f"{root}/Gen/examples/1/report.json", b"{}")
    seals.seal(f"{root}/Gen/examples/1")
    tf.io.gfile.makedirs(f"{root}/Gen/.system/executor_execution/1")
    tf.io.gfile.makedirs(f"{root}/Trainer/model")
    tf.io.gfile.makedirs(f"{root}/Trainer/.system/stateful_working_dir/abc")
    return made


def test_a_run_that_cannot_use_its_input_leaves_nothing(output: str, tmp_path: Path) -> None:
    made = _make(output, tmp_path / "state")
    made.undo()
    above = output.rpartition("/runs")[0]
    assert not tf.io.gfile.exists(f"{above}/runs")
    assert not (tmp_path / "state").exists()
    made.undo()  # There is nothing any more, and that is no error.


@pytest.mark.parametrize(
    "place",
    [
        "",
        "/tfx",
        "/tfx/artifacts",
        "/tfx/artifacts/Gen",
        "/tfx/artifacts/Gen/examples/1/Split-train",
        "/serving/other/1",
    ],
)
def test_what_others_put_there_meanwhile_survives(output: str, tmp_path: Path, place: str) -> None:
    made = _make(output, tmp_path / "state")
    write(f"{output}{place}/{MINE}", b"not the run's")
    made.undo()
    assert tree(output) == [f"{place}/{MINE}".removeprefix("/")]
    assert read(f"{output}{place}/{MINE}") == b"not the run's"


def test_what_was_there_before_is_not_the_runs(output: str, tmp_path: Path) -> None:
    local = tmp_path / "state"
    (local / "tfx").mkdir(parents=True)
    (local / "tfx/metadata.sqlite").write_bytes(b"of former runs")
    write(f"{output}/summary.json", b"{}")
    made = _make(output, local)
    before = tree(output)
    made.undo()
    assert tree(output) == before and (local / "tfx/metadata.sqlite").exists()


def test_the_folder_undoes_itself_for_wrong_input_alone(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with pytest.raises(InputError), output_folder(folder) as made:
        made.file(str(folder / "run.log"))
        (folder / "run.log").write_text("what libraries say")
        (folder / MINE).write_text("")
        raise InputError("wrong")
    assert [path.name for path in folder.iterdir()] == [MINE]
    with pytest.raises(RuntimeError), output_folder(folder) as made:
        made.file(str(folder / "run.log"))
        (folder / "run.log").write_text("what libraries say")
        raise RuntimeError
    assert sorted(path.name for path in folder.iterdir()) == [".lock", MINE, "run.log"]


def test_a_run_that_is_kept_out_leaves_the_others_lock(tmp_path: Path) -> None:
    with output_folder(tmp_path / "out"):
        with pytest.raises(InputError), output_folder(tmp_path / "out"):
            pass
        assert (tmp_path / "out" / ".lock").exists()


def test_a_store_is_asked_whether_it_can_be_written() -> None:
    made = Made()
    make_remote("ram://asked/out", made)
    assert tree("ram://asked/out") == []
    made.undo()
    assert not tf.io.gfile.exists("ram://asked/out")


def test_the_pictures_of_the_run_before_go_and_no_others(tmp_path: Path) -> None:
    drawn = SimpleNamespace(uri=write(f"{tmp_path}/drawn/new.png", b"new").rpartition("/")[0])
    run = ComponentRun("Pictures", 0.0, cached=False, outputs={"pictures": [drawn]})
    out = OutputPlace(str(tmp_path / "out"), tmp_path / "out")
    for name in ("old.png", "old.svg", "mine.png"):
        write(out.path("plots", name), b"before")
    write_summary(
        out.folder, {"plots": ["elsewhere/plots/old.png"], "shown": ["elsewhere/plots/old.svg"]}
    )
    assert copy_plots([run], ["new.png"], out) == [out.path("plots", "new.png")]
    assert tree(out.path("plots")) == ["mine.png", "new.png"]
