"""What is to be run: what a user gives, on the command line or in Python, as files and settings."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidegate.components.files import is_local, write_whole
from tidegate.data import registry
from tidegate.models.core.task import load_task
from tidegate.pipeline.beam import check_job_service
from tidegate.pipeline.config import RunConfig, make_config
from tidegate.pipeline.datasets import resolve
from tidegate.pipeline.run.made import Made
from tidegate.tables.errors import InputError
from tidegate.tables.files import several, sources


@dataclass(frozen=True)
class HeldData:
    """A table of this process, as the file that it becomes in the output folder.

    Attributes:
      title: what it is, for a person.
      name: of the file; it tells the content.
      content: of the file.
    """

    title: str
    name: str
    content: bytes

    def write(self, folder: str, made: Made) -> str:
        """Writes the file, whole or not at all; gives its path.

        Args:
          folder: a path, or a URI.
          made: told what was not there before.

        Raises:
          OSError, tf.errors.OpError: it cannot be written; the latter for a URI.
        """
        made.folder(folder)
        path = os.path.join(folder, self.name)
        made.file(path)
        if not (is_local(path) and os.path.exists(path)):  # The name tells the content.
            write_whole(path, self.content)
        return path


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for.

    Attributes:
      config: task and settings.
      data: name or path, as given, for the summary.
      train: data file or folder.
      test: the same for a fixed test split, or None.
      output: the output folder: a path or a URI.
      fresh: use nothing of a former run.
      edition: of what the data set was made from; empty where there is only one.
    """

    config: RunConfig
    data: str
    train: str | HeldData
    test: str | HeldData | None
    output: str
    fresh: bool = False
    edition: str = ""

    @property
    def sources(self) -> dict[str, list[str]]:
        """By option, what a command names to read the same: the data set, or the files."""
        named = self.data in registry.names() and self.data != self.train
        return {
            "data": [self.data] if named else sources(str(self.train)),
            "test": sources(str(self.test)) if self.test else [],
        }


def make_request(
    task: str,
    data: str | Sequence[str] | HeldData,
    test: str | Sequence[str] | HeldData | None,
    output: str,
    *settings: Mapping[str, Mapping[str, Any]],
    fresh: bool = False,
) -> RunRequest:
    """Finds before anything starts what is wrong with the settings, and where the data is.

    Args:
      task: its name.
      data: a data set's name, a path or URI or several of them, or a table.
      test: a path or URI or several of them, or a table; None for the data set's own, if it has
        one.
      output: the output folder: a path or a URI.
      *settings: section to key to value; later ones go over earlier ones.
      fresh: use nothing of a former run.

    Raises:
      InputError: an unknown task, a setting that does not fit, no such data.
    """
    known = load_task(task)
    early = make_config(known, *settings)  # Wrong settings are found before data is prepared.
    early.beam.arguments()
    check_job_service(early.beam.job_endpoint)
    if test is not None and not isinstance(test, str | HeldData):
        test = several(test)
    if not isinstance(data, str | HeldData):
        for one in data:
            if len(data) > 1 and resolve(one, known.name).train != one:
                raise InputError(f"--data {one}: a data set's name beside others; expected paths")
        if len(data) > 1:
            return RunRequest(early, ", ".join(data), several(data), test, output, fresh)
        (data,) = data
    if isinstance(data, HeldData):
        return RunRequest(early, data.title, data, test, output, fresh)
    resolved = resolve(data, known.name)
    config = make_config(known, resolved.settings, *settings)
    test = test or resolved.test
    return RunRequest(config, data, resolved.train, test, output, fresh, resolved.edition)


def parse_settings(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Settings as Python has them: ``{"training": {"steps": 10}}`` or ``{"training.steps": 10}``.

    Returns:
      Section to key to value.

    Raises:
      InputError: neither of the two forms, or a setting that is given twice.
    """
    sections: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        section, dot, key = str(name).partition(".")
        if dot and key:
            values: Mapping[Any, Any] = {key: value}
        elif isinstance(value, Mapping):
            values = value
        else:
            raise InputError(
                f"settings[{name!r}] = {value!r}: expected 'section.key': value, or "
                "'section': {'key': value}"
            )
        known = sections.setdefault(section, {})
        for key, one in values.items():
            if key in known:
                raise InputError(f"settings: {section}.{key} is given twice")
            known[str(key)] = _plain(one)
    return sections


def _plain(value: Any) -> Any:
    """A setting's value as the settings' types have it; a tuple is as good as a list."""
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, tuple | set | frozenset):
        return list(value)
    return value
