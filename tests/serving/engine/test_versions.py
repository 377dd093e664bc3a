"""Versions on disk, and the policies."""

import pytest
from tensorflow_serving.config.file_system_storage_path_source_pb2 import (
    FileSystemStoragePathSourceConfig,
)

from tidegate.serving.server.versions import find_models, find_versions, wanted

Policy = FileSystemStoragePathSourceConfig.ServableVersionPolicy
ON_DISK = {1: "a", 3: "b", 20: "c"}


def test_which_folders_are_versions(tmp_path):
    for name in ("1", "00020", "300", "v4", "-5", "6.0", "7 ", "٨", "9" * 19, ".10.partial"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "saved_model.pb").write_bytes(b"")
    (tmp_path / "300" / "saved_model.pb").rename(tmp_path / "300" / "saved_model.pbtxt")
    (tmp_path / "11").mkdir()  # No model in it yet.
    (tmp_path / "12").write_bytes(b"")
    assert find_versions(str(tmp_path)) == {
        1: str(tmp_path / "1"),
        20: str(tmp_path / "00020"),
        300: str(tmp_path / "300"),
    }


def test_which_folders_are_models(tmp_path):
    for name in ("one", "two", ".hidden"):
        (tmp_path / name / "1").mkdir(parents=True)
        (tmp_path / name / "1" / "saved_model.pb").write_bytes(b"")
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_bytes(b"")
    found = {"one": str(tmp_path / "one"), "two": str(tmp_path / "two")}
    assert find_models(str(tmp_path)) == found


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (Policy(), {20}),
        (Policy(latest={}), {20}),
        (Policy(latest={"num_versions": 2}), {3, 20}),
        (Policy(latest={"num_versions": 9}), {1, 3, 20}),
        (Policy(all={}), {1, 3, 20}),
        (Policy(specific={"versions": [1, 7, 20]}), {1, 20}),
        (Policy(specific={"versions": [7]}), set()),
    ],
)
def test_policies(policy, expected):
    assert wanted(ON_DISK, policy) == {number: ON_DISK[number] for number in expected}
