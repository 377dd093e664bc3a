"""The folder of a model's versions: what is in it is complete, and its numbers always grow."""

import os
import time
import uuid

import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from models.core.errors import InputError, nearest

# Behind the number of a version that was taken back: servers look at plain numbers alone.
ROLLED_BACK = ".rolled-back"


def next_version(existing: list[str], now: float) -> int:
    """The number of the next version: the time in seconds, or one more than any there is.

    Args:
      existing: names in the model's folder; those that are no numbers do not count.
      now: seconds since 1970; a clock that was set back does not make a version go down.
    """
    kept = [name.removesuffix(ROLLED_BACK) for name in existing]
    numbers = [int(name) for name in kept if name.isdigit()]
    return max(int(now), max(numbers, default=0) + 1)


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


def roll_back(folder: str) -> tuple[int, int]:
    """Makes the version before the newest current again; the newest is kept under another name.

    One rename: a server that polls the folder loads the version before, then unloads the newest.

    Args:
      folder: of the model's versions.

    Returns:
      The version that is current now, and the one that was.

    Raises:
      InputError: no such folder, or fewer than two versions in it.
    """
    if not fileio.isdir(folder):
        models = os.path.dirname(folder)
        known = sorted(fileio.listdir(models)) if fileio.isdir(models) else []
        raise InputError(f"no model at {folder}. {nearest(os.path.basename(folder), known)}")
    versions = sorted(int(name) for name in fileio.listdir(folder) if name.isdigit())
    if len(versions) < 2:
        found = f"version {versions[0]} alone" if versions else "no version"
        raise InputError(f"{folder} holds {found}: there is none to go back to")
    previous, newest = versions[-2:]
    path = os.path.join(folder, str(newest))
    fileio.rename(path, path + ROLLED_BACK)
    return previous, newest
