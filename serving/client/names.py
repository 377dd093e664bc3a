"""Unknown names: what was probably meant."""

import difflib
from collections.abc import Iterable


def nearest(received: str, known: Iterable[str]) -> str:
    """Ends an error about an unknown name: the nearest known name, or all of them.

    Args:
      received: the name that is not known.
      known: the names that are.

    Returns:
      A sentence without a leading space, such as ``Did you mean 'text'?``.
    """
    names = sorted(known)
    by_case = {name.lower(): name for name in names}
    close = difflib.get_close_matches(received.lower(), list(by_case), n=1, cutoff=0.6)
    if close:
        return f"Did you mean '{by_case[close[0]]}'?"
    return f"Known: {', '.join(names) if names else 'none'}."
