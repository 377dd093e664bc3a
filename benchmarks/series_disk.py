"""Bytes on disk per value at a long context, against windows that are written out.

Makes series of a known structure (see `generated_series`), lets SeriesExampleGen write them for a
context and a horizon, and writes the same targets as windows, stride 1, one tf.Example each with
`context` + `horizon` values, which is what a pipeline without windows of its own has to store.
Both as TFRecords, gzip'd and plain. A raw value is a float64: 8 bytes.
"""

import gzip
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks import generated_series, measure, report, workplace

_FLOAT64 = 8


def _written(work: Path, data: Path, context: int, horizon: int) -> Path:
    """The examples' folder of a run of SeriesExampleGen."""
    folder = work / f"run-{context}"
    command = [
        *(sys.executable, "-m", "benchmarks.data_stages", str(data), str(folder)),
        *("--task", "forecasting", "--last", "SeriesExampleGen"),
        *("--set", f"features.context={context}", "--set", f"features.horizon={horizon}"),
    ]
    measure.run(command, env=workplace.environment(work / "home"))
    (examples,) = (folder / "artifacts").glob("SeriesExampleGen/examples/*")
    return examples


def _sizes(files: list[Path]) -> tuple[int, int]:
    """Bytes of gzip'd files, as they are and unzipped."""
    plain = 0
    for path in files:
        with gzip.open(path) as file:
            while block := file.read(1 << 20):
                plain += len(block)
    return sum(path.stat().st_size for path in files), plain


def _windows(series: int, steps: int, context: int, horizon: int) -> Iterator[bytes]:
    """Each window of each series whose target is whole, as a serialized tf.Example."""
    import tensorflow as tf

    for number in range(series):
        values = generated_series.values(number, steps).astype("float32").tolist()
        for first in range(1, steps - horizon + 1):
            # As in SeriesExampleGen's examples, history is shorter where there is no more.
            window = values[max(0, first - context) : first + horizon]
            feature = tf.train.Feature(float_list=tf.train.FloatList(value=window))
            features = tf.train.Features(feature={"y": feature})
            yield tf.train.Example(features=features).SerializeToString()


def _write_windows(path: Path, series: int, steps: int, context: int, horizon: int) -> Path:
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for window in _windows(series, steps, context, horizon):
            writer.write(window)
    return path


def main() -> None:
    """Writes both and prints the table."""
    parser = workplace.parser(__doc__, runs=None)
    for name, default in (("series", 20), ("steps", 2_000), ("horizon", 96)):
        parser.add_argument(f"--{name}", type=workplace.at_least_one, default=default)
    parser.add_argument(
        "--contexts", type=workplace.at_least_one, nargs="+", default=[48, 336, 720]
    )
    arguments = parser.parse_args()
    series, steps, horizon = arguments.series, arguments.steps, arguments.horizon
    values = series * steps
    rows = []
    with workplace.workplace(arguments) as work:
        data = work / "series.csv"
        generated_series.write(data, series, steps)
        text = data.stat().st_size
        for context in arguments.contexts:
            measure.note(f"context {context}")
            examples = _written(work, data, context, horizon)
            ours = _sizes(sorted(examples.glob("Split-*/*")))
            path = work / f"windows-{context}"
            theirs = _sizes([_write_windows(path, series, steps, context, horizon)])
            path.unlink()
            for name, (zipped, plain) in (("tidegate", ours), ("windows written out", theirs)):
                rows.append(
                    [
                        f"{name}, context {context}",
                        *(f"{size / values:,.2f}" for size in (zipped, plain)),
                        *(f"{size / values / _FLOAT64:,.2f}" for size in (zipped, plain)),
                    ]
                )
    print(
        f"{series} series of {steps:,} values, horizon {horizon}; as CSV {text / values:.1f} bytes "
        "a value.\n"
    )
    columns = ["examples", "bytes a value, gzip", "plain", "of the raw values, gzip", "plain"]
    print(report.table(columns, rows))


if __name__ == "__main__":
    measure.finish(main)
