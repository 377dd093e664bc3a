"""One loaded version of a model: runs a signature of its SavedModel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tidegate.serving.server import tensors
from tidegate.serving.server.batching import Batcher
from tidegate.serving.server.graph_session import GraphSession
from tidegate.serving.server.options import BatchingParameters
from tidegate.serving.server.status import invalid_argument

if TYPE_CHECKING:
    from tensorflow.core.framework.tensor_pb2 import TensorProto
    from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef, TensorInfo


class Servable:
    """One loaded version.

    Attributes:
      name: the model's name.
      version: its version number.
      path: its folder.
      signature_defs: the signatures of the meta graph tagged ``serve``.

    Args:
      name: the model's name.
      version: its version number.
      path: its folder.
      signature_defs: its signatures.
      session: over the model's graph, with its variables restored.
      batching: how requests are batched; None for not.
      strict_batching: whether what cannot be batched is refused.
    """

    def __init__(
        self,
        name: str,
        version: int,
        path: str,
        signature_defs: Mapping[str, SignatureDef],
        session: GraphSession,
        batching: BatchingParameters | None = None,
        strict_batching: bool = True,
    ) -> None:
        self.name = name
        self.version = version
        self.path = path
        self.signature_defs = signature_defs
        self._session = session
        self._batcher = None if batching is None else Batcher(batching, session, strict_batching)

    def run(
        self,
        feeds: Mapping[str, TensorProto | np.ndarray],
        signature: SignatureDef,
        outputs: Sequence[str],
        deadline: float | None = None,
    ) -> dict[str, np.ndarray]:
        """Feeds the signature's inputs and fetches its outputs.

        Args:
          feeds: tensors by input alias; the caller has checked the aliases against the signature.
            A string array has dtype object and holds bytes.
          signature: one of ``signature_defs``.
          outputs: output aliases, checked by the caller.
          deadline: in seconds of ``time.monotonic()``; None for none.

        Returns:
          Output alias to array; an array may be a view of the whole batch's output.

        Raises:
          ServingError: with TF Serving's code and the kernel's text.
        """
        arrays = {
            signature.inputs[alias].name: _array(alias, value) for alias, value in feeds.items()
        }
        names = [signature.outputs[alias].name for alias in outputs]
        # Two aliases may name one tensor; a session fetches it once.
        fetches = list(dict.fromkeys(names))
        results = None
        if self._batcher is not None and _batchable(signature, feeds, outputs):
            results = self._batcher.run(arrays, fetches, deadline)
        if results is None:
            results = self._session.run(arrays, fetches, deadline)
        found = dict(zip(fetches, results, strict=True))
        return {alias: found[name] for alias, name in zip(outputs, names, strict=True)}

    def close(self) -> None:
        """Frees what the version holds; no run may begin after."""
        if self._batcher is not None:
            self._batcher.close()
        self._session.close()


def _array(alias: str, value: TensorProto | np.ndarray) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    try:
        return tensors.decode(value)
    except tensors.TensorError as error:
        raise invalid_argument(f"tensor parsing error: {alias}") from error


def _batchable(
    signature: SignatureDef, inputs: Mapping[str, object], outputs: Sequence[str]
) -> bool:
    """Whether every input and output has a first dimension of any size."""
    return all(_has_batch(signature.inputs[alias]) for alias in inputs) and all(
        _has_batch(signature.outputs[alias]) for alias in outputs
    )


def _has_batch(info: TensorInfo) -> bool:
    shape = info.tensor_shape
    return bool(shape.unknown_rank or (shape.dim and shape.dim[0].size == -1))
