"""A dictionary of words, learnt from pairs of texts: IBM model 1 (Brown et al. 1993).

Each word of a target comes from one word of its source, or from none, and every one of these is as
likely as the others: p(t | s) alone is learnt, by expectation and maximisation.
"""

from collections.abc import Iterable, Sequence

import numpy as np

# What a target's word comes from if it comes from no word.
NOTHING = ""


def learn(
    pairs: Iterable[tuple[Sequence[str], Sequence[str]]], rounds: int = 5
) -> dict[str, dict[str, float]]:
    """p(target's word | source's word).

    Args:
      pairs: the words of each source, and of its target.
      rounds: of expectation and maximisation, from uniform probabilities.

    Returns:
      By source's word, also `NOTHING`, the probabilities of what it may become, of those seen
      together.
    """
    sources: dict[str, int] = {NOTHING: 0}
    targets: dict[str, int] = {}
    links: list[np.ndarray] = []
    place = 0  # A word of a target at its place, among all.
    for source, target in pairs:
        from_ids = [0, *(sources.setdefault(word, len(sources)) for word in source)]
        to_ids = [targets.setdefault(word, len(targets)) for word in target]
        own = np.empty((len(to_ids), len(from_ids), 3), np.int32)
        own[..., 0] = np.arange(place, place + len(to_ids))[:, None]
        own[..., 1] = from_ids
        own[..., 2] = np.array(to_ids, np.int32)[:, None]
        links.append(own.reshape(-1, 3))
        place += len(to_ids)
    if not links:
        return {}
    places, from_ids_, to_ids_ = np.concatenate(links).T
    keys = from_ids_.astype(np.int64) * len(targets) + to_ids_
    known, link = np.unique(keys, return_inverse=True)
    origin = known // len(targets)
    probability = np.ones(len(known))
    for _ in range(rounds):
        share = probability[link]
        share /= np.bincount(places, share)[places]
        counts = np.bincount(link, share, minlength=len(known))
        probability = counts / np.bincount(origin, counts)[origin]
    from_words, to_words = list(sources), list(targets)
    found: dict[str, dict[str, float]] = {}
    for key, value in zip(known.tolist(), probability.tolist(), strict=True):
        source_id, target_id = divmod(key, len(targets))
        found.setdefault(from_words[source_id], {})[to_words[target_id]] = value
    return found
