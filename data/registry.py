"""The data sets there are: one per module under `data/sets/`."""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import tidegate.data.sets
from tidegate.data.dataset import Dataset, DatasetError, PreparedData


@functools.cache
def datasets() -> Mapping[str, Dataset]:
    """All data sets by name, in the order of their names.

    Raises:
        TypeError: if a module under `data/sets/` holds no `DATASET`.
        ValueError: if two data sets have the same name.
    """
    found: dict[str, Dataset] = {}
    for module in pkgutil.iter_modules(tidegate.data.sets.__path__, "tidegate.data.sets."):
        dataset = getattr(importlib.import_module(module.name), "DATASET", None)
        if not isinstance(dataset, Dataset):
            raise TypeError(f"{module.name} holds no DATASET = Dataset(...)")
        if dataset.name in found:
            raise ValueError(f"{module.name}: a data set {dataset.name!r} exists already")
        found[dataset.name] = dataset
    return MappingProxyType(dict(sorted(found.items())))


def names() -> tuple[str, ...]:
    """The names of all data sets, sorted."""
    return tuple(datasets())


def get(name: str) -> Dataset:
    """The data set of that name.

    Raises:
        DatasetError: if there is none; it names the nearest one.
    """
    known = datasets()
    if name in known:
        return known[name]
    nearest = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f"did you mean {nearest[0]!r}? " if nearest else ""
    raise DatasetError(
        f"received data set {name!r}, which does not exist; {hint}known: {', '.join(known)}"
    )


def prepare(name: str, folder: Path, source: Path | None = None) -> PreparedData:
    """Puts the files of a data set into `folder`; see `tidegate.data.preparation.prepare_dataset`.

    Raises:
        DatasetError: if there is no such data set, or it cannot be had.
    """
    dataset = get(name)
    # Imported here: listing the data sets needs none of it.
    from tidegate.data.preparation import prepare_dataset

    return prepare_dataset(dataset, folder, source)
