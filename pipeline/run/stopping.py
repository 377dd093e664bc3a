"""Ctrl-C and SIGTERM end a run alike, wherever its work is."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class Stop:
    """Whether the run was told to end.

    The signal is a `KeyboardInterrupt` in the main thread. Code of libraries may turn that into an
    error of its own, as Beam does where it runs functions of a pipeline, or lose it.
    """

    def __init__(self) -> None:
        self.asked = False

    def check(self) -> None:
        """Ends the run where the signal was lost.

        Raises:
          KeyboardInterrupt: the run was told to end.
        """
        if self.asked:
            raise KeyboardInterrupt


@contextmanager
def stoppable() -> Iterator[Stop]:
    """Has SIGTERM and Ctrl-C end what is within; in another thread than the main one, nothing."""
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # Signals are the main thread's.
        return

    def end(*_: Any) -> None:
        stop.asked = True
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
