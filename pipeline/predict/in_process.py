"""A model of this process, asked as a server is asked and by no port."""

import posixpath
from pathlib import Path
from typing import Any

import grpc

from tidegate.components.files import is_local
from tidegate.pipeline.run.console import quiet_imports, warnings_alone
from tidegate.serving.client import Client
from tidegate.serving.client.errors import of_rpc
from tidegate.tables.errors import InputError

_GRAPH_FILES = ("saved_model.pb", "saved_model.pbtxt")


def open_model(path: str) -> tuple[Client, str]:
    """Loads a model into this process.

    Args:
      path: a version's folder, a folder of versions, of which the newest is taken, or a folder of
        one model's versions; a path, or a URI.

    Returns:
      A client that asks it, and the name that it asks for.

    Raises:
      InputError: there is no model, there are several, or it cannot be loaded.
    """
    if is_local(path) and not Path(path).exists():
        raise InputError(f"no such file or folder: {path}; expected a folder with a model")
    with quiet_imports():
        from tidegate.serving.server.loader import load
    name, version, folder = _find(path.rstrip("/"))

    from tidegate.serving.server.options import EngineOptions
    from tidegate.serving.server.status import ServingError

    try:
        with warnings_alone():
            servable = load(name, version, folder, EngineOptions(enable_model_warmup=False))
    except ServingError as error:
        raise InputError(f"{folder}: cannot be loaded: {error.message}") from None
    # A request takes as long as it takes: there is no one else who waits.
    return Client(channel=_InProcess(servable), deadline=float(2**31)), name


def _find(path: str) -> tuple[str, int, str]:
    """The name, the version and the folder of the model at a path."""
    newest = _newest(path)
    if newest is not None:
        return newest
    found = [one for one in (_newest(f"{path}/{name}") for name in _folders(path)) if one]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(sorted(name for name, _, _ in found))
        raise InputError(f"{path}: several models are there ({names}); name one: {path}/NAME")
    raise InputError(
        f"{path}: no model there; expected saved_model.pb in it, or in VERSION or MODEL/VERSION "
        "below it"
    )


def _newest(path: str) -> tuple[str, int, str] | None:
    """What a folder holds that is a version, or has versions in it."""
    folder, last = posixpath.split(path)
    if _is_version(path):
        return (posixpath.basename(folder), int(last), path) if last.isdigit() else (last, 0, path)
    numbers = [int(name) for name in _folders(path) if name.isdigit()]
    for number in sorted(numbers, reverse=True):
        if _is_version(f"{path}/{number}"):
            return last, number, f"{path}/{number}"
    return None


def _is_version(path: str) -> bool:
    import tensorflow as tf

    return any(tf.io.gfile.exists(f"{path}/{name}") for name in _GRAPH_FILES)


def _folders(path: str) -> list[str]:
    import tensorflow as tf

    if not tf.io.gfile.isdir(path):
        return []
    names = [name.rstrip("/") for name in tf.io.gfile.listdir(path)]
    return sorted(name for name in names if tf.io.gfile.isdir(f"{path}/{name}"))


class _Refused(grpc.RpcError):
    """What the server's code refuses, as gRPC would hand it on."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self._code, self._details = code, details

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return self._details


class _InProcess:
    """Answers a client's calls by the server's own functions, over one version.

    The messages of both are different classes with the same bytes.

    Args:
      servable: the version.
    """

    address = "this process"

    def __init__(self, servable: Any) -> None:
        from tensorflow_serving.apis import get_model_metadata_pb2, predict_pb2

        from tidegate.serving.server import metadata, predict

        def describe(servable: Any, request: Any, response: Any, deadline: float) -> None:
            metadata.describe(servable, response)

        self._servable = servable
        self._methods: dict[str, tuple[Any, Any, Any]] = {
            "Predict": (
                predict_pb2.PredictRequest,
                predict_pb2.PredictResponse,
                predict.predict,
            ),
            "GetModelMetadata": (
                get_model_metadata_pb2.GetModelMetadataRequest,
                get_model_metadata_pb2.GetModelMetadataResponse,
                describe,
            ),
        }

    def call(self, service: str, method: str, request: Any, response: Any, *, end: float) -> Any:
        """As `Channel.call`."""
        from tidegate.serving.server.status import ServingError

        asked, answer, run = self._methods[method]
        filled = answer()
        try:
            run(self._servable, asked.FromString(request.SerializeToString()), filled, None)
        except ServingError as error:
            raise of_rpc(
                _Refused(error.code, error.message),
                model=self._servable.name,
                address=self.address,
                method=method,
            ) from None
        return response.FromString(filled.SerializeToString())

    def close(self) -> None:
        """Frees what the model holds."""
        self._servable.close()
