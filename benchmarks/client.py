"""The client: what importing it takes, and rows per second of a file of texts.

1. Import: fresh processes in turn: the interpreter alone, `import tidegate.serving.client`, and
   `import tensorflow_serving.apis.predict_pb2`, the stock stubs.
2. Rows: `tidegate serve` serves a folder of models; `tidegate predict MODEL --file` answers a CSV
   file of texts, with four requests at a time (the default) and with one; beside it a script on the
   stock stubs that sends a batch at a time. From process start to the written file.
"""

import argparse
import itertools
import random
import sys
from functools import partial
from pathlib import Path

from benchmarks import measure, report, tidegate_run, workplace
from tidegate.pipeline.serve.process import served
from tidegate.serving.client import Client
from tidegate.serving.client.tables.question import Question
from tidegate.serving.client.tables.texts import plan_of_texts

_IMPORTS = {
    "the interpreter": "pass",
    "tidegate.serving.client": "import tidegate.serving.client",
    "tensorflow_serving.apis.predict_pb2": "from tensorflow_serving.apis import predict_pb2",
}
_SECONDS = "import time; begin = time.perf_counter(); {}; print(time.perf_counter() - begin)"
_BATCH = 64
_WARM_UP = 20


def _arguments() -> argparse.Namespace:
    parser = workplace.parser(__doc__)
    parser.add_argument("models", type=Path, help="a folder of models: MODEL/VERSION/...")
    parser.add_argument("model", help="one of them, with a signature that takes texts")
    parser.add_argument("--rows", type=workplace.at_least_one, default=100_000)
    parser.add_argument("--words", type=workplace.at_least_one, default=20, help="words to a text")
    parser.add_argument(
        "--import-runs", type=workplace.at_least_one, default=10, help="runs of each import"
    )
    return parser.parse_args()


def _import(statement: str, number: int) -> measure.Measured:
    del number
    return measure.run([sys.executable, "-c", _SECONDS.format(statement)])


def write_texts(path: Path, name: str, rows: int, words: int) -> None:
    """Writes a CSV file with one column of texts of random letters, the same each time."""
    chance = random.Random(0)
    known = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(20_000)]
    with path.open("w", encoding="utf-8") as out:
        out.write(f"{name}\n")
        for _ in itertools.repeat(None, rows):
            out.write(" ".join(chance.choices(known, k=words)) + "\n")


def _print_imports(runs: dict[str, list[measure.Measured]]) -> None:
    rows = [
        [
            name,
            report.spread((float(run.output) for run in found), 3),
            report.spread((run.wall for run in found), 3),
            report.spread((run.peak / 1e6 for run in found), 0),
        ]
        for name, found in runs.items()
    ]
    print(report.table(["import", "import s", "process s", "peak MB"], rows) + "\n")


def main() -> None:
    """Measures both and prints the tables."""
    arguments = _arguments()
    machine = report.machine()
    imports = measure.interleaved(
        {name: partial(_import, statement) for name, statement in _IMPORTS.items()},
        arguments.import_runs,
    )
    with (
        workplace.workplace(arguments) as work,
        served(arguments.models) as address,
    ):
        with Client(address) as client:
            version = client.wait_until_available(arguments.model, timeout=300)
            question = plan_of_texts(client, Question(arguments.model), [], "").asked.question
            ((name, _),) = question.columns.items()
            # The first requests after a start are slower, whoever sends them.
            for _ in range(_WARM_UP):
                texts_of_a_batch = {name: ["a text to begin with"] * _BATCH}
                client.predict(arguments.model, texts_of_a_batch, signature=question.signature)
        texts, out = work / "texts.csv", work / "answers.csv"
        write_texts(texts, name, arguments.rows, arguments.words)
        predict = [tidegate_run.command(), "predict", arguments.model, "--server", address]
        predict += ["--file", str(texts), "--output", str(out), "--batch-size", str(_BATCH)]
        stubs = [sys.executable, "-m", "benchmarks.stub_client", address, arguments.model]
        stubs += [str(question.signature), name, str(texts), str(out), str(_BATCH)]
        peers = {
            "tidegate predict": predict,
            "tidegate predict --in-flight 1": [*predict, "--in-flight", "1"],
            "stock stubs, a batch at a time": stubs,
        }

        def answer(command: list[str], number: int) -> measure.Measured:
            del number
            found = measure.run(command)
            with out.open(encoding="utf-8") as lines:
                count = sum(1 for _ in lines) - (command is not stubs)
            if count != arguments.rows:
                raise measure.ChildError(f"{count} answers for {arguments.rows} rows")
            out.unlink()
            return found

        files = measure.interleaved(
            {title: partial(answer, command) for title, command in peers.items()}, arguments.runs
        )
    print(
        f"{machine} Runs: {arguments.import_runs} of each import, {arguments.runs} of each file. "
        f"Model {arguments.model} version {version}, {arguments.rows:,} rows of {arguments.words} "
        f"words, batches of {_BATCH}.\n"
    )
    _print_imports(imports)
    rows = [
        [
            title,
            report.spread((arguments.rows / run.wall for run in found), 0),
            *report.measured_cells(found),
        ]
        for title, found in files.items()
    ]
    print(report.table(["client", "rows per s", *report.MEASURED_COLUMNS], rows))


if __name__ == "__main__":
    measure.finish(main)
