"""A TensorFlow session that is fed and fetched by tensor name, with a deadline for each run.

Models run through the Session API because the stock server does: it loads the meta graph tagged
`serve`, feeds and fetches by the names in the signature, bounds a run by its `RunOptions`, and
hands on the kernels' own messages. TF2's `saved_model.load` would check shapes and types in Python
first, with other messages, cannot bound a run, and does not take every TF1 model.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2

# What tf.compat.v1.Session.run itself calls. Session.run would first check shapes against the
# placeholders and convert types, neither of which the stock server does, and takes several times
# as long for a small request.
from tensorflow.python.client import pywrap_tf_session

from tidegate.serving.server import status

TIMED_OUT = "Timed out waiting for notification"


class GraphSession:
    """Runs one graph from any number of threads.

    Args:
      session: over a graph that is complete; `close` closes it.
    """

    def __init__(self, session: tf.compat.v1.Session) -> None:
        self._session = session
        self._tensors: dict[str, Any] = {}
        self.extend()

    def extend(self) -> None:
        """Makes ops known that were added to the graph since."""
        # A private name with a public meaning: Session.run calls it before each run.
        self._session._extend_graph()

    def run(
        self,
        feeds: Mapping[str, np.ndarray],
        fetches: Sequence[str],
        deadline: float | None = None,
    ) -> list[np.ndarray]:
        """Runs the ops that the fetches need.

        Args:
          feeds: arrays by tensor name; strings as object arrays of bytes.
          fetches: tensor names.
          deadline: in seconds of ``time.monotonic()``; a run that passes it is cancelled.

        Returns:
          The fetched arrays, in order.

        Raises:
          ServingError: TensorFlow's code and message; DEADLINE_EXCEEDED past the deadline.
        """
        options = None
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise status.deadline_exceeded(TIMED_OUT)
            timeout = config_pb2.RunOptions(timeout_in_ms=max(1, min(int(left * 1000), 1 << 40)))
            options = pywrap_tf_session.TF_NewBufferFromString(timeout.SerializeToString())
        try:
            results = pywrap_tf_session.TF_SessionRun_wrapper(
                self._session._session,
                options,
                {self._tensor(name): array for name, array in feeds.items()},
                [self._tensor(name) for name in fetches],
                [],
                None,
            )
        except Exception as error:
            raise status.from_tensorflow(error) from error
        finally:
            if options is not None:
                pywrap_tf_session.TF_DeleteBuffer(options)
        return [
            # TensorFlow hands out a scalar as a NumPy scalar, or as bytes.
            result if isinstance(result, np.ndarray) else _scalar(result)
            for result in results
        ]

    def _tensor(self, name: str) -> Any:
        found = self._tensors.get(name)
        if found is None:
            try:
                tensor = self._session.graph.get_tensor_by_name(name)
            except (KeyError, ValueError) as error:
                raise status.not_found(f"The model's graph has no tensor {name!r}.") from error
            # Names come from signatures alone, so this cannot grow with requests.
            found = self._tensors[name] = tensor._as_tf_output()
        return found

    def close(self) -> None:
        """Cancels what runs and frees the session's resources."""
        self._session.close()


def _scalar(value: Any) -> np.ndarray:
    if isinstance(value, bytes):
        array = np.empty((), object)
        array[()] = value
        return array
    return np.asarray(value)
