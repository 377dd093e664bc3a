"""What is missing on this machine, without importing what it examines."""

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

# A run on a small data set writes about this much; its artifacts grow with the data.
_DISK_GIB = 2
_MEMORY_GIB = 4


# The stack's generation follows from the Python: TFX 1.16 is for 3.10, TFX 1.21 for what is newer.
_PYTHONS = ((3, 10), (3, 13))
GENERATION = "1.16" if sys.version_info < (3, 11) else "1.21"
_INSTALL = f"pip install -c constraints/tfx-{GENERATION}.txt"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
      good: whether it is as it must be.
      what: what was looked at.
      found: what is there.
      mend: the command that mends it; empty where it is good.
    """

    good: bool
    what: str
    found: str
    mend: str = ""

    def __str__(self) -> str:
        mark = "ok     " if self.good else "missing"
        mend = f"; mend with: {self.mend}" if not self.good else ""
        return f"{mark}  {self.what}: {self.found}{mend}"


def examine() -> Iterator[Finding]:
    """Looks at Python, the packages, memory, disk, the data folder and the GPU."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    good = _PYTHONS[0] <= tuple(sys.version_info[:2]) <= _PYTHONS[1]
    said = f"{version}, the generation of TFX {GENERATION}"
    yield Finding(
        good, "Python", said if good else f"{version}, expected 3.10 to 3.13", "make setup"
    )
    yield from _packages()
    yield _memory()
    yield _disk(Path.cwd())
    yield _gpu()


def _packages() -> Iterator[Finding]:
    try:
        required = metadata.requires("tidegate") or []
    except metadata.PackageNotFoundError:
        yield Finding(False, "tidegate", "not installed", "make setup")
        return
    yield Finding(True, "tidegate", metadata.version("tidegate"))
    for text in required:
        requirement = Requirement(text)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        name = requirement.name
        mend = f"{_INSTALL} '{name}{requirement.specifier}'"
        try:
            installed = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(False, name, "not installed", mend)
            continue
        good = requirement.specifier.contains(installed, prereleases=True)
        found = installed if good else f"{installed}, expected {requirement.specifier}"
        yield Finding(good, name, found, mend)


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return Finding(
        total >= _MEMORY_GIB,
        "memory",
        f"{total:.0f} GiB" + ("" if total >= _MEMORY_GIB else f", expected {_MEMORY_GIB}"),
        "a machine with more memory",
    )


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free / 2**30
    return Finding(
        free >= _DISK_GIB,
        f"free disk at {folder}",
        f"{free:.0f} GiB" + ("" if free >= _DISK_GIB else f", expected {_DISK_GIB}"),
        "--output on another disk",
    )


def _gpu() -> Finding:
    """No GPU is fine; a GPU that TensorFlow cannot use is not."""
    if not Path("/dev/nvidia0").exists():
        return Finding(True, "GPU", "none; training runs on the CPU")
    try:
        libraries = metadata.version("nvidia-cudnn-cu12")
    except metadata.PackageNotFoundError:
        return Finding(
            False,
            "GPU",
            "there is one, but not the CUDA libraries TensorFlow needs",
            f"{_INSTALL} 'tensorflow[and-cuda]'",
        )
    return Finding(True, "GPU", f"there is one; cuDNN {libraries}")
