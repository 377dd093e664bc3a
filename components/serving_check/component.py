"""The component: what it takes and gives."""

from tfx.dsl.components.base import base_component, executor_spec
from tfx.types import standard_artifacts
from tfx.types.component_spec import ChannelParameter

from tidegate.components import wiring
from tidegate.components.serving_check import executor


class ServingCheck(wiring.Wired, base_component.BaseComponent):
    """Blesses a model that the embedded server serves in a process of its own as it must.

    A client sends it requests over a socket. It needs no Docker, as TFX's InfraValidator does, and
    emits the same InfraBlessing. On one machine its process starts while the model is trained, and
    loads it while the model is judged.

    The requests and their answers are those that tidegate's export has written beside the model.
    For a model of somebody else's they are raw examples, which `serving_default` must take as
    serialized tf.Examples, and what the model answers when it is loaded without a server.

    Args:
      model: the Trainer's model.
      examples: an ExampleGen's examples, for a model without recorded samples; may be left out.
      tolerance: largest difference of a number in an answer from that of the model in memory.
      timeout: seconds after which a model that does not answer has failed.
      latency_ms: largest median of a single request's milliseconds.
      memory_mb: largest peak of the process's memory, in MiB.
    """

    SPEC_CLASS = wiring.spec(
        parameters={
            "tolerance": 1e-3,
            "timeout": 300.0,
            "latency_ms": 1_000.0,
            "memory_mb": 4_096.0,
        },
        inputs={
            "model": standard_artifacts.Model,
            "examples": ChannelParameter(type=standard_artifacts.Examples, optional=True),
        },
        outputs={"blessing": standard_artifacts.InfraBlessing},
    )
    EXECUTOR_SPEC = executor_spec.ExecutorClassSpec(executor.Executor)
    ALSO_RUNS = ("tidegate.components.serving_check.process",)

    def prepare(self, key: str) -> None:
        """Starts the process: it imports TensorFlow while training has not yet taken all cores."""
        if key == "model":
            executor.start_process()

    def accept(self, key: str, uri: str) -> None:
        """Has it load the model beside the Evaluator, which leaves a core to it."""
        if key == "model":
            executor.load_ahead(uri)

    def dismiss(self, key: str) -> None:
        """Ends a process that is not needed."""
        if key == "model":
            executor.stop_process()
