"""What a run has drawn for its page: pictures that stand in it, and tables."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from tidegate.components import files
from tidegate.models.core.shown import Table

# A larger picture, of thousands of lines, stands in the page as points.
_MOST_SVG = 400_000


@dataclass(frozen=True)
class Shown:
    """Pictures and tables by name.

    Attributes:
      svg: pictures as SVG elements.
      png: those that are too large for that, as PNG files.
      tables: the tables.
    """

    svg: dict[str, str] = field(default_factory=dict)
    png: dict[str, bytes] = field(default_factory=dict)
    tables: dict[str, Table] = field(default_factory=dict)


def read_shown(folder: str, names: Sequence[str]) -> Shown:
    """What lies in a run's folder of pictures.

    Args:
      folder: a path, or a URI.
      names: of the files.

    Raises:
      OSError: one cannot be read.
    """
    shown = Shown()
    for file in sorted(names):
        name, _, kind = file.rpartition(".")
        path = os.path.join(folder, file)
        if kind == "svg":
            text = _read(path).decode()
            if len(text) <= _MOST_SVG:
                shown.svg[name] = text
            else:
                shown.png[name] = _read(os.path.join(folder, f"{name}.png"))
        elif kind == "json":
            shown.tables[name] = Table.from_json(_read(path).decode())
    return shown


def _read(path: str) -> bytes:
    with files.open_bytes(path) as file:
        return file.read()
