"""What is written in an option of `tidegate predict`: pairs, numbers, a step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tidegate.tables.errors import InputError

if TYPE_CHECKING:
    from tidegate.tables.time_grid import Step

_KINDS = ("text", "int", "float")


def pairs(option: str, form: str, given: tuple[str, ...]) -> dict[str, str]:
    """NAME=VALUE, each name once. Raises InputError."""
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not (name and sign and value):
            raise InputError(f"{option} {text}: expected {form}")
        if name in found:
            raise InputError(f"{option} {text}: {name} is given twice")
        found[name] = value
    return found


def step(text: str) -> Step:
    """A step of series. Raises InputError."""
    from tidegate.tables.time_grid import parse_step

    try:
        return parse_step(text)
    except ValueError as error:
        raise InputError(f"--frequency {error}") from None


def numbers(option: str, text: str | None) -> tuple[float, ...]:
    """Numbers between commas. Raises InputError."""
    try:
        return tuple(float(one) for one in (text or "").split(",") if one.strip())
    except ValueError:
        raise InputError(f"{option} {text}: expected numbers, as a,b") from None


def kinds(given: tuple[str, ...]) -> dict[str, str]:
    """COLUMN=KIND, of known kinds. Raises InputError."""
    found = pairs("--type", "COLUMN=KIND", given)
    for name, kind in found.items():
        if kind not in _KINDS:
            raise InputError(f"--type {name}={kind}: expected one of {', '.join(_KINDS)}")
    return found
