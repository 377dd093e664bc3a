"""GetModelMetadata: a version's signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tensorflow_serving.apis import get_model_metadata_pb2

from tidegate.serving.server import status

if TYPE_CHECKING:
    from tidegate.serving.server.servable import Servable

_SIGNATURE_DEF = "signature_def"


def check_fields(request: get_model_metadata_pb2.GetModelMetadataRequest) -> None:
    """Checks what is asked for; this comes before the model is looked up.

    Raises:
      ServingError: INVALID_ARGUMENT for no field, or another one than ``signature_def``.
    """
    if not request.metadata_field:
        raise status.invalid_argument(
            "GetModelMetadataRequest must specify at least one metadata_field"
        )
    for field in request.metadata_field:
        if field != _SIGNATURE_DEF:
            raise status.invalid_argument(f"Metadata field {field} is not supported")


def describe(servable: Servable, response: get_model_metadata_pb2.GetModelMetadataResponse) -> None:
    """Writes the version and its signatures; the spec holds no signature name."""
    response.model_spec.name = servable.name
    response.model_spec.version.value = servable.version
    signatures = get_model_metadata_pb2.SignatureDefMap()
    for name, signature in servable.signature_defs.items():
        signatures.signature_def[name].CopyFrom(signature)
    response.metadata[_SIGNATURE_DEF].Pack(signatures)
