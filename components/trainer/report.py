"""What the Trainer writes down of a training, beside its logs."""

import json
import posixpath
from collections.abc import Mapping
from typing import Any

from tfx.dsl.io import fileio

_FILE = "training.json"


def write_training(folder: str, content: Mapping[str, Any]) -> None:
    """Writes how a training went: `monitor`, `best`, `steps`, `validated`, `history`, ..."""
    with fileio.open(posixpath.join(folder, _FILE), "w") as file:
        file.write(json.dumps(content, indent=1))


def read_training(folder: str) -> dict[str, Any]:
    """What `write_training` wrote, from the artifact `model_run`."""
    with fileio.open(posixpath.join(folder, _FILE)) as file:
        content: dict[str, Any] = json.loads(file.read())
    return content
