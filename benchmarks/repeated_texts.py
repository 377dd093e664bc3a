"""Many labelled texts from few: each repetition has the words of a text in another order.

The words, their frequencies, and the lengths of the texts stay those of the source, so that the
vocabulary is a real one; what a stage keeps per distinct text grows all the same.
"""

import csv
import itertools
import random
import re
from collections.abc import Iterator
from pathlib import Path

from benchmarks.texts import opened, rows

# Words are put in another order within windows of this many: a text's parts stay where they are.
_WINDOW = 12
# A tag stays whole, or it would swallow the words that come between its ends.
_WORD = re.compile(r"<[^<>]*>|[^\s<]+|<")


def changed(text: str, number: int, repetition: int) -> str:
    """A text with its words in another order, told from all others of its kind.

    Args:
      text: the source's text.
      number: its row.
      repetition: 0 leaves the text as it is; from 1, which changed copy it is.

    Returns:
      The same text for the same arguments.
    """
    if repetition == 0:
        return text
    order = random.Random(f"{number} {repetition}")
    words = _WORD.findall(text)
    windows = [words[start : start + _WINDOW] for start in range(0, len(words), _WINDOW)]
    for window in windows:
        order.shuffle(window)
    # Short texts have few orders; the repetition's number keeps them apart.
    return " ".join([*itertools.chain.from_iterable(windows), f"take {repetition}"])


def write(source: Path, target: Path, count: int) -> None:
    """Writes a CSV file of `count` rows, `text` and `label`, in constant memory.

    Args:
      source: a CSV file with the columns `text` and `label`.
      target: the file to write.
      count: its rows; the source is repeated as often as that takes.
    """
    with opened(target, "w") as out:
        writer = csv.writer(out)
        writer.writerow(("text", "label"))
        writer.writerows(itertools.islice(_repeated(source), count))


def _repeated(source: Path) -> Iterator[tuple[str, str]]:
    for repetition in itertools.count():
        for number, (text, label) in enumerate(rows(source, "text", "label")):
            yield changed(text, number, repetition), label
