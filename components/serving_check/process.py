"""The fresh process: loads a SavedModel as a server would, and answers its samples.

It reads one line of JSON from stdin, ``{"model": folder, "tolerance": number}``, and prints one:
``{"ok": true, ...}`` or ``{"ok": false, "problem": why}``. TensorFlow is imported before the line
is read, so that a process started early has it ready.
"""

import json
import os
import sys
import time
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers the ops that TF Serving registers.
from tensorflow.core.protobuf import saved_model_pb2

from models.core.export import EXTRA_FOLDER, SAMPLES_FILE, WARMUP_FILE, operations


def check(folder: str, tolerance: float) -> dict[str, Any]:
    """Loads the model, replays its warm-up and compares its answers with the recorded ones.

    Args:
      folder: the SavedModel.
      tolerance: largest difference allowed in a number.

    Returns:
      `ok`, and `problem` where it is false; `seconds` to load and answer, `difference`, the
      largest seen, and `requests`, how many warm-up requests were replayed.
    """
    begin = time.monotonic()
    saved = saved_model_pb2.SavedModel()
    with tf.io.gfile.GFile(os.path.join(folder, "saved_model.pb"), "rb") as file:
        saved.ParseFromString(file.read())
    cudnn = sorted(op for op in operations(saved) if "cudnn" in op.lower())
    if cudnn:
        return {"ok": False, "problem": f"the graph holds {cudnn} and needs a GPU"}
    model = tf.saved_model.load(folder, tags=["serve"])
    extra = os.path.join(folder, EXTRA_FOLDER)
    requests = _replay_warmup(model, os.path.join(extra, WARMUP_FILE))
    with tf.io.gfile.GFile(os.path.join(extra, SAMPLES_FILE)) as file:
        samples = json.loads(file.read())
    examples = tf.constant([bytes.fromhex(one) for one in samples["examples"]])
    answers = model.signatures["serving_default"](examples=examples)
    if sorted(answers) != sorted(samples["answers"]):
        return {
            "ok": False,
            "problem": f"answers {sorted(answers)}, expected {sorted(samples['answers'])}",
        }
    largest = 0.0
    for name, expected in samples["answers"].items():
        answer = answers[name].numpy()
        if answer.dtype.kind in "OS":
            texts = np.char.decode(answer.astype("S"), "utf-8").tolist()
            if texts != expected:
                return {"ok": False, "problem": f"{name} is {texts}, in training {expected}"}
            continue
        if answer.shape != np.shape(expected):
            return {
                "ok": False,
                "problem": f"{name} has the shape {answer.shape}, in training {np.shape(expected)}",
            }
        difference = float(np.max(np.abs(answer - np.asarray(expected)), initial=0.0))
        largest = max(largest, difference)
        if not difference <= tolerance:
            return {
                "ok": False,
                "problem": f"{name} differs by {difference:.2g} from its value in training, "
                f"more than {tolerance:.2g}",
            }
    return {
        "ok": True,
        "seconds": round(time.monotonic() - begin, 2),
        "difference": largest,
        "requests": requests,
    }


def _replay_warmup(model: Any, path: str) -> int:
    """Answers each recorded request; an error ends the load, as in TF Serving."""
    from tensorflow_serving.apis import prediction_log_pb2

    count = 0
    for record in tf.data.TFRecordDataset(path):
        log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
        request = log.predict_log.request
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        model.signatures[request.model_spec.signature_name](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
        count += 1
    return count


def main() -> None:
    """Reads the order, checks, prints the result as the last line."""
    order = json.loads(sys.stdin.readline())
    try:
        result = check(order["model"], order["tolerance"])
    except Exception as error:  # The other process must learn of any failure, whatever it is.
        first = (str(error).splitlines() or ["no message"])[0]
        result = {"ok": False, "problem": f"{type(error).__name__}: {first}"}
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
