"""Quantiles as columns: `median`, `lo-95`, `lo-80`, `hi-80`, `hi-95`, as users of Nixtla's know."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidegate.serving.client.tables.answers import plain
from tidegate.tables.errors import InputError
from tidegate.tables.roles import Output

_MEDIAN = 0.5
_EQUAL = 1e-6


class QuantileColumns:
    """A column for each quantile of an output.

    Args:
      name: the output's.
      role: its role, which states the levels; without them the quantiles are a JSON list.
      levels: widths of intervals in percent, 80 for 10 to 90 %; with `quantiles`, in place of all
        that the model has. What is between two of these is interpolated, and its column says so.
      quantiles: between 0 and 1.

    Attributes:
      columns: the median first, then the intervals from the widest lower to the widest upper end.

    Raises:
      InputError: a level that the model's do not enclose, or a model that states none.
    """

    def __init__(
        self,
        name: str,
        role: Output,
        levels: Sequence[float] = (),
        quantiles: Sequence[float] = (),
    ) -> None:
        self._trained = np.array(role.levels)
        self.columns = [role.column or name]
        self._wanted: dict[str, float] = {}
        if not role.levels:
            check_no_levels(levels, quantiles)
            return
        if not levels and not quantiles:
            self._wanted = {_column(level, role.levels): level for level in role.levels}
        else:
            if self._is_trained(_MEDIAN):
                self._wanted["median"] = _MEDIAN
            for level in levels:
                for side, at in (("lo", 50 - level / 2), ("hi", 50 + level / 2)):
                    self._add(f"{side}-{level:g}", at / 100, f"--level {level:g}")
            for quantile in quantiles:
                self._add(f"q-{quantile:g}", quantile, f"--quantiles {quantile:g}")
        order = sorted(self._wanted, key=lambda column: self._wanted[column])
        self.columns = sorted(order, key=lambda column: column != "median")

    def row(self, values: np.ndarray[Any, Any]) -> dict[str, Any]:
        """By column, one row's quantiles; float32[levels]."""
        if not self._wanted:
            return {self.columns[0]: plain(values)}
        at = np.interp([self._wanted[one] for one in self.columns], self._trained, values)
        return dict(zip(self.columns, plain(at.astype(np.float32)), strict=True))

    def _is_trained(self, quantile: float) -> bool:
        return bool((np.abs(self._trained - quantile) < _EQUAL).any())

    def _add(self, column: str, quantile: float, option: str) -> None:
        low, high = self._trained[0], self._trained[-1]
        if not low - _EQUAL <= quantile <= high + _EQUAL:
            raise InputError(
                f"{option}: the model's quantiles are {low:g} to {high:g}, and nothing is known "
                "beyond them; a model that was trained with wider model.levels has more"
            )
        mark = "" if self._is_trained(quantile) else "-interpolated"
        self._wanted[f"{column}{mark}"] = quantile


def check_no_levels(levels: Sequence[float], quantiles: Sequence[float]) -> None:
    """Refuses options of quantiles for what has none.

    Raises:
      InputError: there are such.
    """
    if levels or quantiles:
        option = "--level" if levels else "--quantiles"
        raise InputError(f"{option}: the model does not say that it answers with quantiles")


def _column(level: float, levels: Sequence[float]) -> str:
    """``lo-95`` for 0.025 beside 0.975, ``median``; ``q-0.1`` for one without its opposite."""
    if level == _MEDIAN:
        return "median"
    if not any(abs(other - (1 - level)) < _EQUAL for other in levels):
        return f"q-{level:g}"
    width = f"{100 * abs(1 - 2 * level):.6g}"
    return f"{'lo' if level < _MEDIAN else 'hi'}-{width}"
