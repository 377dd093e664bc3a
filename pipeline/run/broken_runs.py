"""What a run that was broken off has left in ML Metadata and among the artifacts."""

import os
from typing import Any

from ml_metadata.proto import metadata_store_pb2
from tfx.dsl.io import fileio

_UNFINISHED = (metadata_store_pb2.Execution.RUNNING, metadata_store_pb2.Execution.NEW)
_NODE = "node"


def clear_unfinished(store: Any, root: str) -> list[str]:
    """Calls unfinished executions failed and removes what they have written so far.

    To be called where no other run is at work in `root`. What a component keeps for its next try
    (TFX's stateful working folder) stays.

    Args:
      store: ML Metadata's.
      root: the folder of the artifacts, `<component>/<output>/<execution>`.

    Returns:
      The ids of the components that were broken off.

    Raises:
      OSError: something cannot be removed.
    """
    # Of the store's own filters, 1.21 has none left that looks at states.
    unfinished = [
        execution
        for execution in store.get_executions()
        if execution.last_known_state in _UNFINISHED
    ]
    broken = []
    for execution in unfinished:
        broken += [
            context.name.rpartition(".")[2]
            for context in store.get_contexts_by_execution(execution.id)
            if context.type == _NODE
        ]
        for pattern in ("*/*", "*/.system/executor_execution", "*/.system/driver_execution"):
            for path in fileio.glob(os.path.join(root, pattern, str(execution.id))):
                fileio.rmtree(path)
        for path in fileio.glob(os.path.join(root, "*/.system/seals/*", f"{execution.id}.json")):
            fileio.remove(path)
        execution.last_known_state = metadata_store_pb2.Execution.FAILED
    if unfinished:
        store.put_executions(unfinished)
    return sorted(set(broken))


def give_up(store: Any, artifacts: list[Any]) -> None:
    """Takes artifacts out of use: neither the cache nor a resolver of TFX's gives them again."""
    for artifact in artifacts:
        artifact.state = metadata_store_pb2.Artifact.DELETED
    store.put_artifacts(artifacts)
