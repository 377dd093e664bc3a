"""The data stages on Beam's job service and worker pools give what the direct runner gives."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from benchmarks.worker_pools import Dealer, dealer, job_service, kill, worker_pool
from tests.beam.stages import QUICK, SETTINGS, RunStages, Stages, assert_same
from tests.wheel_environment import outside_environment, rooms_of_somebody_else
from tidegate.pipeline.beam import explain

pytestmark = pytest.mark.slow
TASKS = sorted(SETTINGS)
# Seconds that are waited for a job whose worker is lost.
LIMIT = 20


def portable(endpoint: str, *options: str) -> list[str]:
    return ["runner=PortableRunner", f"job_endpoint={endpoint}", QUICK, *options]


def test_workers_in_the_callers_process(
    service: str, run_stages: RunStages, direct: dict[str, Stages]
) -> None:
    task = "text_classification"
    found = run_stages(task, *portable(service, "environment_type=LOOPBACK"))
    assert_same(found, direct[task])


@pytest.fixture(scope="module")
def two_pools(
    wheel_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str]]:
    """HOST:PORT of two worker pools with the wheel alone, where somebody else has our rooms."""
    folder = tmp_path_factory.mktemp("pools")
    for name in ("one", "two"):
        rooms_of_somebody_else(folder / name)
    given: dict[str, Any] = {"python": wheel_python, "environment": outside_environment()}
    with (
        worker_pool(folder / "one", threads=True, **given) as (one, _),
        worker_pool(folder / "two", threads=True, **given) as (two, _),
    ):
        yield one, two


def test_two_pools_that_have_the_wheel_alone(
    two_pools: tuple[str, str], tmp_path: Path, run_stages: RunStages, direct: dict[str, Stages]
) -> None:
    with (
        job_service(tmp_path / "job", workers=2) as endpoint,
        dealer(two_pools) as (address, dealt),
    ):
        options = ["environment_type=EXTERNAL", f"environment_config={address}"]
        for task in TASKS:
            dealt.use(two_pools)
            assert_same(run_stages(task, *portable(endpoint, *options)), direct[task])
            # ExampleGen, StatisticsGen and Transform at least, each with a worker of each pool.
            assert min(dealt.started) >= 3


def test_a_pool_that_is_killed_ends_the_run_and_the_same_run_finishes_later(
    two_pools: tuple[str, str],
    wheel_python: Path,
    tmp_path: Path,
    service: str,
    run_stages: RunStages,
    direct: dict[str, Stages],
) -> None:
    from tidegate.pipeline.run.runner import ComponentError

    task = "text_classification"
    with (
        dealer(two_pools) as (address, dealt),
        worker_pool(tmp_path / "pool", python=wheel_python, environment=outside_environment()) as (
            pool,
            process,
        ),
    ):
        options = portable(service, "environment_type=EXTERNAL", f"environment_config={address}")
        run = partial(run_stages, task, folder=tmp_path / "run", cache=True)
        run(*options, last="RecordExampleGen")

        dealt.use([pool])
        killer = threading.Thread(target=kill_at_work, args=(process, dealt))
        killer.start()
        with pytest.raises(ComponentError) as caught:
            run(*options, f"job_server_timeout={LIMIT}")
        killer.join()
        assert process.returncode == -signal.SIGKILL
        assert caught.value.component == "StatisticsGen"
        said = explain(caught.value.__cause__ or caught.value)
        assert said is not None
        assert "did not end within beam.job_server_timeout seconds" in said

        dealt.use(two_pools)
        # With other options, too, what is done is not done again.
        found = run(*options)
    cached = {one.name: one.cached for one in found.runs}
    assert cached["RecordExampleGen"]
    assert not cached["StatisticsGen"]
    assert_same(found, direct[task])


def kill_at_work(pool: Any, dealt: Dealer) -> None:
    """Kills a pool as soon as it has answered that it starts its first worker.

    The worker needs seconds to import its code and to connect: until then a job service does not
    know that it is lost, which is the harder case.
    """
    dealt.answered.wait()
    kill(pool)
