"""Messages of TF Serving's configuration files that the package tensorflow-serving-api lacks.

The names and numbers are those of tensorflow_serving/config/{ssl,monitoring}_config.proto. The
types are in a pool of their own, so that they stand beside any other copy of the same types.
"""

from __future__ import annotations

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

_Field = descriptor_pb2.FieldDescriptorProto
_PACKAGE = "tensorflow.serving"

_FIELDS = {
    "SSLConfig": {
        "server_key": _Field.TYPE_STRING,
        "server_cert": _Field.TYPE_STRING,
        "custom_ca": _Field.TYPE_STRING,
        "client_verify": _Field.TYPE_BOOL,
    },
    "PrometheusConfig": {"enable": _Field.TYPE_BOOL, "path": _Field.TYPE_STRING},
    "MonitoringConfig": {"prometheus_config": "PrometheusConfig"},
}


def message_class(name: str) -> type[Message]:
    """One of the types: SSLConfig, PrometheusConfig, MonitoringConfig."""
    file = descriptor_pb2.FileDescriptorProto(
        name="serving/config_messages.proto", package=_PACKAGE, syntax="proto3"
    )
    for message, fields in _FIELDS.items():
        declared = file.message_type.add(name=message)
        for number, (field, kind) in enumerate(fields.items(), 1):
            added = declared.field.add(name=field, number=number, label=_Field.LABEL_OPTIONAL)
            if isinstance(kind, str):
                added.type = _Field.TYPE_MESSAGE
                added.type_name = f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
    return class_of(f"{_PACKAGE}.{name}", file)


def class_of(name: str, *files: descriptor_pb2.FileDescriptorProto) -> type[Message]:
    """The class of a message, in a pool that holds nothing but these files.

    Args:
      name: of the message, with its package.
      files: those that others import first.
    """
    pool = descriptor_pool.DescriptorPool()
    for file in files:
        pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName(name)
    # GetMessageClass is new in protobuf 4.22, which removed GetPrototype later.
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)
