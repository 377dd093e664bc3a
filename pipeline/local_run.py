"""``tidegate run``: from a user's path to a pushed model and its summary."""

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.files import content_fingerprint
from components.record_files import FileFormat, check_head, data_files
from components.schema import task_schema
from models.core.errors import InputError
from models.core.progress import LogReporter, reporter, set_reporter
from pipeline.config import RunConfig
from pipeline.console import ConsoleReporter, output_to_file

EXIT_PUSHED = 0
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_NOT_PUSHED = 3
SUMMARY_FILE = "summary.json"
LOG_FILE = "run.log"


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for.

    Attributes:
      config: task and settings.
      data: name or path, as given, for the summary.
      train: data file or folder.
      test: the same for a fixed test split, or None.
      output: the output folder.
      fresh: use nothing of a former run.
    """

    config: RunConfig
    data: str
    train: str
    test: str | None
    output: Path
    fresh: bool = False


def run(request: RunRequest) -> int:
    """Runs the pipeline and leaves `summary.json`, the model and the artifacts.

    Args:
      request: what to run.

    Returns:
      The exit code.

    Raises:
      InputError: data or output folder cannot be used.
    """
    begin = time.monotonic()
    config = request.config
    _check_data(request)
    with _output_folder(request.output) as fresh_folder:
        log = request.output / LOG_FILE
        try:
            with output_to_file(str(log)) as stream:
                console = ConsoleReporter(stream)
                set_reporter(console)
                try:
                    return _run_logged(request, config, begin)
                finally:
                    console.close()
                    set_reporter(LogReporter())
        except InputError:
            fresh_folder.undo()
            raise


def _check_data(request: RunRequest) -> None:
    """Finds before the heavy imports what is wrong with the data at first sight."""
    data: Any = request.config.data
    how = FileFormat(data.encoding, data.delimiter)
    for path in data_files(request.train):
        check_head(path, data.columns(), how)
    for path in data_files(request.test) if request.test else []:
        check_head(path, data.columns(test=True), how)


class _NewEntries:
    """The entries of a folder that were not there before."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._new_folders = [one for one in (folder, *folder.parents) if not one.exists()]
        self._before = set() if self._new_folders else set(os.listdir(folder))

    def undo(self) -> None:
        """Removes them; a run that cannot use its input leaves nothing."""
        if self._new_folders:
            shutil.rmtree(self._folder, ignore_errors=True)
            for parent in self._new_folders[1:]:
                with suppress(OSError):  # Something else was put there meanwhile.
                    parent.rmdir()
            return
        for name in set(os.listdir(self._folder)) - self._before:
            path = self._folder / name
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()


@contextmanager
def _output_folder(folder: Path) -> Iterator[_NewEntries]:
    """Makes the folder, and keeps a second run out of it.

    Raises:
      InputError: it is a file, cannot be written, or another run is in it.
    """
    entries = _NewEntries(folder) if not folder.is_file() else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = open(folder / ".lock", "w")  # noqa: SIM115  Held to the end of the run.
    except OSError as error:
        raise InputError(
            f"--output {folder}: cannot be written: {error.strerror}; give another folder"
        ) from None
    assert entries is not None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"--output {folder}: another run is at work there; wait for it, or give another "
                "folder"
            ) from None
        yield entries


def _run_logged(request: RunRequest, config: RunConfig, begin: float) -> int:
    """The run itself; whatever the libraries print goes to the log."""
    output = request.output
    reporter().line(f"tidegate run {config.task.name}: {request.data} -> {output}")
    reporter().status("[0] importing TensorFlow and TFX")
    imports = time.monotonic()
    from pipeline import dag, outcome, report  # noqa: F401  All that is heavy, timed as one.
    from pipeline.runners.local import run_pipeline

    seconds_imports = time.monotonic() - imports
    try:
        runs = run_pipeline(_dag(request))
        summary = outcome.summarise(config, runs)
    except KeyboardInterrupt:
        reporter().line("stopped; the same command goes on after the last finished component")
        return EXIT_FAILED
    except Exception as error:
        cause = _input_error(error)
        if cause is not None:
            raise cause from None
        return _failed(error, output)
    summary = {
        **{"task": summary.pop("task"), "data": request.data, "test": request.test},
        **summary,
        "seconds": {
            "imports": round(seconds_imports, 2),
            **{run.name: round(run.seconds, 2) for run in runs},
            "total": round(time.monotonic() - begin, 2),
        },
        "cached": [run.name for run in runs if run.cached],
    }
    _copy_tensorboard(runs, output / "tensorboard")
    _write_whole(output / SUMMARY_FILE, summary)
    for line in report.lines(config.task, summary):
        reporter().line(line)
    reporter().line(f"summary: {output / SUMMARY_FILE}")
    return EXIT_PUSHED if summary["pushed"] else EXIT_NOT_PUSHED


def _dag(request: RunRequest) -> Any:
    import logging

    import absl.logging
    from tfx.orchestration import metadata

    from pipeline.dag import Locations, create_pipeline

    absl.logging.set_verbosity(absl.logging.INFO)
    logging.getLogger().setLevel(logging.INFO)
    config = request.config
    root = request.output.resolve() / "tfx"
    root.mkdir(exist_ok=True)
    schema = task_schema(config.task.raw_features(config.data))
    schema_file = root / f"schema-{_short_hash(schema)}.pbtxt"
    schema_file.write_text(schema)
    paths = data_files(request.train) + (data_files(request.test) if request.test else [])
    return create_pipeline(
        config,
        Locations(
            train=_absolute(request.train),
            test=_absolute(request.test) if request.test else None,
            data_fingerprint=content_fingerprint(paths),
            schema=str(schema_file),
            root=str(root / "artifacts"),
            serving=str(request.output.resolve() / "serving"),
        ),
        metadata.sqlite_metadata_connection_config(str(root / "metadata.sqlite")),
        enable_cache=not request.fresh,
    )


def _short_hash(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _absolute(path: str) -> str:
    return path if "://" in path else os.path.abspath(path)


def _input_error(error: BaseException) -> InputError | None:
    """The user's error that a component's failure comes from, if it is one."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, InputError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _failed(error: Exception, output: Path) -> int:
    """Writes the trace to the log and one line for the person."""
    import traceback

    traceback.print_exception(error)
    where = getattr(error, "component", "the run")
    cause = error.__cause__ or error
    kind = type(cause).__name__
    first = (str(cause).strip() or kind).splitlines()[0]
    hint = ""
    if kind in ("ResourceExhaustedError", "MemoryError"):
        hint = "; out of memory: lower training.batch_size or features.max_tokens"
    reporter().line(
        f"{where} failed: {kind}: {first[:300]}{hint}; details in {output / LOG_FILE}; the same "
        "command goes on after the last finished component"
    )
    return EXIT_FAILED


def _copy_tensorboard(runs: list[Any], folder: Path) -> None:
    """The last training's logs, where TensorBoard looks for them."""
    (trainer,) = [run for run in runs if run.name == "Trainer"]
    source = Path(trainer.outputs["model_run"][0].uri)
    target = folder / source.name
    if not target.exists():
        shutil.copytree(source, target)


def _write_whole(path: Path, content: Any) -> None:
    """Writes JSON beside, then renames: a reader never sees half of it."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    os.replace(beside, path)
