"""The batching parameters file."""

from __future__ import annotations

import itertools
from pathlib import Path

from google.protobuf import descriptor_pb2, wrappers_pb2

from tidegate.serving.server import textproto
from tidegate.serving.server.config_messages import class_of
from tidegate.serving.server.options import BatchingParameters, ConfigError

_FLAG = "--batching_parameters_file"
_NUMBERS = (
    "max_batch_size", "batch_timeout_micros", "max_enqueued_batches", "num_batch_threads",
    "max_execution_batch_size",
)  # fmt: skip
_SPLITS = "enable_large_batch_splitting"


def _message_class() -> type:
    """tensorflow.serving.BatchingParameters, which tensorflow-serving-api does not bring."""
    field = descriptor_pb2.FieldDescriptorProto
    file = descriptor_pb2.FileDescriptorProto(
        name="tidegate/batching_parameters.proto",
        package="tidegate",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")
    wrapped = [
        *((name, "Int64Value") for name in _NUMBERS),
        ("thread_pool_name", "StringValue"),
        (_SPLITS, "BoolValue"),
    ]
    for number, (name, kind) in enumerate(wrapped, 1):
        message.field.add(
            name=name,
            number=number,
            label=field.LABEL_OPTIONAL,
            type=field.TYPE_MESSAGE,
            type_name=f".google.protobuf.{kind}",
        )
    # The text format knows names alone: the numbers need not be TF Serving's.
    message.field.add(
        name="allowed_batch_sizes",
        number=len(wrapped) + 1,
        label=field.LABEL_REPEATED,
        type=field.TYPE_INT64,
    )
    message.field.add(
        name="pad_variable_length_inputs",
        number=len(wrapped) + 2,
        label=field.LABEL_OPTIONAL,
        type=field.TYPE_BOOL,
    )
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    return class_of("tidegate.BatchingParameters", wrappers, file)


def read_batching_parameters(path: Path | str) -> BatchingParameters:
    """Reads ``--batching_parameters_file``; what it does not set keeps its default.

    Raises:
      ConfigError: one line that names the file, and the line where it is no such file.
    """
    message = textproto.read(path, _message_class()(), _FLAG)
    given = {name: getattr(message, name).value for name in _NUMBERS if message.HasField(name)}
    for name, value in given.items():
        least = 0 if name == "batch_timeout_micros" else 1
        if not least <= value < 2**31:
            raise ConfigError(f"{_FLAG}: {path}: {name} is {value}, expected at least {least}.")
    sizes = tuple(message.allowed_batch_sizes)
    parameters = BatchingParameters(
        allowed_batch_sizes=sizes,
        pad_variable_length_inputs=message.pad_variable_length_inputs,
        enable_large_batch_splitting=getattr(message, _SPLITS).value,
        **given,
    )
    execution = parameters.max_execution_batch_size
    if execution is not None and not parameters.enable_large_batch_splitting:
        raise ConfigError(
            f"{_FLAG}: {path}: max_execution_batch_size is {execution}, which holds for batches "
            f"that are split alone; expected {_SPLITS} {{ value: true }} beside it."
        )
    if parameters.largest_run > parameters.max_batch_size:
        raise ConfigError(
            f"{_FLAG}: {path}: max_execution_batch_size is {execution}, expected at most "
            f"max_batch_size, which is {parameters.max_batch_size}."
        )
    if sizes and sizes[-1] != parameters.largest_run:
        bound = "max_batch_size" if execution is None else "max_execution_batch_size"
        raise ConfigError(
            f"{_FLAG}: {path}: the last of allowed_batch_sizes is {sizes[-1]}, expected "
            f"{bound}, which is {parameters.largest_run}."
        )
    if sizes and (sizes[0] < 1 or any(a >= b for a, b in itertools.pairwise(sizes))):
        raise ConfigError(
            f"{_FLAG}: {path}: allowed_batch_sizes is {list(sizes)}, expected increasing sizes."
        )
    return parameters
