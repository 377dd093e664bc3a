"""Translation: Multi30k from German to English, greedy and with beams, and what it costs.

1. `tidegate run translation` on Multi30k for `--minutes` of training, or `--epochs` passes: BLEU of
   the 1,000 sentences of test 2016, as sacreBLEU computes it of the raw texts, cased and with both
   sides lower-cased; with one beam (greedy) and with five; and that of the simple models.
2. Pairs a second of training, and the share of padding in its batches.
3. The pushed model's `translate`, in batches of 64: sentences a second, greedy and with five beams.

    python -m benchmarks.translation --data FOLDER --minutes 20

FOLDER holds `train`, `val` and `test_2016_flickr`, each as `.de.gz` and `.en.gz`.
"""

import gzip
import os
import time
from pathlib import Path
from typing import Any

from benchmarks import measure, report, tidegate_run, workplace

_BATCH = 64
_BEAMS = (1, 5)


def _run(arguments: Any, work: Path) -> tidegate_run.TidegateRun:
    """Prepares the data set in a home of its own and trains on it."""
    home = work / "home"
    words = [tidegate_run.command(), "data", "get", "multi30k", "--from", str(arguments.data)]
    measure.run(words, env=workplace.environment(home))
    settings = [f"training.epochs={arguments.epochs}", *arguments.settings]
    if arguments.minutes:
        settings.append(f"training.max_seconds={60 * arguments.minutes}")
    return tidegate_run.run(
        "multi30k", work / "out", home=home, task="translation", settings=settings
    )


def _sentences(folder: Path, language: str) -> list[str]:
    with gzip.open(folder / f"test_2016_flickr.{language}.gz", "rt", encoding="utf-8") as file:
        return [line.strip() for line in file]


def _translated(folder: str, sources: list[str]) -> dict[int, tuple[list[str], float]]:
    """By beams, the translations of the exported model and the sentences a second."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  Registers the ops of exported models.

    from tidegate.models.translation.defaults import TRANSLATE

    signature = tf.saved_model.load(folder).signatures["translate"]

    def translate(texts: list[str], beams: int) -> list[str]:
        options = TRANSLATE | {"beams": beams}
        given = {name: tf.constant([value] * len(texts)) for name, value in options.items()}
        answer = signature(source=tf.constant(texts), **given)
        return [one.decode() for one in answer["translation"].numpy()]

    found = {}
    for beams in _BEAMS:
        translate(sources[:_BATCH], beams)
        begin = time.perf_counter()
        texts = [
            text
            for first in range(0, len(sources), _BATCH)
            for text in translate(sources[first : first + _BATCH], beams)
        ]
        found[beams] = texts, len(sources) / (time.perf_counter() - begin)
    return found


def _padding(run: tidegate_run.TidegateRun) -> float:
    """The share of both sides' places in training batches that hold no token."""
    import numpy as np
    import tensorflow as tf
    import tensorflow_transform as tft

    from tidegate.models.translation.batches import batches
    from tidegate.models.translation.settings import FeatureSettings, ModelSettings

    settings = run.summary["settings"]
    artifacts = run.folder / "tfx" / "artifacts"
    (graph,) = artifacts.glob("Transform/transform_graph/*")
    files = sorted(artifacts.glob("Transform/transformed_examples/*/Split-train/*"))
    spec = tft.TFTransformOutput(str(graph)).transformed_feature_spec()
    records = tf.data.TFRecordDataset([str(path) for path in files], "GZIP")
    examples = records.map(lambda record: tf.io.parse_single_example(record, spec))
    features = FeatureSettings.model_validate(settings["features"])
    model = ModelSettings.model_validate(settings["model"])
    size = settings["training"]["batch_size"]
    there = total = 0
    for inputs, _, _ in batches(examples, features, model, size, 0).take(
        len(range(0, 29_000, size))
    ):
        for side in ("source", "targets"):
            there += int(np.count_nonzero(inputs[side]))
            total += inputs[side].shape[0] * inputs[side].shape[1]
    return 1 - there / total


def main() -> None:
    """Measures and prints the tables."""
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    parser = workplace.parser(__doc__, runs=None)
    parser.add_argument("--data", type=Path, required=True, help="the folder of Multi30k")
    parser.add_argument("--minutes", type=float, help="of training at most")
    parser.add_argument("--epochs", type=int, default=20, help="passes at most")
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        run = _run(arguments, work)
        import sacrebleu

        summary = run.summary
        training, figures = summary["training"], summary["metrics"]["test"]
        model = str(run.folder / summary["candidate"])
        sources, truths = (_sentences(arguments.data, one) for one in ("de", "en"))
        lower = [truth.lower() for truth in truths]
        rows = []
        for beams, (texts, speed) in _translated(model, sources).items():
            cased = sacrebleu.corpus_bleu(texts, [truths]).score
            folded = sacrebleu.corpus_bleu([text.lower() for text in texts], [lower]).score
            rows.append([str(beams), f"{cased:.1f}", f"{folded:.1f}", f"{speed:,.0f}"])
        print(f"{machine} Settings: {arguments.settings or 'defaults'}.\n")
        pairs = training["steps"] * summary["settings"]["training"]["batch_size"]
        print(
            f"{training['steps']:,} steps, {pairs:,} pairs at most: {training['seconds']:,.0f} s, "
            f"{pairs / training['seconds']:,.0f} pairs a second; "
            f"{report.percent([_padding(run)], 1)} % of the places are padding.\n"
        )
        columns = ("beams", "BLEU, cased", "BLEU, lower-cased", "sentences a second")
        print(report.table(columns, rows))
        print(f"\nThe run's own figures of test: {figures}")
        print(f"Validations: {training['history']}")


if __name__ == "__main__":
    measure.finish(main)
