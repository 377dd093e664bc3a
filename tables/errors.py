"""Errors that are the user's to mend: one clear line, exit code 2."""

import difflib
from collections.abc import Iterable, Sequence

# Characters of a name, and names, that an error shows.
_LONGEST, _MOST = 40, 30


class InputError(ValueError):
    """The user's input or settings are wrong.

    The message is one line: what was received, where, what was expected, what to do.
    """

    def __init__(self, message: str) -> None:
        # A library's message or a column's name woven into it may hold line breaks.
        super().__init__(" ".join(line.strip() for line in message.splitlines()))


def shown(name: str) -> str:
    """A name as an error shows it: what is taken for one may be a whole article."""
    line = " ".join(name.split())
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"


def nearest(received: str, known: Iterable[str]) -> str:
    """Ends an error about an unknown name: the nearest known name, or all of them.

    Args:
      received: the name that is not known.
      known: the names that are.

    Returns:
      A sentence without a leading space, such as ``Did you mean 'units'?``.
    """
    names = sorted(map(shown, known))
    by_case = {name.lower(): name for name in names}
    close = difflib.get_close_matches(received.lower(), list(by_case), n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{by_case[close[0]]}'?"
    return f"Known: {listed(names) if names else 'none'}."


def listed(names: Sequence[str]) -> str:
    """Names as an error lists them: the first ones, each as `shown`."""
    more = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return f"{', '.join(map(shown, names[:_MOST]))}{more}"
