"""A pushed network that another training starts from: its trained weights and its tokens.

An exported model holds them in one file beside the graph. The file is read without TensorFlow, and
a setting of the type `ModelFile` names it by its run, its model's folder or its version.
"""

import io
import json
import posixpath
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidegate.models.core.settings import NETWORK_FILE
from tidegate.tables.errors import InputError

# The settings that decide the sizes of the table of tokens and of the first recurrent layer.
SIZES = ("embedding", "units", "cell")
_ABOUT, _TOKENS, _WEIGHT = "about", "tokens", "weight:"


@dataclass(frozen=True)
class Pretrained:
    """What a model's file holds.

    Attributes:
      path: of the file.
      task: the task's name.
      model: its model settings.
      tokens: the text of each id.
      weights: by path, the trained weights.
    """

    path: str
    task: str
    model: Mapping[str, Any]
    tokens: tuple[str, ...]
    weights: Mapping[str, np.ndarray]


def write_pretrained(
    folder: str, task: str, network: Any, settings: Any, tokens: Sequence[str]
) -> None:
    """Writes a network's file.

    Args:
      folder: what is beside the graph of an exported model.
      task: the task's name.
      network: trained.
      settings: its model settings.
      tokens: the text of each id.
    """
    import tensorflow as tf

    about = json.dumps({"task": task, "model": settings.model_dump(mode="json")})
    arrays = {
        _ABOUT: np.array(about),
        _TOKENS: np.frombuffer(json.dumps(list(tokens)).encode(), np.uint8),
        **{f"{_WEIGHT}{one.path}": np.asarray(one) for one in network.trainable_weights},
    }
    packed = io.BytesIO()
    np.savez(packed, **arrays)
    with tf.io.gfile.GFile(posixpath.join(folder, NETWORK_FILE), "wb") as file:
        file.write(packed.getvalue())


def read_pretrained(path: str) -> Pretrained:
    """Reads a network's file.

    Raises:
      InputError: it is of another form, or cannot be read; the setting is named.
    """
    import tensorflow as tf

    try:
        with tf.io.gfile.GFile(path, "rb") as file:
            content = file.read()
    except (OSError, tf.errors.OpError) as error:
        raise _wrong(path, error) from None
    return _unpacked(path, content)


def _unpacked(path: str, content: bytes) -> Pretrained:
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            about = json.loads(str(arrays[_ABOUT]))
            tokens = tuple(json.loads(arrays[_TOKENS].tobytes()))
            weights = {
                name.removeprefix(_WEIGHT): arrays[name]
                for name in arrays.files
                if name.startswith(_WEIGHT)
            }
        return Pretrained(path, str(about["task"]), about["model"], tokens, weights)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _wrong(path, error) from None


def _wrong(path: str, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:200]
    return InputError(
        f"model.pretrained={path}: not the network of a model that tidegate has pushed ({reason}); "
        "expected the folder of a run, of its model or of a version"
    )


def check_sizes(path: str, content: bytes, settings: Any) -> None:
    """Finds before anything starts that a network of these settings cannot start from a model.

    Raises:
      InputError: no network, or one of other sizes.
    """
    given = _unpacked(path, content)
    if any(getattr(settings, name, None) != given.model.get(name) for name in SIZES):
        raise other_sizes(given)


def other_sizes(given: Pretrained) -> InputError:
    """What is said of a model of other sizes: the settings that would make them the same."""
    sizes = " ".join(f"model.{name}={given.model.get(name)}" for name in SIZES)
    return InputError(
        f"model.pretrained={given.path}: its table of tokens or its recurrent layers are of other "
        f"sizes; expected a model of the same: set {sizes}"
    )
