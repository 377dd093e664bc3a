"""Runs from Python: in another thread, from any working folder, several in one process."""

from __future__ import annotations

import gc
import logging
import os
import random
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import tidegate
from tests.pipeline.conftest import TINY, sentences
from tidegate.models.core.progress import reporter

pytestmark = pytest.mark.slow
SETTINGS: dict[str, Any] = {
    name: float(value) if "." in value else int(value)
    for name, _, value in (setting.partition("=") for setting in TINY)
}


def in_a_thread(call: Any) -> Any:
    """What a call gives or raises in a thread that is not the main one."""
    found: list[Any] = []

    def work() -> None:
        try:
            found.append(call())
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def state() -> tuple[Any, ...]:
    """What of a process a run may not change."""
    return (
        os.getcwd(),
        sys.stdout,
        sys.stderr,
        os.fstat(1).st_ino,
        gc.get_threshold(),
        gc.get_freeze_count(),
        logging.getLogger().level,
        signal.getsignal(signal.SIGTERM),
        signal.getsignal(signal.SIGINT),
        random.getstate(),
        np.random.get_state()[1].tolist(),  # type: ignore[index]
        reporter(),
    )


def test_runs_from_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    frame = pd.DataFrame(sentences(300, seed=1), columns=["text", "label"])
    # Labels that no model can know: else the best margin, 1, would be reached.
    frame.loc[::20, "label"] = frame.loc[::20, "label"].map({"en": "de", "de": "en"})
    before = state()

    def run(**settings: Any) -> tidegate.Run:
        return tidegate.run(
            "text_classification", frame, output="out", settings={**SETTINGS, **settings}
        )

    first = in_a_thread(run)
    assert state() == before
    said = capfd.readouterr()
    assert "tidegate run text_classification: a DataFrame of 300 rows and 2 columns" in said.out
    assert "] Trainer: " in said.out and "tensorflow" not in said.out + said.err
    assert first.output == str(tmp_path / "out")
    assert first.pushed and Path(first.pushed).is_absolute()
    assert first.metrics["eval"]["accuracy"] > 0.8

    monkeypatch.chdir("/")
    answers = first.predict(frame)
    assert (answers["predicted_label"] == frame["label"]).mean() > 0.9
    assert first.predict(["the river opens at night"])["label"].tolist() == ["en"]
    with tidegate.load(tmp_path / "out" / "serving") as model:
        assert model.predict(frame)["predicted_label"].equals(answers["predicted_label"])

    monkeypatch.chdir(tmp_path)
    again = run()
    assert again.summary["training"]["cached"] and again.pushed == first.pushed
    held = run(**{"gates.margin": 0.99})
    assert held.pushed is None and held.summary["training"]["cached"]
    with pytest.raises(tidegate.InputError, match=r"did not pass: margin is 0\.\d+, expected at"):
        held.predict(["a"])
    assert held.candidate.predict(["das tor"])["label"].tolist() == ["de"]
    assert state() == before

    dag = tidegate.create_pipeline("text_classification", frame, output="out", settings=SETTINGS)
    assert [node.id for node in dag.components][-2:] == ["Pusher", "Pictures"]
    assert len(list((tmp_path / "out" / "data").iterdir())) == 1
