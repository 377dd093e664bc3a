"""How every ExampleGen ends: it says what was left out, and describes the splits it has written."""

from collections.abc import Mapping
from typing import Any

from tfx.components.example_gen.utils import FINGERPRINT_PROPERTY_NAME
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils, standard_artifacts

from tidegate.components.example_gen import data_fingerprint
from tidegate.components.example_gen.report import SPLITS, RowReport, write_report
from tidegate.models.core.progress import reporter


def complete(
    examples: standard_artifacts.Examples,
    exec_properties: Mapping[str, Any],
    report: RowReport,
    **more: Any,
) -> None:
    """Tells a person of rows left out and of remarks, and completes the artifact.

    Args:
      examples: the artifact; its splits are written.
      exec_properties: those of the executor, with `train`, `test` and `fingerprint`.
      report: of all rows, without an error.
      more: what `report.json` holds beside it.
    """
    if report.bad:
        reporter().line(f"left out {report.bad_line()}")
    for line in report.remark_lines():
        reporter().line(line)
    written = [split for split in SPLITS if report.rows.get(split)]
    examples.split_names = artifact_utils.encode_split_names(written)
    examples_utils.set_payload_format(examples, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples.set_string_custom_property(
        FINGERPRINT_PROPERTY_NAME,
        data_fingerprint.complete(
            exec_properties["fingerprint"],
            exec_properties["train"],
            exec_properties.get("test"),
            exec_properties["reads"],
        ),
    )
    write_report(examples.uri, {**report.as_dict(), **more})
