"""Settings of the engine, named as TF Serving's flags."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


class ConfigError(ValueError):
    """A flag or a configuration file is wrong; the message is one line for the user."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(line.strip() for line in message.splitlines()))


@dataclass(frozen=True)
class BatchingParameters:
    """What a batching parameters file may set, with TF Serving's names.

    Attributes:
      max_batch_size: rows in one batch at most.
      batch_timeout_micros: how long a batch that is not full waits for more rows, microseconds.
        With 0 a batch holds what arrived while the one before it ran: no request waits for none.
      max_enqueued_batches: batches that may wait in each queue; more are UNAVAILABLE.
      num_batch_threads: batches of one model that run at once; None for half the cores, since
        TensorFlow gives one batch's ops several.
      allowed_batch_sizes: sizes to which batches are padded, increasing, the last one
        max_batch_size; empty for any size.
      pad_variable_length_inputs: pad tensors of one batch to the longest in each dimension.
      enable_large_batch_splitting: whether a request runs in parts where it does not fit into a
        batch that has begun, or has more rows than `max_execution_batch_size`.
      max_execution_batch_size: rows that run at once, where requests are split; then
        max_batch_size bounds a request. None for max_batch_size.
    """

    max_batch_size: int = 64
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 100
    num_batch_threads: int | None = None
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None

    @property
    def largest_run(self) -> int:
        """Rows that run at once, at most."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size


@dataclass(frozen=True)
class EngineOptions:
    """How models are found, loaded and run.

    Attributes:
      models_folder: a folder or URI whose sub-folders are models, followed by polling
        (``--models``); the models found join those of the configuration.
      model_config_file: the file that the configuration came from, read again by polling.
      model_config_file_poll_wait_seconds: seconds between two looks at that file; 0 for never.
      file_system_poll_wait_seconds: seconds between two looks for versions; 0 for one look at the
        start and after each reload alone.
      max_num_load_retries: how often a failed load is tried again.
      load_retry_interval_micros: microseconds between two tries.
      allow_version_labels_for_unavailable_models: whether a reload may give a new label to a
        version that is not loaded yet; at the start every label is taken.
      enable_batching: whether requests are batched.
      strict_batching: whether a request that cannot be batched is refused, as TF Serving does
        (first dimensions that differ, more rows than a batch); else it runs alone.
      batching: the batching parameters.
      enable_model_warmup: whether recorded requests are run before a version serves.
      num_load_threads: versions that load at once.
      tensorflow_intra_op_parallelism: threads of one op; 0 for TensorFlow's choice.
      tensorflow_inter_op_parallelism: ops that run at once; 0 for TensorFlow's choice.
    """

    models_folder: Path | str | None = None
    model_config_file: Path | None = None
    model_config_file_poll_wait_seconds: float = 0.0
    file_system_poll_wait_seconds: float = 1.0
    max_num_load_retries: int = 5
    load_retry_interval_micros: int = 60_000_000
    allow_version_labels_for_unavailable_models: bool = False
    enable_batching: bool = False
    strict_batching: bool = True
    batching: BatchingParameters = BatchingParameters()
    enable_model_warmup: bool = True
    num_load_threads: int = 4
    tensorflow_intra_op_parallelism: int = 0
    tensorflow_inter_op_parallelism: int = 0
