"""The server that the table is sent to: the embedded one, or any by its address."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from tests.serving.conformance import models
from tests.serving.conformance.row import CHANNEL_OPTIONS

_counts = {"passed": 0, "failed": 0, "skipped": 0}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--server", help="HOST:PORT of the server to check; the embedded one if not")
    parser.addoption(
        "--server-models", type=Path, help="the folder of the models, as that server sees it"
    )


@pytest.fixture(scope="session")
def models_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Path | None:
    """The models' folder as the server sees it; None where it is not known."""
    if request.config.getoption("--server", None):
        return request.config.getoption("--server-models", None)
    folder = tmp_path_factory.mktemp("conformance")
    models.write(folder)
    return folder


@pytest.fixture(scope="session")
def channel(request: pytest.FixtureRequest, models_folder: Path | None) -> Iterator[grpc.Channel]:
    """A channel to the server."""
    given = request.config.getoption("--server", None)
    if given:
        with grpc.insecure_channel(given, CHANNEL_OPTIONS) as channel:
            yield channel
        return
    from tidegate.serving.server.batching_parameters import read_batching_parameters
    from tidegate.serving.server.front_options import FrontOptions
    from tidegate.serving.server.manager import ModelManager
    from tidegate.serving.server.model_config import read_model_config
    from tidegate.serving.server.model_state import AVAILABLE
    from tidegate.serving.server.options import EngineOptions
    from tidegate.serving.server.server import Server

    assert models_folder is not None
    options = EngineOptions(
        enable_batching=True,
        batching=read_batching_parameters(models_folder / "batching.config"),
    )
    manager = ModelManager(read_model_config(models_folder / "models.config"), options)
    server = Server(manager, FrontOptions(port=0))
    server.start()
    manager.start()
    # That returns with the first version of a model; another may still be loading.
    until = time.monotonic() + 60
    while not all(one.state == AVAILABLE for one in manager.status("half_plus_two")):
        assert time.monotonic() < until, manager.status("half_plus_two")
        time.sleep(0.01)
    server.open()
    with grpc.insecure_channel(server.address, CHANNEL_OPTIONS) as channel:
        yield channel
    server.stop(grace=1)
    manager.stop(grace=1)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if "serving/conformance" in report.nodeid and (report.when == "call" or report.skipped):
        _counts[report.outcome] += 1


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = _counts["passed"] + _counts["failed"]
    if rows:
        skipped = f", {_counts['skipped']} skipped" if _counts["skipped"] else ""
        terminalreporter.write_line(
            f"conformance: {_counts['passed']} of {rows} rows passed{skipped}"
        )
