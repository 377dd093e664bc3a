"""What Docker would send to a build of the image: the checkout as `.dockerignore` leaves it."""

from __future__ import annotations

import shutil
from pathlib import Path

from docker.utils.build import exclude_paths

CHECKOUT = Path(__file__).parents[2]
# For the daemon, which does not put them into the context of the build.
_FOR_DOCKER = {"Dockerfile", ".dockerignore"}


def context_files(root: Path = CHECKOUT) -> list[str]:
    """The files that a build of the image in `root` is given, as paths relative to it.

    A link is one of them, whatever it leads to.
    """
    lines = [line.strip() for line in (root / ".dockerignore").read_text("utf-8").splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    paths = set(exclude_paths(str(root), patterns)) - _FOR_DOCKER
    return sorted(path for path in paths if (root / path).is_symlink() or (root / path).is_file())


def copy_context(target: Path, root: Path = CHECKOUT) -> Path:
    """Copies those files, as the daemon that builds the image has them; returns `target`."""
    for path in context_files(root):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, target / path, follow_symlinks=False)
    return target
