"""`tidegate run` from a CSV to a pushed model, and again: one folder, the tests in their order."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.wheel_environment import outside_environment, rooms_of_somebody_else
from tidegate.models.core.task import load_task

pytestmark = pytest.mark.slow
TASK = "text_classification"
TUNED = ("tuner.trials=2", "tuner.steps=20", "gates.max_loss=1")
# What a client does that knows TensorFlow, and nothing of this project.
_CLIENT = """
import json, sys
import tensorflow as tf, tensorflow_text

def example(text):
    value = tf.train.BytesList(value=[text.encode()])
    feature = {"text": tf.train.Feature(bytes_list=value)}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()

def plain(value):
    if isinstance(value, list):
        return [plain(one) for one in value]
    return value.decode() if isinstance(value, bytes) else value

texts = ["the river opens at night", "das tor geht mit der flut auf", ""]
examples = tf.constant([example(text) for text in texts])
calls = tf.saved_model.load(sys.argv[1]).signatures
answers = {
    "serving_default": calls["serving_default"](examples=examples),
    "predict_text": calls["predict_text"](text=tf.constant(texts)),
    "classify": calls["classify"](inputs=examples),
}
print(json.dumps({
    name: {key: plain(value.numpy().tolist()) for key, value in answer.items()}
    for name, answer in answers.items()
}))
"""


@pytest.fixture(scope="module")
def first(
    project: Any, wheel_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> subprocess.CompletedProcess[str]:
    """The first run: the installed command, in the folder of a project with rooms of its own."""
    return subprocess.run(
        [str(wheel_python.with_name("tidegate")), *project.arguments()],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=rooms_of_somebody_else(tmp_path_factory.mktemp("elsewhere")),
        env=outside_environment(),
        timeout=600,
    )


def summary(project: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project.output / "summary.json").read_text())
    return found


def pushed(project: Any) -> str:
    """The one version there is, and the one that the summary names."""
    (version,) = project.versions()
    path = str(project.output / "serving" / TASK / version)
    assert [summary(project)[name] for name in ("pushed", "served")] == [path, path], (
        "the summary names another version"
    )
    return str(version)


def test_the_first_run_pushes_a_model_and_says_so(project: Any, first: Any) -> None:
    assert first.returncode == 0, first.stdout + first.stderr
    path = project.output / "serving" / TASK / pushed(project)
    lines = first.stdout.splitlines()
    assert lines[0].startswith(f"tidegate run {TASK}: ")
    assert any(line.startswith("[1/") for line in lines)
    assert f"pushed: {path}" in lines
    output = project.output
    assert lines[-1] == f"report: {output}/report.html; summary: {output}/summary.json"
    assert "The surest mistakes" in (output / "report.html").read_text(encoding="utf-8")
    assert (path / "saved_model.pb").is_file()
    left = {entry.name for entry in output.iterdir() if entry.name[0] != "."}
    files = {"report.html", "run.log", "summary.json"}
    assert left == {*files, "plots", "serving", "tensorboard", "tfx"}
    assert list((output / "tensorboard").glob("*/train/events*"))


def test_libraries_write_to_the_log_and_not_to_the_person(project: Any, first: Any) -> None:
    for text in ("WARNING", "tensorflow/core", "apache_beam", "Traceback"):
        assert text not in first.stdout
    assert (project.output / "run.log").stat().st_size > 1_000


def test_the_summary_says_what_was_read_trained_and_reached(project: Any, first: Any) -> None:
    found = summary(project)
    rows = found["rows"]
    assert (found["task"], found["data"]) == (TASK, str(project.train))
    assert rows["train"] + rows["valid"] + rows["eval"] == 300
    assert rows["test"] == 50
    assert found["left_out"] == {}
    assert found["settings"]["model"]["units"] == 8
    assert found["settings"]["training"]["epochs"] == 2
    assert found["training"]["rows"] == rows["train"]
    assert found["training"]["cached"] is False
    assert found["cached"] == []
    assert found["serving_check"]["ok"] and found["serving_check"]["requests"] > 0
    for split in ("eval", "test"):
        figures = found["metrics"][split]
        assert figures["rows"] == rows[split]
        assert figures["axis"] == ["de", "en"] or figures["axis"] == ["en", "de"]
        assert figures["accuracy"] > 0.8
        assert figures["baseline"]["accuracy"] > 0.8
        confusion = figures["arrays"]["confusion"]
        assert sum(map(sum, confusion)) == rows[split]
        hits = confusion[0][0] + confusion[1][1]
        assert figures["accuracy"] == pytest.approx(hits / rows[split], abs=1e-6)
        by_label = [part for name, part in figures["slices"].items() if name.startswith("label=")]
        assert sum(part["example_count"] for part in by_label) == rows[split]
    margin, below, change = found["gates"]
    assert (margin["metric"], margin["expected"]) == ("margin", "at least 0.05")
    held_out = found["metrics"]["eval"]
    gained, left = held_out["accuracy"] - held_out["majority"], 1 - held_out["majority"]
    assert margin["value"] == pytest.approx(gained / left, abs=1e-6)
    rivals = [held_out["baseline"], *held_out["rivals"].values()]
    best = max(one["accuracy"] for one in rivals)
    assert below["expected"].startswith("at least ") and f" has {best:.4f}" in below["expected"]
    assert below["passed"]
    assert (change["metric"], change["passed"]) == ("accuracy", True)
    assert change["expected"] == "no blessed model to compare with"
    parts = sum(seconds for name, seconds in found["seconds"].items() if name != "total")
    assert 0 < parts <= found["seconds"]["total"] + 0.1
    assert found["seconds"]["Trainer"] > 0


def test_the_pushed_model_answers_all_signatures_in_a_fresh_process(
    project: Any, first: Any
) -> None:
    path = project.output / "serving" / TASK / pushed(project)
    client = subprocess.run(
        [sys.executable, "-c", _CLIENT, str(path)],
        capture_output=True,
        text=True,
        cwd=project.folder,
        timeout=300,
        check=True,
    )
    answers = json.loads(client.stdout)
    text, raw = answers["predict_text"], answers["serving_default"]
    assert text["label"][:2] == ["en", "de"]
    assert sorted(text) == [
        "classes", "label", "probabilities", "probabilities_all", "probability",
    ]  # fmt: skip
    roles = json.loads((path / "assets.extra" / "tidegate_roles.json").read_text())
    names = roles["outputs"]["probabilities_all"]["names"]
    assert sorted(names) == ["de", "en"]
    for row in range(3):
        every = dict(zip(names, text["probabilities_all"][row], strict=True))
        assert sum(every.values()) == pytest.approx(1, abs=1e-5)
        best = sorted(every, key=every.__getitem__, reverse=True)
        assert text["classes"][row] == best
        assert text["probabilities"][row] == pytest.approx([every[name] for name in best])
        assert text["label"][row] == best[0]
        assert text["probability"][row] == pytest.approx(every[best[0]])
        assert raw["probabilities"][row] == pytest.approx(text["probabilities"][row], abs=1e-5)
        classified = dict(
            zip(
                answers["classify"]["classes"][row], answers["classify"]["scores"][row], strict=True
            )
        )
        assert classified == pytest.approx(every, abs=1e-5)


def test_two_runs_are_compared_on_the_rows_that_they_share(
    project: Any, first: Any, wheel_python: Path, tmp_path: Path
) -> None:
    """The second one is the first one's folder, at another place."""
    other = shutil.copytree(project.output, tmp_path / "other", symlinks=True)
    found = subprocess.run(
        [str(wheel_python.with_name("tidegate")), "compare", str(project.output), str(other)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=outside_environment(),
        timeout=300,
    )
    assert (found.returncode, found.stderr) == (0, ""), found.stdout + found.stderr
    figures = summary(project)["metrics"]["eval"]
    assert f"{figures['rows']} rows of eval, all those that the runs share" in found.stdout
    accuracy = f"{figures['accuracy']:.4f}"
    assert f"this run {accuracy}  difference 0.0000  ± 0.0000   no clear difference" in found.stdout
    assert "And on the same rows?" in (tmp_path / "compare.html").read_text(encoding="utf-8")


def test_again_nothing_is_done_and_it_says_so(
    project: Any, first: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    version, before, figures = pushed(project), project.executions(), summary(project)["metrics"]
    assert project.run_here() == 0
    assert pushed(project) == version
    states = project.new_executions(before)
    assert states.pop("Resolver", {"COMPLETE"}) <= {"COMPLETE", "CACHED"}
    assert set().union(*states.values()) == {"CACHED"}
    out = capfd.readouterr().out
    assert "nothing was trained" in out
    assert out.count("unchanged, nothing to do") >= len(states)
    found = summary(project)
    assert found["training"]["cached"] is True
    assert {"RecordExampleGen", "Transform", "Trainer", "Evaluator", "Pusher"} <= set(
        found["cached"]
    )
    assert found["metrics"] == figures


def test_a_deleted_version_is_pushed_again_without_training(project: Any, first: Any) -> None:
    version, before = pushed(project), project.executions()
    shutil.rmtree(project.output / "serving" / TASK / version)
    assert project.run_here() == 0
    again = pushed(project)
    states = project.new_executions(before)
    assert states["Trainer"] == {"CACHED"}
    assert "COMPLETE" in states["Pusher"]
    before = project.executions()
    assert project.run_here() == 0
    assert pushed(project) == again
    assert project.new_executions(before)["Pusher"] == {"CACHED"}


def test_a_model_that_misses_a_gate_is_not_pushed_and_the_line_has_both_numbers(
    project: Any, first: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    version, before = pushed(project), project.executions()
    assert project.run_here("gates.margin=1") == 3
    assert project.versions() == [version]
    found = summary(project)
    assert found["pushed"] is None
    value = found["gates"][0]["value"]
    lines = capfd.readouterr().out.splitlines()
    assert f"not pushed: margin is {value:.4f}, expected at least 1" in lines
    assert project.new_executions(before)["Trainer"] == {"CACHED"}


def test_data_that_stops_the_run_later_leaves_the_folder_as_it_was(
    project: Any, first: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    kept = {
        path: path.read_bytes()
        for path in [project.output / "summary.json", *(project.output / "serving").rglob("*.pb")]
    }
    artifacts = sorted((project.output / "tfx" / "artifacts").glob("*/*/*"))
    broken = project.folder / "broken.csv"
    broken.write_text(project.train.read_text() + '"never closed,en\n')
    assert project.run_here(data=broken) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"tidegate: {broken}:302: broken quoting: unexpected end of data; ")
    assert "data.quoting=none" in error and len(error.splitlines()) == 1
    assert {path: path.read_bytes() for path in kept} == kept
    assert sorted((project.output / "tfx" / "artifacts").glob("*/*/*")) == artifacts


def test_data_that_stops_a_first_run_later_leaves_no_folder(
    tmp_path: Path, project: Any, first: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    other = type(project)(tmp_path)
    one_class = tmp_path / "one.csv"
    one_class.write_text("text,label\n" + "".join(f"text {n},en\n" for n in range(50)))
    other.output = tmp_path / "new" / "out"
    assert other.run_here(data=one_class) == 2
    error = capfd.readouterr().err
    assert error.startswith(f"tidegate: {one_class}: every row has the label 'en'; expected two")
    assert len(error.splitlines()) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.csv", "test.csv", "train.csv"]


def test_a_killed_training_leaves_no_model_and_the_same_command_goes_on_from_the_tuners_winner(
    project: Any, first: Any
) -> None:
    (version,), before = project.versions(), project.executions()
    command = [sys.executable, "-m", "tidegate.pipeline.cli", *project.arguments(*TUNED)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, encoding="utf-8", env=project.environment()
    )
    assert process.stdout is not None
    lines = iter(process.stdout)
    assert any("] Tuner: " in line for line in lines)
    assert any(line.startswith("step ") for line in lines)  # The Trainer's first epoch ends.
    started = psutil.Process(process.pid).children()
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    assert project.versions() == [version]
    states = project.new_executions(before)
    assert states["Tuner"] == {"COMPLETE"}
    assert "COMPLETE" not in states["Trainer"]
    _, alive = psutil.wait_procs(started, timeout=60)
    assert started and not alive

    assert project.run_here(*TUNED) == 0
    states = project.new_executions(before)
    assert states["Trainer"] >= {"COMPLETE"}
    assert states["Tuner"] == {"COMPLETE", "CACHED"}
    assert states["Transform"] == {"CACHED"}
    assert states["RecordExampleGen"] == {"CACHED"}
    old, new = sorted(project.versions(), key=int)
    assert old == version and int(new) > int(old)
    found = summary(project)
    *_, change = found["gates"]
    assert change["expected"].startswith("not more than 1 worse than the last blessed ")

    (path,) = project.output.glob("tfx/artifacts/Tuner/best_hyperparameters/*/*")
    winner = json.loads(path.read_text())["values"]
    tunable = load_task(TASK).model.tunable()
    assert {name for name in winner if name.startswith("model.")} == {
        f"model.{name}" for name in tunable
    }
    trained = {
        **{f"model.{key}": value for key, value in found["training"]["model"].items()},
        **{f"training.{key}": value for key, value in found["training"]["training"].items()},
    }
    assert {name: trained[name] for name in winner} == winner
    # What was tried differs from what the settings say: the search did choose.
    given = found["settings"]["model"]
    assert any(winner[f"model.{name}"] != given[name] for name in tunable)
    assert found["pushed"] and found["training"]["steps"] > 0
