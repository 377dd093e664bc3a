"""Runs a pipeline on this machine, component by component, and tells where it is."""

import datetime
import gc
import time
from dataclasses import dataclass, field
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.compiler import compiler, constants
from tfx.dsl.io import fileio
from tfx.orchestration import metadata, pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import launcher, runtime_parameter_utils

from components.model_versions import ROLLED_BACK
from components.serving_check import executor as serving_check
from models.core.progress import reporter


@dataclass
class ComponentRun:
    """How a component went.

    Attributes:
      name: the component's id.
      seconds: it took.
      cached: whether a former run's outputs were used.
      outputs: artifacts by output key.
    """

    name: str
    seconds: float
    cached: bool
    outputs: dict[str, list[Any]] = field(default_factory=dict)


class ComponentError(RuntimeError):
    """A component failed.

    Attributes:
      component: the component's id.
    """

    def __init__(self, component: str) -> None:
        super().__init__(f"the component {component} failed")
        self.component = component


def run_pipeline(dag: pipeline.Pipeline) -> list[ComponentRun]:
    """Runs a pipeline's components in order, each at most once.

    TFX's LocalDagRunner does the same without a word.

    Args:
      dag: the pipeline.

    Returns:
      How each component went.

    Raises:
      ComponentError: from the component's own error.
    """
    compiled = compiler.Compiler().compile(dag)
    runtime_parameter_utils.substitute_runtime_parameter(
        compiled,
        {constants.PIPELINE_RUN_ID_PARAMETER_NAME: datetime.datetime.now().isoformat()},
    )
    deployment = runner_utils.extract_local_deployment_config(compiled)
    connection = getattr(
        deployment.metadata_connection_config,
        deployment.metadata_connection_config.WhichOneof("connection_config"),
    )
    runs: list[ComponentRun] = []
    try:
        for number, node in enumerate(compiled.nodes, start=1):
            name = node.pipeline_node.node_info.id
            where = f"[{number}/{len(compiled.nodes)}] {name}"
            reporter().status(where)

            def launch(node: Any = node, name: str = name) -> ComponentRun:
                return _launch(node.pipeline_node, name, compiled, deployment, connection)

            if name == "Trainer":
                # It imports TensorFlow while training has not yet taken all cores.
                serving_check.start_process()
            run = launch()
            if name == "Trainer":
                if run.cached:
                    serving_check.stop_process()
                else:
                    # Beside the Evaluator, which leaves a core to it.
                    serving_check.load_ahead(run.outputs["model"][0].uri)
            if name == "Pusher" and run.cached and _pushed_is_gone(run):
                _run_anew(node.pipeline_node)
                run = launch()
            runs.append(run)
            if not run.cached:
                # What a component leaves in memory lasts as long as the process; the collector
                # would search all of it again and again while the next one traces its graphs.
                gc.collect()
                gc.freeze()
            how = "unchanged, nothing to do" if run.cached else f"{run.seconds:.1f} s"
            reporter().line(f"{where}: {how}")
    finally:
        serving_check.stop_process()
    return runs


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
        info = launcher.Launcher(
            pipeline_node=node,
            mlmd_connection=metadata.Metadata(connection),
            pipeline_info=compiled.pipeline_info,
            pipeline_runtime_spec=compiled.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(deployment, name),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(deployment, name),
        ).launch()
    except Exception as error:
        raise ComponentError(name) from error
    seconds = time.monotonic() - begin
    if info is None or not info.execution_id:
        return ComponentRun(name, seconds, cached=False)
    with metadata.Metadata(connection) as handle:
        return _outcome(handle.store, info.execution_id, name, seconds)


def _outcome(store: Any, execution_id: int, name: str, seconds: float) -> ComponentRun:
    """Reads state and outputs of an execution from ML Metadata."""
    (execution,) = store.get_executions_by_id([execution_id])
    if execution.last_known_state == metadata_store_pb2.Execution.FAILED:
        raise ComponentError(name)
    cached = execution.last_known_state == metadata_store_pb2.Execution.CACHED
    outputs: dict[str, list[Any]] = {}
    events = store.get_events_by_execution_ids([execution_id])
    kinds = (metadata_store_pb2.Event.OUTPUT, metadata_store_pb2.Event.INTERNAL_OUTPUT)
    for event in events:
        if event.type not in kinds:
            continue
        (found,) = store.get_artifacts_by_id([event.artifact_id])
        outputs.setdefault(event.path.steps[0].key, []).append(found)
    return ComponentRun(name, seconds, cached, outputs)


def _pushed_is_gone(run: ComponentRun) -> bool:
    """Whether a model that was pushed before is no longer where it was pushed to."""
    pushed = run.outputs["pushed_model"][0].custom_properties
    if not pushed["pushed"].int_value:
        return False
    path = pushed["pushed_destination"].string_value
    # What was taken back on purpose is not pushed again.
    return not fileio.exists(path) and not fileio.exists(path + ROLLED_BACK)
