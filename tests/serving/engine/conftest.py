"""Managers that look for versions every few milliseconds, and what tests ask of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis.get_model_status_pb2 import ModelVersionStatus
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.config.model_server_config_pb2 import ModelServerConfig

from tests.serving.conftest import Build
from tests.serving.models import publish
from tidegate.serving.server.loader import load
from tidegate.serving.server.manager import ModelManager
from tidegate.serving.server.model_config import single_model
from tidegate.serving.server.options import EngineOptions
from tidegate.serving.server.servable import Servable
from tidegate.serving.server.status import ServingError

StartManager = Callable[..., ModelManager]
POLL = 0.05


@pytest.fixture
def start_manager() -> Iterator[StartManager]:
    """(configuration or base path of a model ``m``, options) to a manager that runs."""
    running = []

    def start(config: Any, **options: Any) -> ModelManager:
        if isinstance(config, Path):
            config.mkdir(parents=True, exist_ok=True)
            config = single_model("m", config)
        manager = ModelManager(
            config, EngineOptions(**{"file_system_poll_wait_seconds": POLL, **options})
        )
        running.append(manager)
        manager.start()
        return manager

    yield start
    for manager in running:
        manager.stop(grace=5.0)


@pytest.fixture
def base(tmp_path: Path, saved_model: Build) -> Path:
    """A base path with version 1, which answers 1."""
    publish(saved_model("half_plus_1"), tmp_path / "m", 1)
    return tmp_path / "m"


@pytest.fixture
def load_model(saved_model: Build) -> Iterator[Callable[..., Servable]]:
    """(name of a shared SavedModel, options) to a servable."""
    loaded = []

    def call(name: str, **options: Any) -> Servable:
        loaded.append(load("m", 1, str(saved_model(name)), EngineOptions(**options)))
        return loaded[-1]

    yield call
    for servable in loaded:
        servable.close()


def answer(servable: Servable, x: float = 0.0) -> float:
    """half_plus_N's answer for one row."""
    signature = servable.signature_defs["serving_default"]
    results = servable.run({"x": np.array([x], np.float32)}, signature, ["y"], None)
    return float(results["y"][0])


def spec(version: int | None = None, label: str = "", name: str = "m") -> ModelSpec:
    """What a request asks for."""
    asked = ModelSpec(name=name)
    if version is not None:
        asked.version.value = version
    if label:
        asked.version_label = label
    return asked


def ask(manager: ModelManager, asked: ModelSpec | None = None) -> tuple[int, float]:
    """The version that answers, and its answer for 0."""
    with manager.lease(asked or spec()) as servable:
        return servable.version, answer(servable)


def eventually(condition: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What the condition gives, once it is true; fails after some seconds."""
    end = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < end, "the condition did not become true"
        time.sleep(0.01)
    return result


def after(owner: Any, step: str, wake: threading.Condition | None = None) -> None:
    """Waits until a method of the manager's thread was called twice, from now on.

    The first call may have begun before what it is to see. `wake` is what a thread waits for that
    does nothing by itself.
    """
    real, calls = getattr(owner, step), []

    def counted() -> Any:
        found = real()
        calls.append(step)
        return found

    def twice() -> bool:
        if wake is not None:
            with wake:
                wake.notify_all()
        return len(calls) >= 2

    setattr(owner, step, counted)
    try:
        eventually(twice)
    finally:
        setattr(owner, step, real)


def configured(
    base: Path, policy: str = "", labels: dict[str, int] | None = None, name: str = "m"
) -> ModelServerConfig:
    """A configuration of one model; policies: ``all``, ``latest 2``, ``specific 1,2``."""
    config = ModelServerConfig()
    model = config.model_config_list.config.add(
        name=name, base_path=str(base), model_platform="tensorflow"
    )
    kind, _, numbers = policy.partition(" ")
    if kind == "all":
        model.model_version_policy.all.SetInParent()
    elif kind == "latest":
        model.model_version_policy.latest.num_versions = int(numbers)
    elif kind == "specific":
        model.model_version_policy.specific.versions.extend(map(int, numbers.split(",")))
    model.version_labels.update(labels or {})
    return config


def states(manager: ModelManager) -> dict[int, str]:
    """Version of ``m`` to the name of its state."""
    return {each.version: ModelVersionStatus.State.Name(each.state) for each in manager.status("m")}


def refused(manager: ModelManager, asked: ModelSpec) -> tuple[grpc.StatusCode, str]:
    """Code and message of a lease that is not to be had."""
    with pytest.raises(ServingError) as raised, manager.lease(asked):
        pass
    return raised.value.code, raised.value.message


def attempt(manager: ModelManager, asked: ModelSpec | None = None) -> tuple[int, float] | None:
    """As `ask`; None while nothing serves."""
    try:
        return ask(manager, asked)
    except ServingError:
        return None
