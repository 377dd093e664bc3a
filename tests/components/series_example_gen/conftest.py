"""A real run of SeriesExampleGen's executor, and what it wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.components.conftest import IN_MEMORY, described, execute
from tidegate.tables.errors import InputError


@dataclass(frozen=True)
class Generated:
    """What a run wrote.

    Attributes:
      folder: the artifact's folder.
      split_names: as the artifact says.
      splits: by split, the features of each example in the order of the files.
      report: the content of `report.json`.
    """

    folder: Path
    split_names: list[str]
    splits: dict[str, list[dict[str, Any]]]
    report: dict[str, Any]

    def of(self, name: str) -> dict[str, dict[str, Any]]:
        """By split, the example of a series."""
        return {
            split: example
            for split, examples in self.splits.items()
            for example in examples
            if example["unique_id"] == [name]
        }


def read_split(folder: Path) -> list[dict[str, Any]]:
    """The features of a split's examples: lists of texts, integers or floats."""
    import tensorflow as tf

    found = []
    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP"):
            features = tf.train.Example.FromString(record.numpy()).features.feature
            example = {}
            for name, feature in features.items():
                kind = feature.WhichOneof("kind")
                values = list(getattr(feature, kind).value) if kind else []
                example[name] = [v.decode() for v in values] if kind == "bytes_list" else values
            found.append(example)
    return found


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Generated]:
    """Runs SeriesExampleGen's executor."""

    def run(
        train: Path | str,
        test: Path | str | None = None,
        context: int = 6,
        horizon: int = 2,
        season: int | None = 1,
        beam: Sequence[str] = IN_MEMORY,
        **data: Any,
    ) -> Generated:
        from tidegate.components.series_example_gen.executor import Executor

        folder, scratch = (tmp_path_factory.mktemp(name) for name in ("examples", "tmp"))
        given = described("forecasting", data, context=context, horizon=horizon, season=season)
        names, report = execute(Executor, folder, scratch, given, train, test, beam)
        splits = {name: read_split(folder / f"Split-{name}") for name in names}
        return Generated(folder, names, splits, report)

    return run


@pytest.fixture(scope="session")
def refused(generate: Callable[..., Generated]) -> Callable[..., str]:
    """The one line with which data is refused, the path in front as PATH."""

    def run(path: Path, **arguments: Any) -> str:
        with pytest.raises(InputError) as caught:
            generate(path, **arguments)
        message = str(caught.value)
        assert len(message.splitlines()) == 1, message
        return message.replace(str(path), "PATH")

    return run


def write_csv(path: Path, rows: Sequence[Sequence[Any]], header: str = "unique_id,ds,y") -> Path:
    """Writes rows below a header."""
    lines = [header, *(",".join(map(str, row)) for row in rows)]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def csv(tmp_path: Path) -> Callable[..., Path]:
    """Writes rows as ``series.csv``."""

    def write(
        rows: Sequence[Sequence[Any]], header: str = "unique_id,ds,y", name: str = "series.csv"
    ) -> Path:
        return write_csv(tmp_path / name, rows, header)

    return write
