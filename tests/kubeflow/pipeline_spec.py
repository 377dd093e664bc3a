"""The compiled spec, read strictly: what Kubeflow Pipelines' backend refuses is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from google.protobuf import json_format, struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

_TASK_FIELDS = {
    "task_info",
    "inputs",
    "dependent_tasks",
    "caching_options",
    "component_ref",
    "trigger_policy",
}
_KINDS = {
    pb.ParameterType.STRING: ("string_value",),
    pb.ParameterType.NUMBER_DOUBLE: ("number_value",),
    pb.ParameterType.NUMBER_INTEGER: ("number_value",),
    pb.ParameterType.BOOLEAN: ("bool_value",),
    pb.ParameterType.LIST: ("list_value",),
    pb.ParameterType.STRUCT: ("struct_value",),
}


class SpecError(ValueError):
    """The spec asks for what is not there, or for what the backend does not do."""


@dataclass(frozen=True)
class PipelineSpec:
    """A pipeline spec with its executors.

    Attributes:
      message: the spec.
      executors: by label.
    """

    message: pb.PipelineSpec
    executors: Mapping[str, Any]

    @classmethod
    def read(cls, path: Path) -> PipelineSpec:
        """From a file of JSON: a `PipelineSpec`.

        Raises:
          SpecError: of another version than 2.1.
          json_format.ParseError: not a spec.
        """
        message = json_format.ParseDict(json.loads(path.read_text("utf-8")), pb.PipelineSpec())
        if not message.schema_version.startswith("2.1."):
            raise SpecError(f"schema version {message.schema_version!r}, expected 2.1")
        deployment = json_format.ParseDict(
            json_format.MessageToDict(message.deployment_spec), pb.PipelineDeploymentConfig()
        )
        return cls(message, dict(deployment.executors))

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.message.pipeline_info.name)

    @property
    def tasks(self) -> Mapping[str, Any]:
        """The root's tasks by name."""
        return dict(self.message.root.dag.tasks)

    def component(self, task: str) -> Any:
        """The component that a task runs.

        Raises:
          SpecError: there is none.
        """
        name = self.tasks[task].component_ref.name
        if name not in self.message.components:
            raise SpecError(f"task {task}: no component {name!r}")
        return self.message.components[name]

    def executor(self, task: str) -> Any:
        """What runs a task's component: a container or an importer.

        Raises:
          SpecError: another kind, or none.
        """
        component = self.component(task)
        if component.WhichOneof("implementation") != "executor_label":
            raise SpecError(f"task {task}: a component that is a DAG is not supported")
        if component.executor_label not in self.executors:
            raise SpecError(f"task {task}: no executor {component.executor_label!r}")
        executor = self.executors[component.executor_label]
        kind = executor.WhichOneof("spec")
        if kind not in ("container", "importer"):
            raise SpecError(f"task {task}: a {kind} executor is not implemented in Kubeflow")
        return executor

    def order(self) -> list[str]:
        """The tasks, each behind those that it depends on; the same order every time.

        Raises:
          SpecError: a circle, an unknown task, an input of a task that is not waited for, or a
            field that is not known here.
        """
        before: dict[str, set[str]] = {}
        visiting: list[str] = []

        def visit(name: str) -> None:
            if name in before:
                return
            if name not in self.tasks:
                raise SpecError(f"task {visiting[-1]} depends on {name!r}, which is no task")
            if name in visiting:
                raise SpecError(f"tasks depend on each other: {[*visiting, name]}")
            visiting.append(name)
            task = self.tasks[name]
            for other in sorted(task.dependent_tasks):
                visit(other)
            visiting.pop()
            direct = set(task.dependent_tasks)
            all_before = direct.union(*(before[other] for other in direct))
            _check(name, task, all_before)
            before[name] = all_before

        for name in sorted(self.tasks):
            visit(name)
        return list(before)

    def run_parameters(self, given: Mapping[str, Any]) -> dict[str, struct_pb2.Value]:
        """The run's parameters: those given, and the others' defaults.

        Raises:
          SpecError: an unknown one, or none given where the spec has no default.
        """
        declared = self.message.root.input_definitions.parameters
        unknown = sorted(set(given) - set(declared))
        if unknown:
            raise SpecError(f"the spec has no run parameters {unknown}; it has {sorted(declared)}")
        values = {}
        for name, parameter in declared.items():
            value = struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
            if name in given:
                value = json_format.ParseDict(given[name], struct_pb2.Value())
            elif parameter.HasField("default_value"):
                value = parameter.default_value
            elif not parameter.is_optional:
                raise SpecError(f"run parameter {name!r} is not given and has no default")
            values[name] = value
        return values


def _check(name: str, task: Any, before: set[str]) -> None:
    unknown = {field.name for field, _ in task.ListFields()} - _TASK_FIELDS
    if unknown:
        raise SpecError(f"task {name}: {sorted(unknown)} is not supported here")
    policy = pb.PipelineTaskSpec.TriggerPolicy.TriggerStrategy.Name(task.trigger_policy.strategy)
    if policy not in ("TRIGGER_STRATEGY_UNSPECIFIED", "ALL_UPSTREAM_TASKS_SUCCEEDED"):
        raise SpecError(f"task {name}: trigger strategy {policy} is not supported here")
    producers = {one.task_output_artifact.producer_task for one in task.inputs.artifacts.values()}
    producers |= {
        one.task_output_parameter.producer_task
        for one in task.inputs.parameters.values()
        if one.WhichOneof("kind") == "task_output_parameter"
    }
    if producers - before:
        raise SpecError(
            f"task {name} takes an output of {sorted(producers - before)} and does not wait for it"
        )


def as_declared(name: str, value: struct_pb2.Value, declared: Any) -> struct_pb2.Value:
    """A parameter's value as the component declares its type; anything may be read as text.

    Raises:
      SpecError: another type.
    """
    if declared not in _KINDS:
        raise SpecError(f"parameter {name!r}: a type that schema version 2.1 does not have")
    if value.WhichOneof("kind") in _KINDS[declared]:
        return value
    if declared == pb.ParameterType.STRING:
        return struct_pb2.Value(string_value=as_text(value))
    raise SpecError(f"parameter {name!r} is {as_text(value)!r}, of another type than declared")


def as_text(value: struct_pb2.Value) -> str:
    """A value as the backend writes it on a command line: Go's text, numbers without exponent."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return str(value.string_value)
    if kind == "number_value":
        return _without_exponent(value.number_value)
    if kind == "bool_value":
        return str(value.bool_value).lower()
    return "" if kind == "null_value" else _as_json(value)


def _without_exponent(number: float) -> str:
    text = f"{Decimal(repr(number)):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _as_json(value: struct_pb2.Value) -> str:
    """A value within a list or struct: compact, keys sorted, HTML's signs escaped."""
    kind = value.WhichOneof("kind")
    if kind == "list_value":
        return f"[{','.join(map(_as_json, value.list_value.values))}]"
    if kind == "struct_value":
        fields = sorted(value.struct_value.fields.items())
        return f"{{{','.join(f'{_quoted(key)}:{_as_json(one)}' for key, one in fields)}}}"
    if kind == "string_value":
        return _quoted(value.string_value)
    if kind == "number_value":
        return _as_number(value.number_value)
    return "null" if kind == "null_value" else as_text(value)


def _quoted(text: str) -> str:
    quoted = json.dumps(text, ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        quoted = quoted.replace(sign, f"\\u{ord(sign):04x}")
    return quoted


def _as_number(number: float) -> str:
    """As ECMAScript writes it: an exponent below 1e-6 and from 1e21 on."""
    if number and not 1e-6 <= abs(number) < 1e21:
        digits, _, exponent = f"{Decimal(repr(number)):e}".partition("e")
        return f"{digits}e{int(exponent):+d}"
    return _without_exponent(number)
