"""The function that TFX's Transform calls, and what lets it run on the Beam that is pinned."""

from collections.abc import Mapping
from typing import Any

from apache_beam import pipeline


class _AppliedPTransform(pipeline.AppliedPTransform):
    """A step of Beam's that may be made without its last two arguments.

    Where what is analysed depends on an earlier analysis, TF Transform copies steps, and 1.16 makes
    the copies as earlier Beams took them.
    """

    def __init__(
        self,
        parent: Any,
        transform: Any,
        full_label: str,
        main_inputs: Any,
        environment_id: str | None = None,
        annotations: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(parent, transform, full_label, main_inputs, environment_id, annotations)


pipeline.AppliedPTransform = _AppliedPTransform
