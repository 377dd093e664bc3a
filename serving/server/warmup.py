"""Warm-up: recorded requests that a version answers before it serves."""

from __future__ import annotations

import os
from collections.abc import Iterator

import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    predict_pb2,
    prediction_log_pb2,
    regression_pb2,
)

from tidegate.serving.server import status
from tidegate.serving.server.examples import classify, multi_inference, regress
from tidegate.serving.server.predict import predict
from tidegate.serving.server.servable import Servable

WARMUP_FILE = os.path.join("assets.extra", "tf_serving_warmup_requests")
MAX_RECORDS = 1000


def warm_up(servable: Servable, path: str) -> int:
    """Runs every request of a version's warm-up file.

    Args:
      servable: the version.
      path: its folder; the file is optional.

    Returns:
      The number of requests.

    Raises:
      ServingError: a request fails, is none, or there are more than 1,000; or the file is no
        TFRecord. The message names the file.
    """
    file = os.path.join(path, WARMUP_FILE)
    count = 0
    for count, log in enumerate(_logs(file), 1):
        try:
            _answer(servable, log, file)
        except status.ServingError as error:
            raise status.ServingError(
                error.code, f"Warm-up request {count} of {file}: {error.message}"
            ) from error
    return count


def warmup_requests(path: str) -> list[predict_pb2.PredictRequest]:
    """The Predict requests of a version's warm-up file; none without one.

    Raises:
      ServingError: as `warm_up`.
    """
    logs = _logs(os.path.join(path, WARMUP_FILE))
    return [log.predict_log.request for log in logs if log.HasField("predict_log")]


def _logs(file: str) -> Iterator[prediction_log_pb2.PredictionLog]:
    if not tf.io.gfile.exists(file):
        return
    for count, record in enumerate(_records(file), 1):
        if count > MAX_RECORDS:
            raise status.invalid_argument(
                f"Number of warmup records exceeds the maximum ({MAX_RECORDS}) at {file}"
            )
        try:
            yield prediction_log_pb2.PredictionLog.FromString(record)
        except DecodeError as error:
            raise status.invalid_argument(
                f"Failed to parse warmup record: {record[:100]!r} from {file}"
            ) from error


def _records(file: str) -> Iterator[bytes]:
    try:
        yield from tf.data.TFRecordDataset(file).as_numpy_iterator()
    except tf.errors.OpError as error:
        problem = status.from_tensorflow(error)
        raise status.ServingError(
            problem.code, f"The warm-up file {file} cannot be read: {problem.message}"
        ) from error


def _answer(servable: Servable, log: prediction_log_pb2.PredictionLog, file: str) -> None:
    kind = log.WhichOneof("log_type")
    if kind == "predict_log":
        predict(servable, log.predict_log.request, predict_pb2.PredictResponse(), None)
    elif kind == "classify_log":
        response = classification_pb2.ClassificationResponse()
        classify(servable, log.classify_log.request, response, None)
    elif kind == "regress_log":
        regress(servable, log.regress_log.request, regression_pb2.RegressionResponse(), None)
    elif kind == "multi_inference_log":
        answer = inference_pb2.MultiInferenceResponse()
        multi_inference(servable, log.multi_inference_log.request, answer, None)
    else:
        raise status.unimplemented(f"Unsupported log_type for warmup: {kind} in {file}")
