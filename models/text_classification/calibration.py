"""What is learnt after the LSTM: the linear part, and how far each of the parts is trusted."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import scipy.sparse
import tensorflow as tf

from tidegate.models.core.progress import reporter
from tidegate.models.text_classification.linear import LinearLogits
from tidegate.models.text_classification.logistic import fit, log_softmax, sureness
from tidegate.models.text_classification.model import DEEP, LINEAR, TRUST
from tidegate.models.text_classification.settings import ModelSettings

# Rows that the race is run on, and that the trust is found on, at most.
_RACE, _JUDGES = 3_000, 5_000
# Parts that each row of a race is judged in, by rows: from fewer rows more is learnt that way.
_FOLDS = ((1_000, 5), (2_000, 3))
# What a race chooses from: the share of words in a row's squared length, and the inverse of the
# regularisation, the usual one first.
_SHARES = (0.5, 0.0, 0.2, 0.8, 1.0)
_STRENGTHS = (10.0, 3.0, 30.0, 100.0)
# Cross-entropies that differ by less than this share are nearly equal.
_NEAR = 0.01
# Iterations of a training that only ranks.
_SHORT = 40
# Iterations of a training that goes on with a few more rows.
_AGAIN = 10


@dataclass(frozen=True)
class Reading:
    """How the linear part reads.

    Attributes:
      words: the share of words in a row's squared length; the rest is that of characters.
      strength: the inverse of the regularisation.
      sure: what its logits are to be multiplied by.
    """

    words: float
    strength: float
    sure: float = 1.0


class Rows:
    """N-grams of rows, by block: of words, of characters.

    Args:
      batches: (inputs, targets, weights).
      layer: counts their n-grams.
      most: n-grams that are held at most, of both blocks; the rows after that are not read.
      deep: also gives its answers, which `outputs` then holds.
    """

    def __init__(
        self,
        batches: tf.data.Dataset,
        layer: LinearLogits,
        most: int,
        deep: keras.Model | None = None,
    ) -> None:
        counted = tf.function(layer.blocks, reduce_retracing=True)
        answer = (
            tf.function(lambda inputs: deep(inputs, training=False), reduce_retracing=True)
            if deep is not None
            else None
        )
        self._hashes: list[list[np.ndarray]] = [[], []]
        self._counts: list[list[np.ndarray]] = [[], []]
        self._lengths: list[list[np.ndarray]] = [[], []]
        targets, outputs, keys, held = [], [], [], 0
        self.whole = True
        for inputs, target, _ in batches:
            if held >= most:
                self.whole = False
                break
            keys.append(np.zeros(len(target), np.uint64))
            for place, block in enumerate(counted(inputs["words"], inputs["characters"])):
                if not block:
                    continue
                hashes, counts = (np.concatenate(one, axis=1) for one in zip(*block, strict=True))
                there = counts > 0
                held += int(there.sum())
                mixed = hashes.astype(np.uint64) * _MIX
                keys[-1] += ((mixed ^ (mixed >> _HALF)) * there).sum(axis=1)
                self._hashes[place].append(hashes[there])
                self._counts[place].append(counts[there])
                self._lengths[place].append(there.sum(axis=1))
            targets.append(target.numpy())
            if answer is not None:
                outputs.append(answer(inputs).numpy())
        self.targets = np.concatenate(targets) if targets else np.zeros(0, np.int64)
        self.outputs = np.concatenate(outputs) if outputs else None
        self._keys = np.concatenate(keys) * _MIX if keys else np.zeros(0, np.uint64)

    def __len__(self) -> int:
        return len(self.targets)

    def sample(self, most: int) -> np.ndarray:
        """int[rows], places of some rows at most, drawn by their n-grams.

        So that they are the same in whichever order the rows come: that of length buckets, which
        follows from what the LSTM reads.
        """
        return np.argsort(self._keys, kind="stable")[:most]

    def hashes(self) -> np.ndarray:
        """Each n-gram once for each row that has it."""
        return np.concatenate([one for block in self._hashes for one in block] or [_NO_KEYS])

    def matrices(self, keys: np.ndarray, idf: np.ndarray) -> list[scipy.sparse.csr_matrix]:
        """By block float32[rows, len(keys)], each row of length 1, or 0 where it knows nothing."""
        found = []
        for hashes, counts, lengths in zip(self._hashes, self._counts, self._lengths, strict=True):
            if not hashes:
                found.append(scipy.sparse.csr_matrix((len(self), len(keys)), dtype=np.float32))
                continue
            flat = np.concatenate(hashes)
            place = np.minimum(np.searchsorted(keys, flat), len(keys) - 1).astype(np.int32)
            known = keys[place] == flat
            row = np.repeat(np.arange(len(self), dtype=np.int32), np.concatenate(lengths))[known]
            place = place[known]
            value = (np.concatenate(counts)[known] * idf[place]).astype(np.float32)
            length = np.sqrt(np.bincount(row, value**2, minlength=len(self))).astype(np.float32)
            found.append(
                scipy.sparse.csr_matrix(
                    (value / length[row], (row, place)), shape=(len(self), len(keys))
                )
            )
        return found


_NO_KEYS = np.zeros(0, np.int32)
# An odd number without a pattern, as of Fibonacci hashing, and half of its bits.
_MIX, _HALF = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


def calibrate(
    network: keras.Model, valid: tf.data.Dataset, model: ModelSettings, train: tf.data.Dataset
) -> dict[str, Any] | None:
    """Learns the linear part from the rows of `train`, and from `valid` how far to trust each part.

    A race on some of `train` decides what the part reads, words, characters or both, and how much
    it is regularised. The rows of `valid`, which neither part has learnt from, say how sure either
    may be and what the LSTM's share is; then the linear part learns from them as well.

    Args:
      network: trained.
      valid: batches, each row once.
      model: `linear` switches it; `linear_values` bounds what is held in memory.
      train: batches of the training rows, each once.

    Returns:
      What was found, for a person and the summary.
    """
    if not model.linear:
        return None
    layer, trust = network.get_layer(LINEAR), network.get_layer(TRUST)
    deep = keras.Model(network.inputs, network.get_layer(DEEP).output)
    learnt = Rows(train, layer, model.linear_values)
    judges = Rows(valid, layer, model.linear_values, deep)
    classes = layer.classes
    keys, idf = _columns(learnt, judges, layer.columns)
    blocks = learnt.matrices(keys, idf)
    some = learnt.sample(_RACE)
    reading = _race([block[some] for block in blocks], learnt.targets[some], classes)
    mixed = _mixed(blocks, reading.words)
    weights = fit(mixed, learnt.targets, classes, reading.strength)
    others = _mixed(judges.matrices(keys, idf), reading.words)
    known = judges.targets >= 0
    share, sure, factors = _trust(judges, known, others @ weights[:-1] + weights[-1], reading)
    every = scipy.sparse.vstack([mixed, others[known]]).tocsr()
    targets = np.concatenate([learnt.targets, judges.targets[known]])
    weights = fit(every, targets, classes, reading.strength, start=weights, most=_AGAIN)
    scale = np.where(_of_words(learnt, judges, keys), reading.words, 1 - reading.words)
    table = np.sqrt(scale).astype(np.float32)[:, np.newaxis] * weights[:-1]
    layer.set_columns(keys, idf, table, weights[-1])
    trust.set_weights([np.array([sure * share * factors[0], sure * (1 - share) * factors[1]])])
    found = {
        "words": reading.words,
        "characters": round(1 - reading.words, 2),
        "strength": reading.strength,
        "lstm_share": round(share, 3),
        "ngrams": len(keys),
        "rows": len(targets),
        "all_rows": learnt.whole,
    }
    reporter().line(_told(found))
    return found


def _told(found: dict[str, Any]) -> str:
    reads = {0.0: "characters", 1.0: "words"}.get(found["words"], "words and characters")
    cut = "" if found["all_rows"] else " (the first; model.linear_values bounds them)"
    return (
        f"linear part: {reads}, {found['ngrams']} n-grams of {found['rows']} rows{cut}; "
        f"the LSTM's share of the answer is {found['lstm_share']:.0%}"
    )


def _columns(learnt: Rows, judges: Rows, most: int) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent n-grams in ascending order, and their inverse document frequencies."""
    keys, rows = np.unique(np.concatenate([learnt.hashes(), judges.hashes()]), return_counts=True)
    if len(keys) > most:
        kept = np.sort(np.lexsort((keys, -rows))[:most])
        keys, rows = keys[kept], rows[kept]
    total = len(learnt) + len(judges)
    # As scikit-learn smooths it: as if one more row had them all.
    return keys, (np.log((1 + total) / (1 + rows)) + 1).astype(np.float32)


def _of_words(learnt: Rows, judges: Rows, keys: np.ndarray) -> np.ndarray:
    """bool[keys]: which are n-grams of words."""
    words = [one for rows in (learnt, judges) for one in rows._hashes[0]]
    return np.isin(keys, np.concatenate(words or [_NO_KEYS]))


def _mixed(blocks: list[scipy.sparse.csr_matrix], words: float) -> scipy.sparse.csr_matrix:
    """The blocks as one; they have no column in common."""
    shares = np.sqrt(np.array([words, 1 - words], np.float32))
    return (blocks[0] * shares[0] + blocks[1] * shares[1]).tocsr()


def _race(blocks: list[scipy.sparse.csr_matrix], targets: np.ndarray, classes: int) -> Reading:
    """What answers best for rows that were left out: first the share of words, then the strength.

    Judged by cross-entropy with the temperature that suits each best: it takes the whole answer
    into account, and so tells with fewer rows than accuracy does.
    """
    rows = len(targets)
    if rows < 2:
        return Reading(_SHARES[0], _STRENGTHS[0])
    # Weights that these rows do not touch would only take time.
    touched = np.flatnonzero(sum(np.diff(block.tocsc().indptr) for block in blocks))
    blocks = [block[:, touched] for block in blocks]
    known = [bool(block.nnz) for block in blocks]
    folds = next((count for most, count in _FOLDS if rows < most), 1)
    parts = np.arange(rows) % max(min(folds, rows), 4 if folds == 1 else 2)

    def judge(words: float, strength: float) -> tuple[float, Reading]:
        mixed = _mixed(blocks, words)
        answers, judged = [], []
        for part in range(min(folds, rows)):
            out = parts == part
            weights = fit(mixed[~out], targets[~out], classes, strength, most=_SHORT)
            answers.append(mixed[out] @ weights[:-1] + weights[-1])
            judged.append(targets[out])
        sure, improbable = sureness(np.concatenate(answers), np.concatenate(judged), spread=2.0)
        return improbable, Reading(words, strength, sure)

    shares = [one for one in _SHARES if (known[0] or one == 0) and (known[1] or one == 1)]
    if not shares:
        return Reading(_SHARES[0], _STRENGTHS[0])
    tried = [judge(share, _STRENGTHS[0]) for share in shares]
    words = min(tried, key=lambda one: one[0])[1].words
    tried = [min(tried, key=lambda one: one[0])] + [judge(words, c) for c in _STRENGTHS[1:]]
    # Of nearly equal ones the nearest to the usual one: a race has fewer rows than are learnt from.
    near = (1 + _NEAR) * min(tried, key=lambda one: one[0])[0]
    usual = np.log(_STRENGTHS[0])
    return min(
        (one[1] for one in tried if one[0] <= near),
        key=lambda one: abs(float(np.log(one.strength) - usual)),
    )


def _trust(
    judges: Rows, known: np.ndarray, linear: np.ndarray, reading: Reading
) -> tuple[float, float, tuple[float, float]]:
    """The LSTM's share, and what the mean and each part's logits are multiplied by.

    The share is the mean of what the rows leave probable; before any row it is near 0, so that few
    rows, from which an LSTM learns little, hardly trust it.
    """
    targets = judges.targets[known][:_JUDGES]
    n = len(targets)
    if not n or judges.outputs is None:
        return 0.0, 1.0, (1.0, reading.sure)
    deep, linear = log_softmax(judges.outputs[known][:n]), log_softmax(linear[known][:n])
    factors = (sureness(deep, targets)[0], sureness(linear, targets, reading.sure, 0.3)[0])
    shares = np.linspace(0, 1, 21)
    found = [
        sureness(share * factors[0] * deep + (1 - share) * factors[1] * linear, targets, spread=0.3)
        for share in shares
    ]
    improbable = np.array([one[1] for one in found]) + shares * (1 + 200 / n)
    probable = np.exp(improbable.min() - improbable)
    share = float((shares * probable).sum() / probable.sum())
    mixed = share * factors[0] * deep + (1 - share) * factors[1] * linear
    return share, sureness(mixed, targets, spread=0.3)[0], factors
