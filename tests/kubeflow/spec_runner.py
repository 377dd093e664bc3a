"""Runs a compiled Kubeflow Pipelines spec, and reads nothing else.

It does on one machine what Kubeflow's driver and launcher (2.17) do on a cluster (backend/src/v2 of
kubeflow/pipelines): it builds each step's `ExecutorInput`, downloads its inputs from the bucket of
the pipeline root, runs the step's own command in a fresh process in an empty folder, uploads its
outputs, hands what the step says of them to ML Metadata's store, and removes the local files. Logs
are published, as by default. What that backend refuses, as resolvers, is refused.

What differs: steps run one after the other; a folder stands for the root of a container's file
system; `cachingOptions` is ignored, each step runs; images and resources are ignored, as there is
one machine with one Python; nested DAGs, iterators, retries and exit handlers are refused. The hook
`lifecycle.preCacheCheck`, which Vertex AI runs and Kubeflow passes over, is run where asked for.
"""

from __future__ import annotations

import shutil
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from tests.kubeflow import conditions
from tests.kubeflow.artifacts import ArtifactStore, merge_output
from tests.kubeflow.bucket import Bucket, local_path
from tests.kubeflow.container_step import LOGS, Container, executor_output, filled_in, outputs
from tests.kubeflow.pipeline_spec import PipelineSpec, SpecError, as_declared


@dataclass
class Step:
    """How a task went.

    Attributes:
      triggered: False where its condition did not hold, or that of one before it.
      seconds: its container's command took.
      hook_seconds: its `preCacheCheck` took; 0 without one.
      artifacts: its outputs by key, as later tasks get them.
      parameters: its output parameters.
      log: what it printed; None where no process ran.
    """

    triggered: bool = True
    seconds: float = 0.0
    hook_seconds: float = 0.0
    artifacts: dict[str, Any] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    log: Path | None = None


class SpecRunner:
    """Runs of one spec.

    Args:
      spec: the file.
      s3: boto3's client of the bucket.
      root: the runs' pipeline root, a URI; the backend does not read the spec's own.
      work: for the containers' own files.
      python: the Python that the image has; its folder is the first of the PATH.
      pre_cache_check: whether to run that hook.
      timeout: seconds that a step may take.
    """

    def __init__(
        self,
        spec: Path,
        *,
        s3: Any,
        root: str,
        work: Path,
        python: Path,
        pre_cache_check: bool = False,
        timeout: float = 600.0,
    ) -> None:
        self._spec = PipelineSpec.read(spec)
        self._bucket = Bucket(s3, root)
        self._work = work
        self._python = python
        self._pre_cache_check = pre_cache_check
        self._timeout = timeout
        self._store = ArtifactStore()

    def run(self, parameters: Mapping[str, Any] | None = None) -> dict[str, Step]:
        """Runs all tasks.

        Args:
          parameters: the run's parameters, as JSON values.

        Returns:
          The steps by task, in the order they ran.

        Raises:
          SpecError: the spec cannot be run; nothing of the step in question has run.
          StepError: a step failed; no later one has run.
        """
        order = self._spec.order()
        for task in order:
            self._spec.executor(task)
        given = self._spec.run_parameters(parameters or {})
        run = uuid.uuid4().hex
        steps: dict[str, Step] = {}
        for task in order:
            steps[task] = self._run_task(task, run, given, steps)
        return steps

    def _run_task(
        self,
        task: str,
        run: str,
        given: Mapping[str, struct_pb2.Value],
        steps: Mapping[str, Step],
    ) -> Step:
        spec = self._spec.tasks[task]
        if not all(steps[other].triggered for other in spec.dependent_tasks):
            return Step(triggered=False)
        component = self._spec.component(task)
        executor_input = pb.ExecutorInput()
        self._fill_inputs(task, executor_input.inputs, given, steps)
        condition = spec.trigger_policy.condition
        if condition and not conditions.holds(condition, _for_condition(executor_input.inputs)):
            return Step(triggered=False)
        executor = self._spec.executor(task)
        if executor.HasField("importer"):
            return self._import(task, component, executor.importer, executor_input)
        folder = f"{self._bucket.root}/{self._spec.name}/{run}/{task}/{uuid.uuid4().hex}"
        container = Container(task, self._work / run / task, self._python, self._timeout)
        executor_input.outputs.CopyFrom(outputs(component, container, folder))
        step = self._run_container(component, executor.container, executor_input, container)
        container.empty()
        return step

    def _fill_inputs(
        self,
        task: str,
        inputs: Any,
        given: Mapping[str, struct_pb2.Value],
        steps: Mapping[str, Step],
    ) -> None:
        """The driver's part: a task's inputs from constants, the run and other tasks' outputs."""
        declared = self._spec.component(task).input_definitions.parameters
        for name, source in self._spec.tasks[task].inputs.parameters.items():
            if name not in declared:
                raise SpecError(f"task {task}: parameter {name!r} is not in its component")
            value = _parameter(f"task {task}, parameter {name}", source, given, steps)
            if value is not None:
                inputs.parameter_values[name].CopyFrom(
                    as_declared(f"{task}.{name}", value, declared[name].parameter_type)
                )
        for name, parameter in declared.items():
            # The launcher fills in the default of an optional one; without one it is left out.
            if name not in inputs.parameter_values and not parameter.is_optional:
                raise SpecError(f"task {task}: no value for parameter {name!r}")
        for name, source in self._spec.tasks[task].inputs.artifacts.items():
            if source.WhichOneof("kind") != "task_output_artifact":
                raise SpecError(f"task {task}: input {name!r} is not another task's output")
            output = source.task_output_artifact
            found = steps[output.producer_task].artifacts.get(output.output_artifact_key)
            if found is None:
                raise SpecError(
                    f"task {task}: {output.producer_task} has no output "
                    f"{output.output_artifact_key!r}"
                )
            inputs.artifacts[name].artifacts.add().CopyFrom(found)

    def _run_container(
        self, component: Any, spec: Any, executor_input: Any, container: Container
    ) -> Step:
        """The launcher's part."""
        inputs, given = executor_input.inputs, executor_input.outputs
        for name, parameter in component.input_definitions.parameters.items():
            if name not in inputs.parameter_values and parameter.HasField("default_value"):
                inputs.parameter_values[name].CopyFrom(parameter.default_value)
        self._download(inputs.artifacts, container.folder)
        _prepare(given, container.folder)
        step = Step(log=container.log)
        hook = spec.lifecycle.pre_cache_check
        if self._pre_cache_check and hook.command:
            words = filled_in([*hook.command, *hook.args], executor_input, container.folder)
            step.hook_seconds = container.run(words, spec.env)
            for name, value in executor_output(given.output_file).parameter_values.items():
                inputs.parameter_values[name].CopyFrom(value)
        words = filled_in([*spec.command, *spec.args], executor_input, container.folder)
        step.seconds = container.run(words, spec.env)
        said = executor_output(given.output_file)
        shutil.copyfile(
            container.log, _local(container.folder, given.artifacts[LOGS].artifacts[0].uri)
        )
        for name, declared in component.output_definitions.parameters.items():
            value = said.parameter_values.get(name)
            if value is None:
                path = Path(given.parameters[name].output_file)
                value = _from_file(f"{container.task}.{name}", path, declared.parameter_type)
            step.parameters[name] = as_declared(
                f"{container.task}.{name}", value, declared.parameter_type
            )
        for key, artifacts in given.artifacts.items():
            (artifact,) = artifacts.artifacts
            if key in said.artifacts and said.artifacts[key].artifacts:
                merge_output(artifact, said.artifacts[key].artifacts[0])
            local = local_path(container.folder, artifact.uri)
            if local is not None:
                self._bucket.upload(local, artifact.uri)
            step.artifacts[key] = self._store.keep(key, artifact)
        return step

    def _download(self, inputs: Mapping[str, Any], folder: Path) -> None:
        for given in inputs.values():
            uri = given.artifacts[0].uri
            local = local_path(folder, uri)
            if local is not None:
                self._bucket.download(uri, local)

    def _import(self, task: str, component: Any, spec: Any, executor_input: Any) -> Step:
        uri = spec.artifact_uri
        if uri.WhichOneof("value") == "runtime_parameter":
            value = executor_input.inputs.parameter_values[uri.runtime_parameter]
        else:
            value = _constant(f"task {task}, artifact URI", uri)
        (key,) = component.output_definitions.artifacts
        begin = time.monotonic()
        artifact = pb.RuntimeArtifact(uri=value.string_value, metadata=spec.metadata)
        artifact.type.CopyFrom(component.output_definitions.artifacts[key].artifact_type)
        kept = self._store.keep(key, artifact)
        return Step(artifacts={key: kept}, seconds=time.monotonic() - begin)


def _parameter(
    place: str, source: Any, given: Mapping[str, struct_pb2.Value], steps: Mapping[str, Step]
) -> struct_pb2.Value | None:
    """A task's parameter; None where the run has no value for it."""
    kind = source.WhichOneof("kind")
    if kind == "component_input_parameter":
        name = source.component_input_parameter
        if name not in given:
            raise SpecError(f"{place}: the run has no parameter {name!r}")
        return None if given[name].WhichOneof("kind") == "null_value" else given[name]
    if kind == "runtime_value":
        return _constant(place, source.runtime_value)
    if kind == "task_output_parameter":
        output = source.task_output_parameter
        found = steps[output.producer_task].parameters.get(output.output_parameter_key)
        if found is None:
            raise SpecError(f"{place}: {output.producer_task} has not written it")
        return found
    raise SpecError(f"{place}: a {kind} is not supported here")


def _constant(place: str, value: Any) -> struct_pb2.Value:
    if value.WhichOneof("value") != "constant":
        raise SpecError(f"{place}: a {value.WhichOneof('value')} is not implemented in Kubeflow")
    return value.constant


def _from_file(name: str, path: Path, declared: Any) -> struct_pb2.Value:
    if not path.exists():
        raise SpecError(f"output parameter {name} was not written")
    text = path.read_text("utf-8")
    if declared == pb.ParameterType.STRING:
        return struct_pb2.Value(string_value=text)
    return json_format.Parse(text, struct_pb2.Value())


def _local(folder: Path, uri: str) -> Path:
    local = local_path(folder, uri)
    if local is None:
        raise SpecError(f"{uri}: no local path for it: unsupported storage scheme")
    return local


def _prepare(given: Any, folder: Path) -> None:
    """Makes the folders around the outputs, and the file of the log."""
    for parameter in given.parameters.values():
        Path(parameter.output_file).parent.mkdir(parents=True, exist_ok=True)
    for artifacts in given.artifacts.values():
        _local(folder, artifacts.artifacts[0].uri).parent.mkdir(parents=True, exist_ok=True)
    _local(folder, given.artifacts[LOGS].artifacts[0].uri).touch()


def _for_condition(inputs: Any) -> dict[str, list[dict[str, Any]]]:
    return {
        key: [
            {"uri": one.uri, "metadata": json_format.MessageToDict(one.metadata)}
            for one in found.artifacts
        ]
        for key, found in inputs.artifacts.items()
    }
