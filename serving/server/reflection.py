"""gRPC's reflection: the server's services and the messages that they need."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from google.protobuf.descriptor import FileDescriptor
from grpc_reflection.v1alpha import reflection, reflection_pb2

from tidegate.serving.server.calls import SlowCalls

_ALPHA = "grpc.reflection.v1alpha"
_STABLE = "grpc.reflection.v1"
_SERVICE = "ServerReflection"
# Newer clients ask under the first name, older ones under the second; the messages are the same.
NAMES = (f"{_STABLE}.{_SERVICE}", f"{_ALPHA}.{_SERVICE}")


class Reflection:
    """Answers which services there are, and with the files that describe them.

    Args:
      services: their full names; reflection's own are added.
    """

    def __init__(self, services: Iterable[str]) -> None:
        _describe_stable()
        self._servicer = reflection.ReflectionServicer([*services, *NAMES])

    def handlers(self, slow: SlowCalls, pool: ThreadPoolExecutor) -> list[grpc.GenericRpcHandler]:
        """The handlers to register.

        Args:
          slow: the watch over requests that do not arrive.
          pool: threads of its own: each client's stream holds one.
        """

        def info(
            messages: Iterator[reflection_pb2.ServerReflectionRequest],
            context: grpc.ServicerContext,
        ) -> Iterator[reflection_pb2.ServerReflectionResponse]:
            for request in slow.each(messages, context):
                for response in self._servicer.ServerReflectionInfo(iter([request]), context):
                    yield _completed(request, response)

        info.experimental_thread_pool = pool  # type: ignore[attr-defined]
        method = grpc.stream_stream_rpc_method_handler(
            info,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        return [
            grpc.method_handlers_generic_handler(name, {"ServerReflectionInfo": method})
            for name in NAMES
        ]


def _completed(
    request: reflection_pb2.ServerReflectionRequest,
    response: reflection_pb2.ServerReflectionResponse,
) -> reflection_pb2.ServerReflectionResponse:
    """An answer with its request and with all files that its file depends on.

    gRPC's Python package gives the one file; the protocol and gRPC C++ give all of them.
    """
    response.valid_host = request.host
    response.original_request.CopyFrom(request)
    if response.HasField("file_descriptor_response"):
        files = response.file_descriptor_response.file_descriptor_proto
        name = descriptor_pb2.FileDescriptorProto.FromString(files[0]).name
        known: dict[str, FileDescriptor] = {}
        _collect(descriptor_pool.Default().FindFileByName(name), known)
        # The file comes first, and each one before those that it imports.
        files[:] = [file.serialized_pb for file in reversed(known.values())]
    return response


def _collect(file: FileDescriptor, known: dict[str, FileDescriptor]) -> None:
    """Adds what a file depends on, each once, and then the file."""
    if file.name not in known:
        for dependency in file.dependencies:
            _collect(dependency, known)
        known[file.name] = file


def _describe_stable() -> None:
    """Makes the stable name known to this process, from the description of the other."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.ClearField("name")
    file = text_format.Parse(
        text_format.MessageToString(file).replace(_ALPHA, _STABLE),
        descriptor_pb2.FileDescriptorProto(name="grpc/reflection/v1/reflection.proto"),
    )
    descriptor_pool.Default().AddSerializedFile(file.SerializeToString())
