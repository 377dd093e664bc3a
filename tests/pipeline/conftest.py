"""A small data set that a tiny model learns, and runs of the command line over it."""

from __future__ import annotations

import os
import random
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

ENGLISH = "the river gate opens with tide water and closes slowly at night under moon"
GERMAN = "das tor im fluss geht mit der flut auf und schließt langsam bei nacht"
TINY = (
    "model.units=8",
    "model.embedding=8",
    "model.linear_weights=1024",
    "training.epochs=2",
    "training.batch_size=8",
    "training.learning_rate=0.02",
    "features.min_count=1",
    "data.valid_share=0.1",
    "data.eval_share=0.2",
)


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Distinct texts of random words in two languages."""
    chance = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < count:
        label, words = ("en", ENGLISH) if len(found) % 2 else ("de", GERMAN)
        found[" ".join(chance.choices(words.split(), k=chance.randint(3, 9)))] = label
    return list(found.items())


def write_csv(path: Path, rows: Sequence[tuple[str, str]]) -> Path:
    lines = ["text,label", *(f"{text},{label}" for text, label in rows)]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def call_here(*words: str) -> int:
    """The command line's own entry point in this process, where TFX is imported already.

    Returns:
      The exit code.
    """
    from tidegate.pipeline import cli

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["tidegate", *words])
        patch.setattr(os, "_exit", sys.exit)  # The command ends its process at once.
        try:
            cli.main()
        except SystemExit as end:
            assert isinstance(end.code, int)
            return end.code
    raise AssertionError("the command did not exit")


class Project:
    """A folder with data and an output folder, and the command that runs them.

    Attributes:
      folder: holds everything.
      output: the output folder.
      train, test: the data files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = folder / "out"
        rows = sentences(350, seed=1)
        # Labels that no model can know: else a gate could not be missed, as nothing beats 100 %.
        rows[::20] = [(text, {"en": "de", "de": "en"}[label]) for text, label in rows[::20]]
        self.train = write_csv(folder / "train.csv", rows[:300])
        self.test = write_csv(folder / "test.csv", rows[300:])

    def arguments(self, *settings: str, data: Path | None = None) -> list[str]:
        """Those of ``tidegate run``; later settings go over the tiny model's."""
        given = ["run", "text_classification", "--data", str(data or self.train)]
        given += ["--test", str(self.test), "--output", str(self.output)]
        for setting in (*TINY, *settings):
            given += ["--set", setting]
        return given

    def run_here(self, *settings: str, data: Path | None = None) -> int:
        """The command in this process."""
        return call_here(*self.arguments(*settings, data=data))

    @staticmethod
    def environment() -> dict[str, str]:
        """For a process of its own."""
        return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}

    def versions(self) -> list[str]:
        """All that is in the served model's folder, hidden entries too."""
        folder = self.output / "serving" / "text_classification"
        return sorted(os.listdir(folder)) if folder.exists() else []

    def executions(self) -> dict[str, Counter[str]]:
        """By component, how many executions ML Metadata knows in each state."""
        from ml_metadata import metadata_store
        from ml_metadata.proto import metadata_store_pb2

        config = metadata_store_pb2.ConnectionConfig()
        config.sqlite.filename_uri = str(self.output / "tfx" / "metadata.sqlite")
        config.sqlite.connection_mode = metadata_store_pb2.SqliteMetadataSourceConfig.READONLY
        store = metadata_store.MetadataStore(config)
        names = {kind.id: kind.name.rpartition(".")[2] for kind in store.get_execution_types()}
        states = metadata_store_pb2.Execution.State
        found: dict[str, Counter[str]] = {}
        for execution in store.get_executions():
            counts = found.setdefault(names[execution.type_id], Counter())
            counts[states.Name(execution.last_known_state)] += 1
        return found

    def new_executions(self, before: dict[str, Counter[str]]) -> dict[str, set[str]]:
        """By component, the states of the executions since `before`."""
        after = self.executions()
        return {name: set(counts - before.get(name, Counter())) for name, counts in after.items()}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("project"))
