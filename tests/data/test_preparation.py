"""Prepared folders: all files or none, reused when unchanged, never over a foreign file."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from tidegate.data.dataset import Archive, Dataset, DatasetError
from tidegate.data.preparation import prepare_dataset

TRAIN, TEST = "text,label\na,x\nb,y\n", "text,label\nc,x\n"


class Writer:
    """Writes the two files and counts how often; fails between them if told so."""

    def __init__(self) -> None:
        self.calls = 0
        self.failure: BaseException | None = None

    def __call__(self, folder: Path, source: Path | None) -> Mapping[str, int]:
        self.calls += 1
        (folder / "train.csv").write_text(TRAIN)
        if self.failure:
            raise self.failure
        (folder / "test.csv").write_text(TEST)
        return {"train": 2, "test": 1}


@pytest.fixture
def writer() -> Writer:
    return Writer()


@pytest.fixture
def dataset(writer: Writer) -> Dataset:
    return Dataset(
        name="letters",
        task="text_classification",
        title="letters",
        source="this test",
        licence="none",
        files={"train": "train.csv", "test": "test.csv"},
        rows={"train": 2, "test": 1},
        write=writer,
        checksums={"test.csv": f"sha256:{hashlib.sha256(TEST.encode()).hexdigest()}"},
        settings={"data.text_column": "text"},
    )


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_files_and_facts(dataset, tmp_path):
    prepared = prepare_dataset(dataset, tmp_path / "deep" / "out")
    assert prepared.train == tmp_path / "deep" / "out" / "train.csv"
    assert prepared.train.read_text() == TRAIN
    assert prepared.test is not None and prepared.test.read_text() == TEST
    assert prepared.rows == {"train": 2, "test": 1}
    assert prepared.settings == {"data.text_column": "text"}
    assert (prepared.reused, prepared.note) == (False, "")
    assert visible(tmp_path / "deep" / "out") == [".letters.json", "test.csv", "train.csv"]


def test_second_call_reuses(dataset, writer, tmp_path):
    first = prepare_dataset(dataset, tmp_path)
    assert prepare_dataset(dataset, tmp_path) == replace(first, reused=True)
    assert writer.calls == 1


@pytest.mark.parametrize("damage", ["change", "remove", "garbled record", "empty record"])
def test_changed_folder_is_prepared_again(dataset, writer, tmp_path, damage):
    prepared = prepare_dataset(dataset, tmp_path)
    if damage == "change":
        prepared.train.write_text(TRAIN.replace("a", "z"))
    elif damage == "remove":
        prepared.train.unlink()
    else:
        (tmp_path / ".letters.json").write_text("{" if damage == "garbled record" else "{}")
        prepared.train.unlink()
        (tmp_path / "test.csv").unlink()
    assert not prepare_dataset(dataset, tmp_path).reused
    assert prepared.train.read_text() == TRAIN
    assert writer.calls == 2


@pytest.mark.parametrize("failure", [RuntimeError("boom"), KeyboardInterrupt()])
def test_failure_in_the_middle_leaves_nothing(dataset, writer, tmp_path, failure):
    writer.failure = failure
    with pytest.raises(type(failure)):
        prepare_dataset(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    writer.failure = None
    assert prepare_dataset(dataset, tmp_path / "out").train.read_text() == TRAIN


def test_failure_in_a_used_folder_leaves_the_rest(dataset, writer, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    writer.failure = DatasetError("bad source")
    with pytest.raises(DatasetError, match="bad source"):
        prepare_dataset(dataset, tmp_path)
    assert visible(tmp_path) == ["notes.txt"]


def test_failed_renewal_keeps_the_files_that_were_there(dataset, writer, tmp_path):
    prepare_dataset(dataset, tmp_path)
    (tmp_path / "test.csv").unlink()
    writer.failure = RuntimeError()
    with pytest.raises(RuntimeError):
        prepare_dataset(dataset, tmp_path)
    assert visible(tmp_path) == [".letters.json", "train.csv"]


def test_what_a_killed_process_left_is_cleared_away(dataset, tmp_path):
    (tmp_path / ".letters.part").mkdir()
    (tmp_path / ".letters.part" / "train.csv").write_text("half")
    prepare_dataset(dataset, tmp_path)
    assert visible(tmp_path) == [".letters.json", "test.csv", "train.csv"]


def test_death_between_two_renames_is_mended(dataset, tmp_path):
    prepare_dataset(dataset, tmp_path)
    (tmp_path / "test.csv").unlink()  # the record and the first file have got their place
    assert prepare_dataset(dataset, tmp_path).test.read_text() == TEST


def test_foreign_file_is_not_overwritten(dataset, writer, tmp_path):
    (tmp_path / "train.csv").write_text("the user's own")
    with pytest.raises(DatasetError, match=r"train\.csv exists and is not part of a prepared"):
        prepare_dataset(dataset, tmp_path)
    assert (tmp_path / "train.csv").read_text() == "the user's own"
    assert writer.calls == 0


def test_second_call_at_the_same_time_waits_and_reuses(dataset, writer, tmp_path):
    writing, go_on = threading.Event(), threading.Event()
    results = {}

    def write_slowly(folder: Path, source: Path | None) -> Mapping[str, int]:
        rows = writer(folder, source)
        writing.set()
        go_on.wait(20)
        return rows

    def first() -> None:
        results["first"] = prepare_dataset(replace(dataset, write=write_slowly), tmp_path)

    def second() -> None:
        results["second"] = prepare_dataset(dataset, tmp_path)

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert writing.wait(20)
    threads[1].start()
    threads[1].join(0.2)  # long enough for it to be done, if it did not wait
    still_waiting = threads[1].is_alive()
    go_on.set()
    for thread in threads:
        thread.join()
    assert still_waiting
    assert not results["first"].reused
    assert results["second"].reused
    assert writer.calls == 1


def test_final_files_are_renamed_into_place_not_written_there(dataset, tmp_path):
    prepared = prepare_dataset(dataset, tmp_path / "out")
    prepared.train.write_text("damaged")
    reader = tmp_path / "what a reader of the old file sees"
    os.link(prepared.train, reader)
    prepare_dataset(dataset, tmp_path / "out")
    assert reader.read_text() == "damaged"
    assert prepared.train.read_text() == TRAIN


def test_wrong_number_of_rows(dataset, tmp_path):
    dataset = replace(dataset, rows={"train": 3, "test": 1})
    with pytest.raises(DatasetError, match=r"received 2 train rows.*expected 3 train rows"):
        prepare_dataset(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wrong_checksum(dataset, tmp_path):
    dataset = replace(dataset, checksums={"train.csv": "sha256:" + "0" * 64})
    with pytest.raises(DatasetError, match=r"train\.csv has the wrong checksum; expected sha256:0"):
        prepare_dataset(dataset, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_edition_may_differ_a_little_and_says_so(dataset, tmp_path):
    dataset = replace(
        dataset,
        checksums={"train.csv": "sha256:" + "0" * 64},
        edition="source 1",
        edition_at_hand=lambda: "source 2",
    )
    note = "made from source 2, not source 1: 2 train rows, 1 test rows"
    assert prepare_dataset(dataset, tmp_path).note.startswith(note)
    assert prepare_dataset(dataset, tmp_path).note.startswith(note)
    with pytest.raises(DatasetError, match=r"source 2 gives 2 train rows.*install that"):
        prepare_dataset(replace(dataset, rows={"train": 9, "test": 1}), tmp_path / "other")


def test_a_changed_edition_is_prepared_again(dataset, writer, tmp_path):
    prepare_dataset(dataset, tmp_path)
    assert not prepare_dataset(replace(dataset, edition="source 2"), tmp_path).reused
    assert writer.calls == 2


def test_what_an_earlier_state_wrote_of_the_same_edition_is_prepared_again(
    dataset, writer, tmp_path
):
    prepare_dataset(dataset, tmp_path)
    other = replace(dataset, checksums={"test.csv": "sha256:" + "0" * 64})
    with pytest.raises(DatasetError, match=r"test\.csv has the wrong checksum"):
        prepare_dataset(other, tmp_path)  # It writes them anew, which finds what they are.
    assert writer.calls == 2


def test_folder_that_cannot_be_made(dataset, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DatasetError, match=r"letters: cannot read or write .*file"):
        prepare_dataset(dataset, tmp_path / "file" / "out")


def test_source_where_none_is_taken_and_source_that_is_not_there(dataset, tmp_path):
    with pytest.raises(DatasetError, match="leave --from out"):
        prepare_dataset(dataset, tmp_path / "out", tmp_path)
    archived = replace(dataset, archive=Archive("http://127.0.0.1:9/x", "x", "sha256:0"))
    with pytest.raises(DatasetError, match=r"nowhere, which does not exist"):
        prepare_dataset(archived, tmp_path / "out", tmp_path / "nowhere")
    assert not (tmp_path / "out").exists()
