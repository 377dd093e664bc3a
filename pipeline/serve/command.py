"""`tidegate serve`: flags to settings; everything is checked before a model is loaded."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tidegate.tables.errors import InputError

if TYPE_CHECKING:
    from tidegate.serving.server.front_options import FrontOptions
    from tidegate.serving.server.options import EngineOptions
    from tidegate.serving.server.run import ServeSettings

_PATH = click.Path(path_type=Path)


def _switch(name: str, default: bool | None, text: str) -> Any:
    """A flag of the form ``--name`` or ``--name=false``, as TF Serving's are."""
    return click.option(
        f"--{name}",
        is_flag=False,
        flag_value="true",
        type=bool,
        default=default,
        help=text,
        metavar="[BOOL]",
    )


def _whole(name: str, default: int | None, text: str, least: int = 0) -> Any:
    kind = click.IntRange(min=least)
    return click.option(f"--{name}", type=kind, default=default, help=text, metavar="N")


@click.command(context_settings={"token_normalize_func": lambda name: name.replace("-", "_")})
@click.option("--models", help="A folder or URI of models: MODEL/VERSION/saved_model.pb.")
@click.option("--model_name", default="default", help="Name of the model at --model_base_path.")
@click.option("--model_base_path", help="One model's folder of versions, or its URI.")
@click.option("--model_config_file", type=_PATH, help="A ModelServerConfig in text format.")
@_whole("model_config_file_poll_wait_seconds", 0, "Seconds between looks at it; 0: never again.")
@_whole("file_system_poll_wait_seconds", 1, "Seconds between looks for versions; 0: once.")
@_whole("max_num_load_retries", 5, "How often a failed load is tried again.")
@_whole("load_retry_interval_micros", 60_000_000, "Microseconds between tries.")
@_whole("num_load_threads", 4, "Versions that load at once.", least=1)
@_switch(
    "allow_version_labels_for_unavailable_models",
    False,
    "Let a reload give a new label to a version that does not serve yet.",
)
@_switch("enable_model_warmup", True, "Run a version's warm-up requests before it serves.")
@_switch(
    "enable_batching",
    None,
    "Run requests that arrive together as one batch. On with --models, off otherwise, as in "
    "TF Serving. A batch holds what arrived while the one before it ran; "
    "--batching_parameters_file may let it wait for more.",
)
@click.option("--batching_parameters_file", type=_PATH, help="BatchingParameters in text format.")
@_whole("port", None, "Port of gRPC, 8500 if not given; 0 picks a free one.")
@click.option("--bind", default="127.0.0.1", help="Address to listen at; 0.0.0.0 for all.")
@click.option("--grpc_socket_path", default="", help="A UNIX socket to listen at as well.")
@_whole("grpc_max_threads", None, "Requests worked on at once; default: two batches.", least=1)
@click.option("--grpc_channel_arguments", default="", help="gRPC's own settings: key=value,...")
@click.option("--ssl_config_file", type=_PATH, help="An SSLConfig in text format: TLS.")
@_switch(
    "enable_reload_config_requests",
    None,
    "Let clients change which models are served (HandleReloadConfigRequest): any SavedModel that "
    "this process can read. On where --bind is loopback or TLS is mutual, off otherwise.",
)
@_switch("enable_grpc_healthcheck_service", True, "Offer gRPC's health service.")
@_whole("monitoring_port", None, "Port of the Prometheus page; 0 picks a free one.")
@click.option("--monitoring_config_file", type=_PATH, help="A MonitoringConfig in text format.")
@_whole(
    "rest_api_port",
    None,
    "Port of TF Serving's REST API; 0: none. 8501 if neither this nor --port is given.",
)
@_whole("rest_api_num_threads", None, "REST requests worked on at once; default: as gRPC.", least=1)
@_whole("rest_api_timeout_in_ms", 30_000, "Milliseconds that a REST request may take.", least=1)
@_switch("rest_api_enable_cors_support", False, "Let pages of other sites use the REST API.")
@_whole("tensorflow_session_parallelism", 0, "Threads, for both flags below.")
@_whole("tensorflow_intra_op_parallelism", 0, "Threads of one op; 0: TensorFlow's choice.")
@_whole("tensorflow_inter_op_parallelism", 0, "Ops at once; 0: TensorFlow's choice.")
@click.option(
    "--request_log_dir",
    type=_PATH,
    help="Log requests of all models to this folder; logs that clients configure lie below it.",
)
@click.option(
    "--request_log_sampling_rate",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    help="The share of requests that --request_log_dir logs.",
)
@click.option(
    "--shutdown_grace_seconds",
    type=click.FloatRange(min=0),
    default=30.0,
    show_default=True,
    help="What calls in flight may take after SIGTERM or SIGINT.",
)
@click.option("--follow_parent", is_flag=True, hidden=True, help="End when standard input does.")
def serve(**flags: Any) -> None:
    """Serve models by TF Serving's gRPC protocol and REST API.

    Flags carry TF Serving's names; dashes do for underscores. Give the models by --models, by
    --model_base_path, or by --model_config_file. Exit codes: 0 after a graceful stop, 2 wrong
    flags or files, 1 anything else.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1") == "1":
        # A server's errors reach clients and the log as statuses; what TensorFlow's libraries say
        # of CUDA when they are loaded, and of each failed request, is noise here. Any other value
        # is the user's wish.
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    from tidegate.pipeline.run.console import quiet_imports
    from tidegate.serving.server.options import ConfigError

    if flags["follow_parent"]:
        from tidegate.models.core.child_process import follow_parent

        follow_parent(flags["shutdown_grace_seconds"] + 5)
    try:
        with quiet_imports():  # TensorFlow's file systems look into the folders.
            settings = read_settings(flags)
        from tidegate.serving.server.run import serve as serve_models

        code = serve_models(settings)
    except ConfigError as error:
        raise InputError(str(error)) from error
    # TensorFlow takes seconds to tear down, and complains of it; all files are closed by now.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def read_settings(flags: dict[str, Any]) -> ServeSettings:
    """Checks the flags and reads the files that they name.

    Args:
      flags: by name, as the command declares them.

    Raises:
      ConfigError: what is wrong, in one line.
    """
    from tidegate.serving.server.options import ConfigError
    from tidegate.serving.server.run import ServeSettings

    given = [name for name in ("models", "model_base_path", "model_config_file") if flags[name]]
    if len(given) != 1:
        received = " and ".join(f"--{name}" for name in given) or "none of them"
        raise ConfigError(
            f"received {received}; expected one of --models, --model_base_path and "
            "--model_config_file"
        )
    front = _front(flags)
    config = _models(flags)
    return ServeSettings(
        config=config,
        engine=_engine(flags),
        front=front,
        request_log_dir=flags["request_log_dir"],
        request_log_sampling_rate=flags["request_log_sampling_rate"],
        shutdown_grace_seconds=flags["shutdown_grace_seconds"],
    )


def _models(flags: dict[str, Any]) -> Any:
    """The configuration of the models."""
    from tidegate.pipeline.run.candidate import why_not_there
    from tidegate.serving.server.options import ConfigError

    for name in ("models", "model_base_path"):
        path = flags[name]
        if path and "://" not in path and not Path(path).is_dir():
            what = "is not a folder" if Path(path).exists() else "does not exist"
            expected = "models" if name == "models" else "one model's versions"
            why = why_not_there(path)
            raise ConfigError(
                f"--{name}={path}: {what}; {why or f'expected a folder of {expected}'}"
            )
    from tidegate.serving.server import model_config, versions

    for name in ("models", "model_base_path"):
        if flags[name]:
            versions.check_scheme(flags[name], f"--{name}")
            path = flags[name] if "://" in flags[name] else os.path.abspath(flags[name])
            versions.check_level(path, f"--{name}", of_models=name == "models")
    if flags["model_config_file"]:
        return model_config.read_model_config(flags["model_config_file"])
    if flags["models"]:
        return model_config.no_models()
    return model_config.single_model(flags["model_name"], flags["model_base_path"])


def _engine(flags: dict[str, Any]) -> EngineOptions:
    """How models are loaded and run."""
    from tidegate.serving.server.batching_parameters import read_batching_parameters
    from tidegate.serving.server.options import BatchingParameters, ConfigError, EngineOptions

    batched = flags["enable_batching"]
    if batched is None:
        batched = flags["models"] is not None
    batching = BatchingParameters()
    if flags["batching_parameters_file"]:
        if not batched:
            raise ConfigError("--batching_parameters_file needs --enable_batching")
        batching = read_batching_parameters(flags["batching_parameters_file"])
    both = flags["tensorflow_session_parallelism"]
    return EngineOptions(
        models_folder=flags["models"],
        model_config_file=flags["model_config_file"],
        model_config_file_poll_wait_seconds=flags["model_config_file_poll_wait_seconds"],
        file_system_poll_wait_seconds=flags["file_system_poll_wait_seconds"],
        max_num_load_retries=flags["max_num_load_retries"],
        load_retry_interval_micros=flags["load_retry_interval_micros"],
        enable_batching=batched,
        # Who has not asked for batching is not refused because of it.
        strict_batching=bool(flags["enable_batching"]),
        batching=batching,
        allow_version_labels_for_unavailable_models=flags[
            "allow_version_labels_for_unavailable_models"
        ],
        enable_model_warmup=flags["enable_model_warmup"],
        num_load_threads=flags["num_load_threads"],
        tensorflow_intra_op_parallelism=flags["tensorflow_intra_op_parallelism"] or both,
        tensorflow_inter_op_parallelism=flags["tensorflow_inter_op_parallelism"] or both,
    )


def _ports(flags: dict[str, Any]) -> tuple[int, int]:
    """Of gRPC and of REST, 0 for no REST. Who chooses the one port chooses the other as well."""
    from tidegate.serving.server.front_options import DEFAULT_PORT, DEFAULT_REST_PORT

    port, rest = flags["port"], flags["rest_api_port"]
    if rest is None:
        rest = DEFAULT_REST_PORT if port is None else 0
    return DEFAULT_PORT if port is None else port, rest


def _front(flags: dict[str, Any]) -> FrontOptions:
    """How models are reached."""
    from tidegate.serving.server import front_options
    from tidegate.serving.server.options import ConfigError
    from tidegate.serving.server.tls import read_ssl_config

    monitoring_port = flags["monitoring_port"]
    port, rest_port = _ports(flags)
    path: str | None = front_options.DEFAULT_METRICS_PATH
    if flags["monitoring_config_file"]:
        path = front_options.read_monitoring_config(flags["monitoring_config_file"])
        if path is not None and monitoring_port is None and not rest_port:
            raise ConfigError(
                "--monitoring_config_file needs --rest_api_port, where the page is shown too, "
                "or --monitoring_port, the page's own port"
            )
    if path is None:
        monitoring_port = None
    ssl_file = flags["ssl_config_file"]
    front_options.check_port(flags["bind"], port)
    if rest_port:
        front_options.check_port(flags["bind"], rest_port, "rest_api_port", "none")
    if monitoring_port is not None:
        front_options.check_port(flags["bind"], monitoring_port, "monitoring_port")
    threads = flags["grpc_max_threads"]
    if threads is None:
        threads = front_options.default_threads(_engine(flags).batching.max_batch_size)
    return front_options.FrontOptions(
        bind=flags["bind"],
        port=port,
        rest_api_port=rest_port or None,
        rest_api_num_threads=flags["rest_api_num_threads"],
        rest_api_timeout_in_ms=flags["rest_api_timeout_in_ms"],
        rest_api_enable_cors_support=flags["rest_api_enable_cors_support"],
        rest_monitoring=path is not None,
        grpc_socket_path=flags["grpc_socket_path"],
        grpc_max_threads=threads,
        grpc_channel_arguments=front_options.parse_channel_arguments(
            flags["grpc_channel_arguments"]
        ),
        ssl=read_ssl_config(ssl_file) if ssl_file else None,
        enable_reload_config_requests=flags["enable_reload_config_requests"],
        enable_grpc_healthcheck_service=flags["enable_grpc_healthcheck_service"],
        monitoring_port=monitoring_port,
        monitoring_path=path or front_options.DEFAULT_METRICS_PATH,
    )
