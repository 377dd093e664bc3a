"""Warm-up requests: each signature that clients call, before the first client does."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import input_pb2, predict_pb2, prediction_log_pb2

from tidegate.models.core.task import Signature

Samples = Sequence[Mapping[str, Any]]


def write_warmup(
    path: str, signatures: Mapping[str, Signature], samples: Samples, serialized: Sequence[bytes]
) -> None:
    """Writes the file that TF Serving replays while it loads a version.

    Args:
      path: where to write.
      signatures: the task's, beside `serving_default`.
      samples: raw records. Each signature gets a request for each of them, and one of all.
      serialized: the samples as tf.Examples.
    """
    parts = [slice(number, number + 1) for number in range(len(samples))]
    with tf.io.TFRecordWriter(path) as writer:
        for part in (*parts, slice(None)):
            texts = np.array(serialized[part], object)
            logs = [_predict("serving_default", {"examples": texts})]
            for name, signature in signatures.items():
                logs.append(_log(name, signature, samples[part], serialized[part]))
            for log in logs:
                writer.write(log.SerializeToString())


def _log(
    name: str, signature: Signature, samples: Samples, serialized: Sequence[bytes]
) -> prediction_log_pb2.PredictionLog:
    """One request of a signature."""
    kind = signature.method.rpartition("/")[2]
    if kind == "predict":
        return _predict(name, dict(_inputs(signature, samples)))
    log = prediction_log_pb2.PredictionLog()
    request = getattr(log, f"{kind}_log").request
    request.model_spec.signature_name = name
    request.input.CopyFrom(
        input_pb2.Input(
            example_list=input_pb2.ExampleList(
                examples=[tf.train.Example.FromString(one) for one in serialized]
            )
        )
    )
    return log


def _inputs(signature: Signature, samples: Samples) -> Iterator[tuple[str, np.ndarray]]:
    """The samples as a signature's inputs."""
    given = samples if signature.rows is None else signature.rows(samples)
    for name, info in signature.inputs.items():
        values = np.array([row[name] for row in given])
        if info.dtype == "string":  # Of no texts, numpy makes numbers.
            yield name, np.char.encode(values.astype(str), "utf-8").astype(object)
        else:
            yield name, values.astype(tf.as_dtype(info.dtype).as_numpy_dtype)


def _predict(name: str, inputs: Mapping[str, np.ndarray]) -> prediction_log_pb2.PredictionLog:
    request = predict_pb2.PredictRequest()
    request.model_spec.signature_name = name
    for alias, array in inputs.items():
        request.inputs[alias].CopyFrom(tf.make_tensor_proto(array))
    return prediction_log_pb2.PredictionLog(
        predict_log=prediction_log_pb2.PredictLog(request=request)
    )
