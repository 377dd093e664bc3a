"""TFX's Pusher, but a version is complete before it is visible, and its number always grows."""

import os
import time
import uuid
from typing import Any

import tensorflow as tf
from tfx.components.pusher import executor as tfx_executor
from tfx.dsl.io import fileio
from tfx.proto import pusher_pb2
from tfx.types import artifact_utils
from tfx.utils import io_utils, proto_utils


def next_version(existing: list[str], now: float) -> int:
    """The number of the next version: the time in seconds, or one more than any there is.

    Args:
      existing: names in the model's folder; those that are no numbers do not count.
      now: seconds since 1970; a clock that was set back does not make a version go down.
    """
    numbers = [int(name) for name in existing if name.isdigit()]
    return max(int(now), max(numbers, default=0) + 1)


class Executor(tfx_executor.Executor):
    """Copies the blessed model beside the versions, then renames it to its number."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's Pusher, to `push_destination.filesystem.base_directory`.

        Raises:
          OSError: the folder cannot be written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        destination = pusher_pb2.PushDestination()
        proto_utils.json_to_proto(exec_properties["push_destination"], destination)
        target = push_model(self.GetModelPath(input_dict), destination.filesystem.base_directory)
        self._MarkPushed(pushed, pushed_destination=target, pushed_version=os.path.basename(target))


def push_model(model: str, folder: str) -> str:
    """Pushes a SavedModel as the next version of a model folder.

    Args:
      model: the SavedModel.
      folder: the folder of the model's versions.

    Returns:
      The new version's path.

    Raises:
      OSError: the folder cannot be written; nothing half-written is visible then.
    """
    fileio.makedirs(folder)
    # A name that is no number: a server that polls the folder passes it over.
    beside = os.path.join(folder, f".push-{uuid.uuid4().hex}")
    try:
        io_utils.copy_dir(model, beside)
        while True:
            target = os.path.join(folder, str(next_version(fileio.listdir(folder), time.time())))
            try:
                fileio.rename(beside, target)
                return target
            except (OSError, tf.errors.OpError):  # By file system: gfile raises the latter.
                if not fileio.exists(target):
                    raise
                # Another run took the number in between: take the next.
    finally:
        if fileio.exists(beside):
            fileio.rmtree(beside)
