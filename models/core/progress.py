"""How work tells a person where it is, without knowing who listens.

The command line installs a `Reporter`; on a cluster, lines go to the log.
"""

import logging
from typing import Protocol


class Reporter(Protocol):
    """Receives progress."""

    def line(self, text: str) -> None:
        """Something worth keeping on the screen."""

    def status(self, text: str) -> None:
        """Where the work is now; the next status replaces it."""


class LogReporter:
    """The default: lines go to the log, passing states nowhere."""

    def line(self, text: str) -> None:
        logging.getLogger("tidegate").info(text)

    def status(self, text: str) -> None:
        """Not logged: it would fill the log with passing states."""


_reporter: Reporter = LogReporter()


def set_reporter(reporter: Reporter) -> None:
    """Sends all further progress of this process to `reporter`."""
    global _reporter
    _reporter = reporter


def reporter() -> Reporter:
    """Who listens to progress in this process."""
    return _reporter
