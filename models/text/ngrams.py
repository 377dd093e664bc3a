"""The n-gram model that a network has to beat: interpolated modified Kneser-Ney smoothing.

Kneser & Ney, "Improved backing-off for m-gram language modeling", 1995; Chen & Goodman, "An
empirical study of smoothing techniques for language modeling", 1998.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

# What is taken off counts of 1, of 2, and of 3 and more.
Discounts = tuple[float, float, float]

# Where the counts of counts say nothing, as of 40 characters that all come often.
_USUAL_DISCOUNTS: Discounts = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class _Order:
    """All n-grams of one length; the number of each is its place.

    Attributes:
      keys: int64[n-grams], rising: the number of its context (the n-gram without the last token)
        times `_size` and the last token.
      shares: float64[n-grams], the probability after its context, without what the shorter
        contexts give.
      backs: float64[contexts], the weight of the shorter context.
      counts: int64[n-grams], what the shares follow from.
      occurrences: int64[n-grams], how often each comes in the text.
      discounts: float64[4], what is taken off a count of 0, 1, 2, and 3 or more.
    """

    keys: np.ndarray
    shares: np.ndarray
    backs: np.ndarray
    counts: np.ndarray
    occurrences: np.ndarray
    discounts: np.ndarray

    def find(self, keys: np.ndarray) -> np.ndarray:
        """The numbers of the n-grams with these keys, int64[n]; -1 for those not there."""
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[place] == keys, place, -1)


@dataclass(frozen=True)
class NgramTable:
    """The n-grams of all lengths in one rising array of keys, as a graph looks them up.

    An n-gram is named by its place. At 0 stands the empty one, the context of single tokens.

    Attributes:
      keys: int64[n]: the place of its context (the n-gram without the last token) times one more
        than there are ids, and the last token; -1 at 0.
      counts: float32[n], as `NgramModel` counts them.
      totals: float32[n], of an n-gram as a context: the sum of the counts of what comes after it.
      backs: float32[n], the part of `totals` that the shorter context's probabilities share.
      discounts: float32[order, 4], by length, what is taken off a count of 0, 1, 2, and 3 or more.
    """

    keys: np.ndarray
    counts: np.ndarray
    totals: np.ndarray
    backs: np.ndarray
    discounts: np.ndarray


class NgramModel:
    """Probabilities of tokens after the `order - 1` before them; an order of 1 has them alone.

    With the count c of an n-gram, the sum C of the counts after its context, and the number N_c of
    tokens with that count after it:

        p(w | context) = (c - D_c) / C + (D_1 N_1 + D_2 N_2 + D_3 N_3+) / C * p(w | shorter context)

    The longest n-grams count as often as they come; of a shorter one count the different tokens
    that it comes after. Below the shortest context all tokens have the same probability. D_c is
    estimated for each length from the numbers of n-grams that count 1 to 4.

    Args:
      chunks: int[n] each, the tokens in the order of the text, from `first` up to `size`.
      order: the longest n-gram.
      size: ids there are.
      first: lowest id that can come.
      most: tokens that are taken at most, so that memory has a bound: some 50 bytes for each, and
        for each length.
      discounts: for each order from 1 on, in place of the estimates.

    Attributes:
      tokens: how many were taken.

    Raises:
      ValueError: an order below 1, no tokens, or one outside of its range.
    """

    def __init__(
        self,
        chunks: Iterable[np.ndarray],
        *,
        order: int,
        size: int,
        first: int = 0,
        most: int = 10_000_000,
        discounts: Sequence[Discounts] | None = None,
    ) -> None:
        if order < 1:
            raise ValueError(f"received order={order}; expected 1 or more")
        self._order, self._size, self._first = order, size, first
        # The text begins behind `order - 1` tokens of their own kind, which are never predicted.
        self._begin = np.full(order - 1, size, np.int64)
        taken = self._checked(_first(chunks, most))
        if not len(taken):
            raise ValueError("received no tokens; expected some to count")
        self.tokens = len(taken)
        self._orders = self._counted(np.concatenate([self._begin, taken]), discounts)

    def log_probabilities(
        self, tokens: np.ndarray, state: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """The natural logarithm of each token's probability after those before it.

        Args:
          tokens: int[n].
          state: the tokens before, as an earlier call gave them; None at the beginning of a text.

        Returns:
          float64[n], and the state after them: the last `order - 1` tokens.

        Raises:
          ValueError: a token outside of its range.
        """
        before = self._begin if state is None else state
        text = np.concatenate([before, self._checked(tokens)])
        number = np.zeros(len(text), np.int64)
        found = np.full(len(text), 1.0 / (self._size - self._first))
        for part in self._orders:
            context = number if part is self._orders[0] else _shifted(number)
            number = np.where(context < 0, -1, part.find(self._key(context, text)))
            known = context >= 0
            longer = part.backs[context] * found + np.where(number < 0, 0.0, part.shares[number])
            found = np.where(known, longer, found)
        return np.log(found[len(before) :]), text[len(text) - len(self._begin) :]

    def table(self, most: int) -> NgramTable:
        """The n-grams that come most often; what is left out falls to the shorter contexts.

        Args:
          most: n-grams that are kept at most, the empty one among them; of equally frequent ones
            the shorter.
        """
        lengths = np.repeat(range(self._order), [len(part.keys) for part in self._orders])
        occurrences = np.concatenate([part.occurrences for part in self._orders])
        # A context is shorter than what it is a context of, and comes as often or more.
        first = np.lexsort((lengths, -occurrences))[: most - 1]
        kept = np.zeros(len(lengths), bool)
        kept[first] = True
        places = np.where(kept, np.cumsum(kept), 0)
        keys, counts = [np.array([-1])], [np.zeros(1)]
        totals, backs = np.zeros((2, len(first) + 1))
        begin, above = 0, np.zeros(1, np.int64)
        for part in self._orders:
            own = slice(begin, begin + len(part.keys))
            context, token = np.divmod(part.keys, self._size + 1)
            place, there = above[context], kept[own]
            shares = np.maximum(part.counts - part.discounts[np.minimum(part.counts, 3)], 0)
            # What comes after a context that is left out is left out as well, and adds to place 0,
            # which the single tokens' own sums are written over.
            sums = np.bincount(place, part.counts, len(totals))
            backs_of = sums - np.bincount(place[there], shares[there], len(totals))
            known = np.unique(place) if begin == 0 else np.setdiff1d(place, [0])
            totals[known], backs[known] = sums[known], backs_of[known]
            keys.append(self._key(place, token)[there])
            counts.append(part.counts[there])
            begin, above = own.stop, places[own]
        return NgramTable(
            np.concatenate(keys).astype(np.int64),
            np.concatenate(counts).astype(np.float32),
            totals.astype(np.float32),
            backs.astype(np.float32),
            np.stack([part.discounts for part in self._orders]).astype(np.float32),
        )

    def _key(self, context: np.ndarray, token: np.ndarray) -> np.ndarray:
        return context * (self._size + 1) + token

    def _checked(self, tokens: np.ndarray) -> np.ndarray:
        found = np.asarray(tokens, np.int64)
        if found.size and (found.min() < self._first or found.max() >= self._size):
            raise ValueError(
                f"received tokens from {found.min()} to {found.max()}; expected from {self._first}"
                f" to {self._size - 1}"
            )
        return found

    def _counted(self, text: np.ndarray, given: Sequence[Discounts] | None) -> list[_Order]:
        """The n-grams of each length, from the shortest on."""
        orders: list[_Order] = []
        # Of the length that waits for what it comes after: its keys, its number of contexts, and
        # how often each n-gram comes.
        # Of each place in the text, the number of the n-gram that ends there; first of no token.
        number, contexts = np.zeros(len(text), np.int64), 1
        waiting: tuple[np.ndarray, int, np.ndarray] | None = None
        for length in range(1, self._order + 1):
            context = number if length == 1 else _shifted(number)
            begin = length - 1
            keys, places, inverse, counts = np.unique(
                self._key(context, text)[begin:],
                return_index=True,
                return_inverse=True,
                return_counts=True,
            )
            if waiting is not None:
                # One n-gram of this length for each token that a shorter one comes after.
                after = np.bincount(number[begin:][places], minlength=len(waiting[0]))
                orders.append(self._smoothed(*waiting, after, given[length - 2] if given else None))
            number = np.concatenate([np.full(begin, -1), inverse])
            waiting, contexts = (keys, contexts, counts), len(keys)
        assert waiting is not None
        return [*orders, self._smoothed(*waiting, counts, given[-1] if given else None)]

    def _smoothed(
        self,
        keys: np.ndarray,
        contexts: int,
        occurrences: np.ndarray,
        counts: np.ndarray,
        given: Discounts | None,
    ) -> _Order:
        """The n-grams of a length by their counts."""
        context, token = np.divmod(keys, self._size + 1)
        counts = np.where(token == self._size, 0, counts)
        discounts = np.array([0.0, *(given or estimated_discounts(counts))])
        taken = discounts[np.minimum(counts, 3)]
        totals = np.bincount(context, weights=counts, minlength=contexts)
        weights = np.bincount(context, weights=taken, minlength=contexts)
        # A context with nothing behind it, at the end of the text, says nothing.
        backs = np.divide(weights, totals, out=np.ones(contexts), where=totals > 0)
        shares = np.divide(
            counts - taken, totals[context], out=np.zeros(len(keys)), where=counts > 0
        )
        return _Order(keys, shares, backs, counts, occurrences, discounts)


def estimated_discounts(counts: np.ndarray) -> Discounts:
    """D_1, D_2 and D_3+ of Chen & Goodman, from how many n-grams count 1 to 4.

    With these numbers n_c and Y = n_1 / (n_1 + 2 n_2): D_c = c - (c + 1) Y n_(c+1) / n_c.
    """
    one, two, three, four = (int(np.count_nonzero(counts == count)) for count in range(1, 5))
    if not (one and two and three):
        return _USUAL_DISCOUNTS
    share = one / (one + 2 * two)
    found = (1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three)
    inside = all(0 <= taken <= count for count, taken in enumerate(found, start=1))
    return found if inside else _USUAL_DISCOUNTS


def _shifted(number: np.ndarray) -> np.ndarray:
    """Of each place, the number of the n-gram that ends before it."""
    return np.concatenate([[-1], number[:-1]])


def _first(chunks: Iterable[np.ndarray], most: int) -> np.ndarray:
    """The first tokens of all, up to a number."""
    taken: list[np.ndarray] = []
    left = most
    for chunk in chunks:
        if left <= 0:
            break
        taken.append(np.asarray(chunk, np.int64)[:left])
        left -= len(taken[-1])
    return np.concatenate(taken) if taken else np.zeros(0, np.int64)
