"""A model is blessed only if a fresh process loads it and answers as it did in training."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tfx.types import standard_artifacts

from tidegate.components.serving_check import executor, process
from tidegate.components.serving_check.probe import (
    Bounds,
    ModelProcess,
    ProcessKilled,
    Unfit,
    _compare,
    probe,
    samples_of,
)
from tidegate.models.core.export import EXTRA_FOLDER, SAMPLES_FILE, WARMUP_FILE

BOUNDS = Bounds(tolerance=1e-3, timeout=120, latency_ms=1_000, memory_mb=4_096)
EXAMPLES = [b"a", b"bcd"]
ANSWERS = {"length": [1.0, 3.0], "text": ["a", "bcd"]}
ENDLESS = b"endless"


class Lengths(tf.Module):
    """Answers each example with its length and itself; hangs at the word `endless`."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="examples")])
    def serve(self, examples: tf.Tensor) -> dict[str, tf.Tensor]:
        hang = tf.reduce_any(examples == ENDLESS)
        (none,) = tf.while_loop(lambda n: hang, lambda n: [n * 2], [tf.constant(0)])
        lengths = tf.strings.length(examples) + none
        return {"length": tf.cast(lengths, tf.float32), "text": examples}


def save(folder: Path, warmup: tuple[bytes, ...] = (), **samples: Any) -> str:
    """A SavedModel with its recorded answers and warm-up requests."""
    module = Lengths()
    tf.saved_model.save(module, str(folder), signatures={"serving_default": module.serve})
    extra = folder / EXTRA_FOLDER
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / WARMUP_FILE)) as writer:
        for text in (*EXAMPLES, *warmup):
            request = predict_pb2.PredictRequest()
            request.model_spec.signature_name = "serving_default"
            request.inputs["examples"].CopyFrom(tf.make_tensor_proto([text], tf.string))
            log = prediction_log_pb2.PredictLog(request=request)
            writer.write(prediction_log_pb2.PredictionLog(predict_log=log).SerializeToString())
    recorded = {"examples": [one.hex() for one in EXAMPLES], "answers": {**ANSWERS, **samples}}
    (extra / SAMPLES_FILE).write_text(json.dumps(recorded))
    return str(folder)


def test_equal_answers_and_a_difference_within_the_tolerance_are_good() -> None:
    answers = {"length": np.array([1.0, 3.0]), "text": np.array([b"a", "水".encode()], object)}
    expected = {"length": [1.0, 3.0005], "text": ["a", "水"]}
    assert _compare(answers, expected, 1e-3) == pytest.approx(5e-4)
    assert _compare(answers, {**expected, "length": [1, 3]}, 1e-3) == 0


@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        ({"length": [1.0, 3.01]}, "length differs by 0.01 "),
        ({"length": [1.0, float("nan")]}, "length differs by nan"),
        ({"length": [[1.0], [3.0]]}, "length has the shape"),
        ({"length": [1.0, 3.0, 3.0]}, "length has the shape"),
        ({"text": ["a", "b"]}, "text is ['a', 'bcd'], in training ['a', 'b']"),
        ({"more": [1]}, "answers ['length', 'text'], expected ['length', 'more', 'text']"),
    ],
    ids=["another number", "no number", "another rank", "another size", "another text", "a name"],
)
def test_a_wrong_answer_is_found(samples: dict[str, Any], problem: str) -> None:
    answers = {"length": np.array([1.0, 3.0]), "text": np.array([b"a", b"bcd"], object)}
    with pytest.raises(Unfit) as error:
        _compare(answers, {**ANSWERS, **samples}, 1e-3)
    assert str(error.value).startswith(problem)


def edit_graph(folder: Path, change: Callable[[Any], None]) -> None:
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    change(saved.meta_graphs[0].graph_def)
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())


@pytest.mark.parametrize(
    ("op", "problem"),
    [
        ("CudnnRNNV3", r"the graph holds \['CudnnRNNV3'\] and needs a GPU"),
        ("TFText>Utf8Binarize", r"holds \['TFText>Utf8Binarize'\], which TF Serving does not have"),
        ("MyOwnOp", r"the graph holds \['MyOwnOp'\], which TF Serving does not have"),
    ],
)
def test_a_graph_that_tf_serving_could_not_load_is_refused(
    tmp_path: Path, op: str, problem: str
) -> None:
    folder = Path(save(tmp_path / "model"))
    edit_graph(folder, lambda graph: graph.library.function[0].node_def.add(name="one", op=op))
    with pytest.raises(process.UnfitError, match=problem):
        process.check_graph(str(folder))


def test_warmup_requests_are_counted_and_must_be_there(tmp_path: Path) -> None:
    folder = Path(save(tmp_path / "model", warmup=(b"x",)))
    assert process.check_graph(str(folder)) == 3
    (folder / EXTRA_FOLDER / WARMUP_FILE).write_bytes(b"")
    with pytest.raises(process.UnfitError, match="no warm-up requests in"):
        process.check_graph(str(folder))
    (folder / EXTRA_FOLDER / WARMUP_FILE).unlink()
    with pytest.raises(process.UnfitError, match="is missing"):
        process.check_graph(str(folder))


def raw_examples(folder: Path, *examples: bytes) -> str:
    """A split as ExampleGens write it."""
    folder.mkdir()
    with tf.io.TFRecordWriter(str(folder / "data.gz"), "GZIP") as writer:
        for example in examples:
            writer.write(example)
    return str(folder)


class Parsed(tf.Module):
    """Takes two tensors, as no client with tf.Examples sends."""

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string)] * 2)
    def serve(self, one: tf.Tensor, other: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"both": one + other}


def test_somebody_elses_model_is_asked_raw_examples_and_needs_no_warmup(tmp_path: Path) -> None:
    folder = Path(save(tmp_path / "model"))
    split = raw_examples(tmp_path / "split", *EXAMPLES, *[b"more"] * 9)
    assert samples_of(str(folder), split).answers == ANSWERS  # What is recorded comes first.
    for path in (folder / EXTRA_FOLDER).iterdir():
        path.unlink()
    assert process.check_graph(str(folder)) == 0
    asked = samples_of(str(folder), split)
    assert (asked.name, asked.examples) == ("examples", [*EXAMPLES, *[b"more"] * 6])
    assert asked.answers == {
        "length": [1.0, 3.0, *[4.0] * 6],
        "text": ["a", "bcd", *["more"] * 6],
    }
    with pytest.raises(Unfit, match=r"no sample requests: .* was not given examples"):
        samples_of(str(folder), None)
    with pytest.raises(Unfit, match="no examples in"):
        samples_of(str(folder), raw_examples(tmp_path / "empty"))


@pytest.mark.parametrize(
    ("signatures", "problem"),
    [
        ({"serving_default": Parsed().serve}, r"takes \['one', 'other'\]; expected one tensor"),
        ({"other": Lengths().serve}, r"no signature serving_default: \['other'\]"),
    ],
    ids=["two inputs", "another signature"],
)
def test_a_model_that_takes_no_examples_cannot_be_asked(
    signatures: dict[str, Any], problem: str, tmp_path: Path
) -> None:
    module = tf.Module()
    module.functions = list(signatures.values())
    tf.saved_model.save(module, str(tmp_path / "model"), signatures=signatures)
    with pytest.raises(Unfit, match=problem):
        samples_of(str(tmp_path / "model"), raw_examples(tmp_path / "split", b"a"))


def execute(
    folder: Path, kill: bool = False, **samples: Any
) -> tuple[Any, dict[str, Any], set[str]]:
    """Runs the executor as TFX does; gives blessing, result and the files it wrote.

    Args:
      folder: of the model.
      kill: kill the process that was started ahead, before it is told the model.
      samples: as `save` takes them.
    """
    model, blessing = standard_artifacts.Model(), standard_artifacts.InfraBlessing()
    model.uri, blessing.uri = str(folder), str(folder / "blessing")
    save(folder / "Format-Serving", **samples)
    (folder / "blessing").mkdir()
    executor.start_process()
    if kill:
        executor._started[0].process.kill()
        executor._started[0].process.wait()
    executor.load_ahead(model.uri)
    executor.Executor().Do({"model": [model]}, {"blessing": [blessing]}, asdict(BOUNDS))
    assert executor._started == []
    written = {path.name for path in (folder / "blessing").iterdir()}
    return blessing, json.loads((folder / "blessing/result.json").read_text()), written


@pytest.mark.slow
def test_a_good_model_is_blessed_by_what_a_client_sees(tmp_path: Path) -> None:
    blessing, result, written = execute(tmp_path)
    assert result["ok"] and result["requests"] == 2 and result["difference"] == 0
    assert 0 < result["latency_ms"] < 1_000
    assert 100 < result["memory_mb"] < 4_096
    assert blessing.get_int_custom_property("blessed") == 1
    assert written == {"result.json", "INFRA_BLESSED"}


@pytest.mark.slow
def test_a_model_with_other_answers_is_not_blessed(tmp_path: Path) -> None:
    blessing, result, written = execute(tmp_path, length=[1.0, 2.0])
    assert not result["ok"] and "length differs by 1" in result["problem"]
    assert blessing.get_int_custom_property("blessed") == 0
    assert written == {"result.json", "INFRA_NOT_BLESSED"}


@pytest.mark.slow
def test_bounds_on_latency_and_memory(tmp_path: Path) -> None:
    folder = save(tmp_path / "model")
    slow = probe(ModelProcess(), folder, replace(BOUNDS, latency_ms=1e-3))
    assert not slow["ok"]
    assert slow["problem"].endswith("ms for one request, more than serving.latency_ms=0.001")
    large = probe(ModelProcess(), folder, replace(BOUNDS, memory_mb=10))
    assert not large["ok"]
    assert large["problem"].endswith("MiB of memory, more than serving.memory_mb=10")


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_a_problem_in_one_line(tmp_path: Path) -> None:
    folder = Path(save(tmp_path / "model"))
    (folder / "saved_model.pb").write_bytes(b"no graph")
    result = probe(ModelProcess(), str(folder), BOUNDS)
    assert not result["ok"]
    assert result["problem"].startswith("DecodeError: ")


@pytest.mark.slow
def test_a_process_told_another_model_ahead_serves_the_one_asked_for(tmp_path: Path) -> None:
    other, folder = save(tmp_path / "other", length=[5.0, 5.0]), save(tmp_path / "model")
    process = ModelProcess()
    process.load(other)
    assert probe(process, folder, BOUNDS)["ok"]


@pytest.mark.slow
def test_a_model_that_does_not_answer_has_failed_and_its_process_is_ended(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", warmup=(ENDLESS,))
    process = ModelProcess()
    result = probe(process, folder, replace(BOUNDS, timeout=5))
    assert result == {"ok": False, "problem": "no answer within 5 s"}
    with pytest.raises(ProcessLookupError):
        os.kill(process.process.pid, 0)


@pytest.mark.slow
def test_a_process_that_is_killed_at_work_says_nothing_of_the_model(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", warmup=(ENDLESS,))
    process = ModelProcess()
    timer = threading.Timer(5, process.process.kill)
    timer.start()
    with pytest.raises(ProcessKilled, match="got signal 9"):
        probe(process, folder, BOUNDS)
    timer.join()


@pytest.mark.slow
def test_after_a_kill_the_model_is_served_once_more(tmp_path: Path) -> None:
    blessing, result, written = execute(tmp_path, kill=True)
    assert result["ok"] and blessing.get_int_custom_property("blessed") == 1
    assert written == {"result.json", "INFRA_BLESSED"}


def test_a_process_that_was_not_used_is_ended() -> None:
    executor.start_process()
    (found,) = executor._started
    executor.stop_process()
    assert found.process.returncode == -signal.SIGKILL
    assert executor._started == []
