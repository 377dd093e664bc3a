"""`.dockerignore`: what Docker would send to a build."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.packaging.build_context import (
    CHECKOUT,
    context_files,
    copy_context,
    is_left_out,
    rules,
)

SENT = {
    "setup.py",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
    "tidegate",
    "pipeline",
    "components",
    "models",
    "tables",
    "serving",
    "data",
}


@pytest.mark.parametrize(
    ("text", "path", "out"),
    [
        # Worked by hand from Docker's description of the file.
        ("*", "a", True),
        ("*", "a/b/c", True),
        ("*\n!a", "a/b/c", False),
        ("*\n!a", "ab", True),
        ("*\n!a\na/b", "a/b/c", True),
        ("*/b", "a/b", True),
        ("*/b", "a/x/b", False),
        ("**/b", "b", True),
        ("**/b", "a/x/b/c", True),
        ("**/*.py[cod]", "a/x.pyc", True),
        ("**/*.py[cod]", "a/x.py", False),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("# a\n\nb", "# a", False),
        ("a.b", "axb", False),
    ],
)
def test_the_last_rule_that_matches_decides(text: str, path: str, out: bool) -> None:
    assert is_left_out(path, rules(text)) is out


def test_the_build_is_sent_the_rooms_and_the_set_up_alone() -> None:
    paths = list(context_files())
    assert {path.partition("/")[0] for path in paths} == SENT
    assert not [path for path in paths if "__pycache__" in path or path.endswith(".pyc")]
    sizes = {path: (CHECKOUT / path).stat().st_size for path in paths}
    assert max(sizes.values()) < 100_000, "one file is too large to be source"
    assert sum(sizes.values()) < 5_000_000


def test_what_lies_about_in_a_checkout_is_not_sent(tmp_path: Path) -> None:
    shutil.copy2(CHECKOUT / ".dockerignore", tmp_path)
    wanted = {"setup.py", "models/core/task.py", "serving/deploy/models.config"}
    about = {
        ".env",
        ".git/config",
        ".venv/bin/python",
        "runs/languages/summary.json",
        "benchmarks/README.md",
        "tests/data/test_imdb.py",
        "build/lib/models/core/task.py",
        "models/core/__pycache__/task.cpython-310.pyc",
        "data/old.pyc",
    }
    for path in wanted | about:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    target = copy_context(tmp_path.with_name("sent"), tmp_path)
    sent = {file.relative_to(target).as_posix() for file in target.rglob("*") if file.is_file()}
    assert sent == wanted
