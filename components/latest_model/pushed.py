"""The model that is served now, as the one that a candidate is compared with.

On one machine ML Metadata knows the latest blessed model. A compiled pipeline cannot ask it: of
resolvers, open-source Kubeflow Pipelines runs none. The folder of models tells the same wherever
the pipeline runs, as what is pushed has passed all gates.
"""

import os
from typing import Any

from tfx.dsl.components.base import base_component, base_executor, executor_spec
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils

from tidegate.components import wiring
from tidegate.components.contents import contents
from tidegate.models.core.progress import reporter

GRAPH_FILE = "saved_model.pb"


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
        if fileio.exists(os.path.join(path, GRAPH_FILE)) and contents(path, whole=True) != own:
            return path
    return None


class LatestPushedModel(wiring.Wired, base_component.BaseComponent):
    """Emits the newest pushed model that is not the candidate, or an empty artifact.

    A cached answer is right as long as the candidate is the same: the comparison was made then.

    Args:
      candidate: the Trainer's model.
      models: the folder of models; a str or a RuntimeParameter of one.
      model_name: the folder below it that holds the model's versions.
    """

    SPEC_CLASS = wiring.spec(
        parameters={"models": str, "model_name": str},
        inputs={"candidate": standard_artifacts.Model},
        outputs={"model": standard_artifacts.Model},
    )
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)
