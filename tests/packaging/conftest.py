"""The image as its Dockerfile builds it, in a folder, once for all tests of it."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.packaging.build_context import CHECKOUT, copy_context
from tests.packaging.dockerfile import CommandFailed, build, read_dockerfile
from tests.wheel_environment import link_packages, make_environment, outside_environment
from tidegate.pipeline.doctor import GENERATION

# What uv says when it does not get to the package index.
_NO_INDEX = ("Failed to fetch", "Could not connect", "Network is unreachable")


@dataclass(frozen=True)
class Image:
    """What the build has made.

    Attributes:
      root: stands for the image's root.
      variables: of a process in a container of it.
    """

    root: Path
    variables: dict[str, str]

    @property
    def python(self) -> Path:
        return self.root / "opt" / "tidegate" / "bin" / "python"


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Carries the Dockerfile out: a fresh environment from the pins alone, removed at the end.

    The packages come from uv's cache, or else from the package index; the tests are skipped where
    neither has them.
    """
    folder = tmp_path_factory.mktemp("image")
    try:
        yield build_image(folder)
    finally:
        shutil.rmtree(folder)


def build_image(folder: Path) -> Image:
    """Builds it from the checkout's files."""
    builder = make_environment(folder / "builder")
    # uv, which the build fetches first, is taken from here where it is here.
    found = Path(sysconfig.get_path("scripts")) / "uv"
    link_packages(["pip", "uv"] if found.exists() else ["pip"], builder)
    if found.exists():
        builder.with_name("uv").symlink_to(found)
    # Bytecode of all packages costs a minute here, and is that of the few modules that are run.
    variables = outside_environment() | {"UV_COMPILE_BYTECODE": "0", "UV_NO_PROGRESS": "1"}
    variables["GENERATION"] = GENERATION  # A build argument; FROM is not carried out.
    variables["PATH"] = f"{builder.parent}:{os.environ['PATH']}"
    context = copy_context(folder / "context")
    for offline in ("1", "0"):
        root = folder / "root"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir()
        given = variables | {"UV_OFFLINE": offline}
        try:
            stages = read_dockerfile(CHECKOUT / "Dockerfile")
            made = build(stages, context, root, given, is_for_root)
        except CommandFailed as error:
            if offline == "1":
                continue
            if any(text in str(error) for text in _NO_INDEX):
                pytest.skip(
                    "the package index is out of reach, and uv's cache lacks some of the pins"
                )
            raise
        made["PATH"] = made["PATH"].replace("$PATH", os.environ["PATH"])
        made |= {"HOME": str(root / "home")}
        outside = outside_environment()
        # The modules that are run are compiled by the first that runs them.
        outside.pop("PYTHONDONTWRITEBYTECODE", None)
        return Image(root, outside | made)
    raise AssertionError("neither built nor failed")


def is_for_root(command: str) -> bool:
    """Whether a RUN makes the image's user and folders, which is for a real image's root."""
    return command.startswith("useradd ")


@pytest.fixture(scope="session")
def wheel(wheel_python: Path) -> Path:
    """The wheel that the environment of `wheel_python` has."""
    (found,) = (wheel_python.parents[2] / "build").glob("*.whl")
    return found
