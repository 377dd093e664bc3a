"""The spec for Kubeflow Pipelines: whole, stable, and of the same components as a local run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2
from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.components.base import base_component, base_executor
from tfx.utils import import_utils, name_utils

from tidegate.components.example_gen import data_fingerprint
from tidegate.components.kubeflow import example_gen_driver
from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.config import make_config, parse_assignments
from tidegate.pipeline.dag import Locations, create_pipeline
from tidegate.pipeline.kubeflow.compile_command import compile_pipeline
from tidegate.pipeline.kubeflow.runner import Target, compile_spec, write_spec
from tidegate.tables.errors import InputError

TEXT, SERIES = "text_classification", "forecasting"
DATA, ROOT, IMAGE = "gs://bucket/data", "gs://bucket/root", "registry/tidegate:1"
ENTRY = ["python", "-m", "tidegate.components.kubeflow.step"]
Spec = dict[str, Any]


def compiled(task: str, *assignments: str, test: str | None = None) -> Spec:
    config = make_config(load_task(task), parse_assignments(assignments))
    return compile_spec(config, Target(DATA, test, ROOT, IMAGE))


@pytest.fixture(scope="module")
def plain() -> Spec:
    return compiled(TEXT)


@pytest.fixture(scope="module")
def full() -> Spec:
    """With all that may be there, and places for some components."""
    return compiled(
        SERIES,
        "tuner.trials=2",
        "kubeflow.cache_data=true",
        "kubeflow.pipeline_name=tides",
        "kubeflow.images={Trainer: registry/tidegate:1-gpu}",
        "kubeflow.resources={Trainer: {cpu: 4, memory: 16Gi, gpu: 2}, Transform: {memory: 500M}}",
        test="gs://bucket/test",
    )


@pytest.fixture(params=["plain", "full"])
def spec(request: pytest.FixtureRequest) -> Spec:
    found: Spec = request.getfixturevalue(request.param)
    return found


def tasks(spec: Spec) -> dict[str, Any]:
    found: dict[str, Any] = spec["root"]["dag"]["tasks"]
    return found


def container(spec: Spec, task: str) -> dict[str, Any]:
    """The container that runs a task."""
    component = spec["components"][tasks(spec)[task]["componentRef"]["name"]]
    found: dict[str, Any] = spec["deploymentSpec"]["executors"][component["executorLabel"]][
        "container"
    ]
    return found


def test_it_is_what_kubeflows_messages_say_and_nothing_else(spec: Spec) -> None:
    read = json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    deployment = pipeline_spec_pb2.PipelineDeploymentConfig()
    json_format.ParseDict(spec["deploymentSpec"], deployment)
    assert read.schema_version == "2.1.0"
    assert read.default_pipeline_root == ROOT
    # Open-source Kubeflow runs containers and importers, and refuses resolvers.
    assert {one.WhichOneof("spec") for one in deployment.executors.values()} == {"container"}


def test_the_components_are_those_of_a_local_run(plain: Spec, full: Spec) -> None:
    assert sorted(tasks(plain)) == [
        "Baseline",
        "Evaluator",
        "ExampleValidator",
        "LatestPushedModel",
        "Pictures",
        "Pusher",
        "RecordExampleGen",
        "SchemaGen",
        "ServingCheck",
        "StatisticsGen",
        "Trainer",
        "Transform",
    ]
    here = {name.replace("Record", "Series") for name in tasks(plain)} | {"Tuner", "TestEvaluator"}
    assert set(tasks(full)) == here
    local = create_pipeline(
        make_config(load_task(TEXT)),
        Locations("/data.csv", None, "0", "/root", "/serving"),
        metadata_store_pb2.ConnectionConfig(),
    )
    for node in local.components:
        if not isinstance(node, base_component.BaseComponent):
            continue  # The resolver: LatestPushedModel stands for it.
        path = name_utils.get_full_name(node.executor_spec.executor_class)
        arguments = container(plain, node.id)["args"]
        assert arguments[arguments.index("--executor_class_path") + 1] == path
        given = tasks(plain)[node.id]["inputs"]["parameters"]
        for name, value in node.exec_properties.items():
            constant = given.get(name, {}).get("runtimeValue", {}).get("constant")
            if isinstance(value, str) and constant is not None and name != "fingerprint":
                assert constant == value, f"{node.id}.{name}: the same gates and settings"


def test_what_a_task_takes_is_there(spec: Spec) -> None:
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    used = set()
    for name, task in tasks(spec).items():
        declared = spec["components"][name].get("inputDefinitions", {})
        inputs = task.get("inputs", {})
        assert set(declared.get("artifacts", {})) == set(inputs.get("artifacts", {}))
        assert set(declared.get("parameters", {})) == set(inputs.get("parameters", {}))
        for source in inputs.get("artifacts", {}).values():
            producer = source["taskOutputArtifact"]["producerTask"]
            key = source["taskOutputArtifact"]["outputArtifactKey"]
            assert key in spec["components"][producer]["outputDefinitions"]["artifacts"]
            assert producer in task["dependentTasks"]
        for value in inputs.get("parameters", {}).values():
            if "componentInputParameter" in value:
                used.add(value["componentInputParameter"])
            else:
                assert "constant" in value["runtimeValue"]
        assert set(task.get("dependentTasks", [])) <= set(tasks(spec))
    assert used == set(parameters)


def test_nothing_is_pushed_before_gates_and_serving_check(spec: Spec) -> None:
    assert {"Evaluator", "ServingCheck", "Trainer"} <= set(tasks(spec)["Pusher"]["dependentTasks"])
    for name in ("Transform", "Baseline"):
        assert "ExampleValidator" in tasks(spec)[name]["dependentTasks"]
    config = tasks(spec)["Evaluator"]["inputs"]["parameters"]["eval_config"]["runtimeValue"]
    assert "per_slice_thresholds" in config["constant"]


def test_each_step_is_a_command_that_the_image_can_run(spec: Spec) -> None:
    for name in tasks(spec):
        found = container(spec, name)
        assert found["command"] == ENTRY
        arguments = found["args"]
        path = arguments[arguments.index("--executor_class_path") + 1]
        assert issubclass(import_utils.import_class_by_path(path), base_executor.BaseExecutor)
        declared = arguments[arguments.index("--json_serialized_inputs_spec_args") + 1]
        assert json.loads(declared) == spec["components"][name].get("inputDefinitions", {})
        paths = json.loads(arguments[arguments.index("--json_local_paths") + 1])
        for side, definitions in paths.items():
            named = spec["components"][name].get(f"{side[:-1]}Definitions", {}).get("artifacts", {})
            assert definitions == {
                key: f"{{{{$.{side}.artifacts['{key}'].path}}}}" for key in named
            }
        assert arguments[arguments.index("--json_serialized_invocation_args") + 1] == "{{$}}"


def test_a_run_may_say_otherwise(plain: Spec, full: Spec) -> None:
    found = plain["root"]["inputDefinitions"]["parameters"]
    assert {name: one["defaultValue"] for name, one in found.items()} == {
        "data": DATA,
        "output": f"{ROOT}/serving",
        "training_steps": 0,
        "settings": "",
    }
    assert all(one["isOptional"] for one in found.values())
    assert found["training_steps"]["parameterType"] == "NUMBER_INTEGER"
    tested = full["root"]["inputDefinitions"]["parameters"]
    assert set(tested) - set(found) == {"test"}
    for task, name, parameter in [
        ("SeriesExampleGen", "train", "data"),
        ("SeriesExampleGen", "test", "test"),
        ("Tuner", "settings", "settings"),
        ("Tuner", "training_steps", "training_steps"),
        ("Trainer", "settings", "settings"),
        ("Trainer", "training_steps", "training_steps"),
        ("LatestPushedModel", "models", "output"),
        ("Pusher", "models", "output"),
    ]:
        given = tasks(full)[task]["inputs"]["parameters"][name]
        assert given == {"componentInputParameter": parameter}


def test_images_and_resources_go_to_the_components_that_are_named(plain: Spec, full: Spec) -> None:
    assert all(container(plain, name)["image"] == IMAGE for name in tasks(plain))
    assert not any("resources" in container(plain, name) for name in tasks(plain))
    images = {name: container(full, name)["image"] for name in tasks(full)}
    assert images.pop("Trainer") == f"{IMAGE}-gpu"
    assert set(images.values()) == {IMAGE}
    assert container(full, "Trainer")["resources"] == {
        "cpuLimit": 4.0,
        "memoryLimit": pytest.approx(16 * 1.073741824),
        "accelerator": {"type": "nvidia.com/gpu", "count": "2"},
    }
    assert container(full, "Transform")["resources"] == {"memoryLimit": 0.5}
    assert full["pipelineInfo"]["name"] == "tides"
    assert plain["pipelineInfo"]["name"] == "tidegate-text-classification"


def test_the_example_gen_is_cached_only_where_its_driver_runs(plain: Spec, full: Spec) -> None:
    def cached(spec: Spec) -> set[str]:
        return {
            name
            for name, task in tasks(spec).items()
            if task.get("cachingOptions", {}).get("enableCache")
        }

    assert set(tasks(plain)) - cached(plain) == {"RecordExampleGen"}
    assert cached(full) == set(tasks(full))
    hooks = {name for name in tasks(full) if "lifecycle" in container(full, name)}
    assert hooks == {"SeriesExampleGen"}


def test_the_driver_tells_the_cache_what_the_data_hold(
    plain: Spec, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hook = container(plain, "RecordExampleGen")["lifecycle"]["preCacheCheck"]
    assert hook["command"] == ["python", "-m", example_gen_driver.__name__]
    # Beam's file systems may need its options.
    assert hook["args"][2:] == container(plain, "RecordExampleGen")["args"][8:]
    parameter = tasks(plain)["RecordExampleGen"]["inputs"]["parameters"]["fingerprint"]
    code = parameter["runtimeValue"]["constant"]
    data, output = tmp_path / "rows.csv", tmp_path / "task" / "executor_output.json"
    given = json.dumps(
        {
            "inputs": {"parameterValues": {"train": str(data), "fingerprint": code}},
            "outputs": {"outputFile": str(output)},
        }
    )
    arguments = [one.replace("{{$}}", given) for one in hook["args"]]

    def fingerprint(content: str) -> str:
        data.write_text(content)
        example_gen_driver.main(arguments)
        read = json_format.Parse(output.read_text(), pipeline_spec_pb2.ExecutorOutput())
        assert list(read.parameter_values) == ["fingerprint"]
        return str(read.parameter_values["fingerprint"].string_value)

    first = fingerprint("text,label\na,b\n")
    assert first == fingerprint("text,label\na,b\n") != fingerprint("text,label\na,c\n")
    assert first.endswith(code)
    # What the driver has completed, the executor leaves as it is.
    assert data_fingerprint.complete(first, "/not/there.csv", None) == first
    data.unlink()
    with pytest.raises(SystemExit) as caught:
        example_gen_driver.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err == f"tidegate: no such file or folder: {data}\n"


def test_equal_arguments_give_an_equal_file(plain: Spec, tmp_path: Path) -> None:
    write_spec(plain, tmp_path / "one.json")
    write_spec(compiled(TEXT), tmp_path / "two.json")
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {"one.json", "two.json"}


@pytest.mark.slow
def test_the_command_writes_the_same_bytes_in_another_process(plain: Spec, tmp_path: Path) -> None:
    write_spec(plain, tmp_path / "here.json")
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    arguments = ["compile", TEXT, "--data", DATA, "--pipeline-root", ROOT, "--image", IMAGE]
    done = subprocess.run(
        [sys.executable, "-m", "tidegate.pipeline.cli", *arguments, "--output", "there.json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONHASHSEED": seed,
            "TZ": "Asia/Tokyo",
        },
        timeout=300,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "there.json: tidegate-text-classification, 12 tasks" in done.stdout
    assert (tmp_path / "there.json").read_bytes() == (tmp_path / "here.json").read_bytes()


def command(tmp_path: Path, **changed: str) -> list[str]:
    given = {
        "data": DATA,
        "pipeline-root": ROOT,
        "image": IMAGE,
        "output": str(tmp_path / "p.json"),
    }
    given.update({name.replace("_", "-"): value for name, value in changed.items()})
    return [TEXT, *(word for name, value in given.items() for word in (f"--{name}", value) if word)]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"data": "rows.csv"}, "--data rows.csv: a cluster does not see this machine's files"),
        ({"data": "gss://b/x"}, "no file system for gss://. Did you mean 'gs'?"),
        ({"test": "://x"}, "--test ://x: expected a URI"),
        ({"data": "/mnt/rows.csv"}, "--data /mnt/rows.csv: a cluster does not see this machine's"),
        ({"test": "file:///mnt/rows.csv"}, "--test file:///mnt/rows.csv: a cluster does not see"),
        ({"models": "/mnt/models"}, "--models /mnt/models: a cluster does not see"),
        ({"pipeline_root": "root"}, "--pipeline-root root: Kubeflow keeps artifacts in gs://"),
        ({"pipeline_root": "/mnt/root"}, "--pipeline-root /mnt/root: Kubeflow keeps artifacts in"),
        ({"pipeline_root": "hdfs://h/root"}, "--pipeline-root hdfs://h/root: Kubeflow keeps"),
        ({"pipeline_root": "gs:///root"}, "--pipeline-root gs:///root: Kubeflow keeps"),
        ({"pipeline_root": "minio://b/root"}, "no server reads models from there; give --models"),
        ({"data": "minio://b/rows.csv"}, "no file system for minio://"),
        ({"image": " "}, "--image is empty"),
        ({"output": "/nowhere/p.json"}, "expected a file in a folder that is there"),
        ({"set": "kubeflow.cach=false"}, "unknown setting 'kubeflow.cach'. Did you mean 'cache'?"),
        ({"set": "kubeflow.images={Trainr: a}"}, "no component 'Trainr'. Did you mean 'Trainer'?"),
        ({"set": "kubeflow.resources={Trainer: {memory: 16Q}}"}, "memory '16Q': expected"),
        ({"set": "kubeflow.pipeline_name=A_b"}, "small letters, digits and dashes"),
    ],
)
def test_wrong_input_is_one_line(changed: dict[str, str], said: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        compile_pipeline.main(command(tmp_path, **changed), standalone_mode=False)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_the_image_must_be_given(tmp_path: Path) -> None:
    arguments = command(tmp_path)
    del arguments[arguments.index("--image") : arguments.index("--image") + 2]
    with pytest.raises(click.MissingParameter, match="image"):
        compile_pipeline.main(arguments, standalone_mode=False)


def test_the_command_hands_on_what_it_is_given(tmp_path: Path) -> None:
    arguments = command(tmp_path, pipeline_root="minio://b/root", models="gs://b/models")
    # Dataflow's workers are containers of their own, which need the image too.
    arguments += ["--beam", "runner=DataflowRunner", "--beam", "project=p"]
    arguments += ["--set", "kubeflow.cache=false", "--set", "kubeflow.cache_data=true"]
    compile_pipeline.main(arguments, standalone_mode=False)
    spec = json.loads((tmp_path / "p.json").read_text())
    given = container(spec, "Transform")["args"]
    assert {f"--sdk_container_image={IMAGE}", "--runner=DataflowRunner", "--project=p"} <= set(
        given
    )
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["output"]["defaultValue"] == "gs://b/models"
    assert spec["defaultPipelineRoot"] == "minio://b/root"
    assert not any(task.get("cachingOptions") for task in tasks(spec).values())


def test_a_roots_query_is_not_of_the_models_folder() -> None:
    config = make_config(load_task(TEXT))
    spec = compile_spec(config, Target(DATA, None, "s3://b/root/?region=eu-west-1", IMAGE))
    assert spec["defaultPipelineRoot"] == "s3://b/root/?region=eu-west-1"
    parameters = spec["root"]["inputDefinitions"]["parameters"]
    assert parameters["output"]["defaultValue"] == "s3://b/root/serving"


def test_every_task_compiles() -> None:
    assert {TEXT, SERIES} <= set(task_names())
    for name in set(task_names()) - {TEXT, SERIES}:  # Those two are looked at above.
        assert "Pusher" in tasks(compiled(name))
