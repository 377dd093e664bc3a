"""The component: what it takes and gives."""

from typing import Any, ClassVar

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import channel, component_spec, standard_artifacts

from tidegate.components.serving_check import executor


class ServingCheckSpec(component_spec.ComponentSpec):
    """What ServingCheck takes and gives."""

    PARAMETERS: ClassVar[dict[str, Any]] = {
        "tolerance": component_spec.ExecutionParameter(type=float),
        "timeout": component_spec.ExecutionParameter(type=float),
        "latency_ms": component_spec.ExecutionParameter(type=float),
        "memory_mb": component_spec.ExecutionParameter(type=float),
        "fingerprint": component_spec.ExecutionParameter(type=str),
    }
    INPUTS: ClassVar[dict[str, Any]] = {
        "model": component_spec.ChannelParameter(type=standard_artifacts.Model)
    }
    OUTPUTS: ClassVar[dict[str, Any]] = {
        "blessing": component_spec.ChannelParameter(type=standard_artifacts.InfraBlessing)
    }


class ServingCheck(base_component.BaseComponent):
    """Blesses a model that the embedded server serves in a process of its own as it must.

    A client sends it the task's samples over a socket. It needs no Docker, as TFX's InfraValidator
    does, and emits the same InfraBlessing.

    Args:
      model: the Trainer's model.
      tolerance: largest difference of a number in an answer from that of the model in memory.
      timeout: seconds after which a model that does not answer has failed.
      latency_ms: largest median of a single request's milliseconds.
      memory_mb: largest peak of the process's memory, in MiB.
      fingerprint: of the code, for TFX's cache.
    """

    SPEC_CLASS = ServingCheckSpec
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)

    def __init__(
        self,
        model: Any,
        fingerprint: str,
        tolerance: float = 1e-3,
        timeout: float = 300.0,
        latency_ms: float = 1_000.0,
        memory_mb: float = 4_096.0,
    ) -> None:
        super().__init__(
            spec=ServingCheckSpec(
                model=model,
                tolerance=tolerance,
                timeout=timeout,
                latency_ms=latency_ms,
                memory_mb=memory_mb,
                fingerprint=fingerprint,
                blessing=channel.Channel(type=standard_artifacts.InfraBlessing),
            )
        )
