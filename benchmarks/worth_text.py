"""What a default text classifier is worth: beside linear models over words and over characters.

For each set, each number of training rows and each seed: one run of tidegate without settings, and
scikit-learn's logistic regression (C = 10) over TF-IDF of words and pairs, and of 2 to 5 characters
within words, on the same rows. All are judged on the same test rows. What is done stays in a file,
so that a broken comparison goes on; figures of several states of the code are marked.
"""

import argparse
import csv
import json
import random
import re
import statistics
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import report, texts, tidegate_run

# Words, and each character of the scripts that are written without spaces.
_UNSPACED = "぀-ヿ㐀-䶿一-鿿豈-﫿฀-๿"
_WORDS = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_LABELS = {"banking77": "category"}
LANGUAGES = "languages"


def rows_of(name: str, shared: Path) -> dict[str, list[tuple[str, str]]]:
    """Train and test rows, (text, label) each, of a shared set or of `languages` as a file."""
    if name == LANGUAGES:
        from tidegate.data.sets import languages

        rows = list(languages._texts())
        random.Random(0).shuffle(rows)
        tenth = len(rows) // 10
        return {"train": rows[tenth:], "test": rows[:tenth]}
    found = {}
    for split in ("train", "test"):
        (path,) = sorted((shared / name).glob(f"{split}.csv*"))
        found[split] = list(texts.rows(path, "text", _LABELS.get(name, "label")))
    return found


def linear(train: list[tuple[str, str]], test: list[tuple[str, str]]) -> dict[str, float]:
    """Accuracy of the two linear models."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier

    def cut(text: str) -> list[str]:
        return _WORDS.findall(text.lower())

    kinds: dict[str, dict[str, Any]] = {
        "words": {"tokenizer": cut, "token_pattern": None, "ngram_range": (1, 2)},
        "characters": {"analyzer": "char_wb", "ngram_range": (2, 5)},
    }
    found = {}
    for kind, how in kinds.items():
        vectorizer = TfidfVectorizer(sublinear_tf=True, **how)
        matrix = vectorizer.fit_transform(text for text, _ in train)
        classifier = OneVsRestClassifier(LogisticRegression(C=10.0, solver="liblinear"))
        classifier.fit(matrix, [label for _, label in train])
        found[kind] = float(
            classifier.score(
                vectorizer.transform(text for text, _ in test), [label for _, label in test]
            )
        )
    return found


def tidegate(
    train: list[tuple[str, str]], test: list[tuple[str, str]], seed: int
) -> dict[str, float]:
    """Accuracy and seconds of a default run, and what it reads."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for split, rows in (("train", train), ("test", test)):
            with (folder / f"{split}.csv").open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([("text", "label"), *rows])
        run = tidegate_run.run(
            str(folder / "train.csv"),
            folder / "out",
            home=folder,
            test=str(folder / "test.csv"),
            settings=[f"training.seed={seed}"],
        )
    found = run.summary["metrics"]["test"]
    calibrated = run.summary["training"]["calibrated"]
    return {
        "tidegate": found["accuracy"],
        "macro_f1": found["macro_f1"],
        "calibration_error": found["calibration_error"],
        "lstm_share": calibrated["lstm_share"],
        "seconds": run.seconds["total"],
        "training_seconds": run.summary["training"]["seconds"],
        "pushed": float(run.summary["pushed"] is not None),
    }


def state() -> str:
    """The state of the code, as git names it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def compare(
    names: Iterable[str], counts: Iterable[int], seeds: Iterable[int], shared: Path, kept: Path
) -> Iterator[dict[str, Any]]:
    """Rows of the table, done now or before; a new one is kept as soon as it is done."""
    done = {}
    if kept.exists():
        for line in kept.read_text().splitlines():
            row = json.loads(line)
            done[row["set"], row["rows"], row["seed"]] = row
    now = state()
    for name in names:
        data = rows_of(name, shared)
        for count in counts:
            for seed in seeds:
                row = done.get((name, count, seed))
                if row is None:
                    train = list(data["train"])
                    random.Random(seed).shuffle(train)
                    train = train[: count or None]
                    row = {"set": name, "rows": count, "seed": seed, "state": now}
                    row |= linear(train, data["test"]) | tidegate(train, data["test"], seed)
                    with kept.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                yield row


def table(rows: list[dict[str, Any]]) -> str:
    """The rows' means over seeds, the spread of the difference behind it."""
    groups: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault((row["set"], row["rows"]), []).append(row)
    header = ["set", "rows", "tidegate", "words", "characters", "above the better", "LSTM", "s"]
    lines = []
    for (name, count), some in groups.items():
        means = {
            key: statistics.mean(one[key] for one in some)
            for key in ("tidegate", "words", "characters", "lstm_share", "seconds")
        }
        above = [100 * (one["tidegate"] - max(one["words"], one["characters"])) for one in some]
        mark = "" if len({one["state"] for one in some}) == 1 else " (several states)"
        lines.append(
            [
                name + mark,
                str(count or "all"),
                *(f"{100 * means[key]:.1f}" for key in ("tidegate", "words", "characters")),
                f"{statistics.mean(above):+.1f} ({min(above):+.1f} to {max(above):+.1f})",
                f"{means['lstm_share']:.2f}",
                f"{means['seconds']:.0f}",
            ]
        )
    return report.table(header, lines)


def main() -> None:
    """Runs what is not done yet and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="+", help="folders of --shared, or languages")
    parser.add_argument("--shared", type=Path, required=True, help="holds a folder for each set")
    parser.add_argument("--rows", type=int, nargs="+", default=[300, 1500, 0], help="0 for all")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kept", type=Path, required=True, help="file of rows that are done")
    given = parser.parse_args()
    rows = list(compare(given.sets, given.rows, given.seeds, given.shared, given.kept))
    print(f"{report.machine()} State: {', '.join(sorted({row['state'] for row in rows}))}.\n")
    print(table(rows))


if __name__ == "__main__":
    main()
