"""The state of models and their versions, as GetModelStatus tells it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus

from tidegate.serving.server.status import ServingError, failed_precondition

if TYPE_CHECKING:
    from tensorflow_serving.config.model_server_config_pb2 import ModelConfig

    from tidegate.serving.server.servable import Servable

START = ModelVersionStatus.START
LOADING = ModelVersionStatus.LOADING
AVAILABLE = ModelVersionStatus.AVAILABLE
UNLOADING = ModelVersionStatus.UNLOADING
END = ModelVersionStatus.END


@dataclass(eq=False)
class Version:
    """One version, from being found to being gone; the manager's lock guards it.

    Attributes:
      model: its model's name.
      number: the version number.
      path: its folder.
      state: START (waits for its turn), LOADING (and between two tries), AVAILABLE, UNLOADING
        (no new leases), END (all tries failed).
      aspired: whether the policy asks for it.
      busy: a thread loads or unloads it.
      servable: while it is AVAILABLE or UNLOADING.
      leases: requests that use it.
      failures: tries that failed.
      retry_at: no try before this time, seconds of ``time.monotonic()``.
      error: of the last try.
    """

    model: str
    number: int
    path: str
    state: int = START
    aspired: bool = True
    busy: bool = False
    servable: Servable | None = None
    leases: int = 0
    failures: int = 0
    retry_at: float = -math.inf
    error: ServingError | None = None

    def status(self, state: int | None = None) -> ModelVersionStatus:
        """Number, state and error; a state given replaces the version's own."""
        return version_status(self.number, self.state if state is None else state, self.error)


@dataclass(eq=False)
class Model:
    """One model of the configuration.

    Attributes:
      config: name, base path, policy, labels.
      versions: all that are not gone.
      serving: those that take requests, by number.
      latest: the newest of these.
      looked: whether its folder has been looked at since its configuration came.
      removed: no longer in the configuration; its versions unload.
      complaint: the last problem with its folder, so that it is logged once.
    """

    config: ModelConfig
    versions: list[Version] = field(default_factory=list)
    serving: dict[int, Version] = field(default_factory=dict)
    latest: Version | None = None
    looked: bool = False
    removed: bool = False
    complaint: str = ""

    @property
    def name(self) -> str:
        """The model's name."""
        return str(self.config.name)

    def aspire(self, wanted: Mapping[int, str], on_disk: Mapping[int, str]) -> None:
        """Takes over what the policy asks for now.

        Where nothing is left to ask for, what serves goes on: a folder that is unmounted or being
        rebuilt must not take a model away. Versions that failed are forgotten all the same, so
        that one that comes back is tried anew.

        Args:
          wanted: number to folder, of the versions the policy asks for.
          on_disk: number to folder, of all versions found.
        """
        if not wanted:
            for version in self.versions:
                if version.state != AVAILABLE and version.number not in on_disk:
                    version.aspired = False
            return
        for version in self.versions:
            version.aspired = wanted.get(version.number) == version.path
        known = {(version.number, version.path) for version in self.versions}
        for number, path in sorted(wanted.items()):
            if (number, path) not in known:
                self.versions.append(Version(self.name, number, path))

    def route(self) -> None:
        """Finds anew which versions take requests."""
        # Under one number the aspired one wins: the other has another folder, of an older config.
        available = [version for version in self.versions if version.state == AVAILABLE]
        self.serving = {
            version.number: version for version in sorted(available, key=lambda v: v.aspired)
        }
        self.latest = self.serving[max(self.serving)] if self.serving else None

    def settled(self) -> bool:
        """Whether it has a version that serves, or every version that it should have has failed."""
        return self.latest is not None or (
            self.looked and all(version.failures for version in self.versions if version.aspired)
        )

    def complete(self) -> bool:
        """Whether every version that it should have now serves or has failed."""
        return self.looked and all(
            version.state == AVAILABLE or version.failures
            for version in self.versions
            if version.aspired
        )

    def arrived(self) -> bool:
        """Whether a version of the folder that it has now serves."""
        return any(
            version.aspired
            and version.state == AVAILABLE
            and version.path == os.path.join(self.config.base_path, os.path.basename(version.path))
            for version in self.versions
        )

    def why_not(self) -> str:
        """Why no version serves, in the words of a failed reload."""
        failed = [version for version in self.versions if version.aspired and version.error]
        if not failed:
            return f"{{name: {self.name}}} due to error: {self.complaint or 'no versions found'}"
        newest = max(failed, key=lambda version: version.number)
        return f"{{name: {self.name} version: {newest.number}}} due to error: {newest.error}"


def version_status(number: int, state: int, error: ServingError | None) -> ModelVersionStatus:
    """The message for one version."""
    message = ModelVersionStatus(version=number, state=state)
    message.status.SetInParent()
    if error is not None:
        message.status.error_code = error.number
        message.status.error_message = error.message
    return message


def check_labels(
    models: Mapping[str, Model], before: Mapping[str, ModelConfig], unavailable: bool
) -> None:
    """Checks that the labels of a new configuration point to versions that serve.

    Args:
      models: by name, with the new configuration.
      before: their configurations before it.
      unavailable: whether a new label may come before its version. One that serves may not leave
        its version for one that does not even so.

    Raises:
      ServingError: FAILED_PRECONDITION.
    """
    for name, model in models.items():
        old = before[name].version_labels if name in before else {}
        for label, number in model.config.version_labels.items():
            asked = model.serving.get(number)
            if asked is not None and asked.aspired:
                continue
            if model.removed or (unavailable and old.get(label, number) == number):
                continue
            raise failed_precondition(
                f"Request to assign label to version {number} of model {name}, "
                "which is not currently available for inference"
            )
