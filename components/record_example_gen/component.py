"""The component: what it takes and gives."""

from tfx.dsl.components.base import base_beam_component, executor_spec

from tidegate.components.example_gen.component import ReadsFiles
from tidegate.components.record_example_gen import executor


class RecordExampleGen(ReadsFiles, base_beam_component.BaseBeamComponent):
    """Reads records, checks them, splits them and writes shuffled tf.Examples.

    Splits: `train`, `valid` (cut from train for early stopping), `eval` (held out, the gates are
    judged on it) and, with a test file or a split column that has it, `test`. A hash of the key
    feature decides, so that equal texts are on one side. Beside the splits the artifact holds
    `report.json`: rows per split and label, and rows that could not be used.

    `reads` is a `RecordReads`, `splits` a `RecordSplits`; the other arguments are those of
    `ReadsFiles`.
    """

    ALSO_RUNS = (*ReadsFiles.ALSO_RUNS, __name__)
    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(executor.Executor)
