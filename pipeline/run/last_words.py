"""A line for the person where a run is ended and cannot say so itself.

After `kill -9`, the system's out-of-memory killer or a crash in native code no line of the run is
executed any more. A process beside it, which imports nothing and waits on a pipe, is still there.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_END = "."
_TEXT = (
    "the run was ended during {where}, without a word (killed, out of memory, or a crash); the "
    "same command goes on after the last finished component"
)


class LastWords:
    """Keeps the process beside the run informed.

    Args:
      process: it; its stdin is the pipe.
    """

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def at(self, where: str) -> None:
        """Says where the run is now."""
        self._say(where)

    def end(self) -> None:
        """Sends it home: the run ends in its own words."""
        self._say(_END)
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _say(self, text: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # It was killed: then nobody says the last words.
            self._process.stdin.write(text + "\n")
            self._process.stdin.flush()


@contextmanager
def last_words() -> Iterator[LastWords]:
    """Has a line printed to the standard output, as it is now, if this process just ends."""
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__))],
        stdin=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,  # What ends the run, Ctrl-C say, is not for it.
    )
    words = LastWords(process)
    try:
        yield words
    finally:
        words.end()


def _wait() -> None:
    where = "its start"
    for line in sys.stdin:
        if line.rstrip("\n") == _END:
            return
        where = line.rstrip().rpartition("] ")[2]
    print(_TEXT.format(where=where), flush=True)


if __name__ == "__main__":
    _wait()
