"""Checkpoints of a training: all that it needs to go on as if nothing had happened."""

import hashlib
import io
import json
import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf

from tidegate.models.core.progress import reporter

_PREFIX = "step-"
_STATE = "state"
_DIGEST = ".digest"
# Name of the member that holds the facts, as JSON; the others are arrays.
_FACTS = "facts"


@dataclass(frozen=True)
class Checkpoint:
    """What is kept beside the place in the input.

    Attributes:
      facts: what JSON can hold.
      arrays: by name.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


class Checkpoints:
    """A folder of checkpoints, local or a URI that tf.io reads.

    Each has a folder of its own. Its state is written last, beside, and renamed, and holds a
    digest; the checkpoint before is kept until then: a half-written one is never taken.

    Args:
      folder: used by one training alone.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def save_input(self, step: int, batches: Any, worker: int) -> None:
        """Keeps the place of an iterator over batches, with what its shuffling holds.

        Raises:
          tf.errors.OpError: it cannot be written.
        """
        tf.io.gfile.makedirs(self._of(step))
        path = self._input(step, worker)
        tf.train.Checkpoint(batches=batches).write(path)
        with tf.io.gfile.GFile(f"{path}{_DIGEST}", "wb") as file:
            file.write(_digest_of_files(path))

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Completes a checkpoint and removes those before.

        Raises:
          tf.errors.OpError: it cannot be written.
        """
        stream = io.BytesIO()
        facts = np.frombuffer(json.dumps(checkpoint.facts).encode(), np.uint8)
        np.savez(stream, **{_FACTS: facts}, **checkpoint.arrays)
        content = stream.getvalue()
        path = posixpath.join(self._of(step), _STATE)
        with tf.io.gfile.GFile(f"{path}.part", "wb") as file:
            file.write(_digest(content) + content)
        tf.io.gfile.rename(f"{path}.part", path, overwrite=True)
        for other in self._steps():
            if other != step:
                tf.io.gfile.rmtree(self._of(other))

    def load(self) -> Iterator[tuple[int, Checkpoint]]:
        """The whole checkpoints with their steps, the newest first; says which are damaged."""
        for step in sorted(self._steps(), reverse=True):
            path = posixpath.join(self._of(step), _STATE)
            if not tf.io.gfile.exists(path):
                continue  # The process ended while it was being written.
            with tf.io.gfile.GFile(path, "rb") as file:
                written = file.read()
            size = len(_digest(b""))
            digest, content = written[:size], written[size:]
            if digest != _digest(content):
                _damaged(path)
                continue
            with np.load(io.BytesIO(content)) as arrays:
                found = {name: arrays[name] for name in arrays.files}
            yield step, Checkpoint(json.loads(found.pop(_FACTS).tobytes()), found)

    def has_input(self, step: int, worker: int) -> bool:
        """Whether a worker's place in the input is whole; says where it is not."""
        path = self._input(step, worker)
        if tf.io.gfile.exists(f"{path}{_DIGEST}"):
            with tf.io.gfile.GFile(f"{path}{_DIGEST}", "rb") as file:
                if file.read() == _digest_of_files(path):
                    return True
        _damaged(path)
        return False

    def restore_input(self, step: int, batches: Any, worker: int) -> None:
        """Puts an iterator where it was."""
        tf.train.Checkpoint(batches=batches).read(
            self._input(step, worker)
        ).assert_existing_objects_matched()

    def remove(self) -> None:
        """Removes the folder, once the training has left what it is for."""
        if tf.io.gfile.exists(self._folder):
            tf.io.gfile.rmtree(self._folder)

    def _steps(self) -> list[int]:
        if not tf.io.gfile.isdir(self._folder):
            return []
        names = (name.rstrip("/") for name in tf.io.gfile.listdir(self._folder))
        return [int(name.removeprefix(_PREFIX)) for name in names if name.startswith(_PREFIX)]

    def _of(self, step: int) -> str:
        return posixpath.join(self._folder, f"{_PREFIX}{step}")

    def _input(self, step: int, worker: int) -> str:
        return posixpath.join(self._of(step), f"input-{worker}")


def _damaged(path: str) -> None:
    """Tells a person that a checkpoint is of no use."""
    reporter().line(f"the checkpoint {path} is damaged and not used")


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest().encode()


def _digest_of_files(prefix: str) -> bytes:
    """Of what TensorFlow has written under a prefix."""
    digest = hashlib.sha256()
    for path in sorted(tf.io.gfile.glob(f"{prefix}.*")):
        if not path.endswith(_DIGEST):
            with tf.io.gfile.GFile(path, "rb") as file:
                digest.update(file.read())
    return digest.hexdigest().encode()
