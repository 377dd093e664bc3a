"""The work: starts the process, hands it the model, turns its result into a blessing."""

import json
import os
import subprocess
import sys
from typing import Any

from tfx.dsl.components.base import base_executor
from tfx.dsl.io import fileio
from tfx.types import artifact_utils
from tfx.utils import path_utils

from models.core.progress import reporter

RESULT_FILE = "result.json"
# TFX's InfraValidator sets the same property and writes the same files.
_BLESSED = "blessed"
_started: list[subprocess.Popen[str]] = []


def start_process() -> None:
    """Starts the process ahead of time: it imports TensorFlow while something else runs."""
    _started.append(_new_process())


def stop_process() -> None:
    """Ends a process that was started and not used."""
    while _started:
        process = _started.pop()
        process.kill()
        process.communicate()


def _new_process() -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "-1",  # The model must load where there is no GPU.
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "components.serving_check.process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None,
        text=True,
        env=environment,
    )


def check_in_process(model: str, tolerance: float, timeout: float) -> dict[str, Any]:
    """Checks a SavedModel in a process of its own.

    Args:
      model: the SavedModel's folder.
      tolerance: largest difference allowed.
      timeout: seconds to wait.

    Returns:
      The process's result; not `ok` where it died or did not answer in time.
    """
    process = _started.pop() if _started else _new_process()
    order = json.dumps({"model": model, "tolerance": tolerance}) + "\n"
    try:
        printed, _ = process.communicate(order, timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return {"ok": False, "problem": f"no answer within {timeout:.0f} s"}
    lines = printed.strip().splitlines()
    if process.returncode != 0 or not lines:
        return {"ok": False, "problem": f"the process ended with exit code {process.returncode}"}
    result: dict[str, Any] = json.loads(lines[-1])
    return result


class Executor(base_executor.BaseExecutor):
    """Emits an InfraBlessing."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Blesses the model if it answers in a fresh process as it did in training."""
        self._log_startup(input_dict, output_dict, exec_properties)
        model = artifact_utils.get_single_instance(input_dict["model"])
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        result = check_in_process(
            path_utils.serving_model_path(model.uri),
            exec_properties["tolerance"],
            exec_properties["timeout"],
        )
        with fileio.open(os.path.join(blessing.uri, RESULT_FILE), "w") as file:
            file.write(json.dumps(result))
        marker = "INFRA_BLESSED" if result["ok"] else "INFRA_NOT_BLESSED"
        with fileio.open(os.path.join(blessing.uri, marker), "w") as file:
            file.write("")
        blessing.set_int_custom_property(_BLESSED, int(result["ok"]))
        if not result["ok"]:
            reporter().line(f"the exported model cannot be served: {result['problem']}")
