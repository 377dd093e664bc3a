"""Runs of tidegate that faults are put into: tiny data, a folder, and what came of it."""

import hashlib
import json
import math
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import psutil

from benchmarks.workplace import environment

_PATIENCE = 1_800.0
_TINY = ("baseline.max_rows=1000", "training.steps=20", "training.batch_size=32")
SETTINGS = {
    "text_classification": (
        *_TINY,
        "model.units=8",
        "model.embedding=8",
        "model.linear_weights=1024",
        "training.learning_rate=0.02",
        "features.min_count=1",
        "data.valid_share=0.1",
        "data.eval_share=0.2",
        "gates.margin=0.01",
    ),
    # What the model is worth is not the question: it must pass its gates.
    "forecasting": (
        *_TINY,
        "model.units=8",
        "features.horizon=6",
        "features.context=24",
        "gates.relative_mase=100",
        "gates.relative_wql=100",
        "gates.coverage_error=1",
    ),
}
# What a run says as it goes; the rest of its lines tell of something out of the ordinary.
_ORDINARY = re.compile(
    r"\[\d+/\d+\] |step \d|tidegate run |rows: |eval |test |  |gate |seconds: |pushed: |summary: "
    r"|nothing was trained|pictures: |\s*$"
)
_RUNNING = 2  # ml_metadata's Execution.RUNNING
# Of TFX's resolvers nothing is kept: each run asks ML Metadata.
_NEVER_CACHED = frozenset({"LatestBlessedModel"})


@dataclass
class Ended:
    """A run that has ended.

    Attributes:
      code: its exit code; below 0, the signal that ended it.
      lines: what it said, both streams.
      left: processes that were its children and live on.
    """

    code: int
    lines: list[str]
    left: int = 0

    @property
    def said(self) -> list[str]:
        """The lines that are no ordinary progress."""
        return [line for line in self.lines if not _ORDINARY.match(line)]

    @property
    def finished(self) -> list[str]:
        """The components that it was through with."""
        found = (re.match(r"\[\d+/\d+\] (\w+): ", line) for line in self.lines)
        return [match[1] for match in found if match]


@dataclass
class Running:
    """A run at work.

    Attributes:
      process: it.
      lines: what it has said so far.
    """

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    _readers: list[threading.Thread] = field(default_factory=list)

    def __post_init__(self) -> None:
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            reader = threading.Thread(target=self._read, args=(stream,), daemon=True)
            reader.start()
            self._readers.append(reader)

    def _read(self, stream: IO[str]) -> None:
        self.lines += (line.rstrip("\n") for line in stream)

    def until(self, condition: Callable[[], object]) -> bool:
        """Waits for a condition; False where the run has ended before."""
        end = time.monotonic() + _PATIENCE
        while not condition():
            if self.process.poll() is not None:
                return False
            if time.monotonic() > end:
                self.process.kill()
                raise TimeoutError("the run did not come to where the fault is")
            time.sleep(0.002)
        return True

    def children(self) -> list[psutil.Process]:
        """Its child processes."""
        try:
            return psutil.Process(self.process.pid).children()
        except psutil.NoSuchProcess:
            return []

    def kill(self, number: int = signal.SIGKILL) -> Ended:
        """Sends a signal and waits for the end."""
        children = self.children()
        self.process.send_signal(number)
        return self.wait(children)

    def wait(self, children: Sequence[psutil.Process] = ()) -> Ended:
        """Waits for the end, and for that of the children for a quarter of a minute."""
        code = self.process.wait(_PATIENCE)
        for reader in self._readers:
            reader.join(5)
        _, left = psutil.wait_procs(children, timeout=15)
        return Ended(code, list(self.lines), len(left))


@dataclass
class Workshop:
    """A task, its data and the output folder that all of its runs use.

    Attributes:
      task: its name.
      folder: holds everything.
      reference: the summary of a run that nothing disturbed.
      weights: a hash of the weights that it pushed.
    """

    task: str
    folder: Path
    reference: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    _started: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True)
        self.data = self.folder / "data.csv"
        write = _write_texts if self.task == "text_classification" else _write_series
        write(self.data)

    @property
    def output(self) -> Path:
        """The output folder; the same for each run, as ML Metadata holds absolute paths."""
        return self.folder / "out"

    @property
    def serving(self) -> Path:
        """The folder of the model's versions."""
        return self.output / "serving" / self.task

    def start(self, *settings: str, output: Path | None = None) -> Running:
        """Starts the command.

        Args:
          settings: over the tiny model's.
          output: another output folder.
        """
        words = [sys.executable, "-m", "tidegate.pipeline.cli", "run", self.task]
        words += ["--data", str(self.data), "--output", str(output or self.output)]
        for setting in (*SETTINGS[self.task], *settings):
            words += ["--set", setting]
        root = Path(__file__).parents[1]
        env = {**environment(self.folder / "home"), "PYTHONPATH": str(root)}
        process = subprocess.Popen(
            words,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=env,
            start_new_session=True,
        )
        self._started.append(process)
        return Running(process)

    def stop(self) -> None:
        """Ends what was started and is still at work."""
        for process in self._started:
            if process.poll() is None:
                process.kill()
                process.wait()

    def run(self, *settings: str) -> Ended:
        """Runs the command to its end."""
        return self.start(*settings).wait()

    def save(self, name: str) -> None:
        """Keeps a copy of the output folder."""
        kept = self.folder / "kept" / name
        shutil.rmtree(kept, ignore_errors=True)
        if self.output.exists():
            shutil.copytree(self.output, kept, symlinks=True)

    def restore(self, name: str) -> None:
        """Makes the output folder what it was; not there, if it was not there."""
        shutil.rmtree(self.output, ignore_errors=True)
        kept = self.folder / "kept" / name
        if kept.exists():
            shutil.copytree(kept, self.output, symlinks=True)

    def at_work(self, component: str) -> Callable[[], bool]:
        """Whether a component has begun since now; TFX makes it a folder then."""
        folder = self.artifacts / component / ".system" / "executor_execution"
        before = set(folder.iterdir()) if folder.exists() else set()
        return lambda: folder.exists() and bool(set(folder.iterdir()) - before)

    @property
    def artifacts(self) -> Path:
        """The folder of the artifacts."""
        return self.output / "tfx" / "artifacts"

    def artifact(self, component: str, key: str) -> Path:
        """The newest artifact of a component."""
        return max((self.artifacts / component / key).iterdir(), key=lambda one: int(one.name))

    def pushing(self) -> bool:
        """Whether a push has begun and is not yet visible."""
        return self.serving.exists() and any(self.serving.glob(".push-*"))

    def summary(self) -> dict[str, Any]:
        """The last summary; empty where there is none."""
        path = self.output / "summary.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def versions(self) -> list[Path]:
        """The pushed versions, oldest first."""
        found = list(self.serving.iterdir()) if self.serving.exists() else []
        return sorted((one for one in found if one.name.isdigit()), key=lambda one: int(one.name))

    def left_behind(self) -> list[str]:
        """What no finished run leaves: half copies, and executions that never ended."""
        found = [
            path.name
            for pattern in ("*.part", "serving/*/[!0-9]*", "tfx/artifacts/*/.system/*/*/.temp")
            for path in self.output.glob(pattern)
        ]
        database = self.output / "tfx" / "metadata.sqlite"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as store:
            query = "SELECT count(*) FROM Execution WHERE last_known_state = ?"
            ((running,),) = store.execute(query, [_RUNNING])
        return found + ([f"{running} executions at work"] if running else [])


def redone(again: dict[str, Any], finished: Sequence[str]) -> list[str]:
    """Of the components that were finished, those that the next run did not take from the cache."""
    kept = {*again.get("cached", ()), *_NEVER_CACHED}
    return [name for name in dict.fromkeys(finished) if name not in kept]


def weights(model: Path) -> str:
    """A hash of a SavedModel's weights."""
    digest = hashlib.sha256()
    for path in sorted((model / "variables").glob("*")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()


def _write_texts(path: Path) -> None:
    texts = {
        "en": "the river gate opens with tide water and closes slowly at night under moon",
        "de": "das tor im fluss geht mit der flut auf und schließt langsam bei nacht",
    }
    chance = random.Random(1)
    rows = {
        " ".join(chance.choices(texts[label].split(), k=chance.randint(3, 9))): label
        for label in ("en", "de") * 170
    }
    lines = ["text,label", *(f"{text},{label}" for text, label in rows.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_series(path: Path) -> None:
    lines = ["unique_id,ds,y"]
    for number, name in enumerate(("north", "south", "west")):
        for step in range(120):
            value = 100 * (number + 1) + 10 * math.sin(math.tau * step / 12) + 0.1 * step
            lines.append(f"{name},{2010 + step // 12}-{step % 12 + 1:02d}-01,{value:.3f}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
