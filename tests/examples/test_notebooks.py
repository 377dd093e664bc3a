"""The notebooks, run as a reader runs them, on a small part of the data."""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "examples"
# In place of the notebook's own parameters.
SMALL = {
    "text_classification": {
        "LANGUAGES": ["de", "ja", "el"],
        "STEPS": 60,
        "UNITS": 16,
    },
    "translation": {"DAYS": 60, "STEPS": 8, "UNITS": 8},
    "language_model": {"CHARACTERS": 8_000, "STEPS": 8, "UNITS": 8, "LENGTH": 5},
    "forecasting": {"HORIZON": 6, "CONTEXT": 24, "TEST": 0, "STEPS": 30, "UNITS": 8},
}


def read(name: str) -> Any:
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def test_every_notebook_is_run_and_kept_without_outputs() -> None:
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(SMALL)
    for name in SMALL:
        notebook = read(name)
        nbformat.validate(notebook)
        for cell in notebook.cells:
            assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SMALL))
def test_a_notebook_runs_and_shows_pictures(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notebook = read(name)
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    for key, value in SMALL[name].items():
        cell.source, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value!r}", cell.source)
        assert count == 1
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # A folder of somebody's own, with a name of ours in it.
    (tmp_path / "models.py").write_text("raise ImportError('a module of the working folder')")
    NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    ).execute()
    keep = os.environ.get("TIDEGATE_NOTEBOOKS")
    if keep:  # To be looked at.
        nbformat.write(notebook, Path(keep) / f"{name}.ipynb")
    (folder,) = (tmp_path / "runs").iterdir()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    said = "".join(output.text for output in outputs if output.output_type == "stream")
    assert re.search(r"^\[\d+/\d+\] Trainer: ", said, re.MULTILINE)
    assert f"summary: {folder / 'summary.json'}" in said
    for text in ("WARNING", "INFO", "tensorflow/", "apache_beam", "Traceback"):
        assert text not in said
    assert (folder / "run.log").stat().st_size > 1_000
    data = [output.get("data", {}) for output in outputs]
    assert not any("application/javascript" in one for one in data)
    (page,) = (one["text/html"] for one in data if "FAILED" in str(one) or "passed" in str(one))
    drawn = [base64.b64decode(one) for one in re.findall(r"image/png;base64,([^\"]+)", page)]
    drawn += [base64.b64decode(one["image/png"]) for one in data if "image/png" in one]
    assert len(drawn) >= 2 and all(one.startswith(b"\x89PNG") for one in drawn)
