"""What Docker would send to a build of the image: the checkout as `.dockerignore` leaves it."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

CHECKOUT = Path(__file__).parents[2]


def _expression(pattern: str) -> re.Pattern[str]:
    """A pattern of .dockerignore: as Go's filepath.Match, and ``**`` for any number of folders."""
    found = re.escape(pattern.strip("/"))
    found = found.replace(r"\*\*/", "(.*/)?").replace(r"\*\*", ".*")
    found = found.replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(found.replace(r"\[", "[").replace(r"\]", "]"))


def rules(text: str) -> list[tuple[bool, re.Pattern[str]]]:
    """The lines of a .dockerignore: whether each leaves out, and what it matches."""
    lines = [line.strip() for line in text.splitlines()]
    return [
        (not line.startswith("!"), _expression(line.removeprefix("!")))
        for line in lines
        if line and not line.startswith("#")
    ]


def is_left_out(path: str, given: list[tuple[bool, re.Pattern[str]]]) -> bool:
    """The last rule that matches the path or a folder above it decides."""
    parts = PurePosixPath(path)
    names = [path, *(str(parent) for parent in parts.parents if parent.name)]
    out = False
    for leaves_out, expression in given:
        if any(expression.fullmatch(name) for name in names):
            out = leaves_out
    return out


def context_files(root: Path = CHECKOUT) -> Iterator[str]:
    """The files that a build of the image in `root` is given, as paths relative to it."""
    given = rules((root / ".dockerignore").read_text("utf-8"))
    # A folder that is left out whole is not walked: none of the rules brings part of one back.
    for folder, folders, files in os.walk(root):
        here = Path(folder).relative_to(root)
        folders[:] = [name for name in folders if not is_left_out((here / name).as_posix(), given)]
        # A link is sent as one, whatever it leads to.
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in [*files, *links]:
            path = (here / name).as_posix()
            if not is_left_out(path, given):
                yield path


def copy_context(target: Path, root: Path = CHECKOUT) -> Path:
    """Copies those files, as the daemon that builds the image has them; returns `target`."""
    for path in context_files(root):
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, target / path, follow_symlinks=False)
    return target
