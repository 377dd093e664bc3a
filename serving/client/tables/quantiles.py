"""Quantiles as columns: `lo-95`, `lo-80`, `median`, `hi-80`, `hi-95`, as users of Nixtla's know."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.serving.client.tables.answers import plain
from tidegate.tables.roles import Output

_MEDIAN = 0.5


class QuantileColumns:
    """A column for each quantile of an output.

    Args:
      name: the output's.
      role: its role, which states the levels; without them the quantiles are a JSON list.

    Attributes:
      columns: the median first, then the intervals from the widest lower to the widest upper end.
    """

    def __init__(self, name: str, role: Output) -> None:
        self._levels = role.levels
        self._names = [_column(level, role.levels) for level in role.levels]
        self.columns = [role.column or name]
        if role.levels:
            self.columns = sorted(self._names, key=lambda column: column != "median")

    def row(self, values: np.ndarray[Any, Any]) -> dict[str, Any]:
        """By column, one row's quantiles; float32[levels]."""
        shown = plain(values)
        if not self._names:
            return {self.columns[0]: shown}
        return dict(zip(self._names, shown, strict=True))


def _column(level: float, levels: Sequence[float]) -> str:
    """``lo-95`` for 0.025 beside 0.975, ``median``; ``q-0.1`` for one without its opposite."""
    if level == _MEDIAN:
        return "median"
    if not any(abs(other - (1 - level)) < 1e-6 for other in levels):
        return f"q-{level:g}"
    width = f"{100 * abs(1 - 2 * level):.6g}"
    return f"{'lo' if level < _MEDIAN else 'hi'}-{width}"
