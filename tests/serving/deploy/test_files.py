"""The files for the stock server: parsed by its own messages and by Kubernetes' types."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes import client as kubernetes
from tensorflow_serving.config import model_server_config_pb2

from tidegate.models.core.task import task_names
from tidegate.serving.server import textproto
from tidegate.serving.server.batching_parameters import read_batching_parameters
from tidegate.serving.server.config_messages import message_class

DEPLOY = Path(__file__).parents[3] / "serving" / "deploy"
CONFIGS = ("models.config", "batching.config", "monitoring.config")


def load(name: str) -> Any:
    return yaml.safe_load((DEPLOY / name).read_text("utf-8"))


def manifests() -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((DEPLOY / "kubernetes.yaml").read_text("utf-8")))


def flags(arguments: list[str]) -> dict[str, str]:
    return dict(argument.removeprefix("--").split("=", 1) for argument in arguments)


def problems(value: Any, kind: str, where: str) -> Iterator[str]:
    """What Kubernetes' own types do not know or do not find in a manifest."""
    listed = re.fullmatch(r"list\[(.+)\]", kind)
    mapped = re.fullmatch(r"dict\(str, (.+)\)", kind)
    if listed:
        if not isinstance(value, list):
            yield f"{where}: expected a list"
            return
        for index, item in enumerate(value):
            yield from problems(item, listed[1], f"{where}[{index}]")
    elif mapped:
        if not isinstance(value, dict):
            yield f"{where}: expected a mapping"
            return
        for key, item in value.items():
            yield from problems(item, mapped[1], f"{where}.{key}")
    elif kind in ("str", "int", "bool", "float"):
        if type(value).__name__ != kind:
            yield f"{where}: {value!r} is no {kind}"
    elif kind == "object":  # A number or a text, as quantities and ports are.
        if not isinstance(value, (str, int)):
            yield f"{where}: {value!r} is neither number nor text"
    else:
        model = getattr(kubernetes, kind)
        names = {json: name for name, json in model.attribute_map.items()}
        for key in value.keys() - names.keys():
            yield f"{where}.{key}: unknown"
        for key, item in value.items():
            if key in names:
                yield from problems(item, model.openapi_types[names[key]], f"{where}.{key}")
        try:
            model(**{names[key]: item for key, item in value.items() if key in names})
        except ValueError as error:  # A field that must be there.
            yield f"{where}: {error}"


def test_models_config_names_every_task() -> None:
    config = model_server_config_pb2.ModelServerConfig()
    textproto.read(DEPLOY / "models.config", config, "--model_config_file")
    found = {one.name: one.base_path for one in config.model_config_list.config}
    assert found == {name: f"/models/{name}" for name in task_names()}


def test_batching_and_monitoring_configs() -> None:
    batching = read_batching_parameters(DEPLOY / "batching.config")
    assert batching.max_batch_size == batching.allowed_batch_sizes[-1] == 64
    monitoring = message_class("MonitoringConfig")()
    textproto.read(DEPLOY / "monitoring.config", monitoring, "--monitoring_config_file")
    assert monitoring.prometheus_config.enable
    (deployment,) = [one for one in manifests() if one["kind"] == "Deployment"]
    scraped = deployment["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]
    assert scraped == monitoring.prometheus_config.path


@pytest.mark.parametrize("index", range(3))
def test_manifests_are_what_kubernetes_knows(index: int) -> None:
    manifest = manifests()[index]
    assert list(problems(manifest, f"V1{manifest['kind']}", manifest["kind"])) == []


def test_the_check_finds_what_is_wrong() -> None:
    wrong = {"kind": "Service", "spec": {"ports": [{"targetPort": 1, "nmae": "x"}], "selector": 3}}
    found = "\n".join(problems(wrong, "V1Service", "Service"))
    assert "Service.spec.ports[0].nmae: unknown" in found
    assert "Service.spec.selector: expected a mapping" in found
    assert "`port`" in found


def test_all_parts_name_each_other() -> None:
    by_kind = {one["kind"]: one for one in manifests()}
    pod = by_kind["Deployment"]["spec"]["template"]
    (container,) = pod["spec"]["containers"]
    labels = pod["metadata"]["labels"]
    assert by_kind["Service"]["spec"]["selector"].items() <= labels.items()
    assert by_kind["Deployment"]["spec"]["selector"]["matchLabels"].items() <= labels.items()
    volumes = {one["name"]: one for one in pod["spec"]["volumes"]}
    assert {one["name"] for one in container["volumeMounts"]} == volumes.keys()
    claim = volumes["models"]["persistentVolumeClaim"]["claimName"]
    assert claim == by_kind["PersistentVolumeClaim"]["metadata"]["name"]
    (generated,) = load("kustomization.yaml")["configMapGenerator"]
    assert volumes["config"]["configMap"]["name"] == generated["name"]
    assert tuple(generated["files"]) == CONFIGS
    ports = {one["name"] for one in container["ports"]}
    assert {one["targetPort"] for one in by_kind["Service"]["spec"]["ports"]} == ports


def test_compose_and_kubernetes_start_the_same_server() -> None:
    (service,) = load("compose.yaml")["services"].values()
    (deployment,) = [one for one in manifests() if one["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert service["image"] == container["image"]
    assert service["command"] == container["args"]
    assert service["entrypoint"] == container["command"]
    given = flags(service["command"])
    for flag in ("model_config_file", "batching_parameters_file", "monitoring_config_file"):
        name = Path(given[flag]).name
        assert name in CONFIGS
        assert f"./{name}:{given[flag]}:ro" in service["volumes"]
    base = {one.split(":")[-2] for one in service["volumes"] if "MODELS" in one}
    assert base == {"/models"}
