"""A client of TF Serving's gRPC protocol that does not import TensorFlow.

Example::

    from serving.client import Client

    with Client("localhost:8500") as client:
        answers = client.predict("imdb", {"text": ["a fine film", "a long evening"]})
        print(answers["probabilities"], answers.version)
"""

from serving.client.answers import Answers, Score, VersionStatus
from serving.client.channel import Retries, Tls
from serving.client.client import Client
from serving.client.errors import (
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
from serving.client.signatures import Signature, TensorSpec
from serving.client.tensors import as_text

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
