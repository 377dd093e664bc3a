"""`tidegate report`: the page of a finished run, made again."""

import click

from tidegate.tables.errors import InputError


@click.command()
@click.argument("output")
def report(output: str) -> None:
    """Make report.html of a run's output folder again, from its summary and pictures."""
    from tidegate.components import files
    from tidegate.pipeline.report.page import write_page
    from tidegate.pipeline.run.console import quiet_imports
    from tidegate.pipeline.run.summary import finished_summary

    summary = finished_summary(output)
    try:
        with quiet_imports():  # A task's evaluation may need TensorFlow.
            written = write_page(output, summary)
    except OSError as error:
        raise InputError(f"{output}: {files.reason(error)}") from None
    click.echo(written)
