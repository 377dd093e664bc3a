"""From `--data` to files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidegate.data import registry
from tidegate.pipeline.datasets import Resolved, default_folder, resolve
from tidegate.tables.errors import InputError

TASK = "text_classification"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "cache"


def test_a_path_is_taken_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("text,label\n")
    assert resolve("rows.csv", TASK) == Resolved("rows.csv")
    assert resolve(str(tmp_path), TASK) == Resolved(str(tmp_path))
    assert resolve("gs://bucket/rows.csv", TASK) == Resolved("gs://bucket/rows.csv")


def test_a_name_is_prepared_in_the_users_cache_with_its_settings(cache: Path) -> None:
    found = resolve("imdb-small", TASK)
    folder = cache / "tidegate" / "imdb-small"
    assert default_folder("imdb-small") == folder
    assert found.train == str(folder / "imdb-small.csv")
    assert Path(found.train).read_text(encoding="utf-8").count("\n") >= 100
    assert found.test is None
    assert found.settings == {"data": {"text_column": "text", "label_column": "label"}}


def test_a_file_goes_before_a_data_set_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "imdb-small").mkdir()
    assert resolve("imdb-small", TASK) == Resolved("imdb-small")


@pytest.mark.parametrize("given", ["rows.csv", "folder/rows", "./languages"])
def test_a_path_that_is_not_there_is_named(given: str) -> None:
    with pytest.raises(InputError) as caught:
        resolve(given, TASK)
    assert str(caught.value) == f"no such file or folder: {given}"


def test_a_name_that_is_not_known_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"language.* no data set .*Did you mean 'languages'\?"):
        resolve("language", TASK)


def test_a_data_set_of_another_task_is_refused() -> None:
    with pytest.raises(InputError, match="'languages' is for the task 'text_classification'"):
        resolve("languages", "forecasting")


@pytest.mark.parametrize("left", [[], [".imdb.part"], [".imdb-aclImdb_v1.tar.gz.part"]])
def test_what_must_be_downloaded_is_never_downloaded_by_a_run(
    cache: Path, left: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "prepare", lambda *_: pytest.fail("it would download"))
    for name in left:  # What an interrupted download leaves.
        folder = default_folder("imdb")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")
    with pytest.raises(InputError, match="'imdb' is not here; first: tidegate data get imdb"):
        resolve("imdb", TASK)
