"""``tidegate run``: from a user's path to a pushed model and its summary."""

import gc
import logging
import os
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
from tidegate.models.core.settings import memory_settings
from tidegate.pipeline.config import RunConfig
from tidegate.pipeline.run.console import ConsoleReporter, output_to_file
from tidegate.pipeline.run.failures import failure_line, input_error
from tidegate.pipeline.run.last_words import last_words
from tidegate.pipeline.run.made import Made
from tidegate.pipeline.run.output_folder import output_folder, set_damaged_aside
from tidegate.pipeline.run.output_place import OutputPlace, make_remote, output_place
from tidegate.pipeline.run.stopping import Stop, stoppable
from tidegate.pipeline.run.summary import SUMMARY_FILE, read_summary, write_summary

EXIT_PUSHED = 0
EXIT_FAILED = 1
EXIT_INPUT = 2
EXIT_NOT_PUSHED = 3
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
        stoppable() as stop,
        output_folder(place.local) as made,
        last_words() as words,
    ):
        log = str(place.local / LOG_FILE)
        made.file(log)
        with output_to_file(log) as stream:

            def begun(component: str) -> None:
                stop.check()
                words.at(component)

            console = ConsoleReporter(stream, begun)
            set_reporter(console)
            try:
                return _run_logged(request, place, made, stop, begin)
            finally:
                console.close()
                set_reporter(LogReporter())


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


def _run_logged(
    request: RunRequest, place: OutputPlace, made: Made, stop: Stop, begin: float
) -> int:
    """The run itself; whatever the libraries print goes to the log."""
    config = request.config
    reporter().line(f"tidegate run {config.task.name}: {request.data} -> {place.folder}")
    if place.remote:
        reporter().line(f"on this machine: log and metadata in {place.local}")
    reporter().status("[0] importing TensorFlow and TFX")
    try:
        imports = time.monotonic()
        from tidegate.pipeline.run import outcome, report
        from tidegate.pipeline.run.runner import run_pipeline

        seconds_imports = time.monotonic() - imports
        # Looking for garbage among millions of objects that stay takes a tenth of a small run.
        gc.freeze()
        gc.set_threshold(_OBJECTS, 20, 50)
        if place.remote:
            make_remote(place.folder, made)
        _clear_up(place)
        runs = run_pipeline(_dag(request, place, made))
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
        summary["plots"] = copy_plots(runs, summary["plots"], place)
        write_summary(place.folder, summary)
        for line in report.lines(config.task, summary):
            reporter().line(line)
    except BaseException as error:
        # SystemExit comes from a training that SIGTERM has ended.
        if stop.asked or isinstance(error, KeyboardInterrupt | SystemExit):
            reporter().line("stopped; the same command goes on after the last finished component")
            return EXIT_FAILED
        if not isinstance(error, Exception):
            raise
        cause = input_error(error)
        if cause is not None:
            raise cause from None
        return _failed(error, config, place)
    reporter().line(f"summary: {place.path(SUMMARY_FILE)}")
    return EXIT_PUSHED if summary["pushed"] else EXIT_NOT_PUSHED


def _clear_up(place: OutputPlace) -> None:
    """Mends what a run that was broken off, or a damaged disk, has left."""
    from tidegate.components.pusher.versions import clear_unfinished

    aside = set_damaged_aside(place.local, place.absolute("tfx", "artifacts"))
    if aside is not None:
        reporter().line(
            f"the metadata of earlier runs is damaged: everything is done anew; {aside} holds what "
            "was there, delete it when nothing in it is needed"
        )
    serving = place.local / "serving"
    # The lock is on this folder alone: elsewhere, another run may be pushing.
    if not place.remote and not serving.is_symlink():
        clear_unfinished(str(serving / "*"))


def _dag(request: RunRequest, place: OutputPlace, made: Made) -> Any:
    import absl.logging
    from tfx.orchestration import metadata

    from tidegate.pipeline.dag import Locations, create_pipeline

    absl.logging.set_verbosity(absl.logging.INFO)
    logging.getLogger().setLevel(logging.INFO)
    config = request.config
    database = place.local.resolve() / "tfx" / "metadata.sqlite"
    made.folder(str(database.parent))
    made.metadata(str(database), place.absolute("tfx", "artifacts"))
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


def _failed(error: Exception, config: RunConfig, place: OutputPlace) -> int:
    """Writes the trace to the log and one line for the person."""
    with suppress(OSError):  # On a full disk the line has to do.
        traceback.print_exception(error)
    memory = memory_settings({name: type(one) for name, one in config.sections.items()})
    reporter().line(failure_line(error, place.local, place.local / LOG_FILE, memory))
    return EXIT_FAILED


def _copy_tensorboard(runs: list[Any], folder: str) -> None:
    """The last training's logs, where TensorBoard looks for them."""
    from tfx.utils import io_utils

    from tidegate.components.contents import contents

    (source,) = _uris(runs, "model_run")
    target = os.path.join(folder, os.path.basename(source.rstrip("/")))
    if contents(target) != contents(source):  # Not there, or broken off half-way.
        io_utils.copy_dir(source, target)


def _uris(runs: list[Any], key: str) -> list[str]:
    """Where the outputs of that key lie."""
    return [str(one.uri) for run in runs for one in run.outputs.get(key, ())]


def copy_plots(runs: list[Any], names: list[str], place: OutputPlace) -> list[str]:
    """The pictures of this run's model, in place of those of the run before; their paths."""
    from tfx.dsl.io import fileio

    (drawn,) = _uris(runs, "pictures")
    fileio.makedirs(place.path("plots"))
    try:
        last = read_summary(place.folder) or {}
    except ValueError:  # Half a file: of a disk that was full.
        last = {}
    for path in last.get("plots", []):  # What else lies there is somebody else's.
        path = place.path("plots", os.path.basename(path))
        if fileio.exists(path):
            fileio.remove(path)
    paths = [place.path("plots", name) for name in names]
    for name, path in zip(names, paths, strict=True):
        fileio.copy(os.path.join(drawn, name), path, overwrite=True)
    return paths
