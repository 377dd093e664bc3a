"""Runs a command as a child process and measures it: seconds, processor seconds, peak memory.

What the figures are, and their limits:

- wall: from just before the child is started to just after it has ended.
- cpu: user and system seconds of the child and of the descendants that it has waited for, from
  the kernel (wait4). A process that was left behind, or never waited for, is not in it.
- peak: the highest sum of resident memory over the process tree (children, their children, and
  what shares the child's session), read from /proc every 0.2 s, or a single process's own
  high-water mark (VmHWM) where that is higher. Pages that several processes share count once in
  each, and what lasts less than 0.2 s shows in the high-water mark alone.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TypeVar

import psutil

T = TypeVar("T")
_INTERVAL = 0.2
_TAIL = 25


class ChildError(RuntimeError):
    """A child process failed; the message holds its last lines."""


@dataclass(frozen=True)
class Measured:
    """What a child process took.

    Attributes:
      wall: seconds.
      cpu: user and system seconds.
      peak: bytes of resident memory, as described above.
      code: its exit code.
      output: its standard output.
      samples: (seconds since the epoch, resident bytes of the tree).
    """

    wall: float
    cpu: float
    peak: int
    code: int
    output: str
    samples: Sequence[tuple[float, int]] = field(default=(), repr=False)


class _Watch(threading.Thread):
    """Reads a process tree's resident memory until it is stopped."""

    def __init__(self, root: int) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._ended = threading.Event()
        self.samples: list[tuple[float, int]] = []
        self.highest = 0

    def run(self) -> None:
        while not self._ended.wait(_INTERVAL if self.samples else 0.02):
            resident = 0
            for process in _tree(self._root):
                now, high = _memory(process)
                resident += now
                self.highest = max(self.highest, high)
            self.samples.append((time.time(), resident))
            self.highest = max(self.highest, resident)

    def stop(self) -> None:
        """Ends the thread."""
        self._ended.set()
        self.join()


def _tree(root: int) -> set[int]:
    """The process, its descendants, and the other processes of its session."""
    found = {root}
    with suppress(psutil.NoSuchProcess):
        found |= {child.pid for child in psutil.Process(root).children(recursive=True)}
    for process in psutil.pids():
        with suppress(ProcessLookupError):
            if os.getsid(process) == root:
                found.add(process)
    return found


def _memory(process: int) -> tuple[int, int]:
    """Resident bytes of a process: now, and at its highest, which psutil does not read; 0 where it
    has ended.
    """
    try:
        status = Path("/proc", str(process), "status").read_text()
    except OSError:
        return 0, 0
    figures = dict(line.split(":", 1) for line in status.splitlines() if line.startswith("Vm"))
    resident, high = (int(figures.get(key, "0").split()[0]) << 10 for key in ("VmRSS", "VmHWM"))
    return resident, high


def run(
    command: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    accept: Sequence[int] = (0,),
    log: Path | None = None,
) -> Measured:
    """Runs a command and measures it.

    Args:
      command: program and arguments.
      env: its environment; this process's if not given.
      cwd: its working directory; this process's if not given.
      accept: exit codes that are no failure.
      log: a file whose last lines tell of a failure, beside the output's.

    Raises:
      ChildError: another exit code.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        begin = time.monotonic()
        child = subprocess.Popen(
            command, stdout=out, stderr=err, env=env, cwd=cwd, start_new_session=True
        )
        watch = _Watch(child.pid)
        watch.start()
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            os.killpg(child.pid, signal.SIGKILL)
            raise
        finally:
            watch.stop()
        wall = time.monotonic() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode not in accept:
            tail = _last_lines(out) + _last_lines(err)
            if log is not None and log.exists():
                with log.open(encoding="utf-8", errors="replace") as file:
                    tail += _last_lines(file)
            what = " ".join(Path(word).name if os.sep in word else word for word in command)
            raise ChildError("\n".join([f"exit code {child.returncode}: {what}", *tail]))
        out.seek(0)
        return Measured(
            wall,
            usage.ru_utime + usage.ru_stime,
            watch.highest,
            child.returncode,
            out.read(),
            watch.samples,
        )


def _last_lines(file: IO[str]) -> list[str]:
    file.seek(0)
    return [f"  | {line.rstrip()}" for line in file.readlines()[-_TAIL:]]


def interleaved(peers: Mapping[str, Callable[[int], T]], runs: int) -> dict[str, list[T]]:
    """Runs peers in turn, A B A B, so that a drift of the machine meets all of them.

    Args:
      peers: by name, what to run; it is given the number of the run, from 0.
      runs: how often.

    Returns:
      By name, the results in order.
    """
    results: dict[str, list[T]] = {name: [] for name in peers}
    for number in range(runs):
        for name, start in peers.items():
            note(f"run {number + 1} of {runs}: {name}")
            results[name].append(start(number))
    return results


def note(text: str) -> None:
    """Tells on standard error where a benchmark is; its tables alone go to standard output."""
    print(text, file=sys.stderr, flush=True)


def finish(main: Callable[[], None]) -> None:
    """Runs a benchmark; a child's failure is shown and ends it with exit code 1."""
    # So that a benchmark that is told to end takes its child and its folder with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        main()
    except ChildError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
