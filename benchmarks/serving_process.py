"""An embedded server as a child process: where it listens, and what it takes."""

import signal
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import IO

import psutil

from benchmarks.measure import ChildError


class ServerProcess:
    """`tidegate serve` on a free port; a context that ends with SIGTERM.

    Args:
      flags: of the command, the models among them.

    Attributes:
      address: host and port.
      rest: URL of the models' REST API, where it is asked for.

    Raises:
      ChildError: it ended before it was ready.
    """

    def __init__(self, *flags: str) -> None:
        # Open as long as the server runs.
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tidegate.pipeline.cli",
                "serve",
                "--port=0",
                "--follow_parent",
                *flags,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        self._output = self._process.stdout
        self.address = self.rest = ""
        for line in self._output:
            if "listening at " in line:
                self.address = line.split("listening at ")[1].split()[0]
            if "REST at " in line:
                self.rest = line.split("REST at ")[1].strip()
            if line.rstrip().endswith(" ready"):
                break
        else:
            self._errors.seek(0)
            raise ChildError(f"the server did not start:\n{self._errors.read()}")
        # The pipe must not fill up.
        self._reader = threading.Thread(target=self._drain, daemon=True)
        self._reader.start()

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.alive():
            self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
        finally:
            self._errors.close()

    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def how_it_ended(self) -> str:
        """Exit code and last lines of a server that has ended by itself."""
        code = self._process.wait(10)
        self._errors.seek(0)
        return "".join([f"the server ended with code {code}\n", *self._errors.readlines()[-30:]])

    def resident(self) -> int:
        """Bytes of resident memory."""
        return psutil.Process(self._process.pid).memory_info().rss

    def threads(self) -> int:
        """Threads, those of TensorFlow and gRPC included."""
        return psutil.Process(self._process.pid).num_threads()

    def cpu(self) -> float:
        """User and system seconds so far."""
        times = psutil.Process(self._process.pid).cpu_times()
        return times.user + times.system

    def _drain(self) -> None:
        for _ in self._output:
            pass
