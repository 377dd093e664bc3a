"""`tidegate rollback`: the version before the newest becomes current again."""

import os
from pathlib import Path

import click


@click.command()
@click.argument("model")
@click.option(
    "--models", required=True, type=click.Path(), help="The folder of models, OUTPUT/serving."
)
def rollback(model: str, models: str) -> None:
    """Make the version before MODEL's newest current again.

    The newest is kept beside it under another name, where no server looks; a running server
    changes over at its next poll.
    """
    from tidegate.pipeline.run.console import quiet_imports

    with quiet_imports():
        from tidegate.components.pusher.versions import ROLLED_BACK, roll_back

    folder = os.path.join(models, model)
    previous, newest = roll_back(folder)
    click.echo(
        f"{model}: version {previous} is current again; {newest} is kept as "
        f"{Path(folder).name}/{newest}{ROLLED_BACK}"
    )
