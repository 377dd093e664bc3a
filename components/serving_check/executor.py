"""The work: has the model served in a process of its own; what a client sees decides."""

import json
import os
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from tidegate.components.serving_check.probe import Bounds, ModelProcess, ProcessKilled, probe
from tidegate.models.core.progress import reporter

RESULT_FILE = "result.json"
# TFX's InfraValidator sets the same property and writes the same files.
_BLESSED = "blessed"
_started: list[ModelProcess] = []


def start_process() -> None:
    """Starts the process ahead of time: it imports TensorFlow while something else runs."""
    _started.append(ModelProcess())


def load_ahead(model_uri: str) -> None:
    """Lets a process that was started load the model while something else runs.

    Args:
      model_uri: of the Trainer's model artifact.
    """
    if _started:
        _started[-1].load(path_utils.serving_model_path(model_uri))


def stop_process() -> None:
    """Ends a process that was started and not used."""
    while _started:
        _started.pop().end()


class Executor(base_executor.BaseExecutor):
    """Emits an InfraBlessing."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Blesses the model if a client finds that it serves as it must.

        Raises:
          ProcessKilled: its process was killed twice: no verdict, so nothing that the cache keeps.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        folder = path_utils.serving_model_path(model.uri)
        bounds = Bounds(
            **{
                name: exec_properties[name]
                for name in ("tolerance", "timeout", "latency_ms", "memory_mb")
            }
        )
        examples = _examples(input_dict.get("examples", []))
        try:
            result = probe(_started.pop() if _started else ModelProcess(), folder, bounds, examples)
        except ProcessKilled as killed:
            reporter().line(f"{killed}; it is served once more")
            result = probe(ModelProcess(), folder, bounds, examples)
        with fileio.open(os.path.join(blessing.uri, RESULT_FILE), "w") as file:
            file.write(json.dumps(result))
        marker = "INFRA_BLESSED" if result["ok"] else "INFRA_NOT_BLESSED"
        with fileio.open(os.path.join(blessing.uri, marker), "w") as file:
            file.write("")
        blessing.set_int_custom_property(_BLESSED, int(result["ok"]))
        if not result["ok"]:
            reporter().line(f"the exported model cannot be served: {result['problem']}")


def _examples(given: list[Any]) -> str | None:
    """The folder of the split that is asked: `eval`, or the first one; None without any."""
    if not given:
        return None
    splits = artifact_utils.decode_split_names(given[0].split_names)
    split = "eval" if "eval" in splits else splits[0]
    return str(artifact_utils.get_split_uri(given, split))
