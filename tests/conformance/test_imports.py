"""Who may import and name whom, read from the source itself."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidegate.models.core.task import task_names

ROOT = Path(__file__).parents[2]
ROOMS = {path.parent.name for path in ROOT.glob("*/__init__.py")} | {"tests"}
# What a task may import beside itself.
SHARED_BY_TASKS = (
    "tidegate.models.core",
    "tidegate.models.layers",
    "tidegate.models.series",
    "tidegate.models.text",
    "tidegate.tables",
)
FORBIDDEN_TO_TASKS = ("tfx", "tensorflow_model_analysis", "apache_beam")
SHARED = sorted(
    [
        *ROOT.glob("components/**/*.py"),
        *ROOT.glob("tables/**/*.py"),
        *(
            path
            for folder in ("core", "layers", "series", "text", "train")
            for path in ROOT.glob(f"models/{folder}/**/*.py")
        ),
    ]
)


def imports(source: str, package: str) -> Iterator[str]:
    """Every module or name that the source imports, at any depth, relative ones resolved."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            base = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module) if part)
            yield from (f"{module}.{alias.name}" for alias in node.names)


def within(name: str, *packages: str) -> bool:
    return any(name == one or name.startswith(one + ".") for one in packages)


def broken(source: str, task: str, package: str | None = None) -> list[str]:
    """The imports of a task's file that a task may not have."""
    own = f"tidegate.models.{task}"
    found = []
    for name in imports(source, package or own):
        allowed = within(name, *SHARED_BY_TASKS, own)
        if (name.split(".")[0] in ROOMS and not allowed) or within(name, *FORBIDDEN_TO_TASKS):
            found.append(name)
    return found


def literals(source: str) -> Iterator[str]:
    """Every string of the source that is not a docstring."""
    tree = ast.parse(source)
    owners = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, owners) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


@pytest.mark.parametrize("task", task_names())
def test_a_task_imports_core_layers_itself_and_third_parties_alone(task: str) -> None:
    folder = ROOT / "models" / task
    files = sorted(folder.rglob("*.py"))
    assert folder / "task.py" in files
    for path in files:
        package = ".".join(("tidegate", *path.parent.relative_to(ROOT).parts))
        assert broken(path.read_text(), task, package) == [], path.name


@pytest.mark.parametrize("task", task_names())
def test_a_task_states_no_function_of_another_task(task: str) -> None:
    own = (f"tidegate.models.{task}", *SHARED_BY_TASKS)
    for path in (ROOT / "models" / task).rglob("*.py"):
        named = [text for text in literals(path.read_text()) if within(text, "tidegate.models")]
        assert not [text for text in named if not within(text, *own)], path.name


@pytest.mark.parametrize("path", SHARED, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_all_tasks_share_names_none(path: Path) -> None:
    source = path.read_text()
    package = ".".join(("tidegate", *path.parent.relative_to(ROOT).parts))
    for task in task_names():
        assert not [
            name for name in imports(source, package) if within(name, f"tidegate.models.{task}")
        ]
        assert not [text for text in literals(source) if task in text]


@pytest.mark.parametrize(
    "source,expected",
    [
        ("import numpy\nfrom keras import ops\nfrom tidegate.models.core import tokens", []),
        ("from tidegate.models.here.model import build", []),
        ("from .model import build\nfrom . import model", []),
        ("from tidegate.models.other import model", ["tidegate.models.other.model"]),
        ("from tidegate.models import other", ["tidegate.models.other"]),
        ("from ..other import model", ["tidegate.models.other.model"]),
        ("import tidegate.models.other.model", ["tidegate.models.other.model"]),
        ("def f():\n    import apache_beam as beam", ["apache_beam"]),
        ("from tfx import v1", ["tfx.v1"]),
        ("import tensorflow_model_analysis", ["tensorflow_model_analysis"]),
        ("from tidegate.components.files import x", ["tidegate.components.files.x"]),
        ("import data", ["data"]),
        ("import tfx_bsl", []),
    ],
)
def test_the_rule_itself(source: str, expected: list[str]) -> None:
    assert broken(source, "here") == expected


def test_the_search_for_names_skips_docstrings_alone() -> None:
    source = '"""a"""\nX = "b"\ndef f():\n    """c"""\n    return f"d{X}"\n'
    assert sorted(literals(source)) == ["b", "d"]
