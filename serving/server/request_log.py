"""A sampled log of answered requests: TFRecords of PredictionLog.

A file holds at most as many records as a warm-up file may, so that any of them can be copied into
a version's ``assets.extra/tf_serving_warmup_requests``.
"""

from __future__ import annotations

import logging
import os
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from tidegate.serving.server import status
from tidegate.serving.server.options import ConfigError

if TYPE_CHECKING:
    from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

_log = logging.getLogger(__name__)

# TF Serving's limit for a warm-up file.
MAX_RECORDS = 1_000
_MAX_BYTES = 256 << 20
# Records that may wait for the disk; more are dropped and counted.
_QUEUE = 1_000
# Seconds after which what was written is handed to the operating system.
_FLUSH_SECONDS = 1.0
# log_collector_config.type of this log; an empty one means the same.
COLLECTOR = "tfrecord"

_FIELDS = {
    "Predict": "predict_log",
    "Classify": "classify_log",
    "Regress": "regress_log",
    "MultiInference": "multi_inference_log",
}


@dataclass(frozen=True)
class Sampling:
    """How one model is logged.

    Attributes:
      prefix: files are called ``PREFIX-<time>-<process>-<number>.tfrecord``.
      rate: the share of requests, 0 to 1.
    """

    prefix: str
    rate: float

    @property
    def folder(self) -> Path:
        """Where the files are, links followed."""
        return Path(f"{self.prefix}-").parent.resolve()


class RequestLog:
    """Writes a sample of requests and responses, by a thread of its own.

    Requests never wait for it: what does not fit into the queue is dropped, and counted.

    Args:
      config: of the models, with their `logging_config`; None for none.
      folder: where models that the configuration says nothing of are logged; None for nowhere.
      rate: the share of requests of those models.

    Raises:
      ConfigError: the models' logging is not configured as it must be.
    """

    def __init__(
        self,
        config: ModelServerConfig | None = None,
        folder: Path | None = None,
        rate: float = 0.0,
    ) -> None:
        self._samplings = {} if config is None else samplings(config)
        self._folder = folder
        # What a client configures may be written below these alone.
        self._roots = {sampling.folder for sampling in self._samplings.values()}
        if folder is not None:
            self._roots.add(folder.resolve())
        self._rate = rate if folder is not None else 0.0
        self._queue: queue.Queue[tuple[str, str, Sampling, Any, Any] | None] = queue.Queue(_QUEUE)
        self._files: dict[str, _File] = {}
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._closed = False
        self._thread = threading.Thread(target=self._write_all, name="request-log", daemon=True)

    def start(self) -> None:
        """Takes requests from now on."""
        self._thread.start()

    def check(self, config: ModelServerConfig) -> None:
        """Looks at the logging of a configuration that a client sends.

        Raises:
          ServingError: INVALID_ARGUMENT; it is wrong, or would write to a folder that the server
            was not started with.
        """
        try:
            asked = samplings(config)
        except ConfigError as error:
            raise status.invalid_argument(str(error)) from error
        for model in config.model_config_list.config:
            sampling = asked.get(model.name) or self._usual(model.name)
            if sampling is None:
                continue
            if not any(sampling.folder.is_relative_to(root) for root in self._roots):
                allowed = ", ".join(sorted(map(str, self._roots))) or "none"
                raise status.invalid_argument(
                    f"model {model.name}: its request log would be written to {sampling.folder}. "
                    "Clients may have logs below the folders that the server was started with: "
                    f"{allowed}; --request_log_dir names one"
                )

    def update(self, config: ModelServerConfig) -> None:
        """Takes another configuration, one that was checked."""
        self._samplings = samplings(config)

    def offer(self, api: str, model: str, request: Any, response: Any) -> None:
        """Takes an answered request for the log, or not, as the model's rate has it.

        Args:
          api: the method: Predict, Classify, Regress or MultiInference.
          model: its name.
          request: must not be changed any more.
          response: must not be changed any more.
        """
        sampling = self._samplings.get(model) or self._usual(model)
        if sampling is None:
            return
        if random.random() >= sampling.rate or self._closed:
            return
        try:
            self._queue.put_nowait((api, model, sampling, request, response))
        except queue.Full:
            self._count(model, "dropped")

    def _usual(self, model: str) -> Sampling | None:
        """Of a model that the configuration says nothing of."""
        if self._folder is None or not self._rate:
            return None
        return Sampling(str(self._folder / model), self._rate)

    def counts(self) -> dict[tuple[str, str], int]:
        """Records by model, and ``written`` or ``dropped``."""
        with self._lock:
            return dict(self._counts)

    def stop(self) -> None:
        """Writes what is waiting, and closes the files."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _count(self, model: str, outcome: str) -> None:
        with self._lock:
            self._counts[model, outcome] += 1
            first = outcome == "dropped" and self._counts[model, outcome] == 1
        if first:
            _log.warning("the request log of model %s cannot keep up; requests are dropped", model)

    def _write_all(self) -> None:
        flushed = time.monotonic()
        while True:
            try:
                item = self._queue.get(timeout=_FLUSH_SECONDS)
            except queue.Empty:
                pass
            else:
                if item is None:
                    break
                self._write(*item)
            if time.monotonic() - flushed > _FLUSH_SECONDS:
                self._on_all(_File.flush)
                flushed = time.monotonic()
        self._on_all(_File.close)

    def _on_all(self, step: Callable[[_File], None]) -> None:
        for prefix, file in self._files.items():
            try:
                step(file)
            except (OSError, tf.errors.OpError) as error:
                _log.error("the request log %s: %s", prefix, error)

    def _write(self, api: str, model: str, sampling: Sampling, request: Any, response: Any) -> None:
        try:
            record = _record(api, sampling.rate, request, response)
            file = self._files.get(sampling.prefix)
            if file is None:
                file = self._files[sampling.prefix] = _File(sampling.prefix)
            file.write(record)
        except (OSError, tf.errors.OpError) as error:
            # A full disk must not stop the server, nor the records of other models.
            self._count(model, "dropped")
            _log.error("the request log %s: %s", sampling.prefix, error)
            return
        self._count(model, "written")


def _record(api: str, rate: float, request: Any, response: Any) -> bytes:
    """A PredictionLog in wire form."""
    log = prediction_log_pb2.PredictionLog()
    if api == "MultiInference":
        spec = response.results[0].model_spec if response.results else None
    else:
        spec = response.model_spec
    if spec is not None:
        log.log_metadata.model_spec.CopyFrom(spec)
    log.log_metadata.sampling_config.sampling_rate = rate
    entry = getattr(log, _FIELDS[api])
    entry.request.CopyFrom(request)
    entry.response.CopyFrom(response)
    return log.SerializeToString()


class _File:
    """The file that is being written, and its successors.

    While it is written, a file's name ends in ``.part``.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._number = 0
        self._writer: tf.io.TFRecordWriter | None = None
        self._path = Path()
        self._records = self._bytes = 0

    def write(self, record: bytes) -> None:
        if self._writer is not None and (
            self._records >= MAX_RECORDS or self._bytes + len(record) > _MAX_BYTES
        ):
            self.close()
        writer = self._writer or self._open()
        writer.write(record)
        self._records += 1
        self._bytes += len(record)

    def flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()

    def close(self) -> None:
        if self._writer is None:
            return
        self._writer.close()
        self._writer = None
        part = self._path.with_name(f"{self._path.name}.part")
        part.rename(self._path)

    def _open(self) -> tf.io.TFRecordWriter:
        self._number += 1
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        self._path = Path(f"{self._prefix}-{stamp}-{os.getpid()}-{self._number:05d}.tfrecord")
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._writer = tf.io.TFRecordWriter(str(self._path.with_name(f"{self._path.name}.part")))
        self._records = self._bytes = 0
        return self._writer


def samplings(config: ModelServerConfig) -> dict[str, Sampling]:
    """The samplings that the models' ``logging_config`` ask for.

    Raises:
      ConfigError: another collector than this one, no file name, a rate that is none.
    """
    found = {}
    for model in config.model_config_list.config:
        if not model.HasField("logging_config"):
            continue
        collector = model.logging_config.log_collector_config
        rate = model.logging_config.sampling_config.sampling_rate
        if collector.type not in ("", COLLECTOR):
            raise ConfigError(
                f"model {model.name}: log_collector_config.type is {collector.type!r}; "
                f"expected {COLLECTOR!r}"
            )
        if not collector.filename_prefix:
            raise ConfigError(
                f"model {model.name}: log_collector_config.filename_prefix is empty; "
                "expected the start of the log files' names, with their folder"
            )
        if not 0 <= rate <= 1:
            raise ConfigError(
                f"model {model.name}: sampling_config.sampling_rate is {rate}; expected 0 to 1"
            )
        found[model.name] = Sampling(collector.filename_prefix, rate)
    return found
