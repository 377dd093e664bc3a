"""The fresh process: serves an exported model on a socket of its own until it is told to end.

It reads one line from stdin, the SavedModel's folder on this machine, and writes lines of JSON:
``{"port": ...}`` once the model serves, and ``{"memory_mb": ...}`` after stdin has been closed; or
``{"problem": why}``. TensorFlow is imported before the line is read, so that a process started
early has it ready.
"""

import contextlib
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any, TextIO

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.core.protobuf import saved_model_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow_serving.config import model_server_config_pb2

from tidegate.components.serving_check import MODEL
from tidegate.models.core.child_process import await_parents_end
from tidegate.models.core.export import EXTRA_FOLDER, SAMPLES_FILE, WARMUP_FILE, operations

# TF Serving 2.16 is built with tensorflow-text 2.12, which does not have it yet.
_NOT_IN_TF_SERVING = frozenset({"TFText>Utf8Binarize"})


def _registered() -> set[str]:
    ops = op_def_pb2.OpList.FromString(
        pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList())
    )
    return {op.name for op in ops.op}


# What a package beside these two registers is not in TF Serving.
_CORE = _registered()
import tensorflow_text  # noqa: E402, F401

_SERVED = (_CORE | _registered()) - _NOT_IN_TF_SERVING

from tidegate.serving.server.front_options import FrontOptions  # noqa: E402
from tidegate.serving.server.manager import ModelManager  # noqa: E402
from tidegate.serving.server.options import EngineOptions  # noqa: E402
from tidegate.serving.server.server import Server  # noqa: E402


class UnfitError(Exception):
    """The model cannot be served; the message says why."""


def check_graph(folder: str) -> int:
    """Looks at a SavedModel's ops and warm-up file.

    Args:
      folder: the SavedModel.

    Returns:
      How many warm-up requests it has.

    Raises:
      UnfitError: an op that TF Serving or a machine without a GPU lacks; or no warm-up request,
        which tidegate's export writes beside the samples. Somebody else's model needs none.
      OSError, tf.errors.OpError, google.protobuf.message.DecodeError: the files cannot be read.
    """
    saved = saved_model_pb2.SavedModel()
    with tf.io.gfile.GFile(os.path.join(folder, "saved_model.pb"), "rb") as file:
        saved.ParseFromString(file.read())
    used = operations(saved)
    cudnn = sorted(op for op in used if "cudnn" in op.lower())
    if cudnn:
        raise UnfitError(f"the graph holds {cudnn} and needs a GPU")
    functions = {
        function.signature.name
        for graph in saved.meta_graphs
        for function in graph.graph_def.library.function
    }
    unknown = sorted(used - functions - _SERVED)
    if unknown:
        raise UnfitError(f"the graph holds {unknown}, which TF Serving does not have")
    path = os.path.join(folder, EXTRA_FOLDER, WARMUP_FILE)
    ours = tf.io.gfile.exists(os.path.join(folder, EXTRA_FOLDER, SAMPLES_FILE))
    if not tf.io.gfile.exists(path):
        if not ours:
            return 0
        raise UnfitError(f"no warm-up requests: {EXTRA_FOLDER}/{WARMUP_FILE} is missing")
    requests = sum(1 for _ in tf.data.TFRecordDataset(path))
    if not requests:
        raise UnfitError(f"no warm-up requests in {EXTRA_FOLDER}/{WARMUP_FILE}")
    return requests


@contextlib.contextmanager
def serving(folder: str) -> Iterator[int]:
    """Serves a SavedModel of this machine as `MODEL`; gives the port.

    Raises:
      UnfitError: it cannot be loaded, or a warm-up request fails.
    """
    with tempfile.TemporaryDirectory() as base:
        os.symlink(os.path.abspath(folder), os.path.join(base, "1"))
        config = model_server_config_pb2.ModelServerConfig()
        config.model_config_list.config.add(name=MODEL, base_path=base, model_platform="tensorflow")
        manager = ModelManager(
            config, EngineOptions(max_num_load_retries=0, file_system_poll_wait_seconds=0)
        )
        server = Server(manager, FrontOptions(port=0))
        server.start()
        try:
            manager.start()
            (status,) = manager.status(MODEL, None)
            if status.state != status.AVAILABLE:
                raise UnfitError(status.status.error_message)
            server.open()
            yield server.port
        finally:
            server.stop(0)
            manager.stop(0)


def _say(out: TextIO, **content: Any) -> None:
    out.write(json.dumps(content) + "\n")
    out.flush()


def _end_of_input(ready: threading.Event) -> threading.Event:
    """Is set once stdin is closed; before the model serves, that ends the process at once."""
    ended = threading.Event()

    def wait() -> None:
        await_parents_end()
        if not ready.is_set():
            os._exit(1)  # The other process was killed: nobody waits for this load.
        ended.set()

    threading.Thread(target=wait, daemon=True).start()
    return ended


def main() -> None:
    """Serves until stdin is closed."""
    # What libraries print goes to the log: stdout is for the other process alone.
    out = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    folder = sys.stdin.readline().rstrip("\n")
    if not folder:
        return  # Started early and not needed.
    begin = time.monotonic()
    ready = threading.Event()
    ended = _end_of_input(ready)
    try:
        requests = check_graph(folder)
        with serving(folder) as port:
            ready.set()
            _say(out, port=port, requests=requests, seconds=round(time.monotonic() - begin, 2))
            ended.wait()
    except Exception as error:  # The other process must learn of any failure, whatever it is.
        first = (str(error).splitlines() or ["no message"])[0]
        kind = "" if isinstance(error, UnfitError) else f"{type(error).__name__}: "
        _say(out, problem=kind + first)
        return
    # Kilobytes on Linux, where TensorFlow's servers run.
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _say(out, memory_mb=round(peak / 1024))


if __name__ == "__main__":
    main()
