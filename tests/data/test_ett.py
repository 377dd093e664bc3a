"""ett: from the authors' wide table to long series, on a table of the same form."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tidegate.data import registry
from tidegate.data.dataset import Archive, Dataset, DatasetError
from tidegate.data.ett_transformer import CHANNELS, ett
from tidegate.data.preparation import prepare_dataset

DAYS = 650  # 20 months of 30 days are used.


def table() -> bytes:
    lines = ["date," + ",".join(CHANNELS)]
    for day in range(DAYS):
        cells = ",".join(f"{day}.{channel}" for channel in range(7))
        lines.append(f"day {day},{cells}")
    return "\n".join(lines).encode()


CONTENT = table()
KNOWN = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
SMALL = ett(name="small", file_name="ETTx.csv", title="one day a row", known=KNOWN, steps_a_day=1)


def rows(path: Path) -> list[list[str]]:
    with path.open(newline="") as file:
        return list(csv.reader(file))


def as_folder(folder: Path) -> Path:
    (folder / "ETTx.csv").write_bytes(CONTENT)
    return folder


def as_zipped(folder: Path) -> Path:
    (folder / "ETTx.csv.gz").write_bytes(gzip.compress(CONTENT))
    return folder


def as_file(folder: Path) -> Path:
    return as_zipped(folder) / "ETTx.csv.gz"


@pytest.mark.parametrize("given", [as_folder, as_zipped, as_file])
def test_a_local_copy(given: Callable[[Path], Path], tmp_path: Path) -> None:
    source = tmp_path / "copy"
    source.mkdir()
    found = prepare_dataset(SMALL, tmp_path / "out", given(source))
    header, *cells = rows(found.train)
    assert header == ["unique_id", "ds", "y"]
    assert cells == [
        [name, f"day {day}", f"{day}.{number}"]
        for number, name in enumerate(CHANNELS)
        for day in range(600)
    ]
    assert found.rows == {"train": 4200} and found.test is None


def test_a_download(server: Any, tmp_path: Path) -> None:
    server.content = CONTENT
    dataset = dataclasses.replace(SMALL, archive=Archive(server.url, "ETTx.csv", KNOWN))
    found = prepare_dataset(dataset, tmp_path / "out")
    assert len(rows(found.train)) == 4201
    assert [path.name for path in found.train.parent.iterdir() if path.suffix == ".csv"] == [
        "ETTx.csv"
    ]


def test_a_changed_copy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ETTx.csv").write_bytes(CONTENT.replace(b"day 7,", b"day 8,"))
    with pytest.raises(DatasetError, match="wrong checksum"):
        prepare_dataset(SMALL, tmp_path / "out", tmp_path)
    assert not (tmp_path / "out").exists()


def test_a_truncated_copy_is_refused(tmp_path: Path) -> None:
    (tmp_path / "ETTx.csv.gz").write_bytes(gzip.compress(CONTENT)[:200])
    with pytest.raises(DatasetError, match="cannot be read"):
        prepare_dataset(SMALL, tmp_path / "out", tmp_path)


def test_a_folder_without_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a folder without ETTx\.csv or ETTx\.csv\.gz"):
        prepare_dataset(SMALL, tmp_path / "out", tmp_path)


@pytest.mark.parametrize(("name", "hours"), [("ett", 1), ("ett-m1", 0.25)])
def test_the_protocol_is_twelve_four_and_four_months(name: str, hours: float) -> None:
    dataset: Dataset = registry.get(name)
    steps = {split: int(dataset.settings[f"data.{split}_size"]) for split in ("valid", "eval")}
    test = int(dataset.settings["data.test_size"])
    month = 30 * 24 / hours
    assert sum(steps.values()) == test == 4 * month
    # 8,640 rows of training in ETTh1.
    assert dataset.rows["train"] / 7 - 2 * test == 12 * month
