"""The container's command: what Kubeflow's launcher leaves out is filled in, and nothing else."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.components.base import base_executor

from tidegate.components.kubeflow import step as kubeflow_step
from tidegate.tables.errors import InputError

EXAMPLES = {"instanceSchema": "title: tfx.Examples\ntype: object\n"}
METRICS = {"instanceSchema": "title: tfx.Metrics\ntype: object\n"}
UNKNOWN = {"instanceSchema": ""}
SYSTEM = {"schemaTitle": "system.Artifact", "schemaVersion": "0.0.1"}
LOGS = "executor-logs"


class Copy(base_executor.BaseExecutor):
    """Copies a file of its input into its output."""

    def Do(
        self,
        input_dict: dict[str, list[Any]],
        output_dict: dict[str, list[Any]],
        exec_properties: dict[str, Any],
    ) -> None:
        (given,), (made,) = input_dict["given"], output_dict["made"]
        if given.type_name != "Examples":
            raise InputError(f"the input is a {given.type_name}")
        content = Path(given.uri, "file").read_text()
        Path(made.uri, "file").write_text(content + exec_properties["end"])
        made.set_int_custom_property("length", len(content))


def artifacts(key: str, uri: str, kind: Mapping[str, str]) -> dict[str, Any]:
    return {"artifacts": {key: {"artifacts": [{"name": "1", "uri": uri, "type": dict(kind)}]}}}


def arguments(
    folder: Path,
    given: str,
    made: str,
    kind: Mapping[str, str] = UNKNOWN,
    declared: Mapping[str, str] = EXAMPLES,
    copies: Path | None = None,
) -> tuple[argparse.Namespace, list[str]]:
    outputs = artifacts("made", made, METRICS)
    outputs["artifacts"] |= artifacts(LOGS, f"{folder}/{LOGS}-0", SYSTEM)["artifacts"]
    executor_input = {
        "inputs": {**artifacts("given", given, kind), "parameterValues": {"end": "!"}},
        "outputs": {**outputs, "outputFile": str(folder / "said.json")},
    }
    inputs_spec = {
        "artifacts": {"given": {"artifactType": declared}},
        "parameters": {"end": {"parameterType": "STRING"}},
    }
    paths = {
        side: {key: uri.replace("minio:/", str(copies), 1)}
        for side, key, uri in (("inputs", "given", given), ("outputs", "made", made))
    }
    return kubeflow_step._parse(
        [
            "kubeflow_step",
            f"--executor_class_path={__name__}.Copy",
            f"--json_serialized_invocation_args={json.dumps(executor_input)}",
            f"--json_serialized_inputs_spec_args={json.dumps(inputs_spec)}",
            f"--json_local_paths={json.dumps(paths)}",
            "--runner=DirectRunner",
        ]
    )


@pytest.fixture
def given(tmp_path: Path) -> Path:
    folder = tmp_path / "copies" / "bucket" / "given"
    folder.mkdir(parents=True)
    (folder / "file").write_text("rows")
    return folder


def said(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "said.json").read_text())
    ((key, made),) = found["artifacts"].items()
    assert key == "made"
    (artifact,) = made["artifacts"]
    return dict(artifact)


@pytest.mark.parametrize("kind", [{}, UNKNOWN, SYSTEM])
def test_an_input_has_the_declared_type(
    kind: Mapping[str, str], tmp_path: Path, given: Path
) -> None:
    made = tmp_path / "root" / "made"
    parsed = arguments(tmp_path, str(given), str(made), kind)
    assert parsed[1] == ["--runner=DirectRunner"]
    kubeflow_step.run(parsed)
    assert (made / "file").read_text() == "rows!"
    artifact = said(tmp_path)
    assert artifact["uri"] == str(made)
    assert artifact["metadata"]["length"] == 4


def test_a_root_that_tfx_cannot_read_is_worked_on_in_the_launchers_copies(
    tmp_path: Path, given: Path
) -> None:
    uris = ("minio://bucket/given", "minio://bucket/root/made")
    kubeflow_step.run(arguments(tmp_path, *uris, copies=tmp_path / "copies"))
    assert (tmp_path / "copies" / "bucket" / "root" / "made" / "file").read_text() == "rows!"
    assert said(tmp_path)["uri"] == "minio://bucket/root/made"


def test_an_output_that_is_not_declared_is_left_alone(tmp_path: Path, given: Path) -> None:
    logs = tmp_path / f"{LOGS}-0"
    logs.write_text("a line of the launcher's\n")
    kubeflow_step.run(arguments(tmp_path, str(given), str(tmp_path / "made")))
    assert logs.read_text() == "a line of the launcher's\n"
    assert said(tmp_path)["uri"] == str(tmp_path / "made")


def test_the_users_error_is_one_line_and_exit_code_2(
    tmp_path: Path, given: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        kubeflow_step.run(arguments(tmp_path, str(given), str(tmp_path / "made"), declared=METRICS))
    assert ended.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == "tidegate: the input is a Metrics"
    assert not (tmp_path / "said.json").exists()


@pytest.mark.parametrize(
    ("uri", "path", "expected"),
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a", "gs://bucket/a"),
        ("/volume/a", "/volume/a", "/volume/a"),
        # The launcher has no copy of it.
        ("hdfs://host/a", "{{$.inputs.artifacts['a'].path}}", "hdfs://host/a"),
    ],
)
def test_where_a_step_finds_an_artifact(uri: str, path: str, expected: str) -> None:
    assert kubeflow_step.local_uri(uri, path) == expected
