"""The component: what it takes and gives."""

from typing import Any

from tfx.dsl.components.base import base_beam_component, executor_spec
from tfx.types import standard_artifacts

from tidegate.components.example_gen import data_fingerprint
from tidegate.components.record_example_gen import executor
from tidegate.components.wiring import Wired, spec
from tidegate.tables.files import several
from tidegate.tables.reads import RecordReads, RecordSplits, to_json


class RecordExampleGen(Wired, base_beam_component.BaseBeamComponent):
    """Reads records, checks them, splits them and writes shuffled tf.Examples.

    Splits: `train`, `valid` (cut from train for early stopping), `eval` (held out, the gates are
    judged on it) and, with a test file or a split column that has it, `test`. A hash of the key
    feature decides, so that equal texts are on one side. Beside the splits the artifact holds
    `report.json`: rows per split and label, and rows that could not be used.

    Args:
      data: a data file, a folder of them, or a list of such; or a RuntimeParameter of one.
      reads: what is read of it: columns, the features that they become, how files are read.
      splits: how its rows are parted.
      test: as `data`, for a fixed test split, or None.
      fingerprint: of the data, for TFX's cache, empty where a run alone knows its data; where not
        given, that of the files that are there when this is called.

    Raises (when it runs):
      InputError: the data cannot be used; the message names file and line.
    """

    SPEC_CLASS = spec(
        {"reads": str, "splits": str, "train": str, "test": ""},
        outputs={"examples": standard_artifacts.Examples},
    )
    # How the arguments become parameters is in this file.
    ALSO_RUNS = (__name__,)
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)

    def __init__(
        self,
        data: Any,
        reads: RecordReads,
        splits: RecordSplits,
        test: Any = None,
        fingerprint: str | None = None,
    ) -> None:
        if fingerprint is None:
            fingerprint = data_fingerprint.known(data, test)
        super().__init__(
            reads=to_json(reads),
            splits=to_json(splits),
            train=several(data) if isinstance(data, list | tuple) else data,
            test=test or "",
            fingerprint=fingerprint,
        )
