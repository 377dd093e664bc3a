"""Long files that a scripted server is asked about, and what it was sent."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from tests.serving.client.scripted import Script
from tidegate.serving.client import Client
from tidegate.serving.client.tables.predicting import predict_file
from tidegate.serving.client.tables.question import Question

STEPS = [-1, -1]


def answers(client: Client, folder: Path, content: str, **asked: Any) -> list[list[str]]:
    (folder / "long.csv").write_text(content)
    columns = {"id": "shop", "time": "day"} if content.startswith("shop") else {}
    question = Question("echo", **{**columns, **asked})
    predict_file(client, question, str(folder / "long.csv"), str(folder / "out.csv"))
    return list(csv.reader((folder / "out.csv").open(newline="")))


def sent(script: Script, number: int = 0) -> dict[str, np.ndarray[Any, Any]]:
    inputs = script.requests[number].inputs
    return {name: tf.make_ndarray(value) for name, value in inputs.items()}
