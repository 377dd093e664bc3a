"""Runs a pipeline on this machine, component by component, and tells where it is."""

import copy
import datetime
import gc
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils
from tfx.proto.orchestration import executable_spec_pb2
from tfx.types import channel

from tidegate.components.wiring import Wired
from tidegate.models.core.progress import reporter
from tidegate.pipeline.run import broken_runs, seals

# TFX's mark of what comes from elsewhere.
_IMPORTED = "is_external"
_RESOLVER = "tfx.dsl.components.common.resolver.Resolver"


@dataclass
class ComponentRun:
    """How a component went.

    Attributes:
      name: the component's id.
      seconds: it took.
      cached: whether a former run's outputs were used.
      inputs: artifacts by input key.
      outputs: artifacts by output key.
    """

    name: str
    seconds: float
    cached: bool
    inputs: dict[str, list[Any]] = field(default_factory=dict)
    outputs: dict[str, list[Any]] = field(default_factory=dict)


class ComponentError(RuntimeError):
    """A component failed.

    Attributes:
      component: the component's id.
    """

    def __init__(self, component: str) -> None:
        super().__init__(f"the component {component} failed")
        self.component = component


class _Unusable(Exception):
    """A component was given artifacts that are not as they were left.

    Attributes:
      artifacts: they.
      reasons: what is wrong, a sentence each.
    """

    def __init__(self, artifacts: list[Any], reasons: list[str]) -> None:
        super().__init__("; ".join(reasons))
        self.artifacts = artifacts
        self.reasons = reasons


def run_pipeline(dag: pipeline.Pipeline) -> list[ComponentRun]:
    """Runs a pipeline's components in order, each at most once.

    TFX's LocalDagRunner does the same without a word, and takes damaged artifacts for whole ones.
    No other run may be at work in the pipeline's folder.

    Args:
      dag: the pipeline.

    Returns:
      How each component went.

    Raises:
      ComponentError: from the component's own error.
    """
    connection = dag.metadata_connection_config
    with metadata.Metadata(connection) as handle:
        broken = broken_runs.clear_unfinished(handle.store, dag.pipeline_info.pipeline_root)
    if broken:
        reporter().line(
            f"the last run was broken off in {', '.join(broken)}: what it left half done is removed"
        )
    done: dict[str, ComponentRun] = {}
    sound: set[str] = set()
    while True:
        try:
            return _run_once(dag, done, sound)
        except _Unusable as found:
            for reason in found.reasons:
                reporter().line(f"{reason}: it is not used")
            with metadata.Metadata(connection) as handle:
                broken_runs.give_up(handle.store, found.artifacts)


def _run_once(
    dag: pipeline.Pipeline, done: dict[str, ComponentRun], sound: set[str]
) -> list[ComponentRun]:
    """Runs the components in order.

    Args:
      dag: the pipeline.
      done: how components went that this run is through with; added to. A further try takes them
        from the cache, also where nothing of a former run is wanted.
      sound: URIs of the artifacts that were looked at; added to.

    Raises:
      ComponentError: from the component's own error.
      _Unusable: the cache or a resolver gave a damaged artifact.
    """
    compiled = compiler.Compiler().compile(dag)
    # Unique even where the clock was set back.
    run_id = f"{datetime.datetime.now().isoformat()}-{uuid.uuid4().hex[:8]}"
    runtime_parameter_utils.substitute_runtime_parameter(
        compiled, {constants.PIPELINE_RUN_ID_PARAMETER_NAME: run_id}
    )
    deployment = runner_utils.extract_local_deployment_config(compiled)
    connection = getattr(
        deployment.metadata_connection_config,
        deployment.metadata_connection_config.WhichOneof("connection_config"),
    )
    ours: list[Any] = [node for node in dag.components if isinstance(node, Wired)]
    wired = {node.id: node for node in ours}
    runs: list[ComponentRun] = []
    try:
        for number, node in enumerate(compiled.nodes, start=1):
            name = node.pipeline_node.node_info.id
            where = f"[{number}/{len(compiled.nodes)}] {name}"
            reporter().status(where)
            if name in done:
                node.pipeline_node.execution_options.caching_options.enable_cache = True

            def launch(node: Any = node, name: str = name) -> ComponentRun:
                return _launch(node.pipeline_node, name, compiled, deployment, connection)

            waiting = [] if name in done else _waiting(ours, name)
            for component, key, _ in waiting:
                component.prepare(key)
            run = launch()
            # A resolver gives what a former run has left, too.
            if run.cached or node.pipeline_node.node_info.type.name == _RESOLVER:
                _check_artifacts(run, sound)
            for component, key, output in waiting:
                if run.cached:
                    component.dismiss(key)
                elif output in run.outputs:
                    component.accept(key, run.outputs[output][0].uri)
            if run.cached and name in wired:
                lost = wired[name].lost(run.inputs, run.outputs)
                if lost is not None:
                    reporter().line(lost)
                    _run_anew(node.pipeline_node)
                    run = launch()
            if name in done:
                runs.append(done[name])
                continue
            done[name] = run
            runs.append(run)
            if not run.cached:
                # What a component leaves in memory lasts as long as the process; the collector
                # would search all of it again and again while the next one traces its graphs.
                gc.collect()
                gc.freeze()
            how = "unchanged, nothing to do" if run.cached else f"{run.seconds:.1f} s"
            reporter().line(f"{where}: {how}")
    finally:
        for component in ours:
            for key in component.inputs:
                component.dismiss(key)
    return runs


def _waiting(ours: Iterable[Any], name: str) -> list[tuple[Any, str, str]]:
    """Who takes an output of a component: they, the input's key there and the output's."""
    return [
        (component, key, source.output_key)
        for component in ours
        for key, source in component.inputs.items()
        if isinstance(source, channel.OutputChannel) and source.producer_component_id == name
    ]


def _check_artifacts(run: ComponentRun, sound: set[str]) -> None:
    """Looks at what a former run has left before anything is built on it."""
    artifacts = [
        artifact
        for found in run.outputs.values()
        for artifact in found
        # A model that training starts from is another run's: its content is in the cache's key.
        if artifact.uri not in sound and not _is_imported(artifact)
    ]
    damages = [(artifact, seals.damage(artifact.uri)) for artifact in artifacts]
    damaged = [(artifact, reason) for artifact, reason in damages if reason is not None]
    if damaged:
        raise _Unusable(
            [artifact for artifact, _ in damaged],
            [f"{artifact.uri} {reason}" for artifact, reason in damaged],
        )
    sound.update(artifact.uri for artifact in artifacts)


def _is_imported(artifact: Any) -> bool:
    """Whether TFX's Importer has named it: it was not made here, and has no seal."""
    marks = artifact.custom_properties
    return _IMPORTED in marks and bool(marks[_IMPORTED].int_value)


def _run_anew(node: Any) -> None:
    """Makes a node's next launch an execution of its own, which uses nothing of a former one."""
    node.execution_options.caching_options.enable_cache = False
    for context in node.contexts.contexts:
        if context.type.name == constants.PIPELINE_RUN_CONTEXT_TYPE_NAME:
            # Within one run, TFX takes the first execution of a node for the last.
            context.name.field_value.string_value += "-again"


def _launch(node: Any, name: str, compiled: Any, deployment: Any, connection: Any) -> ComponentRun:
    begin = time.monotonic()
    info = None
    try:
        launched = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=compiled.pipeline_info,
            pipeline_runtime_spec=compiled.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, name),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
            custom_executor_operators=seals.SEALING_OPERATORS,
        )
        spec = launched._executor_spec
        if isinstance(spec, executable_spec_pb2.BeamExecutableSpec):
            # Part of the cache's key; the operator has its own. What a job runs on does not change
            # what it makes.
            launched._executor_spec = copy.deepcopy(spec)
            launched._executor_spec.ClearField("beam_pipeline_args")
            launched._executor_spec.ClearField("beam_pipeline_args_placeholders")
        info = launched.launch()
    except Exception as error:
        raise ComponentError(name) from error
    seconds = time.monotonic() - begin
    if info is None or not info.execution_id:
        return ComponentRun(name, seconds, cached=False)
    with metadata.Metadata(connection) as handle:
        return _outcome(handle.store, info.execution_id, name, seconds)


def _outcome(store: Any, execution_id: int, name: str, seconds: float) -> ComponentRun:
    """Reads state and artifacts of an execution from ML Metadata."""
    (execution,) = store.get_executions_by_id([execution_id])
    if execution.last_known_state == metadata_store_pb2.Execution.FAILED:
        raise ComponentError(name)
    cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
    run = ComponentRun(name, seconds, cached)
    sides = {
        metadata_store_pb2.Event.INPUT: run.inputs,
        metadata_store_pb2.Event.OUTPUT: run.outputs,
        metadata_store_pb2.Event.INTERNAL_OUTPUT: run.outputs,
    }
    for event in store.get_events_by_execution_ids([execution_id]):
        if event.type in sides:
            (artifact,) = store.get_artifacts_by_id([event.artifact_id])
            sides[event.type].setdefault(event.path.steps[0].key, []).append(artifact)
    return run
