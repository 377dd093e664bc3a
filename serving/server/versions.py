"""Which versions of a model are on disk, and which of them its policy asks for."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import tensorflow as tf

from tidegate.serving.server.options import ConfigError

if TYPE_CHECKING:
    from tensorflow_serving.sources.storage_path.file_system_storage_path_source_pb2 import (
        FileSystemStoragePathSourceConfig,
    )

_NUMBER = re.compile(r"[0-9]{1,19}", re.ASCII)
_LARGEST = 2**63 - 1
_MODEL_FILES = ("saved_model.pb", "saved_model.pbtxt")


def check_scheme(path: str, flag: str) -> None:
    """Refuses a URI that TensorFlow has no file system for; nothing is asked of the store.

    Args:
      path: a local path, or a URI.
      flag: that it was given by, for the error.

    Raises:
      ConfigError: one line with the schemes that there are.
    """
    scheme, mark, _ = path.partition("://")
    known = sorted(one for one in tf.io.gfile.get_registered_schemes() if one)
    if mark and scheme not in known:
        raise ConfigError(
            f"{flag}={path}: TensorFlow has no file system for {scheme}:// here, only for "
            f"{', '.join(known)}"
        )


def find_versions(base_path: str) -> dict[int, str]:
    """The complete versions under a base path.

    A version is a folder with a number for a name, leading zeros allowed, that holds
    ``saved_model.pb`` or ``saved_model.pbtxt``: one that is being written does not count.

    Returns:
      Number to folder.

    Raises:
      tf.errors.OpError: the base path cannot be listed.
    """
    found: dict[int, str] = {}
    for entry in sorted(tf.io.gfile.listdir(base_path)):
        # Object stores list folders with a slash.
        child = entry.rstrip("/")
        if not _NUMBER.fullmatch(child) or int(child) > _LARGEST:
            continue
        folder = os.path.join(base_path, child)
        if any(tf.io.gfile.exists(os.path.join(folder, file)) for file in _MODEL_FILES):
            found[int(child)] = folder
    return found


def find_models(folder: str) -> dict[str, str]:
    """The models in a folder of models: sub-folders that hold a complete version.

    Returns:
      Name to base path.

    Raises:
      tf.errors.OpError: the folder cannot be listed.
    """
    found = {}
    for entry in sorted(tf.io.gfile.listdir(folder)):
        name = entry.rstrip("/")
        path = os.path.join(folder, name)
        if not name.startswith(".") and tf.io.gfile.isdir(path) and find_versions(path):
            found[name] = path
    return found


def check_level(path: str, flag: str, of_models: bool) -> None:
    """Refuses a folder that is one level too deep or too high; one that is empty may fill up.

    Args:
      path: a folder or URI.
      flag: that it was given by, for the error.
      of_models: whether models are expected in it; else the versions of one.

    Raises:
      ConfigError: one line with the flag that fits.
    """
    path = path.rstrip("/")
    above = os.path.dirname(path)
    try:
        if any(tf.io.gfile.exists(os.path.join(path, file)) for file in _MODEL_FILES):
            fits = f"--models={os.path.dirname(above)}" if of_models else f"{flag}={above}"
            raise ConfigError(f"{flag}={path}: it is a version of a model; serve it by {fits}")
        if of_models and find_versions(path):
            raise ConfigError(
                f"{flag}={path}: it holds the versions of one model; serve it by --models={above}, "
                f"or by --model_base_path={path} --model_name={os.path.basename(path)}"
            )
        if not of_models and not find_versions(path) and (found := find_models(path)):
            raise ConfigError(
                f"{flag}={path}: it holds models, {', '.join(found)}; serve them by --models={path}"
            )
    except tf.errors.OpError:
        return  # It cannot be listed: said when it is looked at for models, again and again.


def wanted(
    on_disk: Mapping[int, str], policy: FileSystemStoragePathSourceConfig.ServableVersionPolicy
) -> dict[int, str]:
    """The versions that a policy asks for, of those on disk.

    Args:
      on_disk: as from `find_versions`.
      policy: ``latest`` (the default, one version), ``all`` or ``specific``.
    """
    choice = policy.WhichOneof("policy_choice")
    if choice == "all":
        return dict(on_disk)
    if choice == "specific":
        return {number: on_disk[number] for number in policy.specific.versions if number in on_disk}
    newest = sorted(on_disk, reverse=True)[: max(policy.latest.num_versions, 1)]
    return {number: on_disk[number] for number in newest}
