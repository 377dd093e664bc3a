"""Output artifacts as Kubeflow Pipelines keeps them in its metadata store, and hands them on."""

from __future__ import annotations

from typing import Any

import yaml
from google.protobuf import struct_pb2
from kfp.pipeline_spec import pipeline_spec_pb2 as pb
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from tests.kubeflow.pipeline_spec import SpecError


class ArtifactStore:
    """ML Metadata's own store, in memory: the one that runs behind Kubeflow's gRPC service."""

    def __init__(self) -> None:
        config = mlmd.ConnectionConfig()
        config.fake_database.SetInParent()
        self._store = metadata_store.MetadataStore(config)

    def keep(self, key: str, given: Any) -> Any:
        """Records an artifact.

        Args:
          key: of the task's output.
          given: the artifact, with its type.

        Returns:
          The artifact as later tasks get it: the store's number is its name, and its type is not
          handed on.

        Raises:
          SpecError: a property is null, which Kubeflow does not hand to the store.
          ml_metadata.errors.StatusError: the store does not take it.
        """
        made = mlmd.Artifact(uri=given.uri, state=mlmd.Artifact.LIVE)
        made.type_id = self._store.put_artifact_type(mlmd.ArtifactType(name=_title(given.type)))
        for name, value in given.metadata.fields.items():
            made.custom_properties[name].CopyFrom(
                _property(f"artifact {key}, property {name}", value)
            )
        for name, text in {"display_name": key, "store_session_info": "{}"}.items():
            if name not in made.custom_properties:
                made.custom_properties[name].string_value = text
        (made.id,) = self._store.put_artifacts([made])
        (kept,) = self._store.get_artifacts_by_id([made.id])
        artifact = pb.RuntimeArtifact(name=str(kept.id), uri=kept.uri)
        artifact.type.instance_schema = ""
        for name, value in kept.custom_properties.items():
            artifact.metadata.fields[name].CopyFrom(_value(value))
        return artifact


def merge_output(given: Any, returned: Any) -> None:
    """Takes over what the container says of an output: its URI, its metadata key by key."""
    if returned.uri:
        given.uri = returned.uri
    given.metadata.MergeFrom(returned.metadata)


def _title(kind: Any) -> str:
    if kind.WhichOneof("kind") == "instance_schema":
        return str(yaml.safe_load(kind.instance_schema)["title"])
    return str(kind.schema_title)


def _property(place: str, value: struct_pb2.Value) -> mlmd.Value:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return mlmd.Value(string_value=value.string_value)
    if kind == "number_value":
        return mlmd.Value(double_value=value.number_value)
    if kind == "bool_value":
        return mlmd.Value(int_value=int(value.bool_value))
    kept = mlmd.Value()
    if kind == "list_value":
        kept.struct_value.fields["list"].CopyFrom(value)
    elif kind == "struct_value":
        kept.struct_value.fields["struct"].CopyFrom(value)
    else:
        raise SpecError(f"{place}: null, which the metadata store does not take")
    return kept


def _value(kept: mlmd.Value) -> struct_pb2.Value:
    kind = kept.WhichOneof("value")
    if kind == "struct_value":
        return struct_pb2.Value(struct_value=kept.struct_value)
    if kind == "string_value":
        return struct_pb2.Value(string_value=kept.string_value)
    return struct_pb2.Value(number_value=getattr(kept, kind))
