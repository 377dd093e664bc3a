"""The model that is served now, as the one that a candidate is compared with.

On one machine ML Metadata knows the latest blessed model. A compiled pipeline cannot ask it: of
resolvers, open-source Kubeflow Pipelines runs none. The folder of models tells the same wherever
the pipeline runs, as what is pushed has passed all gates.
"""

import os
from typing import Any, ClassVar

from tfx.components.evaluator import component as tfx_component
from tfx.components.evaluator import executor as tfx_executor
from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, channel, component_spec, standard_artifacts
from tfx.types.standard_component_specs import BASELINE_MODEL_KEY
from tfx.utils import io_utils, path_utils

from tidegate.components.contents import contents
from tidegate.models.core.progress import reporter

_GRAPH_FILE = "saved_model.pb"


class Executor(base_executor.BaseExecutor):
    """Copies the newest version that is not the candidate itself."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """Copies a version; without one, the artifact stays empty."""
        self._log_startup(input_dict, output_dict, exec_properties)
        candidate = artifact_utils.get_single_instance(input_dict["candidate"])
        model = artifact_utils.get_single_instance(output_dict["model"])
        folder = os.path.join(exec_properties["models"], exec_properties["model_name"])
        version = latest_other(folder, path_utils.serving_model_path(candidate.uri))
        if version is None:
            reporter().line(f"no other model in {folder}: nothing to compare with")
            return
        io_utils.copy_dir(version, path_utils.serving_model_dir(model.uri))
        model.set_string_custom_property("pushed", version)


def latest_other(folder: str, candidate: str) -> str | None:
    """The newest version of a model's folder that is another model than the candidate.

    A pipeline that runs again, unchanged, finds its own model there.

    Args:
      folder: of the model's versions.
      candidate: a SavedModel.

    Returns:
      The version's path; None where there is none.
    """
    if not fileio.isdir(folder):
        return None
    own = contents(candidate, whole=True)
    # Object stores list folders with a slash at their end.
    names = (name.rstrip("/") for name in fileio.listdir(folder))
    for version in sorted((int(name) for name in names if name.isdigit()), reverse=True):
        path = os.path.join(folder, str(version))
        if fileio.exists(os.path.join(path, _GRAPH_FILE)) and contents(path, whole=True) != own:
            return path
    return None


class LatestPushedModelSpec(component_spec.ComponentSpec):
    """What LatestPushedModel takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "models": component_spec.ExecutionParameter(type=str),
        "model_name": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        "candidate": component_spec.ChannelParameter(type=standard_artifacts.Model)
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model)
    }


class LatestPushedModel(base_component.BaseComponent):
    """Emits the newest pushed model that is not the candidate, or an empty artifact.

    A cached answer is right as long as the candidate is the same: the comparison was made then.

    Args:
      candidate: the Trainer's model.
      models: the folder of models; a str or a RuntimeParameter of one.
      model_name: the folder below it that holds the model's versions.
    """

    SPEC_CLASS = LatestPushedModelSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(self, candidate: Any, models: Any, model_name: str) -> None:
        super().__init__(
            spec=LatestPushedModelSpec(
                candidate=candidate,
                models=models,
                model_name=model_name,
                model=channel.Channel(type=standard_artifacts.Model),
            )
        )


class EvaluatorExecutor(tfx_executor.Executor):
    """TFX's, for a baseline that may be an empty artifact."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's; without a baseline where it holds no model."""
        there = [
            model
            for model in input_dict.get(BASELINE_MODEL_KEY, [])
            if fileio.exists(os.path.join(path_utils.serving_model_path(model.uri), _GRAPH_FILE))
        ]
        super().Do({**input_dict, BASELINE_MODEL_KEY: there}, output_dict, exec_properties)


class Evaluator(tfx_component.Evaluator):
    """TFX's Evaluator; on a cluster each input is an artifact, even where there is no model."""

    EXECUTOR_SPEC = executor_spec.BeamExecutorSpec(EvaluatorExecutor)
