"""The README and the pages of docs/ keep up with the code: commands, settings, data sets, links."""

import re
from pathlib import Path

import pytest

from tidegate.data import registry
from tidegate.models.core.settings import describe
from tidegate.models.core.task import load_task, task_names
from tidegate.pipeline.cli import cli
from tidegate.pipeline.config import section_types
from tidegate.pipeline.settings_page import settings_page

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/*.md")]
)
TEXTS = {page: page.read_text("utf-8") for page in PAGES}


def anchors(text: str) -> set[str]:
    """The names that headings are linked by, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_readme_stays_short_and_leads_to_every_page() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 12 * 1024
    for page in ROOT.glob("docs/*.md"):
        assert f"(docs/{page.name})" in TEXTS[ROOT / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_to_a_page_and_a_heading_of_it(page: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", TEXTS[page]):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target.read_text("utf-8")), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_and_setting_of_an_example_exists(page: Path) -> None:
    commands = re.findall(r"^ +(?:\.venv/bin/)?tidegate (\w+)", TEXTS[page], flags=re.MULTILINE)
    assert set(commands) <= set(cli.commands)
    known = [section_types(load_task(task)) for task in task_names()]
    for section, key in re.findall(r"--set ([a-z]+)\.(\w+)=", TEXTS[page]):
        if section != "section":  # The placeholder of a synopsis.
            assert any(key in types[section].model_fields for types in known), (section, key)


def test_the_settings_page_has_every_setting_with_its_default() -> None:
    parts = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n?)*)", settings_page(), re.MULTILINE))
    rows = {
        title: dict(re.findall(r"^\| `([a-z]+\.\w+)` \|.*?\| `([^`]*)` \|", part, re.MULTILINE))
        for title, part in parts.items()
    }
    for name in task_names():
        stated = {
            f"{section}.{key}": default
            for section, cls in section_types(load_task(name)).items()
            for key, _, default, _, _ in describe(cls)
        }
        assert rows[name.replace("_", " ").capitalize()] | rows["Every task"] == stated


def test_data_sets_in_the_readme_exist() -> None:
    used = set(re.findall(r"--data ([a-z-]+)(?=\s)", TEXTS[ROOT / "README.md"]))
    assert used <= set(registry.names())
