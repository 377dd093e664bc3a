"""``tidegate run``: from a user's path to a pushed model and its summary."""

import gc
import json
import logging
import math
import os
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from tidegate.components import files
from tidegate.components.files import content_fingerprint
from tidegate.components.record_files import FileFormat, check_head, data_files
from tidegate.models.core.progress import LogReporter, reporter, set_reporter
from tidegate.pipeline.config import RunConfig
from tidegate.pipeline.run.console import ConsoleReporter, output_to_file
from tidegate.pipeline.run.failures import failure_line, input_error
from tidegate.pipeline.run.last_words import last_words
from tidegate.pipeline.run.output_folder import NewEntries, output_folder, set_damaged_aside
from tidegate.pipeline.run.output_place import OutputPlace, RemoteFolder, output_place
from tidegate.tables.errors import InputError

EXIT_PUSHED = 0
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_NOT_PUSHED = 3
SUMMARY_FILE = "summary.json"
LOG_FILE = "run.log"
# Made between two looks for garbage; Python's own 700 is for small programs.
_OBJECTS = 100_000


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for.

    Attributes:
      config: task and settings.
      data: name or path, as given, for the summary.
      train: data file or folder.
      test: the same for a fixed test split, or None.
      output: the output folder: a path or a URI.
      fresh: use nothing of a former run.
    """

    config: RunConfig
    data: str
    train: str
    test: str | None
    output: str
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
    place = output_place(request.output)
    _check_data(request)
    with (
        _stoppable(),
        output_folder(place.local) as fresh_folder,
        last_words() as words,
    ):
        log = place.local / LOG_FILE
        try:
            with output_to_file(str(log)) as stream:
                console = ConsoleReporter(stream, words.at)
                set_reporter(console)
                try:
                    return _run_logged(request, place, fresh_folder, begin)
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
    tests = [request.test] if request.test else []
    with _file_systems(request.config, [request.train, *tests]):
        for path in data_files(request.train):
            check_head(path, data.columns(), how)
        for path in data_files(request.test) if request.test else []:
            check_head(path, data.columns(test=True), how)


@contextmanager
def _file_systems(config: RunConfig, paths: list[str]) -> Iterator[None]:
    """Tells Beam's file systems the run's options where a path is a URI.

    What they log of each try would stand before the line that says what is wrong.
    """
    if all(map(files.is_local, paths)):
        yield
        return
    files.set_beam_options(config.beam.arguments())
    logger = logging.getLogger("apache_beam")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


@contextmanager
def _stoppable() -> Iterator[None]:
    """Has SIGTERM end the run as Ctrl-C does, with a line and its child stopped."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Signals are the main thread's.
        return

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _run_logged(request: RunRequest, place: OutputPlace, entries: NewEntries, begin: float) -> int:
    """The run itself; whatever the libraries print goes to the log."""
    config = request.config
    reporter().line(f"tidegate run {config.task.name}: {request.data} -> {place.folder}")
    if place.remote:
        reporter().line(f"on this machine: log and metadata in {place.local}")
    reporter().status("[0] importing TensorFlow and TFX")
    remote: RemoteFolder | None = None
    try:
        imports = time.monotonic()
        from tidegate.pipeline.run import outcome, report
        from tidegate.pipeline.run.runner import run_pipeline

        seconds_imports = time.monotonic() - imports
        # Looking for garbage among millions of objects that stay takes a tenth of a small run.
        gc.freeze()
        gc.set_threshold(_OBJECTS, 20, 50)
        remote = RemoteFolder(place.folder) if place.remote else None
        _clear_up(place, entries)
        runs = run_pipeline(_dag(request, place))
        summary = outcome.summarise(config, runs)
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
        _copy_tensorboard(runs, place.path("tensorboard"))
        summary["plots"] = _copy_plots(runs, summary["plots"], place.path("plots"))
        _write_whole(place.path(SUMMARY_FILE), summary)
        for line in report.lines(config.task, summary):
            reporter().line(line)
    except (KeyboardInterrupt, SystemExit):  # The latter from a training that SIGTERM has ended.
        reporter().line("stopped; the same command goes on after the last finished component")
        return EXIT_FAILED
    except Exception as error:
        cause = input_error(error)
        if cause is not None:
            if remote is not None:
                remote.undo()
            raise cause from None
        return _failed(error, place)
    reporter().line(f"summary: {place.path(SUMMARY_FILE)}")
    return EXIT_PUSHED if summary["pushed"] else EXIT_NOT_PUSHED


def _clear_up(place: OutputPlace, entries: NewEntries) -> None:
    """Mends what a run that was broken off, or a damaged disk, has left."""
    from tidegate.components.pusher.versions import clear_unfinished

    aside = set_damaged_aside(place.local, place.absolute("tfx", "artifacts"))
    if aside is not None:
        entries.keep(aside)
        reporter().line(
            f"the metadata of earlier runs is damaged: everything is done anew; {aside} holds what "
            "was there, delete it when nothing in it is needed"
        )
    serving = place.local / "serving"
    # The lock is on this folder alone: elsewhere, another run may be pushing.
    if not place.remote and not serving.is_symlink():
        clear_unfinished(str(serving / "*"))


def _dag(request: RunRequest, place: OutputPlace) -> Any:
    import absl.logging
    from tfx.orchestration import metadata

    from tidegate.pipeline.dag import Locations, create_pipeline

    absl.logging.set_verbosity(absl.logging.INFO)
    logging.getLogger().setLevel(logging.INFO)
    config = request.config
    database = place.local.resolve() / "tfx" / "metadata.sqlite"
    database.parent.mkdir(exist_ok=True)
    paths = data_files(request.train) + (data_files(request.test) if request.test else [])
    return create_pipeline(
        config,
        Locations(
            train=files.absolute(request.train),
            test=files.absolute(request.test) if request.test else None,
            data_fingerprint=content_fingerprint(paths),
            root=place.absolute("tfx", "artifacts"),
            serving=place.absolute("serving"),
        ),
        metadata.sqlite_metadata_connection_config(str(database)),
        enable_cache=not request.fresh,
    )


def _failed(error: Exception, place: OutputPlace) -> int:
    """Writes the trace to the log and one line for the person."""
    with suppress(OSError):  # On a full disk the line has to do.
        traceback.print_exception(error)
    reporter().line(failure_line(error, place.local, place.local / LOG_FILE))
    return EXIT_FAILED


def _copy_tensorboard(runs: list[Any], folder: str) -> None:
    """The last training's logs, where TensorBoard looks for them."""
    from tfx.utils import io_utils

    from tidegate.components.contents import contents

    (trainer,) = [run for run in runs if run.name == "Trainer"]
    source = str(trainer.outputs["model_run"][0].uri)
    target = os.path.join(folder, os.path.basename(source.rstrip("/")))
    if contents(target) != contents(source):  # Not there, or broken off half-way.
        io_utils.copy_dir(source, target)


def _copy_plots(runs: list[Any], names: list[str], folder: str) -> list[str]:
    """The pictures of this run's model, in place of those of the run before; their paths."""
    from tfx.dsl.io import fileio

    (drawn,) = [run for run in runs if run.name == "Pictures"]
    if fileio.exists(folder):
        fileio.rmtree(folder)
    fileio.makedirs(folder)
    paths = [os.path.join(folder, name) for name in names]
    for name, path in zip(names, paths, strict=True):
        fileio.copy(os.path.join(drawn.outputs["pictures"][0].uri, name), path)
    return paths


def _write_whole(path: str, content: Any) -> None:
    """Writes JSON beside, then renames: a reader never sees half of it."""
    from tfx.dsl.io import fileio

    beside = f"{path}.part"
    written = json.dumps(_defined(content), ensure_ascii=False, indent=1, allow_nan=False)
    with fileio.open(beside, "w") as file:
        file.write(written + "\n")
    fileio.rename(beside, path, overwrite=True)


def _defined(content: Any) -> Any:
    """The same with null for figures that are none: JSON has no NaN and no infinity."""
    if isinstance(content, dict):
        return {name: _defined(value) for name, value in content.items()}
    if isinstance(content, list | tuple):
        return [_defined(value) for value in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content
