"""What a run makes in its output folder, so that it can take back that and nothing else."""

import json
import os
from contextlib import suppress
from typing import Any

from tidegate.components.files import is_local

_SYSTEM = ".system"  # TFX's own folder beside a component's outputs; the seals are in it.
# SQLite's beside a database, while it is written.
_BESIDE = ("", "-journal", "-wal", "-shm")


class Made:
    """A record of what is made, and how to undo it. Paths are of this machine, or URIs.

    A file is removed by its name, and a folder where it is empty: what others put beside or below
    stays, with the folders that it is in.
    """

    def __init__(self) -> None:
        self._files: list[str] = []
        self._folders: list[str] = []
        self._artifacts: list[str] = []

    def folder(self, path: str) -> None:
        """Makes a folder, with those above it.

        Raises:
          OSError, tf.errors.OpError: it cannot be made; the latter for a URI.
        """
        missing = []
        above = path.rstrip("/")
        while above and not above.endswith(":/") and not _exists(above):
            missing.append(above)
            above = os.path.dirname(above)
        if is_local(path):
            os.makedirs(path, exist_ok=True)
        else:
            _fileio().makedirs(path)
        self._folders += reversed(missing)

    def file(self, path: str) -> None:
        """Notes a file that is about to be made; one that is there already is not the run's."""
        if not _exists(path):
            self._files.append(path)

    def metadata(self, database: str, artifacts: str) -> None:
        """Notes ML Metadata's database and the artifacts of its executions.

        Where the database is there already, former runs' artifacts are in it: it stays as it is.

        Args:
          database: SQLite's file.
          artifacts: path or URI of `<component>/<output>/<execution>`.
        """
        if _exists(database):
            return
        self._files += [database + end for end in _BESIDE]
        self.folder(artifacts)
        self._artifacts.append(artifacts)

    def undo(self) -> None:
        """Removes what was made.

        Raises:
          OSError, tf.errors.OpError: a file cannot be removed.
        """
        for artifacts in self._artifacts:
            _remove_artifacts(artifacts)
        for path in self._files:
            if is_local(path):
                with suppress(FileNotFoundError):
                    os.unlink(path)
            elif _exists(path):
                _fileio().remove(path)
        for folder in reversed(self._folders):
            _remove_empty(folder)


def _fileio() -> Any:
    from tfx.dsl.io import fileio  # Imports TensorFlow.

    return fileio


def _exists(path: str) -> bool:
    return os.path.lexists(path) if is_local(path) else bool(_fileio().exists(path))


def _names(folder: str) -> list[str]:
    """What is in a folder; object stores list folders with a slash."""
    return [name.rstrip("/") for name in _fileio().listdir(folder)]


def _remove_artifacts(root: str) -> None:
    """Removes the files that the seals name; what a component left half done TFX has removed."""
    fileio = _fileio()
    for system in fileio.glob(os.path.join(root, "*", _SYSTEM)):
        component = os.path.dirname(system)
        for seal in fileio.glob(os.path.join(system, "seals", "*", "*.json")):
            with fileio.open(seal) as file:
                names = json.loads(file.read())
            output = os.path.basename(os.path.dirname(seal))
            artifact = os.path.join(component, output, os.path.basename(seal)[: -len(".json")])
            for name in names:
                path = os.path.join(artifact, name) if name else artifact
                if fileio.exists(path):
                    fileio.remove(path)
        fileio.rmtree(system)
        _remove_empty_below(component)


def _remove_empty_below(folder: str) -> None:
    for name in _names(folder):
        path = os.path.join(folder, name)
        if _fileio().isdir(path):
            _remove_empty_below(path)
    _remove_empty(folder)


def _remove_empty(folder: str) -> None:
    if is_local(folder):
        with suppress(OSError):  # Something of somebody else's is in it, or it is gone.
            os.rmdir(folder)
    elif _fileio().isdir(folder) and not _names(folder):
        _fileio().rmtree(folder)
