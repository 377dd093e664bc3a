"""A run that breaks: what it leaves is cleared up or noticed, and the same command finishes."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2

from tidegate.models.core.settings import memory_settings
from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.config import section_types
from tidegate.pipeline.run import seals
from tidegate.pipeline.run.broken_runs import clear_unfinished, give_up
from tidegate.pipeline.run.failures import failure_line, input_error
from tidegate.pipeline.run.output_folder import output_folder, set_damaged_aside
from tidegate.pipeline.run.runner import ComponentError
from tidegate.pipeline.run.stopping import stoppable
from tidegate.tables.errors import InputError

TASK = "text_classification"
State = metadata_store_pb2.Execution.State


# The last words


@pytest.mark.parametrize(
    ("end", "said"),
    [
        ("os.kill(os.getpid(), 9)", "the run was ended during Trainer, without a word (killed, "),
        ("os.abort()", "the run was ended during Trainer, without a word (killed, "),
        ("pass", ""),
        ("raise KeyboardInterrupt", ""),
    ],
)
def test_a_run_that_just_ends_gets_a_line_and_one_that_ends_itself_none(
    end: str, said: str
) -> None:
    code = (
        "import os\nfrom tidegate.pipeline.run.last_words import last_words\n"
        f"with last_words() as words:\n    words.at('[7/11] Trainer')\n    {end}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert done.stdout.startswith(said) and len(done.stdout.splitlines()) == bool(said)


# The output folder


def test_one_run_at_a_time_and_the_second_is_told_by_whom(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    with (
        output_folder(folder),
        pytest.raises(
            InputError,
            match=rf"another run is at work there \(process {os.getpid()}\); wait for it",
        ),
        output_folder(folder),
    ):
        pass
    with output_folder(folder):  # Free again.
        pass


def test_the_lock_of_a_killed_run_is_no_lock(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from tidegate.pipeline.run.output_folder import *\n"
        "with output_folder(Path(sys.argv[1])): os.kill(os.getpid(), 9)"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=Path.cwd())
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / ".lock").exists()
    with output_folder(tmp_path):
        pass


def test_a_part_that_cannot_be_written_is_found_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = tmp_path / "serving" / "name"
    models.mkdir(parents=True)
    # Whoever runs the tests may write everywhere.
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != models)
    with (
        pytest.raises(InputError, match=r"serving/name cannot be written"),
        output_folder(tmp_path),
    ):
        pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_inside_beam_ends_a_run_and_is_known_for_one(number: signal.Signals) -> None:
    import apache_beam as beam

    before = signal.getsignal(number)

    def told(row: int) -> int:
        os.kill(os.getpid(), number)
        return row

    # Beam makes a RuntimeError of the interrupt.
    with stoppable() as stop, pytest.raises((RuntimeError, KeyboardInterrupt)):
        assert not stop.asked
        with beam.Pipeline() as pipeline:
            pipeline | beam.Create([1]) | beam.Map(told)
    assert stop.asked and signal.getsignal(number) == before
    with pytest.raises(KeyboardInterrupt):
        stop.check()


@pytest.fixture
def store(tmp_path: Path) -> metadata_store.MetadataStore:
    """ML Metadata with 3 executions of a Trainer: complete, running, new."""
    tfx = tmp_path / "out" / "tfx"
    tfx.mkdir(parents=True)
    config = metadata_store_pb2.ConnectionConfig()
    config.sqlite.filename_uri = str(tfx / "metadata.sqlite")
    store = metadata_store.MetadataStore(config)
    node = store.put_context_type(metadata_store_pb2.ContextType(name="node"))
    kind = store.put_execution_type(metadata_store_pb2.ExecutionType(name="tfx.Trainer"))
    context = metadata_store_pb2.Context(type_id=node, name="tidegate-x.Trainer")
    for state in (State.COMPLETE, State.RUNNING, State.NEW):
        execution = metadata_store_pb2.Execution(type_id=kind, last_known_state=state)
        store.put_execution(execution, [], [context], reuse_context_if_already_exist=True)
    for number in (1, 2, 3):
        for place in ("Trainer/model", "Trainer/.system/executor_execution"):
            folder = tfx / "artifacts" / place / str(number)
            folder.mkdir(parents=True)
            (folder / "file").write_text("x")
    return store


def test_unfinished_executions_are_failed_and_their_files_removed(
    store: metadata_store.MetadataStore, tmp_path: Path
) -> None:
    artifacts = tmp_path / "out" / "tfx" / "artifacts"
    kept = artifacts / "Trainer/.system/stateful_working_dir/2/file"
    kept.parent.mkdir(parents=True)
    kept.write_text("for the next try")
    assert clear_unfinished(store, str(artifacts)) == ["Trainer"]
    states = [execution.last_known_state for execution in store.get_executions()]
    assert states == [State.COMPLETE, State.FAILED, State.FAILED]
    assert os.listdir(artifacts / "Trainer/model") == ["1"]
    assert os.listdir(artifacts / "Trainer/.system/executor_execution") == ["1"]
    assert kept.exists()
    assert clear_unfinished(store, str(artifacts)) == []


def test_metadata_that_knows_its_artifacts_stays(
    store: metadata_store.MetadataStore, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert set_damaged_aside(out, str(out / "tfx" / "artifacts")) is None
    assert set_damaged_aside(tmp_path / "new", str(tmp_path / "new/tfx/artifacts")) is None


def _halve(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _no_database(path: Path) -> None:
    path.write_bytes(b"no database at all" * 1_000)


def _older(path: Path) -> None:
    """A copy from before the last two executions."""
    with sqlite3.connect(path) as database:
        database.execute("DELETE FROM Execution WHERE id > 1")


@pytest.mark.parametrize("how", [_halve, _no_database, _older, Path.unlink])
def test_metadata_that_is_damaged_gone_or_older_goes_aside_with_its_artifacts(
    store: metadata_store.MetadataStore, tmp_path: Path, how: Any
) -> None:
    out = tmp_path / "out"
    del store
    how(out / "tfx" / "metadata.sqlite")
    assert set_damaged_aside(out, str(out / "tfx" / "artifacts")) == out / "tfx.damaged-1"
    assert (out / "tfx.damaged-1" / "artifacts" / "Trainer" / "model" / "2" / "file").exists()
    assert not (out / "tfx").exists()
    assert set_damaged_aside(out, str(out / "tfx" / "artifacts")) is None


def test_artifacts_of_elsewhere_are_not_moved(tmp_path: Path) -> None:
    (tmp_path / "far/Trainer/model/5").mkdir(parents=True)
    with pytest.raises(InputError, match=r"damaged or not there; give another --output"):
        set_damaged_aside(tmp_path / "out", str(tmp_path / "far"))


# Artifacts


def test_a_seal_tells_damage_and_what_it_is(tmp_path: Path) -> None:
    artifact = tmp_path / "Trainer" / "model" / "7"
    (artifact / "deep").mkdir(parents=True)
    (artifact / "deep" / "file").write_bytes(b"weights")
    uri = str(artifact)
    assert seals.damage(uri) == "has no seal"
    seals.seal(uri)
    assert seals.damage(uri) is None
    (artifact / "deep" / "file").write_bytes(b"weighty")
    assert seals.damage(uri) == "has another deep/file than was written"
    (artifact / "more").write_text("")
    (artifact / "deep" / "file").unlink()
    assert seals.damage(uri) == "lacks deep/file"
    shutil.rmtree(artifact)
    assert seals.damage(uri) == "is gone"
    artifact.mkdir()
    Path(seals.seal_path(uri)).write_text('{"cut')
    assert seals.damage(uri) == "has no seal"


def test_what_is_given_up_is_not_live(store: metadata_store.MetadataStore) -> None:
    kind = store.put_artifact_type(metadata_store_pb2.ArtifactType(name="Model"))
    live = metadata_store_pb2.Artifact.LIVE
    store.put_artifacts([metadata_store_pb2.Artifact(type_id=kind, uri="x", state=live)])
    give_up(store, store.get_artifacts())
    (artifact,) = store.get_artifacts()
    assert artifact.state == metadata_store_pb2.Artifact.DELETED


# The line


def _raised(*errors: Exception) -> ComponentError:
    """A component's failure from the last of errors, of which each came up over the one before."""
    before: BaseException | None = None
    for error in errors:
        error.__context__ = before
        before = error
    failure = ComponentError("Transform")
    failure.__cause__ = before
    return failure


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([ValueError("so it is\nand more")], "ValueError: so it is; details in run.log"),
        (
            [OSError(errno.ENOSPC, "No space left on device"), RuntimeError("metadata")],
            "OSError: [Errno 28] No space left on device; the disk is full",
        ),
        (
            [
                RuntimeError(
                    "trace\n  OSError: [Errno 28] No space left on device [while running x]"
                )
            ],
            "RuntimeError: OSError: [Errno 28] No space left on device [while running x]; the disk",
        ),
        ([MemoryError()], "MemoryError: MemoryError; out of memory: lower training.batch_size"),
        (
            [OSError(errno.EROFS, "Read-only file system", "/x")],
            "OSError: [Errno 30] Read-only file system: '/x'; make the folder writable",
        ),
    ],
    ids=["any", "full, and told over another", "full, in a worker", "memory", "read-only"],
)
def test_one_line_says_what_and_what_to_do(
    tmp_path: Path, errors: list[Exception], said: str
) -> None:
    line = failure_line(_raised(*errors), tmp_path, Path("run.log"), ["training.batch_size"])
    assert line.startswith(f"Transform failed: {said}")
    assert line.endswith("the same command goes on after the last finished component")
    assert "\n" not in line


@pytest.mark.parametrize("name", task_names())
def test_advice_on_memory_names_settings_that_the_task_has(name: str, tmp_path: Path) -> None:
    types = section_types(load_task(name))
    advised = memory_settings(types)
    for setting in advised:
        section, _, key = setting.partition(".")
        assert key in types[section].model_fields
    # What a batch holds is the task's own to say.
    assert "training.batch_size" in advised
    assert any(setting.startswith("features.") for setting in advised)
    line = failure_line(_raised(MemoryError()), tmp_path, Path("run.log"), advised)
    assert f"lower {' or '.join(advised)}; details" in line


def test_the_users_error_is_found_under_others() -> None:
    mine = InputError("wrong")
    assert input_error(_raised(mine, RuntimeError("around it"))) is mine
    assert input_error(_raised(RuntimeError("alone"))) is None


# Whole runs: one folder, the tests in their order


def _versions(project: Any) -> list[str]:
    found: list[str] = project.versions()
    return found


@pytest.mark.slow
def test_a_run_killed_in_its_push_is_finished_by_the_same_command(
    project: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "tidegate.pipeline.cli", *project.arguments("training.epochs=1")],
        stdout=subprocess.DEVNULL,
        env=project.environment(),
    )
    # At the first sign of the copy, whole or half: it lasts for milliseconds.
    while process.poll() is None and not _versions(project):
        time.sleep(0.001)
    process.kill()
    process.wait()
    whole = [name for name in _versions(project) if name.isdigit()]
    assert project.run_here("training.epochs=1") == 0
    out = capfd.readouterr().out
    assert "Trainer: unchanged, nothing to do" in out
    (version,) = _versions(project)
    assert whole in ([], [version])
    summary = json.loads((project.output / "summary.json").read_text())
    assert summary["pushed"].endswith(f"/{version}")
    assert not any(counts["RUNNING"] for counts in project.executions().values())


@pytest.mark.slow
def test_a_damaged_model_of_the_cache_is_noticed_and_trained_again(
    project: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    before = project.executions()
    (model,) = (project.output / "tfx/artifacts/Trainer/model").iterdir()
    weights = model / "Format-Serving/variables/variables.data-00000-of-00001"
    good = _variables(weights.parent)
    weights.write_bytes(weights.read_bytes()[:1000])
    assert project.run_here("training.epochs=1") == 0
    (line,) = [line for line in capfd.readouterr().out.splitlines() if str(model) in line]
    assert line.endswith(
        "has another Format-Serving/variables/variables.data-00000-of-00001 than was written: "
        "it is not used"
    )
    states = project.new_executions(before)
    assert "COMPLETE" in states["Trainer"] and states["Transform"] == {"CACHED"}
    newest = project.output / "serving" / TASK / max(_versions(project), key=int)
    # Not the file's bytes: it names layers as well, and Keras counts those of a process.
    assert _variables(newest / "variables") == good


def _variables(folder: Path) -> dict[str, bytes]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(str(folder / "variables"))
    return {
        name: reader.get_tensor(name).tobytes()
        for name in reader.get_variable_to_shape_map()
        if not name.startswith("_CHECKPOINTABLE")
    }
