"""A network over tokens that starts from a pushed one: tokens by their text, layers by name."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tidegate.models.core.pretrained import Pretrained, other_sizes, read_pretrained
from tidegate.models.core.progress import reporter
from tidegate.tables.errors import InputError

# What any network over tokens has: the table of tokens and the first layer that reads it.
_TABLE = "embedding/embeddings"
_LAYERS = "recurrent/"
_FIRST = "recurrent/forward_0/"
# What stands for an unknown token.
_UNREADABLE = "\ufffd"


def start_from(path: str, network: keras.Model, tokens: Sequence[str], task: str) -> dict[str, Any]:
    """Gives a network the weights of a pushed one.

    Of a model of the same task all weights that fit are taken; of another's the table of tokens
    and the recurrent layers. A token's row is that of the same text, or where there is none, of
    the most frequent one that differs by a space before it and by capitals alone.

    Args:
      path: what `model.pretrained` names.
      network: built.
      tokens: the text of each id.
      task: whose network it is.

    Returns:
      `from`; `tokens`, the share of this model's tokens that have a row; `weights`, how many of
      its weights start from the other's.

    Raises:
      InputError: no model that this can start from: of other sizes, or without its tokens.
    """
    given = read_pretrained(path)
    own = {one.path: one for one in network.trainable_weights}
    _check(given, own)
    tokens, others = (
        [*some, *[""] * (table.shape[0] - len(some))]  # A table may have rows behind the last id.
        for some, table in ((tokens, own[_TABLE]), (given.tokens, given.weights[_TABLE]))
    )
    rows = matching_rows(tokens, others)
    known = rows >= 0
    named = np.array([token.strip() not in ("", _UNREADABLE) for token in tokens])
    share = float(known[named].mean()) if named.any() else 0.0
    if not share:
        raise InputError(
            f"model.pretrained={path}: has none of the {named.sum()} tokens; expected a model of "
            "texts in the same language and by the same features.tokenizer"
        )
    taken = 0
    for name, weight in own.items():
        if name not in given.weights or not (
            given.task == task or name == _TABLE or name.startswith(_LAYERS)
        ):
            continue
        values, fits = np.array(weight), given.weights[name]
        axes = [
            axis
            for axis, sizes in enumerate(zip(values.shape, fits.shape, strict=False))
            if sizes == (len(tokens), len(others))
        ]
        if axes and values.ndim == fits.ndim:
            values, fits = np.moveaxis(values, axes[0], 0), np.moveaxis(fits, axes[0], 0)
            if values.shape[1:] != fits.shape[1:]:
                continue
            values[known] = fits[rows[known]]
            weight.assign(np.moveaxis(values, 0, axes[0]))
        elif values.shape == fits.shape:
            weight.assign(fits)
        else:
            continue
        taken += 1
    reporter().line(
        f"starts from {path}: {share:.1%} of {named.sum()} tokens, {taken} of {len(own)} weights"
    )
    return {"from": path, "tokens": round(share, 4), "weights": taken}


def _check(given: Pretrained, own: dict[str, Any]) -> None:
    """That the tables and first layers are of one size.

    Raises:
      InputError: they are not; the settings that would make them so are named.
    """
    names = [_TABLE, *(name for name in own if name.startswith(_FIRST))]
    fits = all(
        name in given.weights and given.weights[name].shape[1:] == tuple(own[name].shape)[1:]
        for name in names
    )
    if not fits:
        raise other_sizes(given)


def matching_rows(tokens: Sequence[str], others: Sequence[str]) -> np.ndarray:
    """int64[tokens]: the place of each among others, which stand by falling frequency; -1 for none.

    Ids without a text, as padding's, are matched by their place.
    """
    exact: dict[str, int] = {}
    folded: dict[str, int] = {}
    for place, other in enumerate(others):
        if other:
            exact.setdefault(other, place)
            folded.setdefault(_folded(other), place)
    found = np.full(len(tokens), -1, np.int64)
    for number, token in enumerate(tokens):
        if token:
            found[number] = exact.get(token, folded.get(_folded(token), -1))
        elif number < len(others) and not others[number]:
            found[number] = number
    return found


def _folded(token: str) -> str:
    """As tasks that fold have it: no space before, small letters, the letter apostrophe."""
    plain = token.removeprefix(" ") or token
    return plain.casefold().replace("'", "ʼ").replace("’", "ʼ")
