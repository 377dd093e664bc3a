"""Reads a Dockerfile, and carries its build out in a folder, without a Docker engine."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

# Folders of the image that the build writes to; under a folder of the test's own in `build`.
_MADE = re.compile(r"(?<![\w./-])/(opt|source|wheel|home)\b")


@dataclass(frozen=True)
class Instruction:
    """One instruction, its lines joined: RUN, COPY ..., and all that follows."""

    name: str
    text: str

    def words(self) -> list[str]:
        """The text's words; of the JSON form its items."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)

    def options(self) -> dict[str, str]:
        """``--from=packages`` and the like."""
        found = (word[2:].partition("=") for word in self.words() if word.startswith("--"))
        return {name: value for name, _, value in found}

    def paths(self) -> tuple[list[str], str]:
        """Sources and destination of a COPY."""
        *sources, destination = [word for word in self.words() if not word.startswith("--")]
        return sources, destination

    def variables(self) -> dict[str, str]:
        """Those that an ENV sets."""
        return dict(word.split("=", 1) for word in self.words())


@dataclass(frozen=True)
class Stage:
    """A FROM and what follows it; `name` is the base's where it has none of its own."""

    base: str
    name: str
    instructions: list[Instruction]

    def all(self, name: str) -> list[Instruction]:
        return [one for one in self.instructions if one.name == name]

    def last(self, name: str) -> Instruction:
        return self.all(name)[-1]


def read_dockerfile(path: Path) -> list[Stage]:
    """The stages of a Dockerfile, in order."""
    lines = [line for line in path.read_text("utf-8").splitlines() if not line.startswith("#")]
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if not line.strip():
            continue
        name, _, text = line.strip().partition(" ")
        one = Instruction(name, text.strip())
        if name == "FROM":
            base, *named = one.words()
            stages.append(Stage(base, named[1] if named else base, []))
        elif stages:  # Before the first FROM are its arguments.
            stages[-1].instructions.append(one)
    return stages


class CommandFailed(RuntimeError):
    """A RUN ended with an error; holds its output."""


def build(
    stages: list[Stage],
    context: Path,
    root: Path,
    variables: Mapping[str, str],
    passed_over: Callable[[str], bool],
) -> dict[str, str]:
    """Carries out every COPY and RUN with the image's folders under `root`.

    Args:
      stages: of the Dockerfile.
      context: the build context.
      root: stands for the image's root; stages share it, as each writes elsewhere.
      variables: of the processes; they go over those that an ENV sets.
      passed_over: whether a RUN's command is for a real image's root alone.

    Returns:
      The variables that the last stage sets.

    Raises:
      CommandFailed: a RUN.
      FileNotFoundError: a COPY names what is not in the context.
    """
    folders: dict[str, Path] = {}
    given: dict[str, str] = {}
    for stage in stages:
        folder = folders.get(stage.base, root)
        # The bases on the way to the last stage hand their variables on, a foreign image none.
        given = dict(given) if stage.base in folders else {}
        for one in stage.instructions:
            text = _MADE.sub(rf"{root}/\1", one.text)
            if one.name == "WORKDIR":
                folder = Path(text)
                folder.mkdir(parents=True, exist_ok=True)
            elif one.name == "ENV":
                given |= Instruction("ENV", text).variables()
            elif one.name == "COPY" and "from" not in one.options():
                _copy(one, context, folder)
            elif one.name == "RUN" and not passed_over(one.text):
                _run(text, folder, given | dict(variables))
        folders[stage.name] = folder
    return given


def _copy(one: Instruction, context: Path, folder: Path) -> None:
    sources, destination = one.paths()
    for source in sources:
        found, target = context / source, folder / destination
        if found.is_dir():
            shutil.copytree(found, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(found, target)


def _run(text: str, folder: Path, variables: Mapping[str, str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", text],
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise CommandFailed(f"{text}\n{done.stdout}")
