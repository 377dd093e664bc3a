"""The output folder of a run: one run at a time, and in a state that a run can build on."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tidegate.pipeline.run.made import Made
from tidegate.tables.errors import InputError

_LOCK_FILE = ".lock"
METADATA_FILE = "metadata.sqlite"
TFX_FOLDER = "tfx"
ARTIFACTS_FOLDER = "artifacts"


@contextmanager
def output_folder(folder: Path) -> Iterator[Made]:
    """Makes the folder, and keeps a second run out of it for as long as this one lasts.

    The lock is the kernel's: it ends with the process that holds it, however that ends.

    Yields:
      What the run makes; undone where it ends with an `InputError`.

    Raises:
      InputError: it is a file, cannot be written, or another run is in it.
    """
    made = Made()
    try:
        made.folder(str(folder))
        made.file(str(folder / _LOCK_FILE))
        lock = open(folder / _LOCK_FILE, "a+")  # noqa: SIM115  Held to the end of the run.
    except OSError as error:
        raise InputError(
            f"--output {folder}: cannot be written: {error.strerror}; give another folder"
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            who = lock.read().strip()
            raise InputError(
                f"--output {folder}: another run is at work there"
                f"{f' (process {who})' if who else ''}; wait for it, or give another folder"
            ) from None
        try:
            _check_writable(folder)
            with suppress(OSError):  # On a full disk; the lock holds without the number.
                lock.truncate(0)
                lock.write(f"{os.getpid()}\n")
                lock.flush()
            yield made
        except InputError:
            made.undo()
            raise


def _check_writable(folder: Path) -> None:
    """Finds before the work, not after hours of it, a part that is mounted read-only."""
    tfx = folder / TFX_FOLDER
    serving = folder / "serving"
    models = list(serving.iterdir()) if serving.is_dir() else []
    for path in (tfx, tfx / METADATA_FILE, tfx / ARTIFACTS_FOLDER, serving, *models):
        if path.exists() and not os.access(path, os.W_OK):
            raise InputError(f"--output {folder}: {path} cannot be written; give another folder")


def set_damaged_aside(folder: Path, artifacts: str) -> Path | None:
    """Moves ML Metadata and its artifacts away where it cannot be used, so that all is done anew.

    That is: SQLite finds the file damaged, or artifacts are there that it does not know, as where
    it was deleted or is older than they are. Their numbers would be given again, and new files
    be mixed with old ones.

    Args:
      folder: the output folder.
      artifacts: path or URI of the artifacts, `<component>/<output>/<execution>`.

    Returns:
      Where they were moved; None where nothing was wrong.

    Raises:
      InputError: something was wrong, and the artifacts are not in the folder.
      OSError: they cannot be moved.
      sqlite3.OperationalError: the file cannot be opened or read; that says nothing of its content.
    """
    from tfx.dsl.io import fileio

    tfx = folder / TFX_FOLDER
    paths = [path.rstrip("/") for path in fileio.glob(f"{artifacts}/*/*/*")]
    numbers = [name for name in (path.rpartition("/")[2] for path in paths) if name.isdigit()]
    newest = max(map(int, numbers), default=0)
    try:
        known = _last_execution(tfx / METADATA_FILE)
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        known = -1
    if newest <= known:
        return None
    if paths and not (tfx / ARTIFACTS_FOLDER).exists():
        raise InputError(
            f"{artifacts}: the metadata of these artifacts, {tfx / METADATA_FILE}, is damaged or "
            "not there; give another --output, or delete both"
        )
    number = 1
    while (aside := folder / f"{TFX_FOLDER}.damaged-{number}").exists():
        number += 1
    tfx.rename(aside)
    return aside


def _last_execution(path: Path) -> int:
    """The highest execution that ML Metadata's file knows; 0 where there is no file yet.

    Raises:
      sqlite3.DatabaseError: the file is damaged.
    """
    if not path.exists():
        return 0
    with closing(sqlite3.connect(path)) as store:
        found = [row[0] for row in store.execute("PRAGMA quick_check")]
        if found != ["ok"]:
            raise sqlite3.DatabaseError(found[0])
        if not store.execute("SELECT 1 FROM sqlite_master WHERE name = 'Execution'").fetchone():
            return 0
        return int(store.execute("SELECT max(id) FROM Execution").fetchone()[0] or 0)
