"""What is in a folder: equal for a copy, another for any change of a name, a size or a byte."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tidegate.components import contents as module
from tidegate.components.contents import contents


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "one"
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "a").write_bytes(b"first")
    (folder / "deep" / "er" / "b").write_bytes(bytes(range(256)) * 100)
    (folder / "empty").write_bytes(b"")
    return folder


def test_a_copy_is_equal_and_every_file_is_named(folder: Path, tmp_path: Path) -> None:
    found = contents(str(folder))
    assert {name: size for name, (size, _) in found.items()} == {
        "a": 5,
        "deep/er/b": 25_600,
        "empty": 0,
    }
    copy = shutil.copytree(folder, tmp_path / "two")
    assert contents(str(copy)) == found == contents(str(folder), whole=True)


def test_any_change_shows(folder: Path) -> None:
    before = contents(str(folder))
    path = folder / "deep" / "er" / "b"
    changed = bytearray(path.read_bytes())
    changed[12_345] ^= 1
    path.write_bytes(changed)
    assert contents(str(folder)) != before
    changed[12_345] ^= 1
    path.write_bytes(changed)
    assert contents(str(folder)) == before
    path.rename(path.with_name("c"))
    assert contents(str(folder)) != before


def test_a_file_alone_and_nothing(folder: Path) -> None:
    assert contents(str(folder / "a"))[""][0] == 5
    assert contents(str(folder / "none")) == {}


def test_large_files_are_sampled_to_their_very_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SAMPLED_FROM", 10_000)
    monkeypatch.setattr(module, "_PIECE", 100)
    path, name = folder / "deep" / "er" / "b", "deep/er/b"
    original = path.read_bytes()
    sampled, whole = contents(str(folder)), contents(str(folder), whole=True)
    for place, seen in ((0, True), (99, True), (25_599, True), (25_500, True), (150, False)):
        changed = bytearray(original)
        changed[place] ^= 1
        path.write_bytes(changed)
        assert (contents(str(folder))[name] != sampled[name]) is seen, place
        assert contents(str(folder), whole=True)[name] != whole[name]
    path.write_bytes(original[:-1])
    assert contents(str(folder))[name] != sampled[name]
