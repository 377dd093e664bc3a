"""An environment that has tidegate's wheel and not the checkout.

The packages beside tidegate are those that the wheel requires, as links to the environment that
runs the tests: nothing is fetched, copied or compiled anew, and it takes seconds. That the wheel
also installs by the pins alone, as in the image, is tests/packaging's to show.
"""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packaging.build_context import CHECKOUT, copy_context
from tidegate.pipeline.doctor import GENERATION

ROOMS = ("components", "data", "models", "pipeline", "serving", "tables")


def rooms_of_somebody_else(folder: Path) -> Path:
    """Makes a project's folder in which each of our rooms' names is a package of its own.

    Each ends the process that imports it, so that no error is swallowed on the way.

    Returns:
      The folder.
    """
    for room in ROOMS:
        package = folder / room
        package.mkdir(parents=True)
        text = f"{room}/ of the working folder was imported\n"
        (package / "__init__.py").write_text(
            f"import os, sys\nsys.stderr.write({text!r})\nsys.stderr.flush()\nos._exit(70)\n"
        )
    return folder


def outside_environment() -> dict[str, str]:
    """Variables for a process of such an environment: none that leads back to the checkout."""
    leading = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST")
    return {name: value for name, value in os.environ.items() if name not in leading}


def build_wheel(folder: Path, source: Path | None = None) -> Path:
    """Builds the wheel in `folder`, from what the image is built from or from `source`."""
    source = source or copy_context(folder / "source")
    _pip("wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), str(source))
    (wheel,) = folder.glob("*.whl")
    return wheel


def make_environment(folder: Path) -> Path:
    """An empty environment; returns its Python."""
    subprocess.run(
        [sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True
    )
    return folder / "bin" / "python"


def packages_folder(python: Path) -> Path:
    """The site-packages of an environment of this Python's version."""
    return python.parents[1] / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)


def link_packages(names: Iterable[str], python: Path) -> None:
    """Links distributions of this environment into another."""
    here, there = Path(sysconfig.get_path("purelib")), packages_folder(python)
    entries: set[str] = set()
    for name in names:
        # Read as text: `files` makes an object of each of the 80,000 lines.
        record = metadata.distribution(name).read_text("RECORD") or ""
        entries |= {re.split("[/,]", line, maxsplit=1)[0] for line in record.splitlines()}
    # Scripts are for another Python; the bytecode folder is that of modules without a folder.
    for entry in entries - {"..", "__pycache__"}:
        (there / entry).symlink_to(here / entry)


def required_packages(distribution: metadata.Distribution, extras: Iterable[str]) -> set[str]:
    """All that a distribution requires with some of its extras, down to the last."""
    found: set[tuple[str, str]] = set()
    open_ends = [(distribution, extra) for extra in ("", *extras)]
    while open_ends:
        here, extra = open_ends.pop()
        for text in here.requires or ():
            one = Requirement(text)
            if one.marker and not one.marker.evaluate({"extra": extra}):
                continue
            for wanted in {(canonicalize_name(one.name), more) for more in ("", *one.extras)}:
                if wanted not in found:
                    found.add(wanted)
                    open_ends.append((metadata.distribution(wanted[0]), wanted[1]))
    return {name for name, _ in found}


def pinned_versions() -> dict[str, str]:
    """The pins of this Python's generation of the stack, by name."""
    text = (CHECKOUT / "constraints" / f"tfx-{GENERATION}.txt").read_text("utf-8")
    pins = [Requirement(line) for line in text.splitlines()]
    return {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in pins
        if pin.marker is None or pin.marker.evaluate()
    }


def installed_packages(python: Path) -> dict[str, str]:
    """Names and versions of what an environment has."""
    found = metadata.distributions(path=[str(packages_folder(python))])
    return {canonicalize_name(one.metadata["Name"]): one.version for one in found}


def wheel_environment(root: Path) -> Path:
    """Makes the environment under `root` unless a process before has; returns its Python."""
    folder = root / "wheel-environment"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            python = make_environment(folder / "environment")
            wheel = build_wheel(folder / "build")
            _pip("--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
            (installed,) = metadata.distributions(path=[str(packages_folder(python))])
            link_packages(required_packages(installed, ["kubeflow"]), python)
            (folder / "done").touch()
    return folder / "environment" / "bin" / "python"


def _pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments]
    done = subprocess.run(
        command,
        env=outside_environment(),  # What PYTHONPATH leads to would count as installed.
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}")
