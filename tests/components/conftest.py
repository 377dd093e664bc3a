"""A real run of RecordExampleGen's executor, and what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tidegate.models.core.task import load_task
from tidegate.tables.reads import to_json

# Without the last flag, TFX packs itself into a source distribution for each pipeline.
IN_MEMORY = (
    "--runner=DirectRunner",
    "--allow_unsafe_triggers",
    "--direct_running_mode=in_memory",
    "--sdk_container_image=none",
)


@dataclass(frozen=True)
class Generated:
    """What a run wrote.

    Attributes:
      folder: the artifact's folder.
      split_names: as the artifact says.
      splits: by split, (text, label) of each row in the order of the files.
      report: the content of `report.json`.
    """

    folder: Path
    split_names: list[str]
    splits: dict[str, list[tuple[str, str]]]
    report: dict[str, Any]

    def texts(self, split: str) -> set[str]:
        """The distinct texts of a split."""
        return {text for text, _ in self.splits[split]}


def read_split(folder: Path) -> Iterator[tuple[str, str]]:
    """(text, label) of a split's rows."""
    import tensorflow as tf

    for path in sorted(folder.iterdir()):
        for record in tf.data.TFRecordDataset(str(path), compression_type="GZIP"):
            feature = tf.train.Example.FromString(record.numpy()).features.feature
            assert sorted(feature) == ["label", "text"]
            text, label = (feature[name].bytes_list.value for name in ("text", "label"))
            assert len(text) == len(label) == 1
            yield text[0].decode(), label[0].decode()


def described(name: str, data: Mapping[str, Any], **features: Any) -> dict[str, str]:
    """What a task's ExampleGen is told with these settings of data and features."""
    task = load_task(name)
    settings = task.data.model_validate(data)
    known = task.features.model_validate(features)
    return {
        "reads": to_json(task.reads(settings)),
        "splits": to_json(task.splits(settings, known)),
    }


def execute(
    executor: Any,
    folder: Path,
    scratch: Path,
    given: Mapping[str, str],
    train: Path | str,
    test: Path | str | None,
    beam: Sequence[str] = IN_MEMORY,
) -> tuple[list[str], dict[str, Any]]:
    """Runs an ExampleGen's executor; the splits that it says, and its report.

    Args:
      executor: its class.
      folder: of the artifact.
      scratch: for Beam.
      given: as `described`.
      train, test: the data.
      beam: Beam's options.
    """
    from tfx.types import artifact_utils, standard_artifacts

    examples = standard_artifacts.Examples()
    examples.uri = str(folder)
    context = executor.Context(beam_pipeline_args=list(beam), tmp_dir=str(scratch), unique_id="1")
    properties = {
        **given,
        "train": str(train),
        "test": str(test) if test else None,
        "fingerprint": "",
    }
    executor(context).Do({}, {"examples": [examples]}, properties)
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return artifact_utils.decode_split_names(examples.split_names), report


@pytest.fixture(scope="session")
def generate(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Generated]:
    """Runs RecordExampleGen's executor for text classification."""

    def run(
        train: Path | str,
        test: Path | str | None = None,
        beam: Sequence[str] = IN_MEMORY,
        folder: Path | None = None,
        **data: Any,
    ) -> Generated:
        from tidegate.components.record_example_gen.executor import Executor

        folder = folder or tmp_path_factory.mktemp("examples")
        given = described("text_classification", data)
        scratch = tmp_path_factory.mktemp("tmp")
        names, report = execute(Executor, folder, scratch, given, train, test, beam)
        splits = {name: list(read_split(folder / f"Split-{name}")) for name in names}
        return Generated(folder, names, splits, report)

    return run
