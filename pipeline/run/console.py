"""What a person sees of a run, while the libraries' own output goes to a file."""

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import IO

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text


class ConsoleReporter:
    """Lines on standard output; on a terminal, also where the work is now.

    Args:
      stream: where to write.
      begun: told each component that begins, also where there is no terminal.
    """

    def __init__(self, stream: IO[str], begun: Callable[[str], None] | None = None) -> None:
        self._begun = begun
        self._console = Console(file=stream, highlight=False, soft_wrap=True)
        self._live: Live | None = None
        self._spinner = Spinner("dots")
        self._component = ""

    def line(self, text: str) -> None:
        """Prints a line that stays."""
        self._console.print(text, markup=False, emoji=False)

    def status(self, text: str) -> None:
        """Shows a state that the next one replaces; nothing where there is no terminal."""
        if self._begun is not None and text.startswith("["):
            self._begun(text)
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
        _flush_or_drop()
        stream.close()
        os.dup2(person, 1)
        os.dup2(error, 2)
        os.close(person)
        os.close(error)


def _flush_or_drop() -> None:
    """Writes what is still in memory to the log, or drops it: it is not for the person."""
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except OSError:  # The disk is full.
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, descriptor)
            os.close(nothing)
            stream.flush()
