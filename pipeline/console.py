"""What a person sees of a run, while the libraries' own output goes to a file."""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


class ConsoleReporter:
    """Lines on standard output; on a terminal, also where the work is now.

    Args:
      stream: where to write.
    """

    def __init__(self, stream: IO[str]) -> None:
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self._component = ""

    def line(self, text: str) -> None:
        """Prints a line that stays."""
        self._console.print(text, markup=False, emoji=False)

    def status(self, text: str) -> None:
        """Shows a state that the next one replaces; nothing where there is no terminal."""
        if not self._console.is_terminal:
            return
        if text.startswith("["):
            self._component = text
        else:
            text = f"{self._component}  {text}"
        self._spinner.update(text=Text(text))
        if self._live is None:
            # Not redirected: what the libraries print must go to the file, not to this console.
            self._live = Live(
                self._spinner,
                console=self._console,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()

    def close(self) -> None:
        """Takes the state off the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None


@contextlib.contextmanager
def output_to_file(path: str) -> Iterator[IO[str]]:
    """Sends this process's standard output and error to a file, also what C++ writes.

    Args:
      path: the file; added to where it exists.

    Yields:
      A stream to the standard output as it was.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    person = os.dup(1)
    error = os.dup(2)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    stream = os.fdopen(os.dup(person), "w", buffering=1, encoding="utf-8")
    try:
        yield stream
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        stream.close()
        os.dup2(person, 1)
        os.dup2(error, 2)
        os.close(person)
        os.close(error)
