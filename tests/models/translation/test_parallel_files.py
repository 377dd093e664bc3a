"""Pairs from parallel plain files: what the settings say, what is read, and what is refused."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.components.conftest import described, execute
from tidegate.components.record_example_gen.executor import Executor
from tidegate.models.core.settings import read_section
from tidegate.models.translation.settings import DataSettings, FeatureSettings
from tidegate.models.translation.task import TASK
from tidegate.tables.errors import InputError
from tidegate.tables.parallel import check_parallel
from tidegate.tables.reads import RecordReads, from_json, to_json
from tidegate.tables.rows import Rows

FILES = {
    "source_file": "train.de.gz",
    "target_file": "train.en",
    "valid_source_file": "val.de",
    "valid_target_file": "val.en",
    "test_source_file": "late/test.de",
    "test_target_file": "late/test.en",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "late").mkdir()
    (tmp_path / "notes.csv").write_text("a,b\n")
    for split, number in (("train", 80), ("val", 5), ("late/test", 3)):
        for side in ("de", "en"):
            lines = "".join(f'"{split} {line}, {side}\n' for line in range(number))
            (tmp_path / f"{split}.{side}").write_text(lines)
    source = tmp_path / "train.de"
    (tmp_path / "train.de.gz").write_bytes(gzip.compress(source.read_bytes() + b"\n"))
    with (tmp_path / "train.en").open("a") as file:
        file.write("of an empty line\n")
    source.unlink()
    return tmp_path


def reads(**changes: Any) -> RecordReads:
    return TASK.reads(read_section("data", DataSettings, FILES | changes))


def test_each_line_is_a_pair_of_its_split(folder: Path, tmp_path_factory: Any) -> None:
    out = tmp_path_factory.mktemp("examples")
    given = described("translation", FILES | {"eval_share": 0.2})
    splits, report = execute(Executor, out, tmp_path_factory.mktemp("tmp"), given, folder, None)
    assert splits == ["train", "valid", "eval", "test"]
    found: dict[str, list[tuple[str, ...]]] = {}
    for split in splits:
        for path in (out / f"Split-{split}").iterdir():
            for record in tf.data.TFRecordDataset(str(path), "GZIP"):
                feature = tf.train.Example.FromString(record.numpy()).features.feature
                pair = (feature[side].bytes_list.value[0].decode() for side in ("source", "target"))
                found.setdefault(split, []).append(tuple(pair))
    for pairs in found.values():
        assert all(a.removesuffix("de") == b.removesuffix("en") for a, b in pairs)
    assert sorted(found["valid"]) == [(f'"val {n}, de', f'"val {n}, en') for n in range(5)]
    assert len(found["test"]) == 3
    assert len(found["train"]) + len(found["eval"]) == 80 and len(found["eval"]) > 4
    assert report["bad"] == {"empty source": 1}


def test_unequal_numbers_of_lines_are_refused(folder: Path, tmp_path: Path) -> None:
    with (folder / "val.en").open("a") as file:
        file.write("one\nmore\n")
    given = described("translation", FILES)
    with pytest.raises(InputError, match=r"val\.de 5 and \S*val\.en 7; expected as many in each"):
        execute(Executor, tmp_path / "examples", tmp_path / "tmp", given, folder, None)


def test_files_that_are_not_there_are_named(folder: Path) -> None:
    check_parallel(reads(), str(folder), None)
    with pytest.raises(InputError, match=r"val\.fr.*the data settings name a file 'val\.fr' below"):
        check_parallel(reads(valid_target_file="val.fr"), str(folder), None)
    with pytest.raises(InputError, match="test data t beside parallel files"):
        check_parallel(reads(), str(folder), "t")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"target_file": None}, "data.source_file and data.target_file, both or none"),
        ({"source_file": None, "target_file": None}, "data.valid_source_file needs data.source_f"),
        ({"source_file": "train.csv"}, "train.csv is a table"),
        ({"split_column": "split"}, "plain files have no columns"),
    ],
)
def test_settings_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        reads(**changes)


def test_a_plain_file_is_asked_about_by_what_travels_with_the_model(tmp_path: Path) -> None:
    kept = from_json(RecordReads, to_json(reads()))
    assert kept == reads()
    asked = TASK.roles(kept, FeatureSettings(), {}).inputs["source"].column
    (tmp_path / "new.de.gz").write_bytes(gzip.compress(b"erstens, so\n\nzweitens\n"))
    with Rows(str(tmp_path / "new.de.gz"), kept.how, [asked]) as rows:
        assert [cells for _, cells in rows] == [("erstens, so",), ("",), ("zweitens",)]
