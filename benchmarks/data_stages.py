"""Runs the pipeline from ExampleGen to Transform, and nothing after it.

What `tidegate run` builds, cut after Transform or another component. It writes artifacts and ML
Metadata below the given folder and prints nothing.
"""

import argparse
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

# In the order in which they run; `benchmarks.growth` shows them so.
LAST = "Transform"
# In place of a component's name: what nothing later needs (Baseline, Pictures) runs as well.
ALL = "all"


def metadata_file(folder: Path) -> Path:
    """ML Metadata's SQLite file of a run below `folder`."""
    return folder / "metadata.sqlite"


def upstream(components: Sequence[Any], last: str) -> list[Any]:
    """The component of that id and all that it depends on, in the order given; or all of them."""
    if last == ALL:
        return list(components)
    (target,) = [component for component in components if component.id == last]
    needed, waiting = {target}, [target]
    while waiting:
        for component in waiting.pop().upstream_nodes:
            if component not in needed:
                needed.add(component)
                waiting.append(component)
    return [component for component in components if component in needed]


def run(
    data: Path,
    folder: Path,
    settings: Sequence[str],
    name: str,
    last: str = LAST,
    *,
    beam: Sequence[str] = (),
    cache: bool = False,
) -> list[Any]:
    """Runs ExampleGen to the last component.

    Args:
      data: a data file.
      folder: where artifacts and metadata are written.
      settings: ``section.key=value``.
      name: the task's.
      last: the component after which nothing is run, or `ALL`.
      beam: ``option=value`` of Beam's.
      cache: whether the folder may be one of a former run, whose finished work is used.

    Returns:
      How each component went, a `ComponentRun`.

    Raises:
      ComponentError: a component failed.
    """
    from tfx.orchestration import metadata

    from tidegate.components.files import content_fingerprint
    from tidegate.models.core.task import load_task
    from tidegate.pipeline.beam import parse_beam
    from tidegate.pipeline.config import make_config, parse_assignments
    from tidegate.pipeline.dag import Locations, create_pipeline
    from tidegate.pipeline.run.runner import run_pipeline

    config = make_config(load_task(name), parse_assignments(settings), parse_beam(beam))
    folder.mkdir(parents=True, exist_ok=cache)
    dag = create_pipeline(
        config,
        Locations(
            train=str(data),
            test=None,
            data_fingerprint=content_fingerprint([str(data)]),
            root=str(folder / "artifacts"),
            serving=str(folder / "serving"),
        ),
        metadata.sqlite_metadata_connection_config(str(metadata_file(folder))),
        enable_cache=cache,
    )
    kept = upstream(dag.components, last)
    dropped = set(dag.components) - set(kept)
    for component in kept:
        for other in dropped & set(component.downstream_nodes):
            component.downstream_nodes.remove(other)
    dag.components = kept
    return run_pipeline(dag)


@contextmanager
def pools_options(count: int, folder: Path) -> Iterator[list[str]]:
    """Starts a job service and worker pools on this machine; gives Beam's options for them.

    Args:
      count: pools, and workers of each job.
      folder: where they log.
    """
    from benchmarks.worker_pools import dealer, job_service, worker_pool

    with ExitStack() as stack:
        endpoint = stack.enter_context(job_service(folder / "job-service", workers=count))
        pools = [
            stack.enter_context(worker_pool(folder / f"pool-{number}"))[0]
            for number in range(count)
        ]
        address, _ = stack.enter_context(dealer(pools))
        yield [
            "runner=PortableRunner",
            f"job_endpoint={endpoint}",
            "environment_type=EXTERNAL",
            f"environment_config={address}",
        ]


def main() -> None:
    """Runs with the command line's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--task", default="text_classification")
    parser.add_argument("--last", default=LAST)
    parser.add_argument("--set", dest="settings", action="append", default=[])
    parser.add_argument("--beam", action="append", default=[], help="as tidegate's own")
    parser.add_argument(
        "--pools", type=int, default=0, help="run on a job service with so many worker pools"
    )
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    with ExitStack() as stack:
        pools = (
            stack.enter_context(
                pools_options(arguments.pools, folder.with_name(folder.name + "-beam"))
            )
            if arguments.pools
            else []
        )
        run(
            arguments.data.resolve(),
            folder,
            arguments.settings,
            arguments.task,
            arguments.last,
            beam=[*pools, *arguments.beam],
        )


if __name__ == "__main__":
    main()
