"""The README keeps up with the code: settings and their defaults, commands, data sets."""

import re
from pathlib import Path

import pytest

from tidegate.data import registry
from tidegate.models.core.settings import describe
from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.cli import cli
from tidegate.pipeline.config import section_types

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def stated(task: str, own: bool) -> dict[str, str]:
    """Settings and defaults: the task's own sections, or those of every task."""
    found = load_task(task)
    return {
        f"{section}.{name}": default
        for section, cls in section_types(found).items()
        if (section in found.sections) == own
        for name, _, default, _, _ in describe(cls)
    }


@pytest.mark.parametrize("task", [*task_names(), None])
def test_every_setting_stands_in_a_table_with_its_default(task: str | None) -> None:
    title = "Of every task" if task is None else task.replace("_", " ").capitalize()
    (part,) = re.findall(rf"^### {title}$(.*?)^##", README, flags=re.MULTILINE | re.DOTALL)
    rows = dict(re.findall(r"^\| `([a-z]+\.\w+)` \| `([^`]*)` \|", part, flags=re.MULTILINE))
    assert rows == (stated(task_names()[0], False) if task is None else stated(task, True))


@pytest.mark.parametrize("option", re.findall(r"--set ([a-z]+)\.(\w+)=", README))
def test_every_set_in_an_example_is_a_setting(option: tuple[str, str]) -> None:
    section, key = option
    if section != "section":  # The placeholder of the settings' own paragraph.
        known = [section_types(load_task(task))[section] for task in task_names()]
        assert any(key in cls.model_fields for cls in known)


def test_every_command_in_an_example_exists() -> None:
    used = set(re.findall(r"^ +\.venv/bin/tidegate (\w+)", README, flags=re.MULTILINE))
    assert used and used <= set(cli.commands)


def test_data_sets_in_examples_exist() -> None:
    used = set(re.findall(r"--data ([a-z-]+)(?=\s)", README))
    assert used <= set(registry.names())
