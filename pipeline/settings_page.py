"""docs/settings.md, made of the settings themselves."""

from collections.abc import Iterator, Mapping

from tidegate.models.core.settings import Settings, describe
from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.config import section_types

_HEAD = """\
# Settings

<!-- Made by `make docs` (tidegate tasks --markdown > docs/settings.md). Do not edit it:
change the settings themselves. `make lint` checks that this page is current. -->

`tidegate tasks` prints all settings with types, ranges and defaults. They are given as
`--set section.key=value`, or in the YAML file of `--config`:

    model: {units: 128, layers: 2}
    training: {epochs: 6}

An error about an unknown name gives the nearest name. The Tuner (`tuner.trials`) searches the
ranges in the column *tuned*."""


def settings_page() -> str:
    """The page in Markdown: a table for each task, and one of the sections that every task has."""
    parts = [_HEAD]
    shared: Mapping[str, type[Settings]] = {}
    for name in task_names():
        task = load_task(name)
        parts += [f"## {name.replace('_', ' ').capitalize()}", _table(task.sections)]
        every = section_types(task)
        shared = {section: every[section] for section in every if section not in task.sections}
    return "\n\n".join([*parts, "## Every task", _table(shared)])


def _table(sections: Mapping[str, type[Settings]]) -> str:
    head = ["| setting | type | default | tuned | meaning |", "|---|---|---|---|---|"]
    return "\n".join([*head, *_rows(sections)])


def _rows(sections: Mapping[str, type[Settings]]) -> Iterator[str]:
    for section, cls in sections.items():
        for key, kind, default, tuned, text in describe(cls):
            cells = [f"`{section}.{key}`", kind, f"`{default}`", tuned, text]
            # A bar would end the cell.
            yield f"| {' | '.join(cell.replace(' | ', ', ').replace('|', '/') for cell in cells)} |"
