"""`tidegate run` with data, artifacts and models in a store: nothing of them falls on the disk."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.pipeline.conftest import TINY, call_here, sentences
from tests.remote_files import mended_ram, read, tree, write
from tidegate.pipeline.run.output_place import output_place

pytestmark = pytest.mark.slow
TASK = "text_classification"
STORE = "ram://remote-run"
OUTPUT = f"{STORE}/out"
# The rule: of a run whose output is a URI, this machine keeps these.
LOCAL = {".lock", "run.log", "tfx/metadata.sqlite"}
CODE = "__autograph_generated_file"


def _rows(given: list[tuple[str, str]]) -> bytes:
    return "".join(f"{','.join(row)}\n" for row in [("text", "label"), *given]).encode()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder of this machine: the run's working, state and temporary folder."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with mended_ram():
        yield tmp_path


def run(*settings: str) -> int:
    """The command, with the settings' file in the store as well."""
    named = (setting.partition("=")[::2] for setting in TINY)
    sections: dict[str, dict[str, Any]] = {}
    for name, value in named:
        section, _, key = name.partition(".")
        sections.setdefault(section, {})[key] = json.loads(value)
    write(f"{STORE}/settings.yaml", json.dumps(sections).encode())
    words = ["run", TASK, "--data", f"{STORE}/data", "--test", f"{STORE}/test.csv"]
    words += ["--output", f"{OUTPUT}/", "--config", f"{STORE}/settings.yaml"]
    return call_here(*words, *(word for one in settings for word in ("--set", one)))


def test_a_run_in_a_store(here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    rows = sentences(160, seed=1)
    write(f"{STORE}/data/a.csv", _rows(rows[:60]))
    write(f"{STORE}/data/b.csv", _rows(rows[60:130]))
    write(f"{STORE}/test.csv", _rows(rows[130:]))
    given = tree(STORE)
    assert run() == 0, capfd.readouterr().out
    place = output_place(OUTPUT)
    said = capfd.readouterr().out
    assert f"on this machine: log and metadata in {place.local}" in said
    assert f"summary: {OUTPUT}/summary.json" in said

    found = json.loads(read(f"{OUTPUT}/summary.json"))
    pushed = found["pushed"]
    assert pushed.startswith(f"{OUTPUT}/serving/{TASK}/") and pushed.rpartition("/")[2].isdigit()
    assert found["rows"]["test"] == 30
    assert sum(found["rows"].values()) == 160
    assert found["serving_check"]["ok"], found["serving_check"]
    assert {"saved_model.pb", "variables/variables.index"} <= set(tree(pushed))
    events = [name for name in tree(f"{OUTPUT}/tensorboard") if "/train/events" in name]
    assert events
    components = {name.split("/")[0] for name in tree(f"{OUTPUT}/tfx/artifacts")}
    assert {"RecordExampleGen", "StatisticsGen", "Transform", "Trainer", "Evaluator"} <= components
    top = {name.split("/")[0] for name in tree(OUTPUT)}
    assert {"serving", "summary.json", "tensorboard", "tfx"} <= top
    assert {name for name in tree(STORE) if not name.startswith("out/")} == {
        *given,
        "settings.yaml",
    }

    assert _files(here) == {f"tidegate/{place.local.name}/{name}" for name in LOCAL}
    assert _served(pushed.rpartition("/")[0], "the river opens at night") in ("de", "en")
    assert run() == 0
    again = json.loads(read(f"{OUTPUT}/summary.json"))
    assert (again["pushed"], again["training"]["cached"]) == (pushed, True)
    assert _files(here) == {f"tidegate/{place.local.name}/{name}" for name in LOCAL}


def _files(folder: Path) -> set[str]:
    """What is in a folder of this machine; Python code that TensorFlow makes is no part of it."""
    paths = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return {path.as_posix() for path in paths if not path.name.startswith(CODE)}


def _served(base_path: str, text: str) -> str:
    """The label that the server's engine gives a text, by a model in the store."""
    from tensorflow_serving.apis.model_pb2 import ModelSpec

    from tidegate.serving.server.manager import ModelManager
    from tidegate.serving.server.model_config import single_model
    from tidegate.serving.server.options import EngineOptions

    manager = ModelManager(single_model(TASK, base_path), EngineOptions(max_num_load_retries=0))
    manager.start()
    try:
        with manager.lease(ModelSpec(name=TASK)) as servable:
            signature = servable.signature_defs["predict_text"]
            asked = {"text": np.array([text.encode()], object)}
            (label,) = servable.run(asked, signature, ["label"], None)["label"]
    finally:
        manager.stop(grace=0)
    return os.fsdecode(label)
