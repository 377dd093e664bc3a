"""`tidegate submit`: hands a compiled pipeline to Kubeflow Pipelines."""

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from tidegate.pipeline.kubeflow.compile_command import check_installed, check_uri
from tidegate.tables.errors import InputError, nearest

_SECONDS = 20
_EXIT_FAILED = 1
# Parameters of a run that name a place.
_PLACES = frozenset({"data", "test", "output"})


@click.command()
@click.argument("pipeline", type=click.Path(path_type=Path))
@click.option("--endpoint", required=True, help="URL of Kubeflow Pipelines' API.")
@click.option("--experiment", default="Default", show_default=True, help="Made if not there.")
@click.option("--run-name", help="The pipeline's name and the time, if not given.")
@click.option(
    "--parameter", "parameters", multiple=True, metavar="NAME=VALUE", help="A parameter of the run."
)
@click.option(
    "--set",
    "assignments",
    multiple=True,
    metavar="SECTION.KEY=VALUE",
    help="A model or training setting of the run; another way to say --parameter settings=...",
)
@click.option("--namespace", help="The user's namespace, where Kubeflow serves several.")
@click.option("--service-account", help="The Kubernetes service account of the steps.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path),
    help="A file with a bearer token, if asked for.",
)
def submit(
    pipeline: Path,
    endpoint: str,
    experiment: str,
    run_name: str | None,
    parameters: tuple[str, ...],
    assignments: tuple[str, ...],
    namespace: str | None,
    service_account: str | None,
    token_file: Path | None,
) -> None:
    """Start a run of a compiled pipeline on Kubeflow Pipelines.

    PIPELINE is what `tidegate compile` wrote. Exit codes: 0 the run was accepted, 2 wrong input or
    an endpoint that cannot be reached or refuses, 1 anything else.
    """
    text, spec = read_spec(pipeline)
    values = run_values(spec, parameters, assignments)
    token = _read_token(token_file) if token_file else None
    if "://" not in endpoint:
        endpoint = f"https://{endpoint}"
    check_installed()
    import kfp_server_api
    import urllib3

    try:
        run_id = _submit(
            text,
            spec,
            values,
            endpoint=endpoint,
            token=token,
            experiment=experiment,
            run_name=run_name,
            namespace=namespace,
            service_account=service_account,
        )
    except kfp_server_api.ApiException as error:
        message = f"{endpoint}: {_said(error)}"
        if 400 <= (error.status or 0) < 500:
            raise InputError(f"--endpoint {message}") from None
        click.echo(f"tidegate: {message}", err=True)
        sys.exit(_EXIT_FAILED)
    except urllib3.exceptions.HTTPError as error:
        cause = getattr(error, "reason", None) or error
        raise InputError(
            f"--endpoint {endpoint}: no answer ({type(cause).__name__}); expected the URL of "
            "Kubeflow Pipelines' API, as of kubectl port-forward svc/ml-pipeline 8888"
        ) from None
    click.echo(f"run {run_id}: {endpoint.rstrip('/')}/#/runs/details/{run_id}")


def _submit(
    text: str,
    spec: Mapping[str, Any],
    values: Mapping[str, Any],
    *,
    endpoint: str,
    token: str | None,
    experiment: str,
    run_name: str | None,
    namespace: str | None,
    service_account: str | None,
) -> str:
    """Creates the run; kfp's own words go nowhere.

    Returns:
      The run's id.

    Raises:
      kfp_server_api.ApiException: the endpoint answers with an error.
      urllib3.exceptions.HTTPError: it does not answer.
    """
    import datetime

    import kfp
    import kfp_server_api

    given = {"namespace": namespace} if namespace else {}
    now = datetime.datetime.now()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        # kfp takes files by this ending alone; JSON is YAML.
        package = Path(folder) / "pipeline.yaml"
        package.write_text(text, encoding="utf-8")
        configuration = kfp_server_api.Configuration(host=endpoint.rstrip("/"))
        if token:
            configuration.api_key = {"authorization": token}
            configuration.api_key_prefix = {"authorization": "Bearer"}
        with kfp_server_api.ApiClient(configuration) as probe:
            # The client itself would ask for half a minute whether anybody is there.
            health = kfp_server_api.HealthzServiceApi(probe)
            # Renamed between kfp 2.5 and 2.16.
            ask = getattr(health, "healthz_service_get_healthz", None) or health.get_healthz
            ask(_request_timeout=_SECONDS)
        client = kfp.Client(host=endpoint, existing_token=token, **given)
        run = client.create_run_from_pipeline_package(
            str(package),
            arguments=dict(values),
            run_name=run_name or f"{spec['pipelineInfo']['name']} {now:%Y-%m-%d %H:%M:%S}",
            experiment_name=experiment,
            pipeline_root=spec.get("defaultPipelineRoot"),
            service_account=service_account,
            **given,
        )
    return str(run.run_id)


def _said(error: Any) -> str:
    """An endpoint's answer in one line."""
    body = error.body.decode("utf-8", "replace") if isinstance(error.body, bytes) else error.body
    try:
        content = json.loads(body or "")
    except ValueError:
        content = body
    text = content
    if isinstance(content, dict):
        text = content.get("error_details") or content.get("message") or content.get("error")
    return f"{error.status or 'error'} {error.reason}: {' '.join(str(text or '').split())[:300]}"


def _read_token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--token-file {path}: cannot be read: {error}") from None


def read_spec(path: Path) -> tuple[str, dict[str, Any]]:
    """A compiled pipeline, as text and as what it says.

    Raises:
      InputError: there is no such file, or it is something else.
    """
    try:
        text = path.read_text(encoding="utf-8")
        spec = json.loads(text)
    except FileNotFoundError:
        raise InputError(f"no such file: {path}; first: tidegate compile") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:
        spec = None
    if not isinstance(spec, dict) or not {"pipelineInfo", "root", "deploymentSpec"} <= set(spec):
        raise InputError(f"{path}: not a compiled pipeline; expected what tidegate compile wrote")
    return text, spec


def run_values(
    spec: Mapping[str, Any], parameters: Sequence[str], assignments: Sequence[str]
) -> dict[str, Any]:
    """A run's parameters, checked as far as the pipeline tells.

    Args:
      spec: a compiled pipeline.
      parameters: ``name=value``.
      assignments: ``section.key=value``, for the parameter `settings`.

    Raises:
      InputError: an unknown parameter or setting, a value that does not fit, or a place that no
        step sees.
    """
    from tidegate.components.trainer.run_parameters import apply
    from tidegate.pipeline.config import parse_assignments

    known = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    values: dict[str, Any] = {}
    for given in parameters:
        name, equals, value = given.partition("=")
        name = name.strip()
        if not equals:
            raise InputError(f"--parameter {given}: expected name=value")
        if name not in known:
            raise InputError(f"unknown parameter {name!r}. {nearest(name, known)}")
        if name in _PLACES:
            check_uri(f"--parameter {name}={value}", value)
        values[name] = _typed(name, value, known[name])
    if assignments:
        if "settings" in values:
            raise InputError("--set and --parameter settings say the same: give one of them")
        values["settings"] = json.dumps(parse_assignments(assignments), sort_keys=True)
    trainer = spec["root"]["dag"]["tasks"].get("Trainer")
    if trainer is not None:
        config = trainer["inputs"]["parameters"]["custom_config"]["runtimeValue"]["constant"]
        apply(json.loads(config), values.get("training_steps", 0), values.get("settings", ""))
    return values


def _typed(name: str, value: str, declared: Mapping[str, Any]) -> Any:
    if declared.get("parameterType") != "NUMBER_INTEGER":
        return value
    try:
        return int(value)
    except ValueError:
        raise InputError(f"--parameter {name}={value}: expected a whole number") from None
