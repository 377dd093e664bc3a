"""Where a run leaves what: a folder of this machine, or a URI and a local folder beside it."""

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tidegate.components import files
from tidegate.pipeline.run.made import Made
from tidegate.tables.errors import InputError

_PROBE = ".tidegate-can-write"


@dataclass(frozen=True)
class OutputPlace:
    """The places of ``--output``.

    Attributes:
      folder: path or URI of the artifacts, the models, TensorBoard's logs and the summary.
      local: folder of this machine for what an object store cannot hold: ML Metadata's SQLite
        database, the lock that keeps a second run out, and the log. `folder` itself, if local.
    """

    folder: str
    local: Path

    @property
    def remote(self) -> bool:
        """Whether `folder` is a URI."""
        return not files.is_local(self.folder)

    def path(self, *names: str) -> str:
        """A path or URI below `folder`."""
        return os.path.join(self.folder, *names)

    def absolute(self, *names: str) -> str:
        """The same, whatever the working folder is."""
        if self.remote:
            return self.path(*names)
        return str(Path(self.folder).resolve().joinpath(*names))


def output_place(given: str) -> OutputPlace:
    """The places of ``--output``.

    Args:
      given: a path, or a URI. A URI's local folder is
        ``$XDG_STATE_HOME/tidegate/<last name>-<hash of the URI>``, with ``~/.local/state`` where
        the variable is not set: the same command finds it again.

    Raises:
      InputError: the URI names no folder in its store.
    """
    if files.is_local(given):
        return OutputPlace(given, Path(given))
    folder = given.rstrip("/")
    scheme, _, rest = folder.partition("://")
    if not scheme or not rest:
        raise InputError(f"--output {given}: expected a folder, as SCHEME://BUCKET/FOLDER")
    state = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    last = re.sub(r"[^\w.-]", "_", rest.rpartition("/")[2])
    digest = hashlib.sha256(folder.encode()).hexdigest()[:12]
    return OutputPlace(folder, state / "tidegate" / f"{last}-{digest}")


def make_remote(uri: str, made: Made) -> None:
    """Makes a URI's folder, and finds out whether it can be written.

    Args:
      uri: the folder.
      made: told what was not there before.

    Raises:
      InputError: Beam or TensorFlow has no file system for the URI, or it cannot be written.
    """
    import tensorflow as tf
    from tfx.dsl.io import fileio

    try:
        files.check_scheme(uri)  # Beam's workers write there, too.
        made.folder(uri)
        probe = os.path.join(uri, _PROBE)
        with fileio.open(probe, "w") as file:
            file.write("")
        fileio.remove(probe)
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise InputError(f"--output {uri}: cannot be written: {files.reason(error)}") from None
