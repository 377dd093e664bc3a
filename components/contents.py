"""What is in a folder, as sizes and hashes: to notice damage, and to know a copy as a copy."""

import hashlib
import os
from typing import Any

import tensorflow as tf

# Read as a whole up to this size. What larger files hold, records and tensors, carries checksums
# of its own (gzip, TFRecord, TensorFlow's checkpoints), which its reader holds it against.
SAMPLED_FROM = 64 << 20
_PIECE = 1 << 20
_PIECES = 32


def contents(path: str, whole: bool = False) -> dict[str, list[Any]]:
    """The size and a hash of every file in a folder.

    Args:
      path: the folder, or one file, on any file system of TensorFlow's.
      whole: read all of every file. Otherwise of a file of `SAMPLED_FROM` bytes and more, 32 evenly
        spaced MiB are read, the first and the last among them, so that looking at terabytes takes
        no longer than their number of files asks for.

    Returns:
      By path within the folder, the size in bytes and a hexadecimal hash; equal where folders are.
      Empty where there is nothing.

    Raises:
      OSError, tf.errors.OpError: a file cannot be read.
    """
    if not tf.io.gfile.exists(path):
        return {}
    if not tf.io.gfile.isdir(path):
        return {"": _file(path, whole)}
    found = {}
    for folder, _, names in tf.io.gfile.walk(path):
        for name in names:
            file = os.path.join(folder, name)
            found[os.path.relpath(file, path)] = _file(file, whole)
    return dict(sorted(found.items()))


def _file(path: str, whole: bool) -> list[Any]:
    digest = hashlib.blake2b(digest_size=16)
    with tf.io.gfile.GFile(path, "rb") as file:
        size = int(file.size())
        if whole or size < SAMPLED_FROM:
            while piece := file.read(_PIECE):
                digest.update(piece)
        else:
            for number in range(_PIECES):
                file.seek((size - _PIECE) * number // (_PIECES - 1))
                digest.update(file.read(_PIECE))
    return [size, digest.hexdigest()]
