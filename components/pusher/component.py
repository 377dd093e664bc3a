"""The component that pushes: to a folder of models, which a run may name."""

import os
from typing import Any, ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.proto import pusher_pb2
from tfx.types import channel, component_spec, standard_artifacts
from tfx.types.standard_component_specs import PUSH_DESTINATION_KEY
from tfx.types.standard_component_specs import PusherSpec as TfxPusherSpec
from tfx.utils import proto_utils

from tidegate.components.pusher import executor


class Executor(executor.Executor):
    """Pushes to the model's folder in the folder of models."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As `tidegate.components.pusher.executor`, to ``models/model_name``.

        Raises:
          OSError: the folder cannot be written.
        """
        destination = pusher_pb2.PushDestination(
            filesystem=pusher_pb2.PushDestination.Filesystem(
                base_directory=os.path.join(
                    exec_properties["models"], exec_properties["model_name"]
                )
            )
        )
        properties = {PUSH_DESTINATION_KEY: proto_utils.proto_to_json(destination)}
        super().Do(input_dict, output_dict, {**exec_properties, **properties})


class PusherSpec(component_spec.ComponentSpec):
    """What Pusher takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "models": component_spec.ExecutionParameter(type=str),
        "model_name": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = TfxPusherSpec.INPUTS
    OUTPUTS: ClassVar[dict[str, Any]] = TfxPusherSpec.OUTPUTS
    TYPE_ANNOTATION = TfxPusherSpec.TYPE_ANNOTATION


class Pusher(base_component.BaseComponent):
    """Pushes a model that is blessed twice as the next version in its folder.

    TFX's own takes the folder inside a message, where no parameter of a run can stand.

    Args:
      model: the Trainer's model.
      model_blessing: the Evaluator's.
      infra_blessing: the ServingCheck's.
      models: the folder of models; a str or a RuntimeParameter of one.
      model_name: the folder below it that holds the model's versions.
    """

    SPEC_CLASS = PusherSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(Executor)

    def __init__(
        self, model: Any, model_blessing: Any, infra_blessing: Any, models: Any, model_name: str
    ) -> None:
        super().__init__(
            spec=PusherSpec(
                model=model,
                model_blessing=model_blessing,
                infra_blessing=infra_blessing,
                models=models,
                model_name=model_name,
                pushed_model=channel.Channel(type=standard_artifacts.PushedModel),
            )
        )
