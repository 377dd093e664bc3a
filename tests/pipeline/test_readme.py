"""The README keeps up with the code: settings and their defaults, commands, data sets."""

import re
from pathlib import Path

import pytest

from data import registry
from models.core.settings import describe
from models.core.task import load_task
from pipeline.cli import cli
from pipeline.config import section_types

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z]+\.\w+)` \| `([^`]*)` \|", README, flags=re.MULTILINE))
    stated = {
        f"{section}.{name}": default
        for section, cls in section_types(load_task("text_classification")).items()
        for name, _, default, _, _ in describe(cls)
    }
    assert rows == stated


@pytest.mark.parametrize("option", re.findall(r"--set ([a-z]+)\.(\w+)=", README))
def test_every_set_in_an_example_is_a_setting(option: tuple[str, str]) -> None:
    section, key = option
    if section != "section":  # The placeholder of the settings' own paragraph.
        assert key in section_types(load_task("text_classification"))[section].model_fields


def test_every_command_in_an_example_exists() -> None:
    used = set(re.findall(r"^ +\.venv/bin/tidegate (\w+)", README, flags=re.MULTILINE))
    assert used and used <= set(cli.commands)


def test_data_sets_in_examples_exist() -> None:
    used = set(re.findall(r"--data ([a-z-]+)(?=\s)", README))
    assert used <= set(registry.names())
