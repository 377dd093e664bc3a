"""The wheel: what is in it, and that it answers where the checkout is not."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.packaging.build_context import CHECKOUT, copy_context
from tests.wheel_environment import (
    ROOMS,
    build_wheel,
    outside_environment,
    rooms_of_somebody_else,
)

pytestmark = pytest.mark.slow


def test_it_has_the_rooms_with_all_their_files_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert {name.partition("/")[0] for name in names} == {"tidegate"}
    source = wheel.parent / "source"
    files = [file for room in ROOMS for file in (source / room).rglob("*") if file.is_file()]
    expected = {f"tidegate/{file.relative_to(source).as_posix()}" for file in files}
    assert names == {"tidegate/__init__.py", "tidegate/py.typed"} | expected


def test_the_source_distribution_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    source = copy_context(tmp_path / "source")
    for name in ("MANIFEST.in", "CHANGELOG.md", "CONTRIBUTING.md"):
        shutil.copy2(CHECKOUT / name, source)
    shutil.copytree(CHECKOUT / "docs", source / "docs")
    build = "from setuptools.build_meta import build_sdist; build_sdist('..')"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True)
    (packed,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        members = archive.getmembers()
    assert not [member.name for member in members if member.issym() or member.islnk()]
    names = {member.name.partition("/")[2] for member in members}
    assert names > {"LICENSE", "CHANGELOG.md", "constraints/tfx-1.21.txt", "docs/architecture.md"}
    assert read_zip(build_wheel(tmp_path, packed)) == read_zip(wheel)


def read_zip(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def test_it_states_its_version_command_and_extras(wheel: Path) -> None:
    _, version, *_ = wheel.name.split("-")
    with zipfile.ZipFile(wheel) as archive:
        folder = f"tidegate-{version}.dist-info"
        said = Parser().parsestr(archive.read(f"{folder}/METADATA").decode("utf-8"))
        entry_points = archive.read(f"{folder}/entry_points.txt").decode("utf-8")
    assert (said["Name"], said["Version"]) == ("tidegate", version)
    assert set(said.get_all("Provides-Extra", [])) >= {"kubeflow", "gpu"}
    assert (said["License"], said["License-File"]) == ("Apache-2.0", "LICENSE")
    # Links to pages of the repository would lead nowhere on an index.
    assert "# tidegate" in said.get_payload() and "](docs/" not in said.get_payload()
    assert "tidegate = tidegate.pipeline.cli:main" in entry_points


def test_rooms_come_from_the_wheel(wheel_python: Path, tmp_path: Path) -> None:
    imports = f"from tidegate import {', '.join(ROOMS)}"
    files = ", ".join(f"{room}.__file__" for room in ROOMS)
    done = subprocess.run(
        [str(wheel_python), "-c", f"{imports}; print({files})"],
        cwd=rooms_of_somebody_else(tmp_path),
        env=outside_environment(),
        text=True,
        capture_output=True,
        check=True,
    )
    found = done.stdout.split()
    assert len(found) == len(ROOMS)
    assert all(Path(file).is_relative_to(wheel_python.parents[1]) for file in found)
