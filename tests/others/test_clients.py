"""The clients of `examples/clients` see what Python's client sees, with TF Serving's words."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from tests.others.programs import BUF, FOLDER, GO_MESSAGES, GO_SERVICES
from tidegate.serving.client import Client, DeadlineExceededError, as_text

COMMANDS = {
    "node": ["npm install --no-audit --no-fund --silent", "node client.js {address}"],
    "go": ["buf generate ../protos", "go run . {address}"],
    "java": ["mvn -q compile exec:java -Dexec.args={address}"],
    "rust": ["cargo run --quiet {address}"],
}
WORDS = ["Donaudampfschiff", "天安门"]
CALLS = 200
# Each language prints a map in its own way.
COUNTED = re.compile(r"\"?(\w+)\"?[:=] ?(\d+)")
# TF Serving's own text for a wrong name, the blank at its end left out.
WRONG_NAME = (
    "Signature input alias: text(feed name: predict_text_text:0) not found in request and no "
    "default value provided. Inputs expected to be in the request {words}, or default input alias "
    "set:"
)


@pytest.fixture(scope="module")
def expected(address: str) -> list[str]:
    """The lines of answers, by tidegate's own client."""
    months = np.arange(24)
    series = {
        "unique_id": ["bath"],
        "start": np.array(["2024-01-01"], "datetime64[s]").astype(np.int64),
        "y": [20 + 5 * np.sin(months * np.pi / 6)],
        "mask": np.ones([1, 24], bool),
    }
    with Client(address) as client:
        classes = client.predict("text_classification", {"text": WORDS}, signature="predict_text")
        forecast = client.predict("forecasting", series, signature="forecast")
    labels = zip(WORDS, as_text(classes["label"]), classes["probability"], strict=True)
    day = forecast["times"][0, 0].astype("datetime64[s]").astype("datetime64[D]")
    return [
        *(f"{word}: {label} {probability:.3f}" for word, label, probability in labels),
        f"forecast from {day} on: {forecast['mean'][0, 0]:.2f}",
    ]


def allowed(codes: Counter[str], *more: str) -> bool:
    """Whether each call was answered, or too late and called so."""
    return sum(codes.values()) == CALLS and set(codes) <= {"OK", "DEADLINEEXCEEDED", *more}


def same_name(code: str) -> str:
    """A code as each language writes it, in one form."""
    return code.replace("_", "").upper()


@pytest.mark.parametrize("language", list(COMMANDS))
def test_client(language: str, clients: Path, address: str, expected: list[str]) -> None:
    programs = (BUF, GO_MESSAGES, GO_SERVICES)
    path = os.pathsep.join([*(str(one.path.parent) for one in programs), os.environ["PATH"]])
    for command in COMMANDS[language]:
        done = subprocess.run(
            command.format(address=address).split(),
            cwd=clients / language,
            env={**os.environ, "PATH": path, "CARGO_TARGET_DIR": str(FOLDER / "cargo")},
            capture_output=True,
            text=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    print(f"\n{language}:", *lines, sep="\n  ")
    assert lines[:3] == expected
    code, _, text = lines[3].partition(": ")
    assert (same_name(code), text) == ("INVALIDARGUMENT", WRONG_NAME)
    head, _, counts = lines[4].partition(": ")
    assert head == f"{CALLS} calls with a deadline of 1 ms"
    codes = Counter({same_name(name): int(count) for name, count in COUNTED.findall(counts)})
    # Where tonic's own clock is the first to end a call, its code is another.
    assert allowed(codes, *(["CANCELLED"] if language == "rust" else [])), codes


def test_python_with_a_deadline_of_1_ms(address: str) -> None:
    codes: Counter[str] = Counter()
    with Client(address) as client:
        client.predict("text_classification", {"text": WORDS}, signature="predict_text")
        for _ in range(CALLS):
            try:
                client.predict(
                    "text_classification",
                    {"text": WORDS},
                    signature="predict_text",
                    deadline=0.001,
                )
                codes["OK"] += 1
            except DeadlineExceededError:
                codes["DEADLINEEXCEEDED"] += 1
    assert allowed(codes), codes
