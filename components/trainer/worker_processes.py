"""Training workers as processes of their own.

TensorFlow's workers have to be there from a process's start, but TFX's components may share one.
Started as ``python -m tidegate.components.trainer.worker_processes FILE``, a process reads the
Trainer's arguments from the file and calls its function; ``TF_CONFIG`` says which worker it is. It
tells its progress as lines of JSON. With ``--follow`` it ends when its standard input does: with
the process that started it.
"""

import contextlib
import json
import os
import posixpath
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

import tensorflow as tf
from tfx.components.trainer.fn_args_utils import FnArgs

from tidegate.models.core.child_process import follow_parent, module_command
from tidegate.models.core.progress import reporter, set_reporter
from tidegate.models.train.loop import EXIT_TERMINATED
from tidegate.models.train.workers import Workers
from tidegate.tables.errors import InputError

_HERE = ("localhost", "127.0.0.1", "[::1]")
# What `run_fn` reads of the Trainer's arguments.
NAMES = (
    "train_files", "eval_files", "transform_output", "serving_model_dir", "model_run_dir",
    "custom_config", "hyperparameters",
)  # fmt: skip
# Seconds that a process has for its last checkpoint after SIGTERM.
_GRACE = 20
_LOOK = 0.2
_FOLLOW = "--follow"


def start(fn_args: FnArgs, workers: Workers, shared: str) -> None:
    """Trains in processes of their own and waits for them.

    Args:
      fn_args: the Trainer's arguments.
      workers: this process's place among them is taken by one started here. Where it is not
        known, the first one is started, and each other one whose address is this machine's
        loopback; for those elsewhere it tells how to start them there.
      shared: a folder or URI that workers elsewhere read, too.

    Raises:
      InputError: that of a worker.
      RuntimeError: a worker failed; the others are stopped.
    """
    indices: Sequence[int] = [workers.index or 0]
    if workers.index is None:
        hosts = [address.rpartition(":")[0] for address in workers.addresses]
        indices = [index for index, host in enumerate(hosts) if not index or host in _HERE]
    arguments = json.dumps({name: getattr(fn_args, name) for name in NAMES})
    others = [index for index in range(len(workers.addresses)) if index not in indices]
    if workers.index is None and others:
        _ask_for(others, workers, posixpath.join(shared, "worker_arguments.json"), arguments)
    with tempfile.TemporaryDirectory(prefix="tidegate-workers-") as folder:
        file = Path(folder) / "arguments.json"
        file.write_text(arguments)
        with _sigterm_ends():
            processes = [_Process(file, workers, index, index == indices[0]) for index in indices]
            try:
                _wait(processes)
            finally:
                for process in processes:
                    process.terminate()
                for process in processes:
                    process.end()


@contextlib.contextmanager
def _sigterm_ends() -> Iterator[None]:
    """SIGTERM ends this process as an exception does: with the processes that it has started."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(EXIT_TERMINATED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _ask_for(indices: Sequence[int], workers: Workers, file: str, arguments: str) -> None:
    """Tells a person how to start the workers of other machines."""
    tf.io.gfile.makedirs(posixpath.dirname(file))
    with tf.io.gfile.GFile(file, "w") as out:
        out.write(arguments)
    for index in indices:
        (name, value), *_ = workers.environment(index).items()
        reporter().line(
            f"waits for the training worker {workers.addresses[index]}; there: "
            f"{name}='{value}' python -m tidegate.components.trainer.worker_processes {file}"
        )


class _Process:
    """One worker.

    Args:
      file: the Trainer's arguments.
      workers: all of them.
      index: which one it is.
      shown: whether its progress is told on.
    """

    def __init__(self, file: Path, workers: Workers, index: int, shown: bool) -> None:
        self.address = workers.addresses[index]
        self.error = ""
        self._shown = shown
        self._child = subprocess.Popen(
            module_command("tidegate.components.trainer.worker_processes", str(file), _FOLLOW),
            env={**os.environ, **workers.environment(index)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        assert self._child.stdout is not None
        self._teller = threading.Thread(target=self._tell, args=(self._child.stdout,), daemon=True)
        self._teller.start()

    def code(self) -> int | None:
        """Its exit code; None while it runs."""
        code = self._child.poll()
        if code is not None:
            self._teller.join()
        return code

    def terminate(self) -> None:
        """Asks it to end, where it has not."""
        if self._child.poll() is None:
            self._child.terminate()

    def end(self) -> None:
        """Waits for its end, which comes by force in the end."""
        try:
            self._child.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()

    def _tell(self, output: IO[str]) -> None:
        for line in output:
            try:
                told = json.loads(line)
            except ValueError:
                told = None
            if not isinstance(told, dict):
                print(line, end="", file=sys.stderr)  # A library's own words.
                continue
            self.error = told.get("error", self.error)
            if self._shown and "line" in told:
                reporter().line(told["line"])
            if self._shown and "status" in told:
                reporter().status(told["status"])


def _wait(processes: Sequence[_Process]) -> None:
    """Until all have ended well or one has not."""
    while True:
        codes = [process.code() for process in processes]
        for process, code in zip(processes, codes, strict=True):
            if code == 2:
                raise InputError(process.error)
            if code:
                raise RuntimeError(
                    f"the training worker {process.address} ended with exit code {code}"
                    f"{': ' if process.error else ''}{process.error}"
                )
        if None not in codes:
            return
        time.sleep(_LOOK)


class _JsonReporter:
    """Tells progress to the process that started this one."""

    def line(self, text: str) -> None:
        _say(line=text)

    def status(self, text: str) -> None:
        _say(status=text)


def _say(**told: str) -> None:
    # Who started this process may have ended; a last checkpoint is still worth writing.
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(told), flush=True)


def main(arguments: Sequence[str]) -> int:
    """Calls the Trainer's function; the exit code."""
    from tidegate.components.trainer.run_fn import run_fn

    file, *follow = arguments
    with tf.io.gfile.GFile(file) as opened:
        given: dict[str, Any] = json.loads(opened.read())
    if follow == [_FOLLOW]:
        follow_parent(_GRACE)  # It may wait for workers that are no more.
    set_reporter(_JsonReporter())
    try:
        run_fn(FnArgs(**given))
    except InputError as error:
        _say(error=str(error))
        return 2
    except Exception as error:
        _say(error=f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}")
        raise
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
