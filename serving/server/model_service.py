"""ModelService: GetModelStatus, HandleReloadConfigRequest."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from tidegate.serving.server import status
from tidegate.serving.server.calls import SlowCalls, handler
from tidegate.serving.server.services import service_name

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from tidegate.serving.server.manager import ModelManager
    from tidegate.serving.server.request_log import RequestLog

_log = logging.getLogger(__name__)

NAME = service_name("model_service_pb2", "ModelService")


class ModelService:
    """The service's methods.

    Args:
      manager: knows the versions, and takes another configuration.
      request_log: takes the logging of another configuration, where that is allowed.
      enabled: whether clients may change the configuration.
    """

    def __init__(
        self,
        manager: ModelManager,
        request_log: RequestLog,
        enabled: bool,
    ) -> None:
        self._manager = manager
        self._log = request_log
        self._enabled = enabled

    def handlers(self, slow: SlowCalls, pool: ThreadPoolExecutor) -> grpc.GenericRpcHandler:
        """The handlers to register.

        Args:
          slow: the watch over requests that do not arrive.
          pool: threads of their own, so that the state can be asked for under any load.
        """
        return grpc.method_handlers_generic_handler(
            NAME,
            {
                "GetModelStatus": handler(
                    "GetModelStatus",
                    get_model_status_pb2.GetModelStatusRequest,
                    self.status,
                    slow,
                    pool,
                ),
                "HandleReloadConfigRequest": handler(
                    "HandleReloadConfigRequest",
                    model_management_pb2.ReloadConfigRequest,
                    self._reload,
                    slow,
                    pool,
                ),
            },
        )

    def status(
        self, request: get_model_status_pb2.GetModelStatusRequest, deadline: float | None
    ) -> get_model_status_pb2.GetModelStatusResponse:
        """Answers a GetModelStatus request.

        Raises:
          ServingError: what the client is told.
        """
        if not request.HasField("model_spec"):
            raise status.invalid_argument("Missing ModelSpec")
        spec = request.model_spec
        # A label is ignored, as the stock server does: every version is told of.
        version = spec.version.value if spec.HasField("version") else None
        response = get_model_status_pb2.GetModelStatusResponse()
        response.model_version_status.extend(self._manager.status(spec.name, version))
        return response

    def _reload(
        self, request: model_management_pb2.ReloadConfigRequest, deadline: float | None
    ) -> Message:
        config = request.config
        if not self._enabled:
            raise status.permission_denied(
                "This server takes no configuration from clients: it was started without "
                "--enable_reload_config_requests, at an address that is not loopback, and without "
                "mutual TLS."
            )
        if config.WhichOneof("config") != "model_config_list":
            raise status.invalid_argument(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported"
            )
        names = ", ".join(model.name for model in config.model_config_list.config) or "none"
        _log.info("reload asked for: models %s", names)
        self._log.check(config)
        self._manager.reload(config)
        self._log.update(config)
        response = model_management_pb2.ReloadConfigResponse()
        response.status.SetInParent()
        return response
