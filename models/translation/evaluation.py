"""How translations are judged: counts over texts that add up, and the figures that follow."""

import functools
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from sacrebleu.metrics import BLEU, CHRF
from sacrebleu.metrics.helpers import extract_all_char_ngrams, extract_all_word_ngrams
from sacrebleu.tokenizers.tokenizer_13a import Tokenizer13a
from sacrebleu.tokenizers.tokenizer_zh import TokenizerZh

from tidegate.models.core.task import Gate
from tidegate.models.translation.judged import (
    NATS,
    RIGHT,
    TOKENS,
    TRANSLATION,
    TRUTH,
    UNKNOWN,
    texts_of,
)
from tidegate.models.translation.settings import GateSettings

# Upper ends of the buckets by the words of the true translation.
LENGTHS = (5, 10, 15, 20, 30, 50, 1 << 40)
# The longest n-grams of words, for BLEU, and of characters, for chrF.
_WORDS, _CHARACTERS = 4, CHRF.CHAR_ORDER
# Chinese and Japanese, whose words have no spaces between them.
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
# A sentence's numbers: lengths, n-grams that are right and all of them; chrF's; the rest.
_LENGTH, _RIGHT, _ALL = 2, 2 + _WORDS, 2 + 2 * _WORDS
_CHRF = _ALL + 3 * _CHARACTERS


@functools.cache
def _tokenizers() -> tuple[Callable[[str], str], Callable[[str], str]]:
    return Tokenizer13a(), TokenizerZh()


def _words(translation: str, truth: str) -> tuple[str, str]:
    """Both in sacreBLEU's words: its `13a`, and its `zh` where the truth has no spaces."""
    spaced, unspaced = _tokenizers()
    tokenize = unspaced if _UNSPACED.search(truth) else spaced
    return tokenize(translation.rstrip()), tokenize(truth.rstrip())


def _counts(translation: str, truth: str) -> np.ndarray:
    """What BLEU (Papineni et al. 2002) and chrF (Popovic 2015) are computed from."""
    found = np.zeros(_CHRF)
    words, true_words = _words(translation, truth)
    made, length = extract_all_word_ngrams(words, 1, _WORDS)
    true, true_length = extract_all_word_ngrams(true_words, 1, _WORDS)
    found[:_LENGTH] = length, true_length
    for ngram, times in made.items():
        found[_LENGTH + len(ngram) - 1] += min(times, true[ngram])
        found[_RIGHT + len(ngram) - 1] += times
    both = (extract_all_char_ngrams(one, _CHARACTERS) for one in (translation, truth))
    for order, (ours, theirs) in enumerate(zip(*both, strict=True)):
        at = _ALL + 3 * order
        # An order that the truth is too short for does not count.
        found[at] = sum(ours.values()) if theirs else 0
        found[at + 1 : at + 3] = sum(theirs.values()), _common(ours, theirs)
    return found


def _common(ours: Counter[str], theirs: Counter[str]) -> int:
    return sum(min(times, theirs[ngram]) for ngram, times in ours.items())


def statistics(targets: None, predictions: np.ndarray) -> dict[str, np.ndarray]:
    """The sums of a batch; those of two parts of the data add up to those of both.

    Args:
      targets: not used; the predictions hold the truth.
      predictions: [rows, columns] of texts, as `models.translation.judged` says.

    Returns:
      `sums` [lengths, numbers], by the words of the truth: those of BLEU and chrF; then nats,
      tokens, right and unknown tokens of the truth; sentences, and those that are right.
    """
    del targets
    sums = np.zeros((len(LENGTHS), _CHRF + 6))
    for row in predictions:
        texts = texts_of(row)
        translation, truth = texts[TRANSLATION], texts[TRUTH]
        counts = _counts(translation, truth)
        numbers = [float(texts[column]) for column in (NATS, TOKENS, RIGHT, UNKNOWN)]
        bucket = int(np.searchsorted(LENGTHS, counts[1]))
        sums[bucket] += [*counts, *numbers, 1, translation == truth]
    return {"sums": sums}


def summarise(sums: Mapping[str, np.ndarray]) -> dict[str, float | np.ndarray]:
    """Sums to figures.

    Args:
      sums: as `statistics` gives them, added up.

    Returns:
      `bleu` and `chrf`, 0 to 100, as sacreBLEU computes them of all texts; `exact`, the share of
      texts that are translated as they truly are; `length_ratio`, words of the translations over
      those of the truth; of the true tokens, each behind the true ones before it: `perplexity`, exp
      of the nats, `token_accuracy`, the share that was the most probable one, and `unknown`, the
      share that is unknown, NaN where nothing was asked about them; `sentences`; `bleu_by_length`
      and `sentences_by_length` [lengths], by the words of the truth.
    """
    each = sums["sums"]
    total = each.sum(axis=0)
    nats, tokens, right, unknown, sentences, exact = total[_CHRF:]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        of_tokens = np.array([np.exp(nats / tokens), right / tokens, unknown / tokens])
    perplexity, accuracy, unknown = of_tokens.tolist()
    return {
        "bleu": bleu(total),
        "chrf": _chrf(total),
        "exact": float(exact / max(sentences, 1)),
        "length_ratio": float(total[0] / max(total[1], 1)),
        "perplexity": perplexity,
        "token_accuracy": accuracy,
        "unknown": unknown,
        "sentences": float(sentences),
        "bleu_by_length": np.array([bleu(one) for one in each]),
        "sentences_by_length": each[:, _CHRF + 4],
    }


def bleu(counts: Sequence[float] | np.ndarray) -> float:
    """BLEU by counts, smoothed as sacreBLEU does by default."""
    whole = [int(one) for one in counts[:_ALL]]
    found = BLEU.compute_bleu(
        whole[_LENGTH:_RIGHT], whole[_RIGHT:_ALL], whole[0], whole[1], smooth_method="exp"
    )
    return float(found.score)


def _chrf(counts: np.ndarray) -> float:
    """The F-score of character n-grams, recall twice as important, over the orders there are."""
    made, true, both = counts[_ALL:_CHRF].reshape(-1, 3).T
    there = (made > 0) & (true > 0)
    if not both.any():
        return 0.0
    precision, recall = (both[there] / made[there]).mean(), (both[there] / true[there]).mean()
    weight = CHRF.BETA**2
    return float(100 * (1 + weight) * precision * recall / (weight * precision + recall))


def sentence_bleu(translation: str, truth: str) -> float:
    """BLEU of one sentence, of the orders that it has, as sacreBLEU computes it."""
    whole = [int(one) for one in _counts(translation, truth)[:_ALL]]
    found = BLEU.compute_bleu(
        whole[_LENGTH:_RIGHT],
        whole[_RIGHT:_ALL],
        whole[0],
        whole[1],
        smooth_method="exp",
        effective_order=True,
    )
    return float(found.score)


def gates(settings: GateSettings) -> tuple[Gate, ...]:
    """The bounds a model must hold."""
    return (
        Gate("chrf", at_least=settings.chrf),
        Gate("bleu", max_loss=settings.max_loss, below_baseline=settings.baseline),
    )
