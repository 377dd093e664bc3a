"""A model is blessed only if a fresh process loads it and answers as it did in training."""

from __future__ import annotations

import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2
from tfx.types import standard_artifacts

from components.serving_check import executor, process
from models.core.export import EXTRA_FOLDER, SAMPLES_FILE, WARMUP_FILE

TOLERANCE = 1e-3
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


def test_a_model_that_answers_as_recorded_is_good(tmp_path: Path) -> None:
    result = process.check(save(tmp_path / "model"), TOLERANCE)
    assert result["ok"] and result["difference"] == 0 and result["requests"] == 2


def test_a_difference_within_the_tolerance_is_good_and_told(tmp_path: Path) -> None:
    result = process.check(save(tmp_path / "model", length=[1.0, 3.0005]), TOLERANCE)
    assert result["ok"] and result["difference"] == pytest.approx(5e-4, rel=1e-2)


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
def test_a_wrong_answer_is_found(tmp_path: Path, samples: dict[str, Any], problem: str) -> None:
    result = process.check(save(tmp_path / "model", **samples), TOLERANCE)
    assert not result["ok"]
    assert result["problem"].startswith(problem)


def test_a_graph_that_needs_a_gpu_is_refused_before_it_is_loaded(tmp_path: Path) -> None:
    from tensorflow.core.protobuf import saved_model_pb2

    folder = Path(save(tmp_path / "model"))
    saved = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    function = saved.meta_graphs[0].graph_def.library.function[0]
    function.node_def.add(name="lstm", op="CudnnRNNV3")
    (folder / "saved_model.pb").write_bytes(saved.SerializeToString())
    result = process.check(str(folder), TOLERANCE)
    assert result == {
        "ok": False,
        "problem": "the graph holds ['CudnnRNNV3'] and needs a GPU",
    }


def execute(folder: Path, **samples: Any) -> tuple[Any, dict[str, Any], set[str]]:
    """Runs the executor as TFX does; gives blessing, result and the files it wrote."""
    model, blessing = standard_artifacts.Model(), standard_artifacts.InfraBlessing()
    model.uri, blessing.uri = str(folder), str(folder / "blessing")
    save(folder / "Format-Serving", **samples)
    (folder / "blessing").mkdir()
    executor.Executor().Do(
        {"model": [model]},
        {"blessing": [blessing]},
        {"tolerance": TOLERANCE, "timeout": 120.0},
    )
    written = {path.name for path in (folder / "blessing").iterdir()}
    return blessing, json.loads((folder / "blessing/result.json").read_text()), written


@pytest.mark.slow
def test_a_good_model_is_blessed_by_a_fresh_process(tmp_path: Path) -> None:
    blessing, result, written = execute(tmp_path)
    assert result["ok"] and result["requests"] == 2
    assert blessing.get_int_custom_property("blessed") == 1
    assert written == {"result.json", "INFRA_BLESSED"}


@pytest.mark.slow
def test_a_model_with_other_answers_is_not_blessed(tmp_path: Path) -> None:
    blessing, result, written = execute(tmp_path, length=[1.0, 2.0])
    assert not result["ok"] and "length differs by 1" in result["problem"]
    assert blessing.get_int_custom_property("blessed") == 0
    assert written == {"result.json", "INFRA_NOT_BLESSED"}


@pytest.mark.slow
def test_a_model_that_cannot_be_loaded_is_a_problem_in_one_line(tmp_path: Path) -> None:
    folder = Path(save(tmp_path / "model"))
    (folder / "saved_model.pb").write_bytes(b"no graph")
    result = executor.check_in_process(str(folder), TOLERANCE, 120)
    assert not result["ok"]
    assert result["problem"].startswith("DecodeError: ")


@pytest.mark.slow
def test_a_model_that_does_not_answer_has_failed_and_its_process_is_ended(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", warmup=(ENDLESS,))
    executor.start_process()
    number = executor._started[-1].pid
    result = executor.check_in_process(folder, TOLERANCE, 5)
    assert result == {"ok": False, "problem": "no answer within 5 s"}
    with pytest.raises(ProcessLookupError):
        os.kill(number, 0)


@pytest.mark.slow
def test_a_process_that_dies_at_work_has_failed(tmp_path: Path) -> None:
    folder = save(tmp_path / "model", warmup=(ENDLESS,))
    executor.start_process()
    timer = threading.Timer(5, executor._started[-1].kill)
    timer.start()
    result = executor.check_in_process(folder, TOLERANCE, 120)
    timer.join()
    assert result == {"ok": False, "problem": "the process ended with exit code -9"}


def test_a_process_that_was_not_used_is_ended() -> None:
    executor.start_process()
    (found,) = executor._started
    executor.stop_process()
    assert found.returncode == -signal.SIGKILL
    assert executor._started == []
