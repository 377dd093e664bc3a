"""The data stages on Prism, Beam's portable runner, give what the direct runner gives.

Prism is the strict reading of what a cluster's runner relies on. `make test-others` builds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.worker_pools import dealer, prism, worker_pool
from tests.beam.stages import QUICK, RunStages, Stages, assert_same
from tests.others.programs import PRISM

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not PRISM.path.exists(), reason=f"no prism at {PRISM.path}: make test-others builds it"
    ),
]


@pytest.fixture(scope="module")
def pools(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    folder = tmp_path_factory.mktemp("pools")
    with (
        worker_pool(folder / "one", threads=True) as (one, _),
        worker_pool(folder / "two", threads=True) as (two, _),
    ):
        yield one, two


def test_prism_that_a_run_starts_itself(run_stages: RunStages, direct: dict[str, Stages]) -> None:
    given = ["runner=PrismRunner", f"prism_location={PRISM.path}", QUICK]
    assert_same(run_stages("text_classification", *given), direct["text_classification"])


# Every task on one pool and on two: python -m benchmarks.task_runners
@pytest.mark.parametrize(("task", "count"), [("forecasting", 1), ("text_classification", 2)])
def test_worker_pools(
    task: str,
    count: int,
    pools: tuple[str, str],
    tmp_path: Path,
    run_stages: RunStages,
    direct: dict[str, Stages],
) -> None:
    with prism(tmp_path / "prism", PRISM.path) as endpoint, dealer(pools[:count]) as (here, dealt):
        given = ["runner=PortableRunner", f"job_endpoint={endpoint}", QUICK]
        given += ["environment_type=EXTERNAL", f"environment_config={here}"]
        assert_same(run_stages(task, *given), direct[task])
        # A worker for each job; ExampleGen, StatisticsGen and Transform are jobs.
        assert sum(dealt.started) >= 3
        assert min(dealt.started) >= 1
