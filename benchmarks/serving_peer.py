"""The same model in-process: texts per second in batches, and the time of a single text.

Prints one line of JSON: rate (texts per second), single (milliseconds, median). The model is loaded
by TensorFlow alone, nothing of the server is in the process.
"""

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

from benchmarks import measure


def encoded(text: str, feature: str | None) -> bytes:
    """A text as a signature takes it: itself, or a serialized tf.Example of one feature."""
    if feature is None:
        return text.encode()
    from tensorflow.core.example import example_pb2

    example = example_pb2.Example()
    example.features.feature[feature].bytes_list.value.append(text.encode())
    serialized: bytes = example.SerializeToString()
    return serialized


def measure_model(
    folder: Path, signature: str, texts: list[bytes], batch: int, seconds: float
) -> dict[str, float]:
    """Runs a signature of one string input over texts.

    Args:
      folder: a version's folder.
      signature: its name.
      texts: used in turn, as the signature takes them.
      batch: texts in a batch.
      seconds: of each of the two measurements.
    """
    import tensorflow as tf
    import tensorflow_text  # noqa: F401  Its ops.

    call = tf.saved_model.load(str(folder)).signatures[signature]
    ((alias, _),) = call.structured_input_signature[1].items()

    def run(at: int, size: int) -> None:
        rows = [texts[(at + index) % len(texts)] for index in range(size)]
        for answer in call(**{alias: tf.constant(rows)}).values():
            answer.numpy()

    run(0, batch)
    run(0, 1)
    done = 0
    begin = time.perf_counter()
    while time.perf_counter() - begin < seconds:
        run(done, batch)
        done += batch
    rate = done / (time.perf_counter() - begin)
    singles: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        first = time.perf_counter()
        run(len(singles), 1)
        singles.append(time.perf_counter() - first)
    return {"rate": rate, "single": 1e3 * statistics.median(singles)}


def run(
    folder: Path,
    signature: str,
    texts: Path,
    batch: int,
    seconds: float,
    feature: str | None = None,
) -> dict[str, float]:
    """The same in a child process; `texts` is a JSON file of a list."""
    command = [sys.executable, "-m", "benchmarks.serving_peer", str(folder), str(texts)]
    command += [f"--signature={signature}", f"--batch={batch}", f"--seconds={seconds}"]
    command += [f"--feature={feature}"] if feature else []
    return json.loads(measure.run(command).output.splitlines()[-1])


def main() -> None:
    """Reads the texts and prints the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("texts", type=Path)
    parser.add_argument("--signature", default="serving_default")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--feature")
    arguments = parser.parse_args()
    listed = json.loads(arguments.texts.read_text(encoding="utf-8"))
    texts = [encoded(text, arguments.feature) for text in listed]
    figures = measure_model(
        arguments.folder, arguments.signature, texts, arguments.batch, arguments.seconds
    )
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
