"""What an ExampleGen takes and gives."""

from collections.abc import Sequence
from typing import Any, ClassVar

from tfx.types import standard_artifacts

from tidegate.components.example_gen import data_fingerprint
from tidegate.components.wiring import Wired, spec
from tidegate.tables.files import several
from tidegate.tables.reads import to_json


class ReadsFiles(Wired):
    """Mixed into an ExampleGen that reads files of rows, checks them and parts them into splits.

    Beside the splits its artifact holds `report.json`: what is in each, and what could not be used.

    Args:
      data: a data file, a folder of them, or a list of such; or a RuntimeParameter of one.
      reads: what is read of it, a value of `tables.reads`: columns, and how files are read.
      splits: how that is parted; the class says of which type both are.
      test: as `data`, for a fixed test split, or None.
      fingerprint: of the data, for TFX's cache, empty where a run alone knows its data; where not
        given, that of the files that are there when this is called.

    Raises (when it runs):
      InputError: the data cannot be used; the message names the place.
    """

    SPEC_CLASS = spec(
        {"reads": str, "splits": str, "train": str, "test": ""},
        outputs={"examples": standard_artifacts.Examples},
    )
    # How the arguments become parameters is in this file.
    ALSO_RUNS: ClassVar[Sequence[str]] = (__name__,)

    def __init__(
        self,
        data: Any,
        reads: Any,
        splits: Any,
        test: Any = None,
        fingerprint: str | None = None,
    ) -> None:
        if fingerprint is None:
            fingerprint = data_fingerprint.known(data, test, reads)
        super().__init__(
            reads=to_json(reads),
            splits=to_json(splits),
            train=several(data) if isinstance(data, list | tuple) else data,
            test=test or "",
            fingerprint=fingerprint,
        )
