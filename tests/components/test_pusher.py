"""A pushed version is complete before it is visible, and its number always grows."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.io import fileio
from tfx.types import standard_artifacts

from tidegate.components.pusher import executor as pusher
from tidegate.components.pusher import versions as model_versions
from tidegate.components.pusher.versions import (
    ROLLED_BACK,
    clear_unfinished,
    next_version,
    push_model,
    pushed_already,
    roll_back,
)
from tidegate.tables.errors import InputError

NOW = 1_700_000_000.9


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    for number in range(30):
        path = folder / f"variables{number % 3}" / f"part-{number}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes([number]) * 100_000)
    (folder / "saved_model.pb").write_bytes(b"graph")
    return folder


@pytest.mark.parametrize(
    ("existing", "version"),
    [
        ([], 1_700_000_000),
        (["1699999999"], 1_700_000_000),
        (["1700000000"], 1_700_000_001),
        (["1800000000", "5"], 1_800_000_001),
        ([".push-1", "latest", "1700000003.tmp", "-7"], 1_700_000_000),
        (["5", f"1800000000{ROLLED_BACK}"], 1_800_000_001),
    ],
    ids=["first", "clock went on", "same second", "clock set back", "no numbers", "rolled back"],
)
def test_the_version_is_the_time_or_one_more_than_any(existing: list[str], version: int) -> None:
    assert next_version(existing, NOW) == version


def test_versions_grow_within_a_second_and_with_the_clock_set_back(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "serving" / "name"
    times = [NOW, NOW, NOW - 86_400, NOW + 10]
    monkeypatch.setattr(model_versions.time, "time", lambda: times.pop(0))
    pushed = [push_model(str(model), str(folder)) for _ in range(4)]
    assert [int(Path(path).name) - int(NOW) for path in pushed] == [0, 1, 2, 10]
    for path in pushed:
        assert content(Path(path)) == content(model)
    assert sorted(os.listdir(folder)) == sorted(Path(path).name for path in pushed)


def test_who_polls_the_folder_never_sees_half_a_version(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    folder.mkdir()
    whole = sorted(content(model))
    seen: set[str] = set()
    partial: list[str] = []
    stop = threading.Event()

    def poll() -> None:
        while not stop.is_set():
            for name in os.listdir(folder):
                if not name.isdigit():
                    continue
                seen.add(name)
                files = sorted(
                    os.path.relpath(os.path.join(place, file), folder / name)
                    for place, _, found in os.walk(folder / name)
                    for file in found
                )
                if files != whole:
                    partial.append(name)

    poller = threading.Thread(target=poll)
    poller.start()
    try:
        pushed = [push_model(str(model), str(folder)) for _ in range(8)]
    finally:
        stop.set()
        poller.join()
    assert not partial
    assert seen & {Path(path).name for path in pushed[:-1]}


def test_a_failure_in_the_middle_leaves_nothing(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    (model / "variables2" / "zzz").symlink_to(tmp_path / "nothing")
    with pytest.raises(fileio.NotFoundError):
        push_model(str(model), str(folder))
    assert os.listdir(folder) == []


def test_a_number_that_another_run_takes_in_between_is_passed_over(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "serving"
    other = folder / "7"
    other.mkdir(parents=True)
    (other / "saved_model.pb").write_bytes(b"of the other run")
    numbers = [7, 8]
    monkeypatch.setattr(model_versions, "next_version", lambda *_: numbers.pop(0))
    assert push_model(str(model), str(folder)) == str(folder / "8")
    assert content(other) == {"saved_model.pb": b"of the other run"}
    assert sorted(os.listdir(folder)) == ["7", "8"]


def execute(tmp_path: Path, *, blessed: int, served: int) -> tuple[Any, Path]:
    """Runs the executor as TFX does; gives the PushedModel and the models' folder."""
    model = standard_artifacts.Model()
    model.uri = str(tmp_path / "trained")
    path = tmp_path / "trained" / "Format-Serving" / "saved_model.pb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"graph")
    blessing, infra = standard_artifacts.ModelBlessing(), standard_artifacts.InfraBlessing()
    for artifact, value in ((blessing, blessed), (infra, served)):
        artifact.set_int_custom_property("blessed", value)
        artifact.set_string_custom_property("blessing_status", "")
    infra.set_string_custom_property(
        "blessing_status", "INFRA_BLESSED" if served else "INFRA_NOT_BLESSED"
    )
    pushed = standard_artifacts.PushedModel()
    pushed.uri = str(tmp_path / "pushed")
    folder = tmp_path / "serving" / "name"
    pusher.Executor(pusher.Executor.Context(tmp_dir=str(tmp_path / "tmp"), unique_id="1")).Do(
        {"model": [model], "model_blessing": [blessing], "infra_blessing": [infra]},
        {"pushed_model": [pushed]},
        {"models": str(folder.parent), "model_name": folder.name},
    )
    return pushed, folder


def test_a_blessed_model_is_pushed_and_the_artifact_says_where(tmp_path: Path) -> None:
    pushed, folder = execute(tmp_path, blessed=1, served=1)
    (version,) = os.listdir(folder)
    assert content(folder / version) == {"saved_model.pb": b"graph"}
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(folder / version)
    assert pushed.get_string_custom_property("pushed_version") == version


def test_a_model_that_is_the_current_version_already_is_not_copied_again(tmp_path: Path) -> None:
    """As after a push that was killed between its last step and its report."""
    trained, folder = tmp_path / "trained" / "Format-Serving", tmp_path / "serving" / "name"
    trained.mkdir(parents=True)
    (trained / "saved_model.pb").write_bytes(b"graph")
    first = push_model(str(trained), str(folder))
    assert pushed_already(str(trained), str(folder)) == first
    (trained / "saved_model.pb").write_bytes(b"hparg")
    assert pushed_already(str(trained), str(folder)) is None
    second = push_model(str(trained), str(folder))
    assert pushed_already(str(trained), str(folder)) == second
    (trained / "saved_model.pb").write_bytes(b"graph")
    # The first version again: it is not the one that is served.
    assert pushed_already(str(trained), str(folder)) is None
    assert pushed_already(str(trained), str(tmp_path / "none")) is None


def test_executed_twice_the_version_is_pushed_once(tmp_path: Path) -> None:
    pushed, folder = execute(tmp_path, blessed=1, served=1)
    again, _ = execute(tmp_path, blessed=1, served=1)
    assert len(os.listdir(folder)) == 1
    destinations = {one.get_string_custom_property("pushed_destination") for one in (pushed, again)}
    assert len(destinations) == 1


def test_what_a_killed_push_has_left_is_cleared(model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "serving"
    version = Path(push_model(str(model), str(folder)))
    half = folder / ".push-0123" / "variables0"
    half.mkdir(parents=True)
    (half / "part-0").write_bytes(b"half")
    clear_unfinished(str(tmp_path / "*"))
    assert os.listdir(folder) == [version.name]
    assert content(version) == content(model)


@pytest.mark.parametrize(("blessed", "served"), [(0, 1), (1, 0), (0, 0)])
def test_a_model_that_failed_a_check_is_not_pushed(
    tmp_path: Path, blessed: int, served: int
) -> None:
    pushed, folder = execute(tmp_path, blessed=blessed, served=served)
    assert not folder.exists()
    assert pushed.get_int_custom_property("pushed") == 0


def test_rolling_back_goes_one_version_back_each_time_and_loses_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "serving" / "name"
    for version in (9, 10, 100):
        (folder / str(version)).mkdir(parents=True)
        (folder / str(version) / "saved_model.pb").write_text(str(version))
    (folder / ".push-1").mkdir()
    assert roll_back(str(folder)) == (10, 100)
    assert roll_back(str(folder)) == (9, 10)
    with pytest.raises(InputError, match=r"holds version 9 alone: there is none to go back to"):
        roll_back(str(folder))
    kept = {path.name: (path / "saved_model.pb").read_text() for path in folder.glob("[0-9]*")}
    assert kept == {"9": "9", f"10{ROLLED_BACK}": "10", f"100{ROLLED_BACK}": "100"}


def test_rolling_back_a_model_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "serving" / "texts" / "1").mkdir(parents=True)
    with pytest.raises(InputError, match=r"no model at .*text\. Did you mean 'texts'\?"):
        roll_back(str(tmp_path / "serving" / "text"))
    (tmp_path / "serving" / "empty").mkdir()
    with pytest.raises(InputError, match="holds no version"):
        roll_back(str(tmp_path / "serving" / "empty"))
