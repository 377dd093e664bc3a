"""Client and command against `tidegate serve`, with real SavedModels."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.serving import models
from tidegate.serving.client import (
    Client,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    Score,
    VersionStatus,
)

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[3]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT)}
TIDEGATE = [sys.executable, "-m", "tidegate.pipeline.cli"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, saved_model: Callable[[str], Path]) -> Path:
    """A folder of models."""
    root = tmp_path_factory.mktemp("models")
    for name in ("half_plus_two", "text_words"):
        models.publish(saved_model(name), root / name, 1)
    models.publish(saved_model("half_plus_two"), root / "swapped", 1)
    return root


@pytest.fixture(scope="module")
def address(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of a server of that folder in a process of its own."""
    log = tmp_path_factory.mktemp("log") / "serve.log"
    with log.open("w") as stream:
        server = subprocess.Popen(
            [*TIDEGATE, "serve", "--models", str(folder), "--port", "0"],
            stdout=stream,
            stderr=stream,
            env=ENVIRONMENT,
        )
        try:
            listening = None
            waited = threading.Event()
            for _ in range(3000):
                listening = re.search(r"listening at (\S+)", log.read_text())
                if listening or server.poll() is not None:
                    break
                waited.wait(0.1)
            assert listening, log.read_text()
            with Client(listening[1]) as client:
                for name in ("half_plus_two", "text_words", "swapped"):
                    client.wait_until_available(name)
                client.predict("half_plus_two", {"x": [0.0]})
            yield listening[1]
        finally:
            server.terminate()
            server.wait(300)


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address) as client:
        yield client


def test_predict(client: Client) -> None:
    answers = client.predict("half_plus_two", {"x": [1, 2.0, -4]})
    np.testing.assert_array_equal(answers["y"], np.array([2.5, 3.0, 0.0], np.float32))
    assert (answers.model, answers.version) == ("half_plus_two", 1)
    assert client.predict("half_plus_two", {}, signature="offset")["offset"] == 2.0
    words = client.predict("text_words", {"text": ["a fine film", "水闸"]})
    assert words["words"].tolist() == [3, 1]
    assert words["joined"].tolist() == [b"a_fine_film", "水闸".encode()]


def test_examples(client: Client) -> None:
    rows = {"x": [0.0, 2.0]}
    assert client.classify("half_plus_two", rows, signature="classify") == [
        [Score("low", 2.0), Score("high", -2.0)],
        [Score("low", 3.0), Score("high", -3.0)],
    ]
    assert client.regress("half_plus_two", rows, signature="regress").tolist() == [2.0, 3.0]
    found = client.predict_examples("half_plus_two", rows, signature="classify")
    assert found["scores"].tolist() == [[2.0, -2.0], [3.0, -3.0]]


def test_signatures_and_versions(client: Client) -> None:
    found = client.signatures("half_plus_two")
    assert str(found["matrix"]) == "matrix(x: float32[?, 3]) -> (y: float32[?, 1])"
    assert found["classify"].method == "classify"
    assert found["classify"].examples_input == "inputs"
    assert client.status("half_plus_two") == [VersionStatus(1, "AVAILABLE")]


def test_the_servers_errors(client: Client) -> None:
    with pytest.raises(NotFoundError, match=r"Servable not found for request: Latest\(nosuch\)"):
        client.predict("nosuch", {"x": [1.0]})
    with pytest.raises(NotFoundError, match=r"Servable not found for request: Specific\(half_pl"):
        client.predict("half_plus_two", {"x": [1.0]}, version=7)
    with pytest.raises(InvalidArgumentError, match="Unrecognized servable version label: stable"):
        client.predict("half_plus_two", {"x": [1.0]}, label="stable")
    with pytest.raises(InvalidArgumentError, match=r"Input is empty"):
        client.classify("half_plus_two", [], signature="classify")
    with pytest.raises(InvalidArgumentError, match="No signature was found with the name: nosuch"):
        client.classify("half_plus_two", {"x": [1.0]}, signature="nosuch")
    with pytest.raises((FailedPreconditionError, InvalidArgumentError)):
        client.predict("half_plus_two", {"x": [1.0]}, signature="nosuch")


def test_rows_while_the_version_changes(
    client: Client, folder: Path, saved_model: Callable[[str], Path]
) -> None:
    def rows() -> Iterator[dict[str, float]]:
        for number in range(40_000):
            if number == 4_000:
                models.publish(saved_model("half_plus_3"), folder / "swapped", 2)
            if number == 20_000:
                client.wait_until_available("swapped", version=2)
            yield {"x": float(number)}

    offsets = [
        float(row["y"]) - 0.5 * number
        for number, row in enumerate(client.predict_rows("swapped", rows()))
    ]
    assert len(offsets) == 40_000
    # Requests in flight at the change may overtake each other; no answer is of neither version.
    assert set(offsets) == {2.0, 3.0}
    assert set(offsets[:3_000]) == {2.0} and set(offsets[-3_000:]) == {3.0}


def test_the_command(address: str, tmp_path: Path) -> None:
    def predict(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*TIDEGATE, "predict", *arguments, "--server", address],
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            timeout=300,
        )

    assert predict("text_words", "--text", "a fine film").stdout == (
        "a fine film\n  joined: a_fine_film\n  words: 3\n"
    )
    (tmp_path / "a.csv").write_text("x,id\n1,a\n2,b\n")
    done = predict("half_plus_two", "--file", str(tmp_path / "a.csv"))
    assert done.stdout == "x,id,y\n1,a,2.5\n2,b,3.0\n"
    done = predict(
        "half_plus_two", "--file", str(tmp_path / "a.csv"), "--type", "x=float",
        "--signature", "classify",
    )  # fmt: skip
    assert done.stdout.splitlines()[:2] == [
        "x,id,classes_1,scores_1,classes_2,scores_2", "1,a,low,2.5,high,-2.5",
    ]  # fmt: skip
    done = predict("half_plus_two", "--file", str(tmp_path / "a.csv"), "--signature", "classify")
    assert done.returncode == 2
    assert "x" in done.stderr and len(done.stderr.splitlines()) == 1
