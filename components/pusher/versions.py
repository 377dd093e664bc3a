"""The folder of a model's versions: what is in it is complete, and its numbers always grow.

On a disk and on HDFS a version becomes visible and goes away by one rename. Object stores (gs://,
s3:// and the like) have no folders: TensorFlow renames there object by object, and a folder is
there as soon as one object is. There ``saved_model.pb`` says whether a version is one. It is
written last and removed first: without it `tidegate serve` does not count the folder as a version,
and TensorFlow Serving fails to load it, goes on serving the version before, and tries again (by
default five times, a minute apart). Each object appears whole. What an object store cannot do is
keep two runs from the same number: two pushes to one model within a second are not for it.
"""

import os
import re
import time
import uuid

import tensorflow as tf
from tfx.dsl.io import fileio
from tfx.utils import io_utils

from tidegate.components.contents import contents
from tidegate.components.files import is_local
from tidegate.tables.errors import InputError, nearest

# Behind the number of a version that was taken back: servers look at plain numbers alone.
ROLLED_BACK = ".rolled-back"
_GRAPH_FILE = "saved_model.pb"
# Before a copy that is not whole yet: no number, so a server that polls the folder passes it over.
_UNFINISHED = ".push-"


def next_version(existing: list[str], now: float) -> int:
    """The number of the next version: the time in seconds, or one more than any there is.

    Args:
      existing: names in the model's folder; those that are no numbers do not count.
      now: seconds since 1970; a clock that was set back does not make a version go down.
    """
    kept = [name.removesuffix(ROLLED_BACK) for name in existing]
    numbers = [int(name) for name in kept if name.isdigit()]
    return max(int(now), max(numbers, default=0) + 1)


def renames_folders(path: str) -> bool:
    """Whether the file system of a path renames a folder in one step."""
    return is_local(path) or path.startswith("hdfs://")


def _names(folder: str) -> list[str]:
    """What is in a folder; object stores list folders with a slash."""
    return [name.rstrip("/") for name in fileio.listdir(folder)]


def push_model(model: str, folder: str) -> str:
    """Pushes a SavedModel as the next version of a model folder.

    Args:
      model: the SavedModel.
      folder: the folder of the model's versions.

    Returns:
      The new version's path.

    Raises:
      OSError, tf.errors.OpError: the folder cannot be written; nothing half-written is visible
        then.
    """
    fileio.makedirs(folder)
    if not renames_folders(folder):
        return _push_graph_last(model, folder)
    beside = os.path.join(folder, f"{_UNFINISHED}{uuid.uuid4().hex}")
    try:
        io_utils.copy_dir(model, beside)
        while True:
            target = os.path.join(folder, str(next_version(_names(folder), time.time())))
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


def _push_graph_last(model: str, folder: str) -> str:
    target = os.path.join(folder, str(next_version(_names(folder), time.time())))
    try:
        _copy_graph_last(model, target)
    except BaseException:
        if fileio.exists(target):
            fileio.rmtree(target)
        raise
    return target


def _copy_graph_last(source: str, target: str) -> None:
    io_utils.copy_dir(source, target, deny_regex_patterns=[f"/{re.escape(_GRAPH_FILE)}$"])
    fileio.copy(os.path.join(source, _GRAPH_FILE), os.path.join(target, _GRAPH_FILE))


def pushed_already(model: str, folder: str) -> str | None:
    """The current version of a model folder, if it is this very model.

    A push that was broken off after its last step, before anybody was told, is found here.

    Args:
      model: the SavedModel.
      folder: the folder of the model's versions.

    Returns:
      The version's path, or None where the newest one is another or there is none.

    Raises:
      OSError, tf.errors.OpError: a file cannot be read.
    """
    path = newest_version(folder)
    if path is None:
        return None
    return path if contents(path, whole=True) == contents(model, whole=True) else None


def newest_version(folder: str) -> str | None:
    """The path of a model folder's highest version, which servers take; None if there is none."""
    if not fileio.isdir(folder):
        return None
    newest = max((int(name) for name in _names(folder) if name.isdigit()), default=None)
    return None if newest is None else os.path.join(folder, str(newest))


def clear_unfinished(folder: str) -> None:
    """Removes what a push that was broken off has left; to be called where nobody else pushes.

    Args:
      folder: the folder of the model's versions.
    """
    for path in fileio.glob(os.path.join(folder, f"{_UNFINISHED}*")):
        fileio.rmtree(path)


def roll_back(folder: str) -> tuple[int, int]:
    """Makes the version before the newest current again; the newest is kept under another name.

    A server that polls the folder loads the version before, then unloads the newest.

    Args:
      folder: of the model's versions.

    Returns:
      The version that is current now, and the one that was.

    Raises:
      InputError: no such folder, or fewer than two versions in it.
    """
    if not fileio.isdir(folder):
        models = os.path.dirname(folder)
        known = sorted(_names(models)) if fileio.isdir(models) else []
        raise InputError(f"no model at {folder}. {nearest(os.path.basename(folder), known)}")
    versions = sorted(
        int(name)
        for name in _names(folder)
        if name.isdigit() and fileio.exists(os.path.join(folder, name, _GRAPH_FILE))
    )
    if len(versions) < 2:
        found = f"version {versions[0]} alone" if versions else "no version"
        raise InputError(f"{folder} holds {found}: there is none to go back to")
    previous, newest = versions[-2:]
    path = os.path.join(folder, str(newest))
    if renames_folders(folder):
        fileio.rename(path, path + ROLLED_BACK)
    else:
        _copy_graph_last(path, path + ROLLED_BACK)
        fileio.remove(os.path.join(path, _GRAPH_FILE))
        fileio.rmtree(path)
    return previous, newest
