"""The component: what it takes and gives."""

from tfx.dsl.components.base import base_component, executor_spec

from tidegate.components.example_gen.component import ReadsFiles
from tidegate.components.text_example_gen import executor


class TextExampleGen(ReadsFiles, base_component.BaseComponent):
    """Reads running text, parts it and writes tf.Examples in the order of the text.

    An example holds `text`, a document or a piece of one, and `part`, the number of the piece in
    its document, from 0. Splits: `train`, `valid` (for early stopping), `eval` (held out, the gates
    are judged on it) and, with a test file or where the data have it, `test`. Beside the splits the
    artifact holds `report.json`: pieces and characters by split, and rows that could not be used.

    `reads` is a `RecordReads` of one column, `splits` a `TextSplits`; the other arguments are those
    of `ReadsFiles`.
    """

    ALSO_RUNS = (*ReadsFiles.ALSO_RUNS, __name__)
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
