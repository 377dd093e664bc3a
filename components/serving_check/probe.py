"""A real client's view of a model in a process of its own: answers, latency, memory."""

import contextlib
import json
import os
import queue
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tfx.utils import io_utils

from tidegate.components.files import is_local
from tidegate.components.serving_check import MODEL
from tidegate.components.serving_check.samples import Samples, asked_samples, recorded_samples
from tidegate.models.core.child_process import module_command
from tidegate.models.core.export import EXTRA_FOLDER, SAMPLES_FILE
from tidegate.serving.client import Client, ServingClientError

_LATENCY_REQUESTS = 30


@dataclass(frozen=True)
class Bounds:
    """What a model must hold to be served.

    Attributes:
      tolerance: largest difference of a number in an answer from that of the model in memory.
      timeout: seconds for loading and all answers.
      latency_ms: largest median of a single sample's milliseconds, over the socket.
      memory_mb: largest peak of the process that serves it, in MiB.
    """

    tolerance: float
    timeout: float
    latency_ms: float
    memory_mb: float


class Unfit(Exception):
    """The model is not to be pushed; the message says why."""


class ProcessKilled(RuntimeError):
    """Something ended the process from outside; that says nothing of the model."""


class ModelProcess:
    """A process that will serve one model; it imports TensorFlow from now on."""

    def __init__(self) -> None:
        environment = {
            **os.environ,
            "CUDA_VISIBLE_DEVICES": "-1",  # The model must load where there is no GPU.
            "TF_CPP_MIN_LOG_LEVEL": "2",
        }
        self.process = subprocess.Popen(
            module_command("tidegate.components.serving_check.process"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        self.model: str | None = None
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def load(self, model: str) -> None:
        """Tells it the SavedModel to serve, and does not wait.

        Of a model on another file system it gets a copy on this machine: what a server would read
        back is what is checked, and the process need not know the file system.
        """
        assert self.process.stdin is not None
        self.model = model
        if not is_local(model):
            self._copy = tempfile.TemporaryDirectory(prefix="tidegate-")
            folder = os.path.join(self._copy.name, "model")
            io_utils.copy_dir(model, folder)
            model = folder
        with contextlib.suppress(BrokenPipeError):  # It has ended: `told` will say so.
            self.process.stdin.write(model + "\n")
            self.process.stdin.flush()

    def raise_if_killed(self) -> None:
        """Raises ProcessKilled where a signal has ended the process, or is just ending it."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self.process.wait(timeout=1)
            if code < 0:
                raise ProcessKilled(f"the process that serves the model got signal {-code}")

    def told(self, until: float) -> dict[str, Any]:
        """The next message, by `time.monotonic` until `until`.

        Raises:
          Unfit: it had a problem or ended.
          ProcessKilled: a signal ended it.
          TimeoutError: it said nothing in time.
        """
        try:
            line = self._lines.get(timeout=max(until - time.monotonic(), 0))
        except queue.Empty:
            raise TimeoutError from None
        if not line:
            self.raise_if_killed()
            raise Unfit(f"the process ended with exit code {self.process.wait()}")
        message: dict[str, Any] = json.loads(line)
        if "problem" in message:
            raise Unfit(message["problem"])
        return message

    def finish(self) -> None:
        """Lets it go: it stops serving and says how much memory it took."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def end(self) -> None:
        """Ends it at once."""
        self.process.kill()
        self.process.wait()
        if self._copy is not None:
            self._copy.cleanup()


def probe(
    process: ModelProcess, model: str, bounds: Bounds, examples: str | None = None
) -> dict[str, Any]:
    """Checks a SavedModel in a process that serves it.

    Args:
      process: a fresh one, or one that was told to load this model.
      model: the SavedModel's folder.
      bounds: what it must hold.
      examples: the folder of raw examples to ask where no samples are recorded beside the model.

    Returns:
      `ok`, and `problem` where it is false; `seconds` to load and warm up, `requests`, how many
      warm-up requests were replayed, `difference`, the largest in an answer, `latency_ms`, the
      median of single requests, and `memory_mb`, the process's peak.

    Raises:
      ProcessKilled: a signal ended the process.
    """
    until = time.monotonic() + bounds.timeout
    try:
        if process.model not in (None, model):
            process.end()
            process = ModelProcess()
        if process.model is None:
            process.load(model)
        ready = process.told(until)
        samples = samples_of(model, examples)
        left = max(until - time.monotonic(), 0.01)
        with Client(f"127.0.0.1:{ready.pop('port')}", deadline=left) as client:
            answers = client.predict(MODEL, {samples.name: samples.examples})
            difference = _compare(answers, samples.answers, bounds.tolerance)
            latency = _latency(client, samples)
        process.finish()
        memory = process.told(until)["memory_mb"]
    except TimeoutError:
        return {"ok": False, "problem": f"no answer within {bounds.timeout:g} s"}
    except (Unfit, ServingClientError) as error:
        process.raise_if_killed()
        problem = (str(error).splitlines() or [type(error).__name__])[0]
        return {"ok": False, "problem": problem}
    finally:
        process.end()
    found = {
        **ready,
        "difference": difference,
        "latency_ms": round(latency, 2),
        "memory_mb": memory,
    }
    for name, unit in (("latency_ms", "ms for one request"), ("memory_mb", "MiB of memory")):
        most = getattr(bounds, name)
        if found[name] > most:
            problem = f"{found[name]:g} {unit}, more than serving.{name}={most:g}"
            return {"ok": False, "problem": problem, **found}
    return {"ok": True, **found}


def samples_of(model: str, examples: str | None) -> Samples:
    """The requests to send; Unfit where there are none, or the model does not answer them."""
    recorded = recorded_samples(model)
    if recorded is not None:
        return recorded
    if examples is None:
        raise Unfit(
            f"no sample requests: {EXTRA_FOLDER}/{SAMPLES_FILE} is missing, and the ServingCheck "
            "was not given examples"
        )
    try:
        return asked_samples(model, examples)
    except (ValueError, tf.errors.OpError) as error:
        raise Unfit(str(error)) from error


def _compare(
    answers: Mapping[str, np.ndarray[Any, Any]], expected: Mapping[str, Any], tolerance: float
) -> float:
    """The largest difference from the answers in training; Unfit where it is too large."""
    if sorted(answers) != sorted(expected):
        raise Unfit(f"answers {sorted(answers)}, expected {sorted(expected)}")
    largest = 0.0
    for name, wanted in expected.items():
        answer = answers[name]
        if answer.dtype.kind in "OS":
            texts = np.char.decode(answer.astype("S"), "utf-8").tolist()
            if texts != wanted:
                raise Unfit(f"{name} is {texts}, in training {wanted}")
            continue
        if answer.shape != np.shape(wanted):
            raise Unfit(f"{name} has the shape {answer.shape}, in training {np.shape(wanted)}")
        difference = float(np.max(np.abs(answer - np.asarray(wanted, float)), initial=0.0))
        largest = max(largest, difference)
        if not difference <= tolerance:
            raise Unfit(
                f"{name} differs by {difference:.2g} from its value in training, "
                f"more than {tolerance:.2g}"
            )
    return largest


def _latency(client: Client, samples: Samples) -> float:
    """The median of milliseconds that one sample takes, each in turn."""
    taken = []
    for number in range(_LATENCY_REQUESTS):
        begin = time.perf_counter()
        example = samples.examples[number % len(samples.examples)]
        client.predict(MODEL, {samples.name: [example]})
        taken.append(time.perf_counter() - begin)
    return statistics.median(taken) * 1e3
