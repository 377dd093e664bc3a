"""TFX's Pusher, but a version is complete before it is visible, and its number always grows."""

import os
from typing import Any

from tfx.components.pusher import executor as tfx_executor
from tfx.types import artifact_utils

from tidegate.components.pusher.versions import push_model, pushed_already


class Executor(tfx_executor.Executor):
    """Copies the blessed model beside the versions, then renames it to its number."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        """As TFX's Pusher, to ``models/model_name``.

        A model that is the current version there already is not copied a second time.

        Raises:
          OSError: the folder cannot be written.
        """
        self._log_startup(input_dict, output_dict, exec_properties)
        pushed = artifact_utils.get_single_instance(output_dict["pushed_model"])
        if not self.CheckBlessing(input_dict):
            self._MarkNotPushed(pushed)
            return
        model = self.GetModelPath(input_dict)
        folder = os.path.join(exec_properties["models"], exec_properties["model_name"])
        target = pushed_already(model, folder) or push_model(model, folder)
        self._MarkPushed(pushed, pushed_destination=target, pushed_version=os.path.basename(target))
