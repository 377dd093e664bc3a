"""Models and output folders of one generation of the stack, in the other: see across.sh.

    python -m tests.generation.across make FOLDER     runs each task, small, and asks its model
    python -m tests.generation.across check FOLDER    asks the models here, and runs the runs again

`check` in the other generation wants the same answers, and the run to go on; or, of each, a refusal
of one line.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

# Sums in another order.
_TOLERANCE = 1e-4
_SETTINGS = {
    "text_classification": (
        "model.units=8",
        "model.embedding=8",
        "model.linear_weights=1024",
        "training.steps=20",
        "features.min_count=1",
        "data.eval_share=0.2",
    ),
    "forecasting": (
        "features.horizon=6",
        "features.context=24",
        "model.units=8",
        "training.steps=20",
        "gates.relative_mase=99",
        "gates.relative_wql=99",
        "gates.coverage_error=1",
    ),
}


def write_data(folder: Path) -> None:
    """A small file for each task, TASK.csv."""
    chance = random.Random(5)
    words = {"en": "river gate opens with tide water", "de": "tor im fluss geht mit der flut"}
    texts = {
        f"{' '.join(chance.choices(words[label].split(), k=5))} {row}": label
        for row, label in enumerate(["en", "de"] * 150)
    }
    rows = ["text,label", *(f"{text},{label}" for text, label in texts.items())]
    (folder / "text_classification.csv").write_text("\n".join(rows) + "\n")
    rows = ["unique_id,ds,y"] + [
        f"{name},{year}-{month:02}-01,{20 + 5 * (month % 6) + chance.random():.3f}"
        for name in ("bath", "garden")
        for year in range(2000, 2024)
        for month in range(1, 13)
    ]
    (folder / "forecasting.csv").write_text("\n".join(rows) + "\n")


def tidegate(*words: object) -> subprocess.CompletedProcess[str]:
    """The command of this environment."""
    command = [str(Path(sys.executable).with_name("tidegate")), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8")


def run(task: str, folder: Path, output: Path) -> subprocess.CompletedProcess[str]:
    """The task's run into an output folder."""
    words = [word for setting in _SETTINGS[task] for word in ("--set", setting)]
    return tidegate("run", task, "--data", folder / f"{task}.csv", "--output", output, *words)


def ask(task: str, folder: Path, answers: Path) -> subprocess.CompletedProcess[str]:
    """The task's model asked about the rows that it was made of."""
    models = folder / task / "serving"
    file = folder / f"{task}.csv"
    return tidegate("predict", task, "--models", models, "--file", file, "--output", answers)


def make(folder: Path) -> None:
    """Runs each task and keeps its answers."""
    folder.mkdir(parents=True)
    write_data(folder)
    for task in _SETTINGS:
        for done in (run(task, folder, folder / task), ask(task, folder, answers(folder, task))):
            if done.returncode:
                raise SystemExit(f"{task}: exit code {done.returncode}\n{done.stderr}")


def answers(folder: Path, task: str) -> Path:
    """Where the answers of the generation that made the model are."""
    return folder / f"{task}-answers.csv"


def check(folder: Path) -> bool:
    """Asks the models, and runs the runs again; whether all is as it has to be."""
    good = True
    for task in _SETTINGS:
        again = folder / f"{task}-other.csv"
        done = ask(task, folder, again)
        said = refusal(done)
        if done.returncode == 0:
            worst = difference(answers(folder, task), again)
            said = f"answers differ by {worst:.1g} at most"
            good &= worst <= _TOLERANCE
        good &= said is not None
        print(f"{task}, asked: {said or unexpected(done)}")

        copy = folder / f"{task}-kept"
        shutil.copytree(folder / task, copy, symlinks=True)
        done = run(task, folder, folder / task)
        said = refusal(done)
        if done.returncode == 0:
            kept = sum("unchanged" in line for line in done.stdout.splitlines())
            said = f"goes on, {kept} components unchanged"
        good &= said is not None
        print(f"{task}, run again: {said or unexpected(done)}", flush=True)
        shutil.rmtree(folder / task)
        copy.rename(folder / task)
    return good


def refusal(done: subprocess.CompletedProcess[str]) -> str | None:
    """The line of a refusal, or None where it is no such thing."""
    lines = done.stderr.splitlines()
    return f"refused: {lines[0]}" if done.returncode == 2 and len(lines) == 1 else None


def unexpected(done: subprocess.CompletedProcess[str]) -> str:
    """What a command printed that neither answered nor refused."""
    return f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def difference(one: Path, other: Path) -> float:
    """The largest difference between the numbers of two files; infinite where texts differ."""
    import pandas as pd

    first, second = pd.read_csv(one), pd.read_csv(other)
    numbers = first.select_dtypes("number").columns
    texts = first.columns.difference(numbers)
    if list(first) != list(second) or not first[texts].equals(second[texts]):
        return float("inf")
    return float((first[numbers] - second[numbers]).abs().max().max())


if __name__ == "__main__":
    _, what, where = sys.argv
    if what == "make":
        make(Path(where))
    else:
        sys.exit(0 if check(Path(where)) else 1)
