"""A base path may be a URI: versions in a store are found, loaded and let go as those on a disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.serving.conftest import Build
from tests.serving.engine.conftest import StartManager, ask, attempt, eventually
from tidegate.serving.server import versions
from tidegate.serving.server.model_config import no_models, single_model
from tidegate.serving.server.options import ConfigError

GRAPH = "saved_model.pb"


def upload(model: Path, folder: str) -> None:
    """Copies a model to a store as a push does: the graph is the last file."""
    files = [path for path in model.rglob("*") if path.is_file()]
    for path in sorted(files, key=lambda path: path.name == GRAPH):
        target = f"{folder}/{path.relative_to(model)}"
        tf.io.gfile.makedirs(target.rpartition("/")[0])
        tf.io.gfile.copy(str(path), target)


@pytest.mark.parametrize("given", ["base path", "folder of models"])
def test_a_version_serves_once_its_graph_is_there(
    given: str, start_manager: StartManager, saved_model: Build
) -> None:
    folder = f"ram://served-{given.replace(' ', '-')}"
    base = f"{folder}/m"
    upload(saved_model("half_plus_1"), f"{base}/1")
    options: dict[str, Any] = {}
    config = single_model("m", base)
    if given == "folder of models":
        config, options = no_models(), {"models_folder": folder}
    manager = start_manager(config, **options)
    assert eventually(lambda: attempt(manager)) == (1, 1.0)
    upload(saved_model("half_plus_2"), f"{base}/2")
    tf.io.gfile.rename(f"{base}/2/{GRAPH}", f"{folder}/graph")
    assert versions.find_versions(base) == {1: f"{base}/1"}
    assert ask(manager) == (1, 1.0)
    tf.io.gfile.rename(f"{folder}/graph", f"{base}/2/{GRAPH}")
    assert eventually(lambda: ask(manager) == (2, 2.0))
    # As a roll-back does it: the graph is the first file to go.
    tf.io.gfile.remove(f"{base}/2/{GRAPH}")
    assert eventually(lambda: attempt(manager) == (1, 1.0))


@pytest.mark.parametrize("path", ["/models", "models", "ram://b/models", "file:///models"])
def test_paths_that_tensorflow_reads_are_taken(path: str) -> None:
    versions.check_scheme(path, "--models")


def test_a_scheme_that_tensorflow_does_not_know_is_one_line() -> None:
    with pytest.raises(ConfigError) as error:
        versions.check_scheme("tide://b/models", "--models")
    assert str(error.value).startswith(
        "--models=tide://b/models: TensorFlow has no file system for tide:// here, only for file, "
    )
