"""A version's folder to a servable: any SavedModel, TF1 or TF2."""

from __future__ import annotations

import logging

import tensorflow as tf
import tensorflow_text  # noqa: F401  Registers its ops, as the stock server does.
from tensorflow.core.protobuf import config_pb2

# What tf.compat.v1.saved_model.load is, less its notice that TF1's API is old.
from tensorflow.python.saved_model.loader_impl import SavedModelLoader

from tidegate.serving.server import status
from tidegate.serving.server.graph_session import GraphSession
from tidegate.serving.server.options import EngineOptions
from tidegate.serving.server.servable import Servable
from tidegate.serving.server.warmup import warm_up

_LOG = logging.getLogger(__name__)


def load(name: str, version: int, path: str, options: EngineOptions) -> Servable:
    """Loads a version and runs its warm-up requests.

    Args:
      name: the model's name.
      version: its number.
      path: the folder with ``saved_model.pb`` or ``saved_model.pbtxt``.
      options: threads, batching, warm-up.

    Raises:
      ServingError: the SavedModel cannot be read, holds no graph tagged ``serve``, uses an op that
        is not known or a file that is missing, or a warm-up request failed.
    """
    config = config_pb2.ConfigProto(
        # A model trained on a GPU may name one.
        allow_soft_placement=True,
        intra_op_parallelism_threads=options.tensorflow_intra_op_parallelism,
        inter_op_parallelism_threads=options.tensorflow_inter_op_parallelism,
    )
    # The server shares the machine: with trainings, with the pipeline that checks a model.
    config.gpu_options.allow_growth = True
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph, config=config)
    try:
        signature_defs = _restore(session, graph, path)
        servable = Servable(
            name,
            version,
            path,
            signature_defs,
            GraphSession(session),
            options.batching if options.enable_batching else None,
            options.strict_batching,
        )
    except Exception as error:
        session.close()
        raise _load_error(error, path) from error
    if options.enable_model_warmup:
        try:
            count = warm_up(servable, path)
        except Exception as error:
            servable.close()
            raise status.from_tensorflow(error) from error
        _LOG.info("Model %s version %d: %d warm-up requests", name, version, count)
    return servable


def _restore(session: tf.compat.v1.Session, graph: tf.Graph, path: str) -> dict[str, object]:
    with graph.as_default():
        meta_graph = SavedModelLoader(path).load(session, [tf.saved_model.SERVING])
    # No op is added after this, so nothing about the graph changes between two runs.
    graph.finalize()
    # Copies: the message itself would keep the whole graph in memory a second time.
    signatures = {}
    for key, signature in meta_graph.signature_def.items():
        signatures[key] = type(signature).FromString(signature.SerializeToString())
    return signatures


def _load_error(error: Exception, path: str) -> status.ServingError:
    """TensorFlow's Python loader raises Python's own errors where the stock server has codes."""
    if isinstance(error, tf.errors.OpError | status.ServingError):
        return status.from_tensorflow(error)
    if isinstance(error, OSError) and "does not exist" in str(error):
        return status.not_found(f"Could not find a SavedModel at {path}.")
    if isinstance(error, OSError):
        return status.data_loss(f"Can't read the SavedModel at {path}: {error}")
    if isinstance(error, RuntimeError) and "tags" in str(error):
        return status.not_found(
            f"Could not find meta graph def matching supplied tags: {{ serve }} in {path}."
        )
    return status.invalid_argument(f"Can't load the SavedModel at {path}: {error}")
