"""What the command line says, in the words of a call from Python."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tidegate.tables.errors import InputError

# Options that are given by name, and the arguments that hold them as mappings.
_PAIRS = {"set": "settings", "column": "columns"}
_PAIR = r"--{0} ([\w.]+)=([^\s;)]*[^\s;:,.)])"
_OPTION = re.compile(r"(?<!\S)--(data|test|output|level|quantiles|columns?)\b")


@contextmanager
def in_python(names: Mapping[str, str] | None = None) -> Iterator[None]:
    """Errors that name options name arguments.

    Args:
      names: what else is called otherwise: by its name in errors, what it is called in the call.
    """
    try:
        yield
    except InputError as error:
        message = worded(str(error))
        for name, argument in (names or {}).items():
            message = message.replace(name, argument)
        raise InputError(message) from None


def worded(message: str) -> str:
    """``--set data.time_column=Month`` as ``settings={'data.time_column': 'Month'}``."""
    for option, argument in _PAIRS.items():
        pair = _PAIR.format(option)
        for some in re.finditer(f"{pair}(?: {pair})*", message):
            message = message.replace(some[0], f"{argument}={dict(re.findall(pair, some[0]))}")
    return _OPTION.sub(r"\1", message)
