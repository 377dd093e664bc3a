"""`summary.json`: what a run leaves in writing, and what it says of a model that is not pushed."""

import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tidegate.components import files
from tidegate.tables.errors import InputError

SUMMARY_FILE = "summary.json"


def read_summary(folder: str) -> dict[str, Any] | None:
    """The summary of the last run that was finished in an output folder.

    Args:
      folder: a path, or a URI.

    Returns:
      The content; None where there is none.

    Raises:
      OSError: it cannot be read.
      ValueError: it is no JSON, or Beam has no file system for the URI.
    """
    try:
        (path,) = files.list_files(os.path.join(folder, SUMMARY_FILE))
    except FileNotFoundError:
        return None
    with files.open_bytes(path) as file:
        content: dict[str, Any] = json.loads(file.read())
    return content


def finished_summary(folder: str) -> dict[str, Any]:
    """The same, where a run has to have been finished.

    Raises:
      InputError: none was, or the file cannot be read.
    """
    try:
        summary = read_summary(folder)
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}/{SUMMARY_FILE}: cannot be read: {error}") from None
    if summary is None:
        raise InputError(f"{folder}: no run was finished there: no {SUMMARY_FILE}")
    return summary


def write_summary(folder: str, content: Mapping[str, Any]) -> None:
    """Writes it beside, then renames: a reader never sees half of it."""
    written = json.dumps(_defined(content), ensure_ascii=False, indent=1, allow_nan=False)
    files.write_whole(os.path.join(folder, SUMMARY_FILE), f"{written}\n".encode())


def beside(figures: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What stands beside a model's figures of a split, in order, each with what it covers.

    That are those of simple methods, and where one has judged a part of the split alone, those of
    the model on that part.

    Args:
      figures: of one split, as the summary has them.
    """
    if "baseline" in figures:
        yield figures["baseline"]["title"], figures["baseline"]
    shown: list[Any] = []
    for title, rival in figures.get("rivals", {}).items():
        own = rival.get("model")
        if own is not None and own not in shown:
            shown.append(own)
            yield f"the model ({rival['covers']})", own
        yield f"{title} ({rival['covers']})", rival


def not_pushed(summary: Mapping[str, Any]) -> str:
    """Which gates the model did not pass, with both numbers; empty where it passed all."""
    reasons = [
        f"{gate['metric']} is {number(gate['value'])}, expected {gate['expected']}"
        for gate in summary["gates"]
        if not gate["passed"]
    ]
    if not summary["serving_check"]["ok"]:
        reasons.append(f"it cannot be served: {summary['serving_check']['problem']}")
    return "; ".join(reasons)


def number(value: float | None) -> str:
    """Four digits; a ratio to a baseline that makes no error, as of constant series, is none."""
    return "undefined" if value is None or math.isnan(value) else f"{value:.4f}"


def _defined(content: Any) -> Any:
    """The same with null for figures that are none: JSON has no NaN and no infinity."""
    if isinstance(content, Mapping):
        return {name: _defined(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_defined(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
