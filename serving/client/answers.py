"""What the client gives back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np


class Answers(dict[str, np.ndarray[Any, Any]]):
    """Outputs by name, and who gave them. Strings are `object` arrays of bytes (see `as_text`).

    Attributes:
      model, version, signature: as the server names them.
    """

    def __init__(
        self,
        outputs: Mapping[str, np.ndarray[Any, Any]],
        *,
        model: str,
        version: int,
        signature: str,
    ) -> None:
        super().__init__(outputs)
        self.model = model
        self.version = version
        self.signature = signature


class Score(NamedTuple):
    """A class and its score; for one example, Classify gives a list of them."""

    label: str
    score: float


@dataclass(frozen=True)
class VersionStatus:
    """A version of a model on the server.

    Attributes:
      version: its number.
      state: START, LOADING, AVAILABLE, UNLOADING, END or UNKNOWN.
      error_code: gRPC's number; 0 where there is no error.
      error_message: why it could not be loaded; empty where there is no error.
    """

    version: int
    state: str
    error_code: int = 0
    error_message: str = ""
