"""`tidegate serve` as a child process, for as long as someone asks it."""

import re
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from tidegate.models.core.child_process import module_command
from tidegate.tables.errors import InputError

_PATIENCE = 300.0


@contextmanager
def served(models: Path | str, flags: tuple[str, ...] = ()) -> Iterator[str]:
    """Serves a folder of models on a free port of loopback; gives the address.

    Args:
      models: MODEL/VERSION/saved_model.pb; a folder or a URI.
      flags: further flags of `tidegate serve`.

    Raises:
      InputError: the server refused the folder or a flag.
      RuntimeError: it did not start.
    """
    command = module_command("tidegate.pipeline.cli", "serve", "--models", str(models))
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        child = subprocess.Popen(
            [*command, "--port", "0", "--follow_parent", *flags],
            # Ctrl-C is for this process alone; the pipe tells the child of its end.
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            end = time.monotonic() + _PATIENCE
            while not (found := re.search(r"listening at (\S+)", said := _read(log))):
                if child.poll() == 2:
                    raise InputError(said.strip().splitlines()[-1].removeprefix("tidegate: "))
                if child.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"the server did not start:\n{said[-3000:]}")
                time.sleep(0.05)
            yield found[1]
        finally:
            child.terminate()
            child.communicate()


def _read(log: TextIO) -> str:
    log.seek(0)
    return log.read()
