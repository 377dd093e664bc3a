"""What a person sees of a run, while the libraries' own output goes to a file."""

import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

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
        self._console = Console(
            file=stream,
            highlight=False,
            soft_wrap=True,
            # rich would take a notebook for a terminal, as Jupyter sets FORCE_COLOR.
            force_jupyter=False,
            force_terminal=stream.isatty(),
        )
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


# A process has one standard output to set aside.
_ASIDE = threading.Lock()


@contextlib.contextmanager
def quiet_imports() -> Iterator[None]:
    """Hides what TensorFlow says of the machine when it is imported, and looks for a GPU."""
    # The first message that is written decides for the whole process.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    if "tensorflow" in sys.modules or _ASIDE.locked():  # Then a run imports it, or has.
        yield
        return
    with output_to_file(os.devnull):
        yield
        if "tensorflow" in sys.modules:
            sys.modules["tensorflow"].config.list_physical_devices()


@contextlib.contextmanager
def warnings_alone() -> Iterator[None]:
    """Hides what TensorFlow says in a notebook, and nowhere else, of its work."""
    logger = logging.getLogger("tensorflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextlib.contextmanager
def output_to_file(path: str) -> Iterator[IO[str]]:
    """Sends this process's standard output and error to a file, also what C++ writes.

    In a notebook `sys.stdout` is not the process's: it is set aside as well, for the handlers of
    logs too that hold it already. A second call, in another thread, waits for the first.

    Args:
      path: the file; added to where it exists.

    Yields:
      A stream to the standard output as it was.
    """
    with _ASIDE:
        yield from _to_file(path)


def _to_file(path: str) -> Iterator[IO[str]]:
    sys.stdout.flush()
    sys.stderr.flush()
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    person = os.dup(1)
    error = os.dup(2)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    try:
        with contextlib.ExitStack() as stack:
            stream: IO[str]
            if _descriptor(sys.stdout) == 1 and _descriptor(sys.stderr) == 2:
                stream = stack.enter_context(
                    os.fdopen(os.dup(person), "w", buffering=1, encoding="utf-8")
                )
            else:
                stream = stack.enter_context(_streams_to_descriptors())
            try:
                yield stream
            finally:
                _flush_or_drop()
    finally:
        os.dup2(person, 1)
        os.dup2(error, 2)
        os.close(person)
        os.close(error)


def _descriptor(stream: IO[str]) -> int:
    """The stream's file descriptor; -1 if it has none."""
    try:
        return stream.fileno()
    except (AttributeError, OSError):  # In a notebook, and under tests.
        return -1


class _Redirected(io.TextIOBase):
    """A stream that goes to another one: whoever keeps it writes to where it goes then.

    Attributes:
      target: that one.
    """

    def __init__(self, target: IO[str]) -> None:
        self.target = target

    def write(self, text: str) -> int:
        return self.target.write(text)

    def flush(self) -> None:
        self.target.flush()

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self.target.fileno()


@contextlib.contextmanager
def _streams_to_descriptors() -> Iterator[IO[str]]:
    """Has Python's streams go to descriptors 1 and 2 for a while; gives the output as it was."""
    before = sys.stdout, sys.stderr
    with contextlib.ExitStack() as stack:
        pairs = []
        for number, stream in enumerate(before, start=1):
            file = stack.enter_context(
                os.fdopen(os.dup(number), "w", buffering=1, encoding="utf-8", errors="replace")
            )
            pairs.append((stream, _Redirected(file)))
        _move_handlers(pairs)
        sys.stdout, sys.stderr = (redirected for _, redirected in pairs)
        try:
            yield before[0]
        finally:
            sys.stdout, sys.stderr = before
            # Handlers, of libraries that were imported meanwhile, keep the redirected streams.
            _move_handlers([(redirected, stream) for stream, redirected in pairs])
            for stream, redirected in pairs:
                redirected.target.flush()
                redirected.target = stream


def _move_handlers(pairs: Sequence[tuple[Any, Any]]) -> None:
    """Has each handler of logs that keeps the first stream of a pair write to the second."""
    for reference in list(logging._handlerList):  # type: ignore[attr-defined]
        handler = reference()
        kept = vars(handler).get("stream") if isinstance(handler, logging.StreamHandler) else None
        for before, after in pairs:
            if kept is before:
                handler.setStream(after)


def _flush_or_drop() -> None:
    """Writes what is still in memory to the log, or drops it: it is not for the person."""
    for stream, descriptor in ((sys.stdout, 1), (sys.stderr, 2)):
        try:
            stream.flush()
        except OSError:  # The disk is full.
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, descriptor)
            os.close(nothing)
            with contextlib.suppress(OSError):  # A redirected stream has its own descriptor.
                stream.flush()
