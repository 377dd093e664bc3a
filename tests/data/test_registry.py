"""The registry finds what lies under data/sets, by name, without heavy imports."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import tidegate.data.sets
from tidegate.data import registry
from tidegate.data.dataset import DatasetError

NEW_SET = """
from tidegate.data.dataset import Dataset
def _write(folder, source):
    (folder / "tides.csv").write_text("unique_id,ds,y\\nriver,2020-01-01,1.5\\n")
    return {"train": 1}
DATASET = Dataset(
    name="tides", task="forecasting", title="one tide", source="made up", licence="none",
    files={"train": "tides.csv"}, rows={"train": 1}, write=_write,
)
"""


@pytest.fixture
def _new_set(tmp_path, monkeypatch):
    (tmp_path / "tides.py").write_text(NEW_SET)
    monkeypatch.setattr(
        tidegate.data.sets, "__path__", [*tidegate.data.sets.__path__, str(tmp_path)]
    )
    registry.datasets.cache_clear()
    yield
    registry.datasets.cache_clear()
    sys.modules.pop("tidegate.data.sets.tides", None)


def test_names_are_sorted_and_hold_the_first_three():
    assert list(registry.names()) == sorted(registry.names())
    assert {"imdb", "imdb-small", "languages"} <= set(registry.names())


@pytest.mark.usefixtures("_new_set")
def test_one_more_file_is_one_more_data_set(tmp_path):
    assert "tides" in registry.names()
    prepared = registry.prepare("tides", tmp_path / "out")
    assert prepared.train.read_text().startswith("unique_id,ds,y")
    assert prepared.test is None


def test_a_module_without_a_data_set_is_named(tmp_path, monkeypatch):
    (tmp_path / "hollow.py").write_text("")
    monkeypatch.setattr(tidegate.data.sets, "__path__", [str(tmp_path)])
    registry.datasets.cache_clear()
    try:
        with pytest.raises(TypeError, match=r"data\.sets\.hollow holds no DATASET"):
            registry.names()
    finally:
        registry.datasets.cache_clear()
        sys.modules.pop("tidegate.data.sets.hollow", None)


@pytest.mark.parametrize(
    ("typed", "meant"), [("langauges", "languages"), ("IMDB", "imdb"), ("imdb_small", "imdb-small")]
)
def test_unknown_name_gets_the_nearest_one(typed, meant):
    with pytest.raises(DatasetError, match=f"'{typed}'.*did you mean '{meant}'"):
        registry.get(typed)


def test_unknown_name_far_from_all_gets_the_list():
    with pytest.raises(
        DatasetError, match=r"known: .*climate, ett, ett-m1, imdb, imdb-small, injected_faults"
    ) as caught:
        registry.get("zzz")
    assert "did you mean" not in str(caught.value)


def test_an_error_is_one_line():
    assert "\n" not in str(DatasetError("no file a\nb:\n  try c"))


def test_listing_imports_nothing_heavy():
    code = (
        "import sys; from data import registry; registry.names();"
        "heavy = {'tensorflow', 'tfx', 'pandas', 'numpy', 'babel', 'rich', 'apache_beam'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    root = Path(tidegate.data.sets.__path__[0]).parents[1]
    out = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "[]"


def test_every_data_set_states_what_a_user_must_know():
    for dataset in registry.datasets().values():
        assert dataset.task and dataset.title and dataset.source and dataset.licence
        assert "train" in dataset.files
        assert dataset.files.keys() == dataset.rows.keys()
        # Without an archive's checksum, the files' own ones vouch for the content, or the writer.
        whole = dataset.checksums.keys() == set(dataset.files.values())
        assert dataset.archive or dataset.copy or whole
