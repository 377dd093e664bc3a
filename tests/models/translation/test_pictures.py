"""Pictures of judged translations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from tidegate.models.translation.judged import PART, TOKEN
from tidegate.models.translation.pictures import pictures
from tidegate.models.translation.settings import DataSettings, FeatureSettings


def row(made: str, truth: str, looks: str = "") -> np.ndarray:
    return np.array([made.encode(), truth.encode(), b"0", b"0", b"0", b"0", looks.encode()], object)


def test_bleu_by_length_the_worst_and_where_they_look() -> None:
    tokens = TOKEN.join("abcde")
    shades = "".join("~" if a == b else " " for a in range(5) for b in range(5))
    looks = PART.join([tokens, tokens, shades])
    rows = [
        ({"source": "a b c"}, row("das $ Tor", "das $ Tor", looks)),
        ({"source": "d"}, row("", "die Flut")),
        ({"source": "e " * 8}, row("x " * 8, "y " * 8)),
    ]

    def judged() -> Iterator[tuple[dict[str, Any], np.ndarray]]:
        yield from rows

    found = dict(pictures(judged, DataSettings(), FeatureSettings(), ()))
    assert set(found) == {"mistakes", "lengths", "attention"}
    bars = found["lengths"].axes[0].patches
    assert [bar.get_height() for bar in bars] == [found_bleu(rows[:2]), 0]
    assert [one[:3] for one in found["mistakes"].rows] == [
        ("d", "", "die Flut"),
        (rows[2][0]["source"], rows[2][1][0].decode(), rows[2][1][1].decode()),
    ]
    (image,) = found["attention"].axes[0].images
    np.testing.assert_array_equal(image.get_array(), np.eye(5))
    for name in ("lengths", "attention"):
        found[name].canvas.draw()
    assert list(pictures(lambda: iter(()), DataSettings(), FeatureSettings(), ())) == []


def found_bleu(rows: list[tuple[dict[str, Any], np.ndarray]]) -> float:
    import sacrebleu

    made, truths = ([one[at].decode() for _, one in rows] for at in (0, 1))
    return sacrebleu.corpus_bleu(made, [truths]).score
