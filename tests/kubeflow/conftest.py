"""Specs written by hand, of steps that take a moment."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.kubeflow import bucket
from tests.kubeflow.spec_runner import SpecRunner

# (tasks with their component and executor, run parameters) to a runner of that spec.
MakeRunner = Callable[..., SpecRunner]

SCHEMA = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}


def container(code: str, *args: str, **more: Any) -> dict[str, Any]:
    """An executor: a Python program that gets its `ExecutorInput` first, then `args`."""
    return {"container": {"command": ["python", "-c", code], "args": ["{{$}}", *args], **more}}


def task(executor: Mapping[str, Any], **parts: Any) -> dict[str, Any]:
    """A task with a component and an executor of its own.

    Args:
      executor: the executor.
      **parts: `inputs`, `after`, `condition` of the task; `takes`, `gives`, `parameters` and
        `returns` of the component: keys of artifacts, and declarations of parameters.
    """
    return {"executor": dict(executor), **parts}


# Shows what it was given.
SHOW = "import os, sys; print(os.getcwd()); print(*sys.argv[1:], sep='\\n')"
# Writes its argument into its one output and says so, with a property.
WRITE = """
import json, pathlib, sys
given = json.loads(sys.argv[1])
(artifact,) = given["outputs"]["artifacts"]["text"]["artifacts"]
folder = pathlib.Path(sys.argv[3])
folder.mkdir()
(folder / "text").write_text(sys.argv[2])
artifact["metadata"] = {"length": len(sys.argv[2]), "whole": True, "parts": {"a": 1}}
said = pathlib.Path(given["outputs"]["outputFile"])
said.write_text(json.dumps({"artifacts": {"text": {"artifacts": [artifact]}}}))
"""
MADE = "{{$.outputs.artifacts['text'].path}}"
FOUND = "{{$.inputs.artifacts['found'].path}}"
WRITER: dict[str, Any] = {"gives": ["text"], "executor": container(WRITE, "words", MADE)}
FROM_WRITER = {"artifacts": {"found": {"taskOutputArtifact": {
    "producerTask": "writer", "outputArtifactKey": "text"
}}}}  # fmt: skip


def reader(*args: str, **parts: Any) -> dict[str, Any]:
    """A task behind the writer."""
    return task(container(*args), takes=["found"], after=["writer"], inputs=FROM_WRITER, **parts)


def shown(log: Path | None) -> list[str]:
    assert log is not None
    return log.read_text().splitlines()


def _spec(tasks: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, Any]:
    components, executors, dag = {}, {}, {}
    for name, one in tasks.items():
        components[name] = {
            "executorLabel": f"{name}_executor",
            "inputDefinitions": {
                "artifacts": {key: {"artifactType": SCHEMA} for key in one.get("takes", ())},
                "parameters": one.get("parameters", {}),
            },
            "outputDefinitions": {
                "artifacts": {key: {"artifactType": SCHEMA} for key in one.get("gives", ())},
                "parameters": one.get("returns", {}),
            },
        }
        executors[f"{name}_executor"] = one["executor"]
        dag[name] = {
            "componentRef": {"name": name},
            "taskInfo": {"name": name},
            "inputs": one.get("inputs", {}),
            "dependentTasks": one.get("after", []),
            "cachingOptions": {"enableCache": True},
            **({"triggerPolicy": {"condition": one["condition"]}} if "condition" in one else {}),
            **one.get("more", {}),
        }
    return {
        "pipelineInfo": {"name": "by-hand"},
        "schemaVersion": "2.1.0",
        "components": components,
        "deploymentSpec": {"executors": executors},
        "root": {"dag": {"tasks": dag}, "inputDefinitions": {"parameters": parameters}},
    }


@pytest.fixture(scope="session")
def s3() -> Iterator[Any]:
    """boto3's client of a server with the bucket `bucket.NAME`."""
    with bucket.s3_server() as client:
        yield client


@pytest.fixture
def runner(tmp_path: Path, s3: Any) -> MakeRunner:
    """Writes a spec and makes its runner."""

    def make(
        tasks: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        change: Mapping[str, Any] | None = None,
        **options: Any,
    ) -> SpecRunner:
        spec = {**_spec(tasks, parameters or {}), **(change or {})}
        path = tmp_path / "pipeline.json"
        path.write_text(json.dumps(spec))
        return SpecRunner(
            path,
            s3=s3,
            work=tmp_path / "work",
            python=Path(sys.executable),
            **{"root": f"minio://{bucket.NAME}/{tmp_path.name}", **options},
        )

    return make
