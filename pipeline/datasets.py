"""From ``--data`` to files: a known data set's name, or a path."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tidegate.components.files import is_local
from tidegate.data import registry
from tidegate.tables.errors import InputError, nearest


@dataclass(frozen=True)
class Resolved:
    """The files of a run.

    Attributes:
      train: data file or folder.
      test: fixed test split, or None.
      settings: sections that the data set asks for.
      edition: of what the data set was made from; empty where there is only one.
    """

    train: str
    test: str | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    edition: str = ""


def default_folder(name: str) -> Path:
    """Where a known data set is kept: the user's cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(cache).expanduser() / "tidegate" / name


def resolve(given: str, task: str) -> Resolved:
    """The files behind ``--data``.

    Args:
      given: a path or URI, or a data set's name.
      task: the task that is to learn from it.

    Raises:
      InputError: no such file and no such name, a data set of another task, or one that has to
        be downloaded first.
      DatasetError: it cannot be prepared.
    """
    if not is_local(given) or os.path.exists(given):
        return Resolved(given)
    if given not in registry.names():
        looks_like_path = os.sep in given or "." in given
        hint = (
            ""
            if looks_like_path
            else f" and no data set of that name. {nearest(given, registry.names())}"
        )
        raise InputError(f"no such file or folder: {given}{hint}")
    dataset = registry.get(given)
    if dataset.task != task:
        raise InputError(f"the data set {given!r} is for the task {dataset.task!r}, not {task!r}")
    folder = default_folder(given)
    here = all((folder / file_name).exists() for file_name in dataset.files.values())
    if dataset.command and not here:
        raise InputError(f"the data set {given!r} is not here; first: {dataset.command}")
    prepared = registry.prepare(given, folder)
    settings: dict[str, dict[str, Any]] = {}
    for key, value in prepared.settings.items():
        section, _, name = key.partition(".")
        settings.setdefault(section, {})[name] = value
    test = str(prepared.test) if prepared.test else None
    return Resolved(str(prepared.train), test, settings, prepared.edition)
