"""Runs the pipeline from ExampleGen to Transform, and nothing after it.

What `tidegate run` builds, cut after Transform or another component. It writes artifacts and ML
Metadata below the given folder and prints nothing.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# In the order in which they run; `benchmarks.growth` shows them so.
LAST = "Transform"


def metadata_file(folder: Path) -> Path:
    """ML Metadata's SQLite file of a run below `folder`."""
    return folder / "metadata.sqlite"


def upstream(components: Sequence[Any], last: str) -> list[Any]:
    """The component of that id and all that it depends on, in the order given."""
    (target,) = [component for component in components if component.id == last]
    needed, waiting = {target}, [target]
    while waiting:
        for component in waiting.pop().upstream_nodes:
            if component not in needed:
                needed.add(component)
                waiting.append(component)
    return [component for component in components if component in needed]


def run(data: Path, folder: Path, settings: Sequence[str], name: str, last: str = LAST) -> None:
    """Runs ExampleGen to the last component.

    Args:
      data: a data file.
      folder: where artifacts and metadata are written.
      settings: ``section.key=value``.
      name: the task's.
      last: the component after which nothing is run.
    """
    from tfx.orchestration import metadata

    from components.files import content_fingerprint
    from components.schema import task_schema
    from models.core.task import load_task
    from pipeline.config import make_config, parse_assignments
    from pipeline.dag import Locations, create_pipeline
    from pipeline.runners.local import run_pipeline

    task = load_task(name)
    config = make_config(task, parse_assignments(settings))
    folder.mkdir(parents=True)
    schema = folder / "schema.pbtxt"
    schema.write_text(task_schema(task.raw_features(config.data)))
    dag = create_pipeline(
        config,
        Locations(
            train=str(data),
            test=None,
            data_fingerprint=content_fingerprint([str(data)]),
            schema=str(schema),
            root=str(folder / "artifacts"),
            serving=str(folder / "serving"),
        ),
        metadata.sqlite_metadata_connection_config(str(metadata_file(folder))),
        enable_cache=False,
    )
    kept = upstream(dag.components, last)
    dropped = set(dag.components) - set(kept)
    for component in kept:
        for other in dropped & set(component.downstream_nodes):
            component.downstream_nodes.remove(other)
    dag.components = kept
    run_pipeline(dag)


def main() -> None:
    """Runs with the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--task", default="text_classification")
    parser.add_argument("--last", default=LAST)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    arguments = parser.parse_args()
    run(
        arguments.data.resolve(),
        arguments.folder.resolve(),
        arguments.settings,
        arguments.task,
        arguments.last,
    )


if __name__ == "__main__":
    main()
