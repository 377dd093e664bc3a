"""Banking77 and waimai_zh with default settings: tidegate beside the linear model.

The tokenizer and the names of columns are the only settings given. The linear model is trained
on the whole of train: words and pairs for Banking77, 1 to 3 characters for waimai_zh. Runs are
seeds; the peers take turns.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import linear_peer, measure, quality, report, workplace
from benchmarks.texts import spaced_rows

_TOKENIZERS = ("words", "chars", "wordpiece")


@dataclass(frozen=True)
class TextSet:
    """A data set and how its peers read it.

    Attributes:
      title: its name.
      folder: holds train.csv and test.csv; None where it is not asked for.
      label: the label's column.
      tokenizer: tidegate's.
      analyzer: the linear model's, `words` or `chars`.
    """

    title: str
    folder: Path | None
    label: str
    tokenizer: str
    analyzer: str


def _compare(
    text_set: TextSet, folder: Path, work: Path, seeds: list[int], rows: int | None
) -> dict[str, list[Any]]:
    """Runs both peers once a seed.

    Args:
      text_set: the data set.
      folder: its folder.
      work: a folder to work in.
      seeds: one run each.
      rows: of each file, evenly spaced; None for all.
    """
    work.mkdir()
    train, test = (spaced_rows(folder / name, rows, work) for name in ("train.csv", "test.csv"))
    settings = [f"features.tokenizer={text_set.tokenizer}"]
    if text_set.label != "label":
        settings.append(f"data.label_column={text_set.label}")

    def tidegate(number: int) -> Any:
        place = work / f"seed-{seeds[number]}"
        run = quality.tidegate(train, test, settings, seeds[number], place)
        shutil.rmtree(place)
        return quality.note_run(run)

    def linear(number: int) -> Any:
        return linear_peer.run(train, test, text_set.analyzer, text_set.label)

    peers = {f"{text_set.title}, tidegate": tidegate, f"{text_set.title}, linear": linear}
    return measure.interleaved(peers, len(seeds))


def main() -> None:
    """Runs the peers and prints the tables."""
    parser = workplace.parser(__doc__, runs=None)
    for name in ("banking77", "waimai"):
        parser.add_argument(f"--{name}", type=Path, help="a folder with train.csv and test.csv")
    parser.add_argument(
        "--waimai-tokenizer", choices=_TOKENIZERS, default="chars", help="tidegate's, for waimai"
    )
    workplace.add_seeds(parser)
    workplace.add_rows(parser)
    arguments = parser.parse_args()
    if not (arguments.banking77 or arguments.waimai):
        parser.error("expected --banking77 FOLDER, --waimai FOLDER, or both")
    machine = report.machine()
    sets = (
        TextSet("Banking77", arguments.banking77, "category", "words", "words"),
        TextSet("waimai_zh", arguments.waimai, "label", arguments.waimai_tokenizer, "chars"),
    )
    found: dict[str, list[list[Any]]] = {}
    with workplace.workplace(arguments) as work:
        for text_set in sets:
            if text_set.folder:
                place = work / text_set.title
                results = _compare(
                    text_set, text_set.folder, place, arguments.seeds, arguments.rows
                )
                title = f"{text_set.title} (tokenizer {text_set.tokenizer})"
                found[title] = list(results.values())
    print(f"{machine} Seeds: {arguments.seeds}.")
    for title, (runs, linear) in found.items():
        print(f"\n{report.table([title, *quality.COLUMNS], quality.rows(runs, linear))}\n")
        print(*quality.remarks(runs), sep="\n")


if __name__ == "__main__":
    measure.finish(main)
