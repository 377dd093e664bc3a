"""What the server says of its models: signatures, which are remembered, and versions."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tidegate.serving.client import messages, tensors
from tidegate.serving.client.answers import VersionStatus
from tidegate.serving.client.channel import Calls
from tidegate.serving.client.signatures import Signature, TensorSpec

_METHOD = "tensorflow/serving/"
# Graphs of TF 1 hold signatures that initialise them and that nobody calls.
_NOT_CALLED = "__saved_model_"
# A model, a version and a label: what a request's ModelSpec says.
Which = tuple[str, int | None, str | None]


def fill(spec: Any, which: Which, signature: str | None = None) -> None:
    """Fills a ModelSpec.

    Raises:
      ValueError: a version and a label.
    """
    model, version, label = which
    if version is not None and label is not None:
        raise ValueError(f"expected a version or a label, got version {version}, label {label!r}")
    spec.name = model
    spec.signature_name = signature or ""
    if version is not None:
        spec.version.value = version
    if label is not None:
        spec.version_label = label


@dataclass(frozen=True)
class Metadata:
    """A model's signatures.

    Attributes:
      version: the version they are of.
      signatures: by name.
    """

    version: int
    signatures: Mapping[str, Signature]


def read_metadata(response: Any) -> Metadata:
    """A GetModelMetadataResponse with the field ``signature_def``."""
    found = messages.SignatureDefMap.FromString(response.metadata["signature_def"].value)
    return Metadata(
        response.model_spec.version.value,
        {
            name: _signature(name, definition)
            for name, definition in sorted(found.signature_def.items())
            if not name.startswith(_NOT_CALLED)
        },
    )


def _signature(name: str, definition: Any) -> Signature:
    method = definition.method_name.removeprefix(_METHOD)
    # Absent from definitions of TensorFlow before 2.12.
    defaults = getattr(definition, "defaults", {})
    return Signature(
        name,
        method,
        {key: _spec(key, info) for key, info in sorted(definition.inputs.items())},
        {key: _spec(key, info) for key, info in sorted(definition.outputs.items())},
        frozenset(defaults),
    )


def _spec(name: str, info: Any) -> TensorSpec:
    shape = None
    if not info.tensor_shape.unknown_rank:
        shape = tuple(None if dim.size < 0 else dim.size for dim in info.tensor_shape.dim)
    return TensorSpec(name, tensors.type_name(info.dtype), shape, info.dtype)


class KnownModels:
    """The metadata of the models that a client has called. Thread-safe.

    Args:
      channel: to ask on.
    """

    def __init__(self, channel: Calls) -> None:
        self._channel = channel
        self._lock = threading.Lock()
        self._known: dict[Which, Metadata] = {}

    def cached(self, which: Which) -> Metadata | None:
        """What the server said before; None if it was not asked."""
        with self._lock:
            return self._known.get(which)

    def ask(self, which: Which, end: float) -> Metadata:
        """Asks the server, and remembers the answer. Raises as `Channel.call`."""
        request = messages.GetModelMetadataRequest(metadata_field=["signature_def"])
        fill(request.model_spec, which)
        response = self._channel.call(
            "PredictionService",
            "GetModelMetadata",
            request,
            messages.GetModelMetadataResponse,
            end=end,
        )
        metadata = read_metadata(response)
        with self._lock:
            self._known[which] = metadata
        return metadata

    def forget(self, which: Which) -> None:
        """Has the server asked again next time."""
        with self._lock:
            self._known.pop(which, None)


def ask_versions(
    channel: Calls, model: str, version: int | None, end: float
) -> list[VersionStatus]:
    """The versions of a model on the server, the newest first. Raises as `Channel.call`."""
    request = messages.GetModelStatusRequest()
    fill(request.model_spec, (model, version, None))
    response = channel.call(
        "ModelService", "GetModelStatus", request, messages.GetModelStatusResponse, end=end
    )
    found = [
        VersionStatus(
            one.version,
            messages.VERSION_STATES[one.state],
            one.status.error_code,
            one.status.error_message,
        )
        for one in response.model_version_status
    ]
    return sorted(found, key=lambda one: -one.version)
