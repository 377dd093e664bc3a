"""The Dockerfile, read: sources, pins, user, variants. test_image.py carries it out."""

from __future__ import annotations

import re
import subprocess
from importlib import metadata

import pytest
import yaml
from packaging.requirements import Requirement

from tests.packaging.build_context import CHECKOUT, context_files
from tests.packaging.dockerfile import Stage, read_dockerfile
from tests.wheel_environment import pinned_versions


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return read_dockerfile(CHECKOUT / "Dockerfile")


def test_all_that_is_sent_is_used(stages: list[Stage]) -> None:
    copies = [one for stage in stages for one in stage.all("COPY") if "from" not in one.options()]
    named = {source for one in copies for source in one.paths()[0]}
    assert named == {path.partition("/")[0] for path in context_files()}


def test_stages_hand_on_what_they_make(stages: list[Stage]) -> None:
    made = {"packages": "/opt/tidegate", "wheel": "/wheel"}
    handed = {}
    for one in stages[-1].all("COPY"):
        (source,), destination = one.paths()
        assert source == destination  # Scripts and bytecode name their place.
        handed[one.options()["from"]] = source
    assert handed == made
    for stage in stages:
        if stage.name in made:
            assert any(made[stage.name] in one.text for one in stage.all("RUN"))


def test_builder_and_image_are_the_same_python_of_the_same_system(stages: list[Stage]) -> None:
    builder, image = stages[0].base, stages[-1].base
    assert builder.replace("-", "-slim-") == image == "python:${PYTHON}-slim-trixie"


def test_each_install_is_pinned(stages: list[Stage]) -> None:
    runs = [one.text for stage in stages for one in stage.all("RUN")]
    installs = [part for text in runs for part in text.split("&&") if "install " in part]
    installs = [part for part in installs if re.search(r"\bpip\b", part)]
    assert len(installs) == 3
    for text in installs:
        from_wheel = {"--no-index", "--no-deps"} <= set(text.split())
        assert "-c constraints/tfx-${GENERATION}.txt" in text or from_wheel
    # The one build takes setuptools from the pinned packages.
    (built,) = [text for text in runs if " build " in text]
    assert "--no-build-isolation" in built


def test_it_runs_as_the_user_of_the_server_that_reads_its_models(stages: list[Stage]) -> None:
    user, group = stages[-1].last("USER").text.split(":")
    made = next(one.text for one in stages[-1].all("RUN") if "useradd" in one.text)
    assert f"--uid {user} " in made
    manifests = (CHECKOUT / "serving" / "deploy" / "kubernetes.yaml").read_text("utf-8")
    (deployment,) = [one for one in yaml.safe_load_all(manifests) if one["kind"] == "Deployment"]
    security = deployment["spec"]["template"]["spec"]["securityContext"]
    assert (int(user), int(group)) == (security["runAsUser"], security["fsGroup"])
    names = [one.name for one in stages[-1].instructions]
    assert "RUN" not in names[names.index("USER") :]  # Nothing later is root's again.


def test_the_launcher_finds_folders_that_any_user_may_write(stages: list[Stage]) -> None:
    made = next(one for one in stages[-1].all("RUN") if "install -d" in one.text)
    words = made.words()
    assert words[words.index("-m") + 1] == "1777"
    assert words[-3:] == ["/gcs", "/minio", "/s3"]


def test_commands_are_named_by_who_starts_it(stages: list[Stage]) -> None:
    assert not [one for stage in stages for one in stage.all("ENTRYPOINT")]
    assert stages[-1].last("CMD").words()[0] == "tidegate"
    first, *_ = stages[-1].last("ENV").variables()["PATH"].split(":")
    assert first == "/opt/tidegate/bin"  # Of the `python` that Kubeflow's steps begin with, too.


@pytest.mark.parametrize(("given", "extras"), [("", {"kubeflow"}), ("1", {"kubeflow", "gpu"})])
def test_the_gpu_variant_is_a_build_argument(
    stages: list[Stage], given: str, extras: set[str]
) -> None:
    assert "GPU" in [one.text for one in stages[0].all("ARG")]
    (line,) = [
        part.strip()
        for one in stages[0].all("RUN")
        for part in one.text.split("&&")
        if "setup.py" in part
    ]
    expanded = subprocess.run(
        ["/bin/sh", "-c", f"echo {line}"], env={"GPU": given}, text=True, capture_output=True
    )
    words = expanded.stdout.split()
    found = {words[index + 1] for index, word in enumerate(words) if word == "--extra"}
    assert found == extras


def test_the_cuda_libraries_are_pinned_as_tensorflow_wants_them() -> None:
    pins = pinned_versions()
    wanted = [Requirement(text) for text in metadata.requires("tensorflow") or ()]
    cuda = [one for one in wanted if one.marker and "and-cuda" in str(one.marker)]
    assert {one.name for one in cuda} == {name for name in pins if name.startswith("nvidia-")}
    assert [one.name for one in cuda if not one.specifier.contains(pins[one.name])] == []
