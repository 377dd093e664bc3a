"""Configuration files in protobuf's text format."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from google.protobuf import text_format
from google.protobuf.message import Message

from tidegate.serving.server.options import ConfigError

M = TypeVar("M", bound=Message)


def read(path: Path | str, message: M, flag: str) -> M:
    """Reads a file into a message.

    Args:
      path: of the file.
      message: an empty message; it is filled and returned.
      flag: that names the file, for the error.

    Raises:
      ConfigError: the file cannot be read or does not hold such a message; one line that names
        file, line and column.
    """
    try:
        text = Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{flag}: cannot read {path}: {error}") from error
    return parse(text, message, f"{flag}: {path}")


def parse(text: str, message: M, where: str) -> M:
    """As `read`, of text that is at hand."""
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        line, column = error.GetLine(), error.GetColumn()
        reason = str(error).split(" : ", 1)[-1].rstrip(".")
        at = where if line is None else f"{where}:{line}:{column or 1}"
        raise ConfigError(
            f"{at}: {reason}. Expected a {message.DESCRIPTOR.full_name} in text format."
        ) from error
