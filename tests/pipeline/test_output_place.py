"""``--output``: a folder of this machine, or a URI and what stays on this machine beside it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote_files import mended_ram
from tidegate.pipeline.run.made import Made
from tidegate.pipeline.run.output_place import make_remote, output_place
from tidegate.tables.errors import InputError


@pytest.fixture(autouse=True)
def store() -> Iterator[None]:
    with mended_ram():
        yield


def test_a_local_folder_holds_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    place = output_place("runs/a")
    assert not place.remote
    assert place.local == Path("runs/a")
    assert place.path("summary.json") == "runs/a/summary.json"
    assert place.absolute("tfx", "artifacts") == str(tmp_path / "runs/a/tfx/artifacts")


def test_a_uri_has_a_folder_of_its_own_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    place = output_place("gs://bucket/runs/a b")
    assert place.remote
    assert place.absolute("serving") == place.path("serving") == "gs://bucket/runs/a b/serving"
    assert place.local.parent == tmp_path / "tidegate"
    assert re.fullmatch(r"a_b-[0-9a-f]{12}", place.local.name)
    assert output_place("gs://bucket/runs/a b/") == place
    others = ("gs://bucket/other/a b", "s3://bucket/runs/a b", "gs://bucket/runs/..")
    folders = {output_place(other).local for other in others}
    assert len(folders) == 3 and place.local not in folders
    assert {folder.parent for folder in folders} == {tmp_path / "tidegate"}


def test_without_the_variable_it_is_below_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert output_place("gs://b").local.parent == tmp_path / ".local/state/tidegate"


@pytest.mark.parametrize("uri", ["gs://", "://a", "gs:///"])
def test_a_uri_without_a_folder_is_refused(uri: str) -> None:
    with pytest.raises(InputError, match=r"expected a folder, as SCHEME://BUCKET/FOLDER"):
        output_place(uri)


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("tide://b/out", r"Beam has no file system for tide:// here; expected .*"),
        # Beam's extra is installed or not; TensorFlow's packages have no HDFS of their own.
        ("hdfs://host/out", r".+"),
    ],
)
def test_a_uri_that_cannot_be_written_is_one_line(uri: str, problem: str) -> None:
    with pytest.raises(InputError) as error:
        make_remote(uri, Made())
    assert re.fullmatch(rf"--output {uri}: cannot be written: {problem}", str(error.value))
