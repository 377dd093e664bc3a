"""Seals on finished artifacts: what is taken from a former run is what was left there.

A seal is a file beside the artifact, written when its component has done its work and before ML
Metadata calls it complete. An artifact without a seal, or whose files differ from it, is not used
again: its component does the work anew.
"""

import json
import os
from collections.abc import Iterable
from typing import Any

import tensorflow as tf
from tfx.orchestration.portable.beam_executor_operator import BeamExecutorOperator
from tfx.orchestration.portable.python_executor_operator import PythonExecutorOperator
from tfx.proto.orchestration import executable_spec_pb2

from tidegate.components.contents import contents


def seal_path(uri: str) -> str:
    """Where the seal of the artifact at `<component>/<output>/<execution>` lies."""
    output, execution = os.path.split(uri.rstrip("/"))
    component, name = os.path.split(output)
    return os.path.join(component, ".system", "seals", name, f"{execution}.json")


def seal(uri: str) -> None:
    """Writes down what an artifact's files are.

    Raises:
      OSError, tf.errors.OpError: they cannot be read, or the seal cannot be written.
    """
    path = seal_path(uri)
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "w") as file:
        file.write(json.dumps(contents(uri)))


def damage(uri: str) -> str | None:
    """What is wrong with an artifact's files, or None where they are as they were sealed."""
    if not tf.io.gfile.exists(uri):
        return "is gone"
    try:
        with tf.io.gfile.GFile(seal_path(uri)) as file:
            sealed = json.loads(file.read())
    except (tf.errors.OpError, ValueError):
        return "has no seal"
    try:
        found = contents(uri)
    except (OSError, tf.errors.OpError) as error:
        return f"cannot be read: {error}"
    for name in sorted({*sealed, *found}):
        if name not in found:
            return f"lacks {name}"
        if sealed.get(name) != found[name]:
            return f"has another {name} than was written"
    return None


def _sealed(operator: type[Any]) -> type[Any]:
    """An executor operator of TFX's that seals the outputs of what it has run."""

    class SealingOperator(operator):
        def run_executor(self, execution_info: Any, *more: Any, **named: Any) -> Any:
            done = super().run_executor(execution_info, *more, **named)
            if not done.execution_result.code:
                for artifact in _flat(execution_info.output_dict.values()):
                    seal(artifact.uri)
            return done

    return SealingOperator


def _flat(lists: Iterable[Iterable[Any]]) -> list[Any]:
    return [one for ones in lists for one in ones]


# For TFX's Launcher, by the specification of what is run.
SEALING_OPERATORS = {
    executable_spec_pb2.PythonClassExecutableSpec: _sealed(PythonExecutorOperator),
    executable_spec_pb2.BeamExecutableSpec: _sealed(BeamExecutorOperator),
}
