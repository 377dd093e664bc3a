"""The stock server over the bucket that a pipeline on Kubeflow pushes to."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from tensorflow_serving.config import model_server_config_pb2

from tests.packaging.build_context import CHECKOUT
from tests.serving.deploy.test_files import problems
from tidegate.models.core.task import task_names
from tidegate.serving.server import textproto

DEPLOY = CHECKOUT / "pipeline" / "deploy"


def load(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def named(manifests: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    (found,) = [one for one in manifests if one["kind"] == kind]
    return found


@pytest.fixture(scope="module")
def overlay() -> dict[str, Any]:
    return load(DEPLOY / "kustomization.yaml")[0]


@pytest.fixture(scope="module")
def rendered() -> list[dict[str, Any]]:
    """What `kubectl apply -k` would apply, from kubectl itself."""
    if shutil.which("kubectl") is None:
        pytest.skip("kubectl, which puts the files together, is not on the PATH")
    command = ["kubectl", "kustomize", str(DEPLOY)]
    done = subprocess.run(command, text=True, capture_output=True, check=True)
    return list(yaml.safe_load_all(done.stdout))


def test_models_config_names_every_task_where_a_run_pushes_it() -> None:
    config = model_server_config_pb2.ModelServerConfig()
    textproto.read(DEPLOY / "models.config", config, "--model_config_file")
    found = {one.name: one.base_path for one in config.model_config_list.config}
    assert found == {name: f"gs://BUCKET/tidegate/serving/{name}" for name in task_names()}


def test_all_it_names_is_there(overlay: dict[str, Any]) -> None:
    base, *files = [DEPLOY / name for name in overlay["resources"]]
    assert all(file.is_file() for file in files)
    manifests = load(base / "kubernetes.yaml")
    (generated,) = load(base / "kustomization.yaml")[0]["configMapGenerator"]
    (merged,) = overlay["configMapGenerator"]
    assert (merged["name"], merged["behavior"]) == (generated["name"], "merge")
    assert set(merged["files"]) <= set(generated["files"])
    assert all((DEPLOY / name).is_file() for name in merged["files"])
    for patch in overlay["patches"]:
        target = named(manifests, patch["target"]["kind"])
        assert target["metadata"]["name"] == patch["target"]["name"]


def test_the_volume_goes_and_the_account_comes(overlay: dict[str, Any]) -> None:
    patches = [yaml.safe_load(one["patch"]) for one in overlay["patches"]]
    claim, deployment, more = patches
    assert claim == {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models"},
        "$patch": "delete",
    }
    base = named(load(CHECKOUT / "serving" / "deploy" / "kubernetes.yaml"), "Deployment")
    before, after = (one["spec"]["template"]["spec"] for one in (base, deployment))
    (gone,) = after["volumes"]
    claims = {one["name"] for one in before["volumes"] if "persistentVolumeClaim" in one}
    assert claims == {gone["name"]} and gone["$patch"] == "delete"
    (container,), (patched,) = before["containers"], after["containers"]
    assert container["name"] == patched["name"]
    (mount,) = patched["volumeMounts"]
    mounts = {one["mountPath"]: one["name"] for one in container["volumeMounts"]}
    assert mounts[mount["mountPath"]] == gone["name"] and mount["$patch"] == "delete"
    (account,) = load(DEPLOY / "service_account.yaml")
    assert after["serviceAccountName"] == account["metadata"]["name"]
    assert [(one["op"], one["path"]) for one in more] == [
        ("add", "/spec/template/spec/containers/0/args/-")
    ]


def test_the_account_is_what_kubernetes_knows() -> None:
    (account,) = load(DEPLOY / "service_account.yaml")
    assert list(problems(account, "V1ServiceAccount", "ServiceAccount")) == []


def test_what_is_applied_is_what_kubernetes_knows(rendered: list[dict[str, Any]]) -> None:
    kinds = sorted(one["kind"] for one in rendered)
    assert kinds == ["ConfigMap", "Deployment", "Service", "ServiceAccount"]
    for one in rendered:
        assert list(problems(one, f"V1{one['kind']}", one["kind"])) == []


def test_what_is_applied_reads_the_bucket_alone(rendered: list[dict[str, Any]]) -> None:
    pod = named(rendered, "Deployment")["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    config = named(rendered, "ConfigMap")
    volumes = {one["name"]: one for one in pod["volumes"]}
    assert "models" not in volumes
    assert {one["name"] for one in container["volumeMounts"]} == volumes.keys()
    assert volumes["config"]["configMap"]["name"] == config["metadata"]["name"]
    assert config["data"]["models.config"] == (DEPLOY / "models.config").read_text("utf-8")
    base = named(load(CHECKOUT / "serving" / "deploy" / "kubernetes.yaml"), "Deployment")
    (before,) = base["spec"]["template"]["spec"]["containers"]
    assert container["args"] == [*before["args"], "--file_system_poll_wait_seconds=30"]
