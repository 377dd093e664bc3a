"""Where configurations and versions come from while the server runs: folders and a file."""

from __future__ import annotations

import logging
import math
import time
from pathlib import Path
from typing import TYPE_CHECKING

import tensorflow as tf

from tidegate.serving.server import model_config, versions
from tidegate.serving.server.options import ConfigError, EngineOptions

if TYPE_CHECKING:
    from tensorflow_serving.config.model_server_config_pb2 import ModelConfig, ModelServerConfig

_LOG = logging.getLogger(__name__)


class ConfigSource:
    """Looks at the folder of models, at models' folders, and at the configuration file.

    Attributes:
      follow_folder: whether models are looked for in the folder of models.
      next_read: when the configuration file is due, seconds of ``time.monotonic()``.
    """

    def __init__(self, options: EngineOptions) -> None:
        self.follow_folder = options.models_folder is not None
        self._folder = options.models_folder
        self._folder_complaint = ""
        self._file = options.model_config_file
        self._wait = options.model_config_file_poll_wait_seconds
        self._applied = b""
        self._seen = b""
        self.next_read = math.inf
        if self._file is not None and self._wait > 0:
            self._applied = self._read(self._file) or b""
            self._seen = self._applied
            self.next_read = time.monotonic() + self._wait

    def new_models(self, known: set[str]) -> list[ModelConfig]:
        """Models in the folder of models that are not known yet.

        One that is known and no longer there stays: see `Model.aspire`.
        """
        if not self.follow_folder or self._folder is None:
            return []
        try:
            found = versions.find_models(str(self._folder))
        except tf.errors.OpError as error:
            if error.message != self._folder_complaint:
                self._folder_complaint = error.message
                _LOG.warning("Cannot look for models in %s: %s", self._folder, error.message)
            return []
        complaint = ""
        if not found and not known:
            complaint = (
                f"No models in {self._folder}: expected MODEL/VERSION/saved_model.pb, VERSION "
                "being a number; a model that appears there is served"
            )
        if complaint and complaint != self._folder_complaint:
            _LOG.warning("%s", complaint)
        self._folder_complaint = complaint
        return [
            model_config.single_model(name, path).model_config_list.config[0]
            for name, path in found.items()
            if name not in known
        ]

    def versions(self, config: ModelConfig) -> tuple[dict[int, str], dict[int, str], str]:
        """A model's versions on disk, those its policy asks for, and what is wrong, if anything."""
        name, base_path = config.name, config.base_path
        try:
            on_disk = versions.find_versions(base_path)
        except tf.errors.OpError as error:
            # Not the same as an empty folder: nothing is known about what is there.
            return {}, {}, f"Cannot look for versions of model {name}: {error.message}"
        wanted = versions.wanted(on_disk, config.model_version_policy)
        complaint = ""
        missing = set(config.model_version_policy.specific.versions) - set(on_disk)
        if missing:
            complaint = (
                f"Model {name}: versions {sorted(missing)}, which its policy asks for, are not "
                f"in {base_path}"
            )
        elif not wanted:
            complaint = (
                f"No versions of model {name} in {base_path}: expected folders with a number for "
                "a name that hold saved_model.pb"
            )
        return on_disk, wanted, complaint

    def file_due(self) -> bool:
        """Whether it is time to look at the configuration file; the next time is set then."""
        due = time.monotonic() >= self.next_read
        if due:
            self.next_read = time.monotonic() + self._wait
        return due

    def read_file(self) -> ModelServerConfig | None:
        """The configuration file's contents if they are not those applied; None otherwise.

        A file that is wrong is logged once and left aside. One that is unchanged is not applied
        again, so that it does not undo a reload by request.
        """
        assert self._file is not None
        text = self._read(self._file)
        if text is None or text == self._applied:
            return None
        try:
            config = model_config.read_model_config(self._file)
        except ConfigError as error:
            if text != self._seen:
                _LOG.warning("%s The configuration stays as it was.", error)
            config = None
        self._seen = text
        return config

    def file_applied(self) -> None:
        """The contents last read are the configuration now."""
        self._applied = self._seen

    @staticmethod
    def _read(path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except OSError as error:
            _LOG.warning("Cannot read %s: %s", path, error)
            return None
