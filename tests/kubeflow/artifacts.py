"""Output artifacts as Kubeflow Pipelines keeps them in its metadata store, and hands them on."""

from __future__ import annotations

import itertools
from typing import Any

from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from tests.kubeflow.pipeline_spec import SpecError


class ArtifactStore:
    """Gives artifacts their names: the numbers under which the store keeps them."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def keep(self, key: str, uri: str, metadata: struct_pb2.Struct) -> Any:
        """Records an artifact.

        Args:
          key: of the task's output.
          uri: where it lies.
          metadata: its properties.

        Returns:
          The artifact as later tasks get it: the store does not keep its type.

        Raises:
          SpecError: a property is null, which the store does not take.
        """
        kept = pb.RuntimeArtifact(name=str(next(self._numbers)), uri=uri)
        kept.type.instance_schema = ""
        for name, value in metadata.fields.items():
            kept.metadata.fields[name].CopyFrom(_kept(f"artifact {key}, property {name}", value))
        for name, text in {"display_name": key, "store_session_info": "{}"}.items():
            if name not in kept.metadata.fields:
                kept.metadata.fields[name].string_value = text
        return kept


def merge_output(given: Any, returned: Any) -> None:
    """Takes over what the container says of an output: its URI, its metadata key by key."""
    if returned.uri:
        given.uri = returned.uri
    given.metadata.MergeFrom(returned.metadata)


def _kept(place: str, value: struct_pb2.Value) -> struct_pb2.Value:
    kind = value.WhichOneof("kind")
    if kind == "null_value":
        raise SpecError(f"{place}: null, which the metadata store does not take")
    if kind == "bool_value":
        return struct_pb2.Value(number_value=float(value.bool_value))
    kept = struct_pb2.Value()
    if kind == "list_value":
        kept.struct_value.fields["list"].CopyFrom(value)
    elif kind == "struct_value":
        kept.struct_value.fields["struct"].CopyFrom(value)
    else:
        kept.CopyFrom(value)
    return kept
