"""``tidegate run``: from a user's path to a pushed model and its summary."""

import logging
import os
import platform
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import metadata
from typing import Any

from tidegate.components import files
from tidegate.components.files import content_fingerprint
from tidegate.models.core.progress import reporter
from tidegate.models.core.settings import memory_settings
from tidegate.pipeline.config import RunConfig, check_input_files, input_files
from tidegate.pipeline.report.page import write_page
from tidegate.pipeline.run.caller import (
    full_logs,
    no_notebook,
    own_random_numbers,
    progress_to,
    rare_collections,
)
from tidegate.pipeline.run.console import ConsoleReporter, output_to_file
from tidegate.pipeline.run.failures import failure_line, input_error
from tidegate.pipeline.run.last_words import last_words
from tidegate.pipeline.run.made import Made
from tidegate.pipeline.run.output_folder import output_folder, set_damaged_aside
from tidegate.pipeline.run.output_place import OutputPlace, make_remote, output_place
from tidegate.pipeline.run.request import HeldData, RunRequest
from tidegate.pipeline.run.stopping import Stop, stoppable
from tidegate.pipeline.run.summary import SUMMARY_FILE, read_summary, write_summary
from tidegate.tables.errors import InputError
from tidegate.tables.files import data_files, several, sources
from tidegate.tables.parallel import check_parallel
from tidegate.tables.rows import MissingColumnError, check_head

LOG_FILE = "run.log"
_STOPPED = "stopped; the same command goes on after the last finished component"
# A process has one TensorFlow, and the child of the serving check is its own.
_ALONE = threading.Lock()


class RunError(RuntimeError):
    """A component failed; the message is the line for the person, the trace is in the log."""


class StoppedError(KeyboardInterrupt):
    """The run was told to end, by Ctrl-C or SIGTERM."""


def run(request: RunRequest) -> dict[str, Any]:
    """Runs the pipeline and leaves `summary.json`, the model and the artifacts.

    A second run of the same process, in another thread, waits for the first.

    Args:
      request: what to run.

    Returns:
      The content of `summary.json`; its `pushed` is None where the model did not pass its gates.

    Raises:
      InputError: data, settings or output folder cannot be used.
      RunError: anything else went wrong.
      StoppedError: the run was told to end.
    """
    begin = time.monotonic()
    place = output_place(request.output)
    with (
        _ALONE,
        stoppable() as stop,
        output_folder(place.local) as made,
        last_words() as words,
        own_random_numbers(),
    ):
        request = placed(request, place, made)
        check_data(request)
        log = str(place.local / LOG_FILE)
        made.file(log)

        def begun(component: str) -> None:
            stop.check()
            words.at(component)

        with output_to_file(log) as stream:
            console = ConsoleReporter(stream, begun)
            with progress_to(console):
                try:
                    return _run_logged(request, place, made, stop, begin)
                finally:
                    console.close()


def placed(request: RunRequest, place: OutputPlace, made: Made) -> RunRequest:
    """The request with tables of this process as files of the output folder."""

    def path_of(data: str | HeldData) -> str:
        if isinstance(data, str):
            return data
        if place.remote:
            make_remote(place.folder, made)
        return data.write(place.absolute("data"), made)

    test = None if request.test is None else path_of(request.test)
    return replace(request, train=path_of(request.train), test=test)


def check_data(request: RunRequest) -> None:
    """Finds before the heavy imports what is wrong with the data at first sight."""
    data: Any = request.config.data
    given = [(request.train, False), *([(request.test, True)] if request.test else [])]
    reads = request.config.task.reads(data)
    named = [path for paths in input_files(request.config).values() for path in paths]
    with _file_systems(request.config, [*(str(path) for path, _ in given), *named]):
        check_input_files(request.config)
        if getattr(reads, "parallel", ()):
            check_parallel(reads, str(request.train), request.test, files)
            return
        for path, test in given:
            for file in data_files(str(path), files):
                try:
                    check_head(file, data.columns(test=test), data.how, opener=files)
                except MissingColumnError as error:
                    raise InputError(f"{error}{_likely(request.config, file)}") from None


def _likely(config: RunConfig, file: str) -> str:
    """The settings that name columns which the file has; empty where none is likely."""
    from tidegate.tables.likely import likely_columns

    data: Any = config.data
    found = likely_columns(file, data.how, config.task.reads(data).kinds, files)
    settings = {
        getattr(data, name): name for name in type(data).model_fields if name.endswith("_column")
    }
    named = [f"--set data.{settings[one]}={found[one]}" for one in found if one in settings]
    return f" Likely: {' '.join(named)}" if named else ""


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
) -> dict[str, Any]:
    """The run itself; whatever the libraries print goes to the log."""
    config = request.config
    reporter().line(f"tidegate run {config.task.name}: {request.data} -> {place.folder}")
    if place.remote:
        reporter().line(f"on this machine: log and metadata in {place.local}")
    reporter().status("[0] importing TensorFlow and TFX")
    try:
        imports = time.monotonic()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
        from tidegate.pipeline.run import outcome, report
        from tidegate.pipeline.run.runner import run_pipeline

        seconds_imports = time.monotonic() - imports
        with rare_collections(), full_logs(), no_notebook():
            if place.remote:
                make_remote(place.folder, made)
            _clear_up(place)
            runs = run_pipeline(pipeline_of(request, place, made))
            summary = outcome.summarise(config, runs, place)
        summary = {
            **{"task": summary.pop("task"), "data": request.data, "test": request.test},
            "edition": request.edition or None,
            "sources": request.sources,
            **summary,
            "seconds": {
                "imports": round(seconds_imports, 2),
                **{run.name: round(run.seconds, 2) for run in runs},
                "total": round(time.monotonic() - begin, 2),
            },
            "cached": [run.name for run in runs if run.cached],
            "versions": _versions(),
        }
        _copy_tensorboard(runs, place.path("tensorboard"))
        drawn = copy_plots(runs, summary["plots"], place)
        summary["plots"] = [path for path in drawn if path.endswith(".png")]
        # What the page shows beside: the same pictures as SVG, and tables.
        summary["shown"] = [path for path in drawn if not path.endswith(".png")]
        write_summary(place.folder, summary)
        written = write_page(place.folder, summary)
        for line in report.lines(config.task, summary):
            reporter().line(line)
    except BaseException as error:
        # SystemExit comes from a training that SIGTERM has ended.
        if stop.asked or isinstance(error, KeyboardInterrupt | SystemExit):
            raise StoppedError(_STOPPED) from None
        cause = input_error(error)
        if cause is not None:
            raise cause from None
        if not isinstance(error, Exception):
            raise
        raise _failed(error, config, place) from error
    reporter().line(f"report: {written}; summary: {place.path(SUMMARY_FILE)}")
    return summary


def _versions() -> dict[str, str]:
    """Of Python, and of what the work was done with."""
    packages = ("tidegate", "tensorflow", "keras", "tfx", "apache-beam")
    return {
        "python": platform.python_version(),
        **{package: metadata.version(package) for package in packages},
    }


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


def pipeline_of(
    request: RunRequest, place: OutputPlace, made: Made, name: str | None = None
) -> Any:
    """The TFX pipeline of a request whose data are files, over the output folder's metadata.

    Args:
      request: what to run.
      place: where.
      made: told what is made for it.
      name: the pipeline's; from the task's name if not given.
    """
    from tfx.orchestration.metadata import sqlite_metadata_connection_config

    from tidegate.pipeline.dag import Locations, create_pipeline

    database = place.local.resolve() / "tfx" / "metadata.sqlite"
    made.folder(str(database.parent))
    made.metadata(str(database), place.absolute("tfx", "artifacts"))
    data: Any = request.config.data
    train, test = _absolute(str(request.train)), request.test and _absolute(str(request.test))
    return create_pipeline(
        request.config,
        Locations(
            train=train,
            test=test,
            data_fingerprint=content_fingerprint(
                data_files(train, files, getattr(request.config.task.reads(data), "below", ()))
                + (data_files(test, files) if test else [])
            ),
            root=place.absolute("tfx", "artifacts"),
            serving=place.absolute("serving"),
            file_fingerprints={
                path: content_fingerprint([path])
                for paths in input_files(request.config).values()
                for path in paths
            },
        ),
        sqlite_metadata_connection_config(str(database)),
        enable_cache=not request.fresh,
        name=name,
    )


def _absolute(paths: str) -> str:
    return several([files.absolute(path) for path in sources(paths)])


def _failed(error: Exception, config: RunConfig, place: OutputPlace) -> RunError:
    """Writes the trace to the log; gives one line for the person."""
    with suppress(OSError):  # On a full disk the line has to do.
        traceback.print_exception(error)
    memory = memory_settings({name: type(one) for name, one in config.sections.items()})
    return RunError(failure_line(error, place.local, place.local / LOG_FILE, memory))


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
    """What was drawn of this run's model, in place of that of the run before; the paths."""
    from tfx.dsl.io import fileio

    (drawn,) = _uris(runs, "pictures")
    fileio.makedirs(place.path("plots"))
    try:
        last = read_summary(place.folder) or {}
    except ValueError:  # Half a file: of a disk that was full.
        last = {}
    for path in (
        *last.get("plots", ()),
        *last.get("shown", ()),
    ):  # What else lies there is somebody else's.
        path = place.path("plots", os.path.basename(path))
        if fileio.exists(path):
            fileio.remove(path)
    paths = [place.path("plots", name) for name in names]
    for name, path in zip(names, paths, strict=True):
        fileio.copy(os.path.join(drawn, name), path, overwrite=True)
    return paths
