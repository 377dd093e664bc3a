"""Which tests one process of pytest-xdist runs together, and which come first."""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadFileScheduling

# Tests of these folders share fixtures of the session that are dear to make.
_TOGETHER = ("tests/conformance",)
# Tests of these folders run whole pipelines. What takes long comes first: at the end a process
# would wait for the other one.
_LONGEST = ("tests/pipeline", "tests/kubeflow", "tests/packaging", "tests/beam")


def unit(nodeid: str) -> str:
    """The file of a test, or the folder where its tests stay together."""
    file = nodeid.partition("::")[0]
    return next((folder for folder in _TOGETHER if file.startswith(f"{folder}/")), file)


def longest_first(items: list[pytest.Item]) -> None:
    """Puts units with slow tests before others, those of whole pipelines at the head."""
    slow = {unit(item.nodeid) for item in items if item.get_closest_marker("slow")}

    def rank(item: pytest.Item) -> int:
        own = unit(item.nodeid)
        return 0 if own in slow and own.startswith(_LONGEST) else 1 if own in slow else 2

    items.sort(key=rank)


class UnitScheduling(LoadFileScheduling):
    """Hands out units in the order of the collection."""

    def _split_scope(self, nodeid: str) -> str:
        return unit(nodeid)
