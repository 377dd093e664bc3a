"""The part of a split that a slow method has judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """Some predictions of some examples.

    Attributes:
      title: what it is, for a person.
      key: the raw feature that names an example: a text, unlike that of any other of the split.
      places: by its value, which entries along the first axis of the example's prediction.
    """

    title: str
    key: str
    places: Mapping[str, Sequence[int]]
