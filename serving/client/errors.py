"""What can go wrong with a request: one class for each gRPC status code."""

from typing import ClassVar

import grpc


class ServingClientError(Exception):
    """A request that was not answered.

    Args:
      message: the server's own message, or why the request was not sent.
      code: the gRPC status code.
      model: the model that was asked for; empty where none was.
      address: the server's; empty where nothing was sent.
      method: the method's name, such as ``Predict``.

    Attributes: as the arguments.
    """

    codes: ClassVar[tuple[grpc.StatusCode, ...]] = ()

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode,
        model: str = "",
        address: str = "",
        method: str = "",
    ) -> None:
        self.message = message
        self.code = code
        self.model = model
        self.address = address
        self.method = method
        super().__init__(message)

    def __str__(self) -> str:
        place = f" of model {self.model!r}" if self.model else ""
        place += f" at {self.address}" if self.address else ""
        return f"{self.method or 'request'}{place}: {self.code.name}: {self.message}"


class InvalidArgumentError(ServingClientError, ValueError):
    """The request does not fit the model; `address` is empty if the client itself found it."""

    codes = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.OUT_OF_RANGE)


class NotFoundError(ServingClientError, LookupError):
    """The server does not know the model or the version."""

    codes = (grpc.StatusCode.NOT_FOUND,)


class FailedPreconditionError(ServingClientError):
    """The model has no such signature, or cannot do this now."""

    codes = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.ABORTED)


class UnavailableError(ServingClientError, ConnectionError):
    """No server answers at the address, or it can take no more requests; tried several times."""

    codes = (grpc.StatusCode.UNAVAILABLE,)


class DeadlineExceededError(ServingClientError, TimeoutError):
    """There was no answer before the deadline."""

    codes = (grpc.StatusCode.DEADLINE_EXCEEDED,)


class ResourceExhaustedError(ServingClientError):
    """A message is too large, or the request waited too long in the server's queue."""

    codes = (grpc.StatusCode.RESOURCE_EXHAUSTED,)


class UnauthenticatedError(ServingClientError):
    """The server wants to know who asks."""

    codes = (grpc.StatusCode.UNAUTHENTICATED,)


class PermissionDeniedError(ServingClientError):
    """Who asks may not."""

    codes = (grpc.StatusCode.PERMISSION_DENIED,)


class UnimplementedError(ServingClientError, NotImplementedError):
    """What listens at the address does not know this method."""

    codes = (grpc.StatusCode.UNIMPLEMENTED,)


class InternalError(ServingClientError):
    """The server failed."""

    codes = (
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.ALREADY_EXISTS,
    )


class RequestCancelledError(ServingClientError):
    """The client was closed while the request ran."""

    codes = (grpc.StatusCode.CANCELLED,)


_BY_CODE: dict[grpc.StatusCode, type[ServingClientError]] = {
    code: kind for kind in ServingClientError.__subclasses__() for code in kind.codes
}


def of_rpc(error: grpc.RpcError, *, model: str, address: str, method: str) -> ServingClientError:
    """gRPC's error as one of this module's."""
    code, message = error.code(), error.details() or "no message"
    return _BY_CODE[code](message, code=code, model=model, address=address, method=method)


def mismatch(message: str, *, model: str = "", method: str = "") -> InvalidArgumentError:
    """The client's own refusal of a request, before anything is sent."""
    return InvalidArgumentError(
        message, code=grpc.StatusCode.INVALID_ARGUMENT, model=model, method=method
    )
