"""The component that pushes: to a folder of models, which a run may name."""

from collections.abc import Mapping
from typing import Any

from tfx.dsl.components.base import base_component, executor_spec
from tfx.dsl.io import fileio
from tfx.types.standard_component_specs import PusherSpec
from tfx.utils import path_utils

from tidegate.components import wiring
from tidegate.components.contents import contents
from tidegate.components.pusher import executor
from tidegate.components.pusher.versions import ROLLED_BACK


class Pusher(wiring.Wired, base_component.BaseComponent):
    """Pushes a model that is blessed as the next version in its folder.

    TFX's own takes the folder inside a message, where no parameter of a run can stand.

    Args:
      model: the Trainer's model.
      model_blessing: the Evaluator's.
      infra_blessing: the ServingCheck's. The model is pushed if each blessing given says so.
      models: the folder of models; a str or a RuntimeParameter of one.
      model_name: the folder below it that holds the model's versions.
    """

    SPEC_CLASS = wiring.spec(parameters={"models": str, "model_name": str}, base=PusherSpec)
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def lost(self, inputs: Mapping[str, Any], outputs: Mapping[str, Any]) -> str | None:
        """Whether a model that was pushed before is no longer, or not whole, where it was."""
        (pushed,), (model,) = outputs["pushed_model"], inputs["model"]
        if not pushed.custom_properties["pushed"].int_value:
            return None
        path = pushed.custom_properties["pushed_destination"].string_value
        # What was taken back on purpose is not pushed again.
        if fileio.exists(path + ROLLED_BACK):
            return None
        if contents(path) == contents(path_utils.serving_model_path(model.uri)):
            return None
        return f"{path} is not there as it was pushed: it is pushed again"
