"""The command line. Heavy imports happen in the commands that need them."""

import os
import sys
import warnings
from pathlib import Path

import click

from tidegate.pipeline.beam import beam_option, parse_beam
from tidegate.pipeline.kubeflow.compile_command import compile_pipeline
from tidegate.pipeline.kubeflow.submit_command import submit
from tidegate.pipeline.predict.command import predict
from tidegate.pipeline.report.command import report
from tidegate.pipeline.report.compare_command import compare
from tidegate.pipeline.serve.command import serve
from tidegate.pipeline.serve.rollback_command import rollback
from tidegate.tables.errors import InputError

_EXIT_PUSHED, _EXIT_FAILED, _EXIT_INPUT, _EXIT_NOT_PUSHED = 0, 1, 2, 3
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_CONTEXT)
@click.version_option(package_name="tidegate")
def cli() -> None:
    """Raw text or time series to a validated LSTM model behind TensorFlow Serving."""


@cli.command()
@click.argument("task")
@click.option(
    "--data",
    multiple=True,
    required=True,
    help="A data set's name, or a file, folder or URI; may be repeated for several.",
)
@click.option("--test", multiple=True, help="A file or folder with a fixed test split.")
@click.option("--output", required=True, help="Output folder, or a URI.")
@click.option("--config", help="A YAML file of settings, or its URI.")
@click.option("--set", "assignments", multiple=True, metavar="SECTION.KEY=VALUE", help="A setting.")
@beam_option
@click.option("--fresh", is_flag=True, help="Use nothing of a former run.")
def run(
    task: str,
    data: tuple[str, ...],
    test: tuple[str, ...],
    output: str,
    config: str | None,
    assignments: tuple[str, ...],
    beam: tuple[str, ...],
    fresh: bool,
) -> None:
    """Run a task's pipeline, from data to a pushed model.

    Exit codes: 0 pushed, 2 wrong input or settings, 3 did not pass its gates, 1 anything else.
    """
    from tidegate.pipeline.config import parse_assignments, read_file
    from tidegate.pipeline.run.local_run import RunError, StoppedError
    from tidegate.pipeline.run.local_run import run as run_request
    from tidegate.pipeline.run.request import make_request

    settings = read_file(config) if config else {}
    given = (settings, parse_assignments(assignments), parse_beam(beam))
    try:
        summary = run_request(make_request(task, data, test or None, output, *given, fresh=fresh))
        code = _EXIT_PUSHED if summary["pushed"] else _EXIT_NOT_PUSHED
    except (RunError, StoppedError) as error:
        click.echo(str(error))
        code = _EXIT_FAILED
    # TensorFlow takes seconds to tear down, and complains of it; all files are closed by now.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


@cli.command()
@click.argument("name", required=False)
@click.option("--markdown", is_flag=True, help="All settings as a page in Markdown.")
def tasks(name: str | None, markdown: bool) -> None:
    """What each task reads, its settings, ranges and defaults."""
    if markdown:
        from tidegate.pipeline.settings_page import settings_page

        click.echo(settings_page())
        return
    from tidegate.models.core.settings import describe
    from tidegate.models.core.task import load_task, task_names
    from tidegate.pipeline.config import section_types

    for known in [name] if name else task_names():
        task = load_task(known)
        click.echo(f"{task.name}: {task.title} (try --data {task.default_data})")
        for section, cls in section_types(task).items():
            for key, kind, default, tuned, text in describe(cls):
                tuned = f"  [tuned: {tuned}]" if tuned else ""
                click.echo(f"  {section}.{key} = {default}  ({kind}){tuned}")
                click.echo(f"      {text}")


@cli.group()
def data() -> None:
    """Data sets: list, get."""


@data.command("list")
def list_data() -> None:
    """The data sets that are known by name."""
    from tidegate.data import registry

    for name, dataset in registry.datasets().items():
        rows = ", ".join(f"{split} {count:,}" for split, count in dataset.rows.items())
        how = dataset.command or "nothing to download"
        click.echo(f"{name}  {dataset.title}")
        click.echo(f"    task {dataset.task}; rows {rows}; licence {dataset.licence}; {how}")


@data.command("get")
@click.argument("name")
@click.option("--output", type=click.Path(path_type=Path), help="Folder to write to.")
@click.option("--from", "source", type=click.Path(path_type=Path), help="A local copy to read.")
def get_data(name: str, output: Path | None, source: Path | None) -> None:
    """Download or make a data set; checks what it got."""
    from tidegate.data import registry
    from tidegate.pipeline.datasets import default_folder

    folder = output or default_folder(name)
    prepared = registry.prepare(name, folder, source)
    for path in (prepared.train, prepared.test):
        if path:
            click.echo(str(path))
    if prepared.note:
        click.echo(prepared.note, err=True)


@cli.command()
def doctor() -> None:
    """What is missing on this machine, and the command that mends it."""
    from tidegate.pipeline.doctor import examine

    healthy = True
    for finding in examine():
        click.echo(str(finding))
        healthy = healthy and finding.good
    sys.exit(0 if healthy else 1)


cli.add_command(compare)
cli.add_command(compile_pipeline)
cli.add_command(predict)
cli.add_command(report)
cli.add_command(rollback)
cli.add_command(serve)
cli.add_command(submit)


def main() -> None:
    """Entry point: user errors become one line and exit code 2."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    # Google's libraries announce at import what they will do one day.
    warnings.simplefilter("ignore", FutureWarning)
    try:
        cli.main(standalone_mode=False, prog_name="tidegate")
    except click.exceptions.Abort:
        click.echo("stopped", err=True)
        sys.exit(_EXIT_FAILED)
    except click.ClickException as error:
        message = " ".join(error.format_message().split())
        click.echo(f"tidegate: {message}", err=True)
        sys.exit(_EXIT_INPUT)
    except InputError as error:
        click.echo(f"tidegate: {error}", err=True)
        sys.exit(_EXIT_INPUT)


if __name__ == "__main__":
    main()
