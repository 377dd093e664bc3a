"""A client of TF Serving's gRPC protocol that does not import TensorFlow.

Example::

    from tidegate.serving.client import Client

    with Client("localhost:8500") as client:
        answers = client.predict("imdb", {"text": ["a fine film", "a long evening"]})
        print(answers["probabilities"], answers.version)
"""

from tidegate.serving.client.answers import Answers, Score, VersionStatus
from tidegate.serving.client.channel import Retries, Tls
from tidegate.serving.client.client import Client
from tidegate.serving.client.errors import (
    DeadlineExceededError,
    FailedPreconditionError,
    InternalError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    RequestCancelledError,
    ResourceExhaustedError,
    ServingClientError,
    UnauthenticatedError,
    UnavailableError,
    UnimplementedError,
)
from tidegate.serving.client.signatures import Signature, TensorSpec
from tidegate.serving.client.tensors import as_text

__all__ = [
    "Answers",
    "Client",
    "DeadlineExceededError",
    "FailedPreconditionError",
    "InternalError",
    "InvalidArgumentError",
    "NotFoundError",
    "PermissionDeniedError",
    "RequestCancelledError",
    "ResourceExhaustedError",
    "Retries",
    "Score",
    "ServingClientError",
    "Signature",
    "TensorSpec",
    "Tls",
    "UnauthenticatedError",
    "UnavailableError",
    "UnimplementedError",
    "VersionStatus",
    "as_text",
]
