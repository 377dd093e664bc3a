"""The TFX components that TFX lacks. Those that need no task of ours are had from here.

from tidegate.components import Pusher, RecordExampleGen, SeriesExampleGen, ServingCheck
"""

import importlib
from typing import Any

# Imported when asked for: TFX takes seconds.
_COMPONENTS = {
    "Pusher": "pusher",
    "RecordExampleGen": "record_example_gen",
    "SchemaGen": "schema_gen",
    "SeriesExampleGen": "series_example_gen",
    "ServingCheck": "serving_check",
    "StrictExampleValidator": "example_validator",
}
__all__ = list(_COMPONENTS)


def __getattr__(name: str) -> Any:
    if name not in _COMPONENTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_COMPONENTS[name]}.component"), name)
