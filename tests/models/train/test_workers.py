"""Which workers train together: from settings, and from what a training operator sets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.models.core.settings import read_section
from tidegate.models.train.settings import TrainingSettings
from tidegate.models.train.workers import Workers, read_workers
from tidegate.tables.errors import InputError


def read(environment: Any = None, **given: Any) -> Workers | None:
    variable = {}
    if environment is not None:
        text = environment if isinstance(environment, str) else json.dumps(environment)
        variable = {"TF_CONFIG": text}
    return read_workers(read_section("training", TrainingSettings, given), variable)


def config(kind: Any = "worker", index: Any = 0, **cluster: Any) -> dict[str, Any]:
    return {"cluster": cluster, "task": {"type": kind, "index": index}, "environment": "cloud"}


def test_from_settings() -> None:
    assert read() is None
    assert read(workers="a:1, b:2") == Workers(("a:1", "b:2"), None)
    assert read(workers=["a:1", "b:2"], worker="1") == Workers(("a:1", "b:2"), 1)
    assert read(workers="a:1") is None


@pytest.mark.parametrize(
    "environment,addresses,index",
    [
        (config(worker=["a:1", "b:2"]), ("a:1", "b:2"), 0),
        (config(index="1", worker=["a:1", "b:2"]), ("a:1", "b:2"), 1),
        # As Kubeflow's training operator writes it: the chief comes first.
        (config("worker", 0, chief=["c:3"], worker=["a:1", "b:2"]), ("c:3", "a:1", "b:2"), 1),
        (config("chief", 0, chief=["c:3"], worker=["a:1"]), ("c:3", "a:1"), 0),
    ],
)
def test_from_the_environment(environment: Any, addresses: tuple[str, ...], index: int) -> None:
    found = read(environment, workers="other:1,other:2")
    assert found == Workers(addresses, index)
    assert found.is_chief == (index == 0)


@pytest.mark.parametrize("environment", ["", " ", "{}", config("chief", 0, chief=["c:3"])])
def test_alone(environment: Any) -> None:
    assert read(environment) is None


def test_what_a_worker_is_told_is_read_back() -> None:
    workers = Workers(("a:1", "b:2"), None)
    told = workers.environment(1)
    assert read_workers(TrainingSettings(), told) == Workers(("a:1", "b:2"), 1)


@pytest.mark.parametrize(
    "environment,message",
    [
        ("{cluster", "not JSON"),
        ("[]", "no cluster"),
        ('{"task": {}}', "no cluster"),
        ({"cluster": {"worker": "a:1"}}, "worker is not a list"),
        ({"cluster": {"worker": ["a:1", "b:2"]}}, "not a chief or worker"),
        (config("evaluator", worker=["a:1", "b:2"]), "not a chief or worker"),
        (config(index="x", worker=["a:1", "b:2"]), "not a chief or worker"),
        (config(index=2, worker=["a:1", "b:2"]), "worker 2 is not in the cluster"),
        (config(index=-1, worker=["a:1", "b:2"]), "worker -1 is not in the cluster"),
        (config(worker=["a:1"], ps=["p:1"]), "cluster with ps"),
        (config(chief=["a:1", "b:2"], worker=["c:3"]), "2 chiefs"),
    ],
)
def test_nonsense_in_the_environment_is_one_line(environment: Any, message: str) -> None:
    with pytest.raises(InputError, match=rf"TF_CONFIG=.*{message}.*; expected .*cluster") as error:
        read(environment)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "given,message",
    [
        ({"workers": "a:1,b"}, "training worker 'b': expected host:port"),
        ({"workers": "a:1,b:70000"}, "training worker 'b:70000'"),
        ({"workers": "a:1,a:1"}, "an address of its own"),
        ({"workers": "a:1,b:2", "worker": 2}, "training.worker=2: .* expected 0 to 1"),
        ({"worker": 0}, "training.worker=0: expected training.workers"),
        ({"workers": "a:1,b:2", "worker": -1}, "training.worker=-1"),
    ],
)
def test_nonsense_in_settings_is_one_line(given: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read(**given)
