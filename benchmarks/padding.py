"""The share of padding in a finished run's training batches.

Makes one epoch of batches from the run's transformed examples, with the task's own `batches`
function and the run's settings, and counts. Prints one line of JSON: share, batches, tokens,
unbucketed (the share if batches were made without regard to length, in the same order).
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks import measure


def count(folder: Path) -> dict[str, float]:
    """Counts the padding of a run's training batches.

    Args:
      folder: the output folder of a `tidegate run`, used once.

    Returns:
      `share` of the tokens that are padding; `batches`; `tokens`, padding included; `unbucketed`,
      the share in batches of the same rows, cut from the examples in their order.
    """
    import numpy as np
    import tensorflow as tf
    import tensorflow_transform as tft

    from tidegate.models.core.task import load_task
    from tidegate.models.train.examples import read_examples
    from tidegate.models.train.settings import TrainingSettings

    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    settings = summary["settings"]
    task = load_task(summary["task"])
    training = TrainingSettings.model_validate(settings["training"])
    (graph,) = folder.glob("tfx/artifacts/Transform/transform_graph/*")
    (split,) = folder.glob("tfx/artifacts/Transform/transformed_examples/*/Split-train")
    examples = read_examples([f"{split}/*"], tft.TFTransformOutput(str(graph)))
    per_epoch = max(1, int(summary["training"]["rows"]) // training.batch_size)
    batches = task.batches(
        examples,
        task.features.model_validate(settings["features"]),
        task.model.model_validate(settings["model"]),
        training.batch_size,
        training.seed,
    )
    tokens = real = 0
    for inputs, _, _ in batches.take(per_epoch).as_numpy_iterator():
        tokens += inputs["tokens"].size
        real += np.count_nonzero(inputs["tokens"])
    sizes = examples.map(lambda example: tf.size(task.inputs(example)["tokens"]))
    lengths = np.array(list(sizes.as_numpy_iterator()))
    plain = sum(
        part.max() * len(part)
        for part in np.split(lengths, range(training.batch_size, len(lengths), training.batch_size))
    )
    return {
        "share": 1 - real / tokens,
        "batches": per_epoch,
        "tokens": tokens,
        "unbucketed": float(1 - lengths.sum() / plain),
    }


def run(folder: Path) -> dict[str, float]:
    """The same in a child process, so that TensorFlow is not in the benchmark's own."""
    child = measure.run([sys.executable, "-m", "benchmarks.padding", str(folder)])
    return json.loads(child.output.splitlines()[-1])


def main() -> None:
    """Reads a run's folder and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="the output folder of a run")
    print(json.dumps(count(parser.parse_args().folder)))


if __name__ == "__main__":
    main()
