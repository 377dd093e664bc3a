"""Learns a vocabulary of word pieces from counted words: words, their ends, and characters.

It gives the vocabulary of tensorflow-text's `wordpiece_tokenizer_learner_lib`, which counts every
substring of every word. There each piece takes its count from all of its own beginnings; what is
left to a piece is how often a word ends with it. So only the ends of words are counted here, those
of all starts once for all thresholds.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

import numpy as np

# What pieces begin with that go on with a word.
JOINER = "##"
_ROUNDS = 4
_LONGEST = 50
_CHARACTERS = 1_000
# A vocabulary is accepted that has this share fewer pieces than asked for.
_SLACK = 0.05


def learn(counts: Mapping[str, int], *, size: int, min_count: int, reserved: str) -> list[str]:
    """Pieces for the longest-match-first tokenizer.

    Args:
      counts: how often each word occurs.
      size: about how many pieces.
      min_count: the least count of a piece of several characters.
      reserved: the first piece, which is no word.

    Returns:
      `reserved`; the 1,000 most frequent characters, sorted; then the pieces by falling count,
      those that go on with a word behind `JOINER`, each character among them.
    """
    words = {word: count for word, count in counts.items() if len(word) <= _LONGEST}
    words.pop(reserved, None)
    characters: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            characters[character] += count
    allowed = set(sorted(characters, key=lambda one: (-characters[one], one))[:_CHARACTERS])
    words = {word: count for word, count in words.items() if allowed.issuperset(word)}
    alphabet = sorted({character for word in words for character in word})
    ends = _ends(words, None)
    several = np.sort([n for end, n in ends.items() if len(end.removeprefix(JOINER)) > 1])

    lower, upper = max(min(counts.values()), min_count), max(counts.values())
    while True:
        least = (lower + upper) // 2
        last = lower >= upper or least <= 1
        # A round never counts an end more often than the first: no vocabulary has more than these.
        most = 1 + 2 * len(alphabet) + len(several) - int(np.searchsorted(several, least))
        if last or most >= size * (1 - _SLACK):
            pieces = _pieces(words, ends, alphabet, least)
            made = list(dict.fromkeys([reserved, *alphabet, *pieces]))
            if last or size * (1 - _SLACK) <= len(made) <= size:
                return made
            most = len(made)
        if most > size:
            lower = least + 1
        else:
            upper = least - 1


def _pieces(
    words: Mapping[str, int], ends: Mapping[str, int], alphabet: list[str], least: int
) -> list[str]:
    """The pieces that are counted `least` times or more, and all characters, the most first."""
    always = {piece: 1 for one in alphabet for piece in (one, JOINER + one)}
    kept: dict[str, int] = {}
    for number in range(_ROUNDS):
        counted = _ends(words, kept) if number else ends
        kept = always | {piece: count for piece, count in counted.items() if count >= least}
    return sorted(kept, key=lambda piece: (-kept[piece], piece))


def _ends(words: Mapping[str, int], pieces: Mapping[str, int] | None) -> Counter[str]:
    """How often words end with each piece, from where the given pieces begin, or from anywhere."""
    found: Counter[str] = Counter()
    longest = max(map(len, pieces), default=0) if pieces else 0
    for word, count in words.items():
        found[word] += count
        starts = range(1, len(word)) if pieces is None else _starts(word, pieces, longest)
        for start in starts:
            found[JOINER + word[start:]] += count
    return found


def _starts(word: str, pieces: Mapping[str, int], longest: int) -> Iterator[int]:
    """Where the longest pieces that match begin, but for the first; each character is a piece."""
    size, start, joiner = len(word), 0, ""
    while True:
        end = min(size, start + longest)
        while joiner + word[start:end] not in pieces:
            end -= 1
        if end == size:
            return
        yield end
        start, joiner = end, JOINER
