"""Decoding in NumPy and plain Python, from the definitions: one sequence at a time."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np

MASK = (1 << 64) - 1
# log-probabilities of the next token after the tokens so far, the first one included
Model = Callable[[tuple[int, ...]], np.ndarray]


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.asarray(logits, np.float64) - np.max(logits)
    return shifted - np.log(np.exp(shifted).sum())


def split_mix(seed: int) -> Iterator[int]:
    """SplitMix64 as its authors' public C code has it, on Python's integers."""
    state = seed & MASK
    while True:
        state = (state + 0x9E3779B97F4A7C15) & MASK
        z = state
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        yield z ^ (z >> 31)


def number(seed: int, place: int) -> int:
    return next(itertools.islice(split_mix(seed), place, None))


def uniform(seed: int, lane: int, step: int) -> float:
    return (number(number(seed, lane), step) >> 40) / 2**24


def nucleus(logits: np.ndarray, top_k: int, top_p: float) -> set[int]:
    """The tokens that may be drawn, by going through them from the most probable one."""
    order = sorted(range(len(logits)), key=lambda token: (-logits[token], token))
    order = order[: top_k or None]
    probability = np.exp(log_softmax(logits[order]))
    found, total = set(), 0.0
    for token, share in zip(order, probability, strict=True):
        if found and top_p < 1 and total >= top_p:
            break
        found.add(token)
        total += share
    return found


def draw(logits: np.ndarray, temperature: float, top_k: int, top_p: float, random: float) -> int:
    if temperature <= 0:
        return int(np.argmax(logits))
    scaled = np.asarray(logits, np.float64) / temperature
    allowed = nucleus(scaled, top_k, top_p)
    weight = np.exp(scaled - scaled.max())
    target = random * sum(weight[token] for token in sorted(allowed))
    for token in sorted(allowed):
        target -= weight[token]
        if target < 0:
            return token
    raise AssertionError("the probabilities do not add up")


def normalised(total: float, length: int, penalty: float) -> float:
    return total / ((5 + length) / 6) ** penalty


Found = list[tuple[float, tuple[int, ...], float]]  # score, tokens, total


def beam_search(
    model: Model, first: int, beams: int, length: int, end: int | None, penalty: float
) -> Found:
    """The search as it is described: lists of hypotheses, one step at a time."""
    alive: list[tuple[float, tuple[int, ...]]] = [(0.0, ())]
    ended: Found = []
    for step in range(1, length + 1):
        candidates = sorted(
            (
                (total + log, (*tokens, token))
                for total, tokens in alive
                for token, log in enumerate(model((first, *tokens)))
            ),
            reverse=True,
        )[: 2 * beams]
        alive = []
        for rank, (total, tokens) in enumerate(candidates):
            if tokens[-1] == end or step == length:
                if rank < beams:
                    ended.append((normalised(total, step, penalty), tokens, total))
            elif len(alive) < beams:
                alive.append((total, tokens))
        ended = sorted(ended, reverse=True)[:beams]
        if len(ended) == beams:
            break
    return ended


def exhaustive(model: Model, first: int, size: int, length: int, end: int, penalty: float) -> Found:
    """Every sequence there is, by falling score."""
    found: Found = []

    def grow(tokens: tuple[int, ...], total: float) -> None:
        for token, log in enumerate(model((first, *tokens))):
            longer = (*tokens, token)
            if token == end or len(longer) == length:
                score = normalised(total + log, len(longer), penalty)
                found.append((score, longer, total + log))
            else:
                grow(longer, total + log)

    grow((), 0.0)
    assert len({tokens for _, tokens, _ in found}) == len(found)
    return sorted(found, reverse=True)
