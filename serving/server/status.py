"""Errors of a request or a load: a gRPC code and a message, as TF Serving gives them."""

from __future__ import annotations

import sys

import grpc

_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}


class ServingError(Exception):
    """What a client is told.

    Attributes:
      code: the gRPC status code.
      message: the text, whole; `calls` cuts what is sent.
    """

    def __init__(self, code: grpc.StatusCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    @property
    def number(self) -> int:
        """The code as the number that ``StatusProto.error_code`` holds."""
        return int(self.code.value[0])


def invalid_argument(message: str) -> ServingError:
    """The request is wrong whatever the state of the server."""
    return ServingError(grpc.StatusCode.INVALID_ARGUMENT, message)


def not_found(message: str) -> ServingError:
    """A model or version that is not served."""
    return ServingError(grpc.StatusCode.NOT_FOUND, message)


def failed_precondition(message: str) -> ServingError:
    """The request is wrong in the server's present state."""
    return ServingError(grpc.StatusCode.FAILED_PRECONDITION, message)


def permission_denied(message: str) -> ServingError:
    """The server does this for nobody, or not for this client."""
    return ServingError(grpc.StatusCode.PERMISSION_DENIED, message)


def unavailable(message: str) -> ServingError:
    """The server cannot take the request now; the client may try again."""
    return ServingError(grpc.StatusCode.UNAVAILABLE, message)


def resource_exhausted(message: str) -> ServingError:
    """A limit was reached."""
    return ServingError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)


def deadline_exceeded(message: str) -> ServingError:
    """The client's deadline passed before the run was done."""
    return ServingError(grpc.StatusCode.DEADLINE_EXCEEDED, message)


def internal(message: str) -> ServingError:
    """A fault of the server's own."""
    return ServingError(grpc.StatusCode.INTERNAL, message)


def data_loss(message: str) -> ServingError:
    """A file that cannot be read or is not what it should be."""
    return ServingError(grpc.StatusCode.DATA_LOSS, message)


def unknown(message: str) -> ServingError:
    """An error without a code of its own."""
    return ServingError(grpc.StatusCode.UNKNOWN, message)


def unimplemented(message: str) -> ServingError:
    """A call or an option that is not served."""
    return ServingError(grpc.StatusCode.UNIMPLEMENTED, message)


def from_tensorflow(error: Exception) -> ServingError:
    """A TensorFlow error as a status: TensorFlow's codes are gRPC's, its message is kept.

    Args:
      error: a ``tf.errors.OpError``, or any other exception of a load or a run, which becomes
        UNKNOWN as an error without a code does in TF Serving. A ServingError stays as it is.
    """
    if isinstance(error, ServingError):
        return error
    # Where there is such an error, TensorFlow is imported; a wrong flag is told of before.
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is not None and isinstance(error, tensorflow.errors.OpError):
        code = _BY_NUMBER.get(error.error_code, grpc.StatusCode.UNKNOWN)
        return ServingError(code, error.message)
    if isinstance(error, UnicodeDecodeError) and isinstance(error.object, bytes):
        # A kernel's message that quotes bytes of the request which are no UTF-8: TensorFlow fails
        # to make a Python string of it, and the code is lost. What quotes a request calls it wrong.
        return invalid_argument(error.object.decode("utf-8", "replace"))
    if isinstance(error, MemoryError):
        return resource_exhausted(str(error) or "out of memory")
    return ServingError(grpc.StatusCode.UNKNOWN, f"{type(error).__name__}: {error}")
