"""Starts what a Beam job runs on, on loopback: job services, worker pools, a dealer of workers.

A job names one worker pool. Behind the dealer's address stand several: it has each new worker
started by the next one.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from apache_beam.portability.api import beam_fn_api_pb2_grpc

# Seconds in which a process is ready, also on a machine that has other work.
_START = 300.0
_POOL = ["-m", "apache_beam.runners.worker.worker_pool_main", "--service_port"]
# A pool whose workers are threads of its process: TFX is imported once, not for each job.
_THREADS = """
import sys, threading
import tfx.components
from apache_beam.runners.worker.worker_pool_main import BeamFnExternalWorkerPoolServicer
address, server = BeamFnExternalWorkerPoolServicer.start(port=int(sys.argv[1]))
threading.Event().wait()
"""


class Dealer(beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolServicer):
    """A worker pool that hands each request to the next of several.

    Attributes:
      started: how many workers each pool was asked for.
      answered: set when a pool has answered that it starts a worker.
    """

    def __init__(self, pools: Sequence[str]) -> None:
        """Makes it.

        Args:
          pools: HOST:PORT of each.
        """
        self._of_worker: dict[str, Any] = {}
        self.use(pools)

    def use(self, pools: Sequence[str]) -> None:
        """Deals new workers to these pools, and counts anew."""
        self._stubs = [
            beam_fn_api_pb2_grpc.BeamFnExternalWorkerPoolStub(grpc.insecure_channel(pool))
            for pool in pools
        ]
        self.started = [0] * len(pools)
        self.answered = threading.Event()

    def StartWorker(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Has the next pool start the worker."""
        pool = sum(self.started) % len(self._stubs)
        self.started[pool] += 1
        self._of_worker[request.worker_id] = self._stubs[pool]
        try:
            response = self._stubs[pool].StartWorker(request)
        except grpc.RpcError as error:
            context.abort(error.code(), error.details())
        self.answered.set()
        return response

    def StopWorker(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Has the worker's pool stop it."""
        return self._of_worker.pop(request.worker_id).StopWorker(request)


@contextmanager
def dealer(pools: Sequence[str]) -> Iterator[tuple[str, Dealer]]:
    """Serves a `Dealer` in this process; gives its HOST:PORT and itself."""
    server = grpc.server(futures.ThreadPoolExecutor(4))
    servicer = Dealer(pools)
    beam_fn_api_pb2_grpc.add_BeamFnExternalWorkerPoolServicer_to_server(servicer, server)
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"localhost:{port}", servicer
    finally:
        server.stop(0).wait()


@contextmanager
def worker_pool(
    folder: Path,
    *,
    python: Path | str = sys.executable,
    threads: bool = False,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[str, "subprocess.Popen[bytes]"]]:
    """Starts a worker pool; it and its workers are killed at the end.

    Args:
      folder: where it runs and logs.
      python: of the environment that the workers have.
      threads: workers are threads of the pool's process, not processes of their own.
      environment: variables; this process's if not given.

    Yields:
      Its HOST:PORT, and the process, which leads a group.
    """
    port = free_port()
    variables = dict(os.environ if environment is None else environment)
    # The pool starts its workers with `python`.
    variables["PATH"] = f"{Path(python).parent}{os.pathsep}{variables.get('PATH', '')}"
    command = [str(python), *(["-c", _THREADS] if threads else _POOL), str(port)]
    with _running(command, folder, variables) as process:
        _wait(process, folder, lambda: _is_open(port))
        yield f"localhost:{port}", process


@contextmanager
def job_service(folder: Path, workers: int = 1) -> Iterator[str]:
    """Starts a job service; gives its HOST:PORT.

    Args:
      folder: where it runs and logs.
      workers: of each job; with one it is Beam's own, with more `benchmarks.job_service`.
    """
    port_file = folder / "port"
    command = [sys.executable, "-m"]
    if workers == 1:
        command += ["apache_beam.runners.portability.local_job_service_main"]
        command += ["--port_file", str(port_file)]
    else:
        command += ["benchmarks.job_service", "--workers", str(workers)]
        command += ["--port-file", str(port_file)]
    variables = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with _running(command, folder, variables) as process:
        _wait(process, folder, port_file.exists)
        yield f"localhost:{port_file.read_text()}"


@contextmanager
def prism(folder: Path, program: Path) -> Iterator[str]:
    """Starts Prism, Beam's portable runner, as a job service; gives its HOST:PORT.

    Args:
      folder: where it runs and logs.
      program: the built `prism`.
    """
    port = free_port()
    command = [str(program), "-job_port", str(port), "-serve_http=false", "-log_kind=text"]
    with _running(command, folder, os.environ) as process:
        _wait(process, folder, lambda: _is_open(port))
        yield f"localhost:{port}"


def kill(process: "subprocess.Popen[bytes]") -> None:
    """Kills a process and those of its group; an ended one is left alone."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def _running(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            kill(process)


def _wait(process: "subprocess.Popen[bytes]", folder: Path, ready: Callable[[], bool]) -> None:
    end = time.monotonic() + _START
    while not ready():
        if process.poll() is not None or time.monotonic() > end:
            log = (folder / "log").read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{process.args!r} did not start:\n{log}")
        time.sleep(0.1)


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as taken:
        taken.bind(("localhost", 0))
        return int(taken.getsockname()[1])


def _is_open(port: int) -> bool:
    try:
        with socket.create_connection(("localhost", port), 1):
            return True
    except OSError:
        return False
