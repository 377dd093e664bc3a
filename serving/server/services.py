"""The names of TF Serving's gRPC services, whose descriptors reflection looks up."""

from __future__ import annotations

import contextlib
import importlib

from google.protobuf import descriptor_pool


def service_name(stub: str, service: str) -> str:
    """A service's full name; its file is in protobuf's default pool from then on.

    Args:
      stub: module below `tensorflow_serving.apis`, ``prediction_service_pb2``.
      service: ``PredictionService``.

    Raises:
      KeyError: the stub declares no such service.
    """
    # tensorflow-serving-api 2.19 sets an attribute that protobuf 6 has made read-only. The stub's
    # file is in the pool by then.
    with contextlib.suppress(AttributeError):
        importlib.import_module(f"tensorflow_serving.apis.{stub}")
    pool = descriptor_pool.Default()
    return str(pool.FindServiceByName(f"tensorflow.serving.{service}").full_name)
