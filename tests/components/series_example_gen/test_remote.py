"""Series read from a store and written to one are those of a disk."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from tests.components.conftest import described
from tests.remote_files import mended_ram, read, tree, write

pytestmark = pytest.mark.slow
STORE = "ram://series"


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with mended_ram():
        yield


def _parquet(first: int, last: int) -> bytes:
    table = pyarrow.table(
        {
            "unique_id": ["a"] * (last - first),
            "ds": list(range(first, last)),
            "y": [float(step % 7) for step in range(first, last)],
        }
    )
    stored = io.BytesIO()
    pyarrow.parquet.write_table(table, stored)
    return stored.getvalue()


def _generate(train: str, folder: str, tmp_path: Path) -> None:
    from tfx.types import standard_artifacts

    from tidegate.components.series_example_gen import executor

    examples = standard_artifacts.Examples()
    examples.uri = folder
    context = executor.Executor.Context(
        beam_pipeline_args=[
            "--runner=DirectRunner",
            "--allow_unsafe_triggers",
            "--direct_running_mode=in_memory",
        ],
        tmp_dir=str(tmp_path / "tmp"),
        unique_id="1",
    )
    properties = {
        **described("forecasting", {}, context=6, horizon=2, season=1),
        "train": train,
        "test": None,
        "fingerprint": "",
    }
    executor.Executor(context).Do({}, {"examples": [examples]}, properties)


def test_a_folder_of_parquet_in_a_store_becomes_the_same_examples(
    tmp_path: Path, generate: Callable[..., Any]
) -> None:
    parts = {"1.parquet": _parquet(0, 40), "2.parquet": _parquet(40, 80)}
    for name, content in parts.items():
        write(f"{STORE}/data/{name}", content)
        write(str(tmp_path / "data" / name), content)
    local = generate(tmp_path / "data")
    _generate(f"{STORE}/data", f"{STORE}/examples", tmp_path)
    names = sorted(path.relative_to(local.folder).as_posix() for path in _files(local.folder))
    assert tree(f"{STORE}/examples") == names
    assert len([name for name in names if name.startswith("Split-train/")]) == 1
    for name in names:
        if name.startswith("Split-"):
            assert read(f"{STORE}/examples/{name}") == (local.folder / name).read_bytes(), name
    assert json.loads(read(f"{STORE}/examples/report.json")) == local.report
    assert not (tmp_path / "tmp").exists()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
