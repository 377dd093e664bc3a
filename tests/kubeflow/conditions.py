"""Trigger conditions: the part of the Common Expression Language that TFX's compiler writes.

That is comparisons (``==``, ``<``, ``>``), ``!``, ``&&``, ``||``, ``+``, brackets, numbers with a
point, quoted strings, and what an input artifact is known by:
``inputs.artifacts['key'].artifacts[0].uri`` and ``.metadata['key']``. All else is refused. See
https://github.com/google/cel-spec/blob/master/doc/langdef.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.\d+)|'(?P<string>[^'\\]*)'|(?P<artifact>inputs\.artifacts)"
    r"|(?P<sign>==|&&|\|\||[<>!+()]))"
)
_REFERENCE = re.compile(
    r"\['(?P<key>[^'\\]*)'\]\.artifacts\[(?P<index>\d+)\]\.(?:(?P<uri>uri)\b|"
    r"metadata\['(?P<property>[^'\\]*)'\])"
)


class ConditionError(ValueError):
    """A condition that cannot be evaluated; the message holds it."""


def holds(condition: str, artifacts: Mapping[str, Sequence[Mapping[str, Any]]]) -> bool:
    """Evaluates a condition.

    Args:
      condition: the expression.
      artifacts: by input key, the artifacts, each with `uri` and `metadata`.

    Raises:
      ConditionError: it holds what is not known here, compares different types, or is no
        statement.
    """
    parser = _Parser(condition, artifacts)
    found = parser.expression()
    parser.end()
    if not isinstance(found, bool):
        raise ConditionError(f"{condition}: is {found!r}, expected true or false")
    return found


class _Parser:
    """Reads and evaluates from left to right; the weakest operator is `expression`."""

    def __init__(self, text: str, artifacts: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        self._text = text
        self._artifacts = artifacts
        self._place = 0

    def expression(self) -> Any:
        found = self._conjunction()
        while self._accept("||"):
            right = self._conjunction()
            found = self._bool(found) | self._bool(right)
        return found

    def end(self) -> None:
        if self._text[self._place :].strip():
            raise self._error("expected the end")

    def _conjunction(self) -> Any:
        found = self._comparison()
        while self._accept("&&"):
            right = self._comparison()
            found = self._bool(found) & self._bool(right)
        return found

    def _comparison(self) -> Any:
        left = self._sum()
        for sign in ("==", "<", ">"):
            if self._accept(sign):
                right = self._sum()
                if type(left) is not type(right):
                    raise self._error(f"{left!r} and {right!r} are of different types")
                return {"==": left == right, "<": left < right, ">": left > right}[sign]
        return left

    def _sum(self) -> Any:
        found = self._value()
        while self._accept("+"):
            right = self._value()
            if not isinstance(found, str) or not isinstance(right, str):
                raise self._error(f"{found!r} + {right!r}: expected two strings")
            found += right
        return found

    def _value(self) -> Any:
        if self._accept("!"):
            return not self._bool(self._value())
        if self._accept("("):
            found = self.expression()
            if not self._accept(")"):
                raise self._error("expected )")
            return found
        match = _TOKEN.match(self._text, self._place)
        if match is None or match["sign"] is not None:
            raise self._error("not known here")
        self._place = match.end()
        if match["number"] is not None:
            return float(match["number"])
        if match["string"] is not None:
            return match["string"]
        return self._reference()

    def _reference(self) -> Any:
        match = _REFERENCE.match(self._text, self._place)
        if match is None:
            raise self._error("expected ['key'].artifacts[n].uri or .metadata['key']")
        self._place = match.end()
        try:
            artifact = self._artifacts[match["key"]][int(match["index"])]
            return artifact["uri"] if match["uri"] else artifact["metadata"][match["property"]]
        except (KeyError, IndexError):
            raise self._error("there is no such artifact or property") from None

    def _accept(self, sign: str) -> bool:
        match = _TOKEN.match(self._text, self._place)
        if match is None or match["sign"] != sign:
            return False
        self._place = match.end()
        return True

    def _bool(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self._error(f"{value!r} is neither true nor false")
        return value

    def _error(self, why: str) -> ConditionError:
        return ConditionError(f"{self._text}: at {self._text[self._place :][:40]!r}: {why}")
