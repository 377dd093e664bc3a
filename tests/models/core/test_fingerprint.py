"""The fingerprint of code: what changes it, and what does not."""

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tidegate.models.core import fingerprint
from tidegate.models.core.fingerprint import code_fingerprint

FILES = {
    "__init__.py": "",
    "top.py": "import json\nfrom toyroom.middle import work\n",
    "middle.py": "def work():\n    from toyroom.deep import leaf\n    return leaf\n",
    "deep/__init__.py": "",
    "deep/leaf.py": "VALUE = 1\n",
    "apart.py": "from toyroom import top\n",
    "circle.py": "from toyroom import round\n",
    "round.py": "from toyroom import circle\n",
    "deep/near.py": "from . import leaf\nfrom ..middle import work\n",
}


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package of its own, found as one of the project's rooms."""
    folder = tmp_path / "toyroom"
    for name, source in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
    monkeypatch.setattr(fingerprint, "ROOMS", ("toyroom",))
    monkeypatch.syspath_prepend(tmp_path)
    _forget()
    yield folder
    _forget()


def _forget() -> None:
    """What a new process would not know."""
    fingerprint._source.cache_clear()
    for name in [name for name in sys.modules if name.split(".")[0] == "toyroom"]:
        del sys.modules[name]
    importlib.invalidate_caches()


def after(edit: Callable[[], object], module: str) -> str:
    edit()
    _forget()
    return code_fingerprint(module)


@pytest.mark.parametrize(
    "module,edited",
    [
        ("toyroom.top", "top.py"),
        ("toyroom.top", "middle.py"),  # imported
        ("toyroom.top", "deep/leaf.py"),  # imported within a function, a name of a package
        ("toyroom.top", "deep/__init__.py"),  # runs when anything in the package is imported
        ("toyroom.top", "__init__.py"),
        ("toyroom.deep.near", "deep/leaf.py"),  # imported relatively
        ("toyroom.deep.near", "middle.py"),
        ("toyroom.circle", "round.py"),
    ],
)
def test_changes_with_every_module_behind_it(room: Path, module: str, edited: str) -> None:
    before = code_fingerprint(module)
    path = room / edited
    assert after(lambda: path.write_text(path.read_text() + "X = 2\n"), module) != before
    assert after(lambda: path.write_text(FILES[edited]), module) == before


def test_does_not_change_with_a_module_that_is_not_imported(room: Path) -> None:
    before = code_fingerprint("toyroom.top")
    assert after(lambda: (room / "apart.py").write_text("X = 2\n"), "toyroom.top") == before


def test_is_that_of_the_code_wherever_it_lies(
    room: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = code_fingerprint("toyroom.top", "toyroom.circle")
    elsewhere = tmp_path / "elsewhere"
    shutil.move(room, elsewhere / "toyroom")
    monkeypatch.syspath_prepend(elsewhere)
    _forget()
    assert code_fingerprint("toyroom.top", "toyroom.circle") == before


def test_does_not_depend_on_the_order_of_the_names(room: Path) -> None:
    assert code_fingerprint("toyroom.top", "toyroom.circle") == code_fingerprint(
        "toyroom.circle", "toyroom.top"
    )
    assert code_fingerprint("toyroom.top") != code_fingerprint("toyroom.circle")


def test_sixteen_hexadecimal_digits() -> None:
    found = code_fingerprint("tidegate.models.core.settings")
    assert len(found) == 16
    int(found, 16)


@pytest.mark.parametrize(
    "module", ["tidegate.models.core.nothing", "json", "tidegate.tables.errors.nearest"]
)
def test_a_module_that_is_not_the_projects_is_an_error(module: str) -> None:
    with pytest.raises(ModuleNotFoundError, match=module):
        code_fingerprint(module)
