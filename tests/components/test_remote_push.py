"""A push to a store without folders: ``saved_model.pb`` is written last and removed first."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from tfx.dsl.io import fileio

from tests.remote_files import mended_ram, read, tree, write
from tidegate.components.pusher import versions as model_versions
from tidegate.components.pusher.versions import ROLLED_BACK, push_model, pushed_already, roll_back
from tidegate.tables.errors import InputError

FOLDER = "ram://push/serving/name"
CONTENT = {
    "assets.extra/samples.json": b"{}",
    "fingerprint.pb": b"print",
    "saved_model.pb": b"graph",
    "variables/variables.index": b"index",
    "zzz": b"behind the graph in any order",
}


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with mended_ram():
        yield
        tf.io.gfile.rmtree("ram://push")


@pytest.fixture(params=["disk", "store"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A model on the local disk, as after a local run, or in the store as well."""
    folder = str(tmp_path / "model") if request.param == "disk" else "ram://push/model"
    for name, content in CONTENT.items():
        write(f"{folder}/{name}", content)
    return folder


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What a poller sees of the models' folder after each file that is copied or removed."""
    seen: list[list[str]] = []

    def watched(act: Callable[..., None], *arguments: Any, **named: Any) -> None:
        act(*arguments, **named)
        seen.append(tree(FOLDER))

    for name in ("copy", "remove"):
        act = functools.partial(watched, getattr(tf.io.gfile, name))
        monkeypatch.setattr(tf.io.gfile, name, act)
    return seen


def whole(version: str) -> list[str]:
    return sorted(f"{version}/{name}" for name in CONTENT)


def test_who_polls_sees_the_graph_when_all_else_is_there(
    model: str, steps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_versions.time, "time", lambda: 7.0)
    assert push_model(model, FOLDER) == f"{FOLDER}/7"
    assert {name: read(f"{FOLDER}/7/{name}") for name in CONTENT} == CONTENT
    assert tree(FOLDER) == whole("7")
    partial = [names for names in steps if names != whole("7")]
    assert partial and not any("7/saved_model.pb" in names for names in partial)


def test_versions_grow_where_folders_are_listed_with_a_slash(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = tf.io.gfile.listdir

    def with_slashes(path: str) -> list[str]:
        return [f"{name}/" if tf.io.gfile.isdir(f"{path}/{name}") else name for name in plain(path)]

    monkeypatch.setattr(model_versions.time, "time", lambda: 7.0)
    monkeypatch.setattr(tf.io.gfile, "listdir", with_slashes)
    assert [push_model(model, FOLDER) for _ in range(2)] == [f"{FOLDER}/7", f"{FOLDER}/8"]
    assert pushed_already(model, FOLDER) == f"{FOLDER}/8"
    assert roll_back(FOLDER) == (7, 8)
    assert push_model(model, FOLDER) == f"{FOLDER}/9"


def test_a_push_that_fails_in_the_middle_leaves_nothing(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tf.io.gfile.copy

    def full(source: str, target: str, **named: Any) -> None:
        if target.endswith("/zzz"):
            raise tf.errors.ResourceExhaustedError(None, None, "no room")
        copy(source, target, **named)

    monkeypatch.setattr(tf.io.gfile, "copy", full)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        push_model(model, FOLDER)
    assert fileio.listdir(FOLDER) == []


def test_rolling_back_removes_the_graph_first_and_keeps_a_whole_copy(
    model: str, steps: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    times = [7.0, 8.0]
    monkeypatch.setattr(model_versions.time, "time", lambda: times.pop(0))
    push_model(model, FOLDER)
    push_model(model, FOLDER)
    write(f"{FOLDER}/9/variables/variables.index", b"of a push that was killed")
    steps.clear()
    assert roll_back(FOLDER) == (7, 8)
    killed = ["9/variables/variables.index"]
    assert tree(FOLDER) == sorted([*whole("7"), *whole(f"8{ROLLED_BACK}"), *killed])
    for names in steps:
        kept = [name for name in names if name.startswith("8/")]
        if "8/saved_model.pb" in names:
            assert kept == whole("8")
        else:
            assert set(whole(f"8{ROLLED_BACK}")) <= set(names)
    with pytest.raises(InputError, match="holds version 7 alone"):
        roll_back(FOLDER)
