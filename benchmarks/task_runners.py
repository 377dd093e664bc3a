"""Each task's data stages on each of Beam's runners: seconds, and whether the artifacts are equal.

    python -m benchmarks.task_runners

From ExampleGen to Transform, over each default data set: the direct runner in memory, and with
two processes, and Prism with one worker pool and with two, whose workers are processes of this
machine. The artifacts of each are compared with those of the first: the examples and their order,
the transformed examples, the vocabularies, the statistics' counts. Prism is the program that
`make test-others` builds; without it, its rows are left out.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import fields
from pathlib import Path

from benchmarks import data_stages, measure, report, workplace
from tests.beam.stages import Stages, stages
from tests.others.programs import PRISM

_DIRECT = {
    "in memory": [],
    "multi_processing, 2": ["direct_running_mode=multi_processing", "direct_num_workers=2"],
}


@contextmanager
def on_prism(pools: int, folder: Path) -> Iterator[list[str]]:
    """Starts Prism and worker pools, to which jobs are dealt; gives Beam's options for them."""
    # Not above: Beam's imports put another package `tests` on the path.
    from benchmarks.worker_pools import dealer, prism, worker_pool

    with ExitStack() as stack:
        endpoint = stack.enter_context(prism(folder / "prism", PRISM.path))
        addresses = [
            stack.enter_context(worker_pool(folder / f"pool-{number}"))[0]
            for number in range(pools)
        ]
        address, _ = stack.enter_context(dealer(addresses))
        yield [
            "runner=PortableRunner",
            f"job_endpoint={endpoint}",
            "environment_type=EXTERNAL",
            f"environment_config={address}",
        ]


def differences(found: Stages, expected: Stages) -> list[str]:
    """Names of what two runs do not have in common; how they went does not count."""
    names = [one.name for one in fields(Stages) if one.name != "runs"]
    return [name for name in names if getattr(found, name) != getattr(expected, name)]


def _runs(task: str, given: Sequence[str], work: Path) -> Iterator[list[str]]:
    from tidegate.models.core.task import load_task
    from tidegate.pipeline.datasets import resolve

    data = resolve(load_task(task).default_data, task)
    asked = [
        f"{section}.{name}={value}"
        for section, values in data.settings.items()
        for name, value in values.items()
    ]

    def run(name: str, beam: Sequence[str]) -> Stages:
        measure.note(f"{task}: {name}")
        folder = work / f"{task} {name}".replace(" ", "-").replace(",", "")
        return stages(data_stages.run(Path(data.train), folder, [*asked, *given], task, beam=beam))

    found = {name: run(name, beam) for name, beam in _DIRECT.items()}
    for pools in (1, 2) if PRISM.path.exists() else ():
        name = f"Prism, {pools} pool{'s' * (pools > 1)}"
        with on_prism(pools, work / f"{task}-prism-{pools}") as beam:
            found[name] = run(name, beam)
    expected = found["in memory"]
    for name, one in found.items():
        rows = sum(map(len, one.examples.values()))
        equal = ", ".join(differences(one, expected)) or "equal"
        yield [
            f"{task}, {name}",
            f"{rows:,}",
            report.spread([sum(part.seconds for part in one.runs)]),
            "–" if one is expected else equal if equal == "equal" else f"other {equal}",
        ]


def main() -> None:
    """Runs each task on each runner and prints the table."""
    from tidegate.models.core.task import task_names

    parser = workplace.parser(__doc__, runs=None)
    parser.add_argument("--tasks", nargs="+", default=task_names(), choices=task_names())
    workplace.add_settings(parser)
    arguments = parser.parse_args()
    machine = report.machine()
    with workplace.workplace(arguments) as work:
        rows = [row for name in arguments.tasks for row in _runs(name, arguments.settings, work)]
    print(f"{machine} Runs: 1.\n")
    print(report.table(["task, runner", "examples", "seconds", "artifacts"], rows))


if __name__ == "__main__":
    measure.finish(main)
