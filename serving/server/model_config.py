"""The models to serve: TF Serving's configuration from flags or a file."""

from __future__ import annotations

import os
from pathlib import Path

from tensorflow_serving.config import model_server_config_pb2

from tidegate.serving.server import textproto
from tidegate.serving.server.options import ConfigError
from tidegate.serving.server.status import ServingError, invalid_argument

PLATFORM = "tensorflow"
_FLAG = "--model_config_file"
_TENSORFLOW_TYPE = 1  # ModelType.TENSORFLOW, the deprecated way to name the platform.


def single_model(name: str, base_path: Path | str) -> model_server_config_pb2.ModelServerConfig:
    """``--model_name`` and ``--model_base_path``: one model, latest version.

    Args:
      name: the model's name.
      base_path: the folder of its versions; a relative one is of the working folder.

    Raises:
      ConfigError: no name.
    """
    if not name:
        raise ConfigError("--model_name is empty, expected the name that clients ask for.")
    config = model_server_config_pb2.ModelServerConfig()
    path = str(base_path)
    config.model_config_list.config.add(
        name=name,
        base_path=path if "://" in path else os.path.abspath(path),
        model_platform=PLATFORM,
    )
    return config


def no_models() -> model_server_config_pb2.ModelServerConfig:
    """A configuration without models: with a folder of models, those found there are all."""
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    return config


def read_model_config(path: Path | str) -> model_server_config_pb2.ModelServerConfig:
    """Reads ``--model_config_file``, a ``ModelServerConfig`` in text format.

    Raises:
      ConfigError: one line that names the file, and the line where it is no such file.
    """
    config = textproto.read(path, model_server_config_pb2.ModelServerConfig(), _FLAG)
    try:
        check(config)
    except ServingError as error:
        raise ConfigError(f"{_FLAG}: {path}: {error.message}") from error
    return config


def check(config: model_server_config_pb2.ModelServerConfig) -> None:
    """What TF Serving demands of a configuration.

    Raises:
      ServingError: INVALID_ARGUMENT; no list of models, a name twice, a platform other than
        TensorFlow's, a relative base path.
    """
    if config.WhichOneof("config") != "model_config_list":
        raise invalid_argument(
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported"
        )
    names = set()
    for model in config.model_config_list.config:
        if not model.name:
            raise invalid_argument("A model of the config list has no name")
        if model.name in names:
            raise invalid_argument(
                f"Illegal to list model {model.name} multiple times in config list"
            )
        names.add(model.name)
        if model.model_type and model.model_platform:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) "
                "and ModelServerConfig::model_platform."
            )
        if not model.model_type and not model.model_platform:
            raise invalid_argument(
                f"Illegal setting neither ModelServerConfig::model_type (deprecated) "
                f"nor ModelServerConfig::model_platform. Model {model.name}: "
                f'expected model_platform: "{PLATFORM}"'
            )
        if model.model_platform not in ("", PLATFORM) or model.model_type not in (
            0,
            _TENSORFLOW_TYPE,
        ):
            raise invalid_argument(
                f"Model {model.name} requests unsupported platform {model.model_platform}"
            )
        if not (os.path.isabs(model.base_path) or "://" in model.base_path):
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; "
                f"got base_path()={model.base_path}"
            )
