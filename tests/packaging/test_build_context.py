"""`.dockerignore`: what Docker would send to a build."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.packaging.build_context import CHECKOUT, context_files, copy_context

SENT = {
    "setup.py",
    "pyproject.toml",
    "constraints",
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


def test_the_build_is_sent_the_rooms_and_the_set_up_alone() -> None:
    paths = context_files()
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
