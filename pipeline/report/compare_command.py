"""`tidegate compare`: runs of a task side by side, on one page."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import click

from tidegate.tables.errors import InputError

_MARK = b'<meta name="generator" content="tidegate">'


@click.command()
@click.argument("outputs", nargs=-1, required=True)
@click.option(
    "--output", default="compare.html", show_default=True, help="The page; a file, or its URI."
)
@click.option(
    "--rows",
    type=click.IntRange(min=0),
    default=2_000,
    show_default=True,
    help="How many of the rows that they share the models are asked about; 0 for none.",
)
def compare(outputs: tuple[str, ...], output: str, rows: int) -> None:
    """Compare the finished runs of two or more OUTPUTS, output folders of the same task.

    The models are asked about the rows of eval that the runs share, for the uncertainty of what
    lies between them.
    """
    from tidegate.components import files
    from tidegate.pipeline.report import compare as compared
    from tidegate.pipeline.run.console import quiet_imports
    from tidegate.pipeline.run.summary import finished_summary

    names = compared.run_names(outputs)
    if len(names) < 2:
        raise InputError("two or more output folders of finished runs are compared")
    runs = {name: finished_summary(folder) for name, folder in zip(names, outputs, strict=True)}
    compared.common_task(runs)
    _ours_or_new(output)
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"  # TensorFlow has nothing to say here.
    with quiet_imports():  # A task's evaluation may need TensorFlow.
        shown = _same_rows(outputs, runs, rows)
        page = compared.compare_page(runs, shown)
    for name, summary in runs.items():
        state = "pushed" if summary["pushed"] else "not pushed"
        click.echo(f"{name}: {state}")
    for table in (*compared.figures(runs), shown):
        for row in table.rows:
            cells = zip(table.columns[1:], row[1:], strict=True)
            said = "  ".join(f"{key} {_number(cell)}" for key, cell in cells if cell is not None)
            click.echo(f"{table.title or 'the same rows'}: {row[0]}: {said}")
        if table.note:
            click.echo(f"  {table.note}")
    try:
        files.write_whole(output, page.encode())
    except OSError as error:
        raise InputError(f"{output}: {files.reason(error)}; --output names another file") from None
    click.echo(output)


def _number(cell: Any) -> str:
    return f"{cell:.4f}" if isinstance(cell, float) else str(cell)


def _ours_or_new(path: str) -> None:
    """Refuses a file that tidegate has not made."""
    from tidegate.components import files

    try:
        with files.open_bytes(path) as file:
            content = file.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise InputError(f"{path}: {files.reason(error)}; --output names another file") from None
    if _MARK not in content:
        raise InputError(f"{path}: is no page of tidegate's; --output names another file")


def _same_rows(outputs: Sequence[str], runs: Mapping[str, Any], most: int) -> Any:
    """The table of the rows that all runs share."""
    from tidegate.components.example_gen.raw_examples import read_serialized
    from tidegate.models.core.task import load_task
    from tidegate.pipeline.report import compare as compared
    from tidegate.pipeline.report.paired import differences, group_sums, shared_rows

    if not most:
        return compared.no_same_rows("the models were not asked (--rows 0)")
    folders = []
    for (name, summary), output in zip(runs.items(), outputs, strict=True):
        folder = compared.examples_folder(output, summary)
        if folder is None:
            reason = f"{name} was made by an earlier tidegate, whose summary does not name its rows"
            return compared.no_same_rows(reason)
        if not _has_files(folder):
            return compared.no_same_rows(f"the examples of {name} are no longer in {folder}")
        folders.append(folder)
    splits = [lambda folder=folder: read_serialized(folder) for folder in folders]
    rows = shared_rows(splits, most + 1)
    if not rows:
        return compared.no_same_rows("the runs have no row of eval in common")
    whole, rows = len(rows) <= most, rows[:most]
    task = load_task(compared.common_task(runs))
    try:
        sums = [
            group_sums(task, compared.model_folder(output, summary), rows)
            for output, summary in zip(outputs, runs.values(), strict=True)
        ]
    except OSError as error:  # Of TensorFlow, where there is no model.
        return compared.no_same_rows(f"a model cannot be loaded: {error}")
    _, *others = runs
    paired = {
        name: list(differences(task, sums[0], own))
        for name, own in zip(others, sums[1:], strict=True)
    }
    return compared.same_rows(runs, paired, len(rows), whole)


def _has_files(folder: str) -> bool:
    from tidegate.components import files

    try:
        return bool(files.list_files(folder))
    except FileNotFoundError:
        return False
