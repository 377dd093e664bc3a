"""How figures are shown: median and spread, Markdown tables, and the machine they are from."""

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.measure import Measured

MEASURED_COLUMNS = ("wall s", "CPU s", "peak MB")


def spread(values: Iterable[float], digits: int = 1) -> str:
    """``median (lowest–highest)``; a single value stands alone."""
    values = list(values)
    shown = f"{statistics.median(values):,.{digits}f}"
    if len(values) == 1:
        return shown
    return f"{shown} ({min(values):,.{digits}f}–{max(values):,.{digits}f})"


def percent(values: Iterable[float], digits: int = 2) -> str:
    """Shares as `spread` shows them, in percent."""
    return spread((100 * value for value in values), digits)


def measured_cells(runs: Sequence[Measured]) -> list[str]:
    """The cells below `MEASURED_COLUMNS`."""
    return [
        spread(run.wall for run in runs),
        spread(run.cpu for run in runs),
        spread((run.peak / 1e6 for run in runs), 0),
    ]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others are figures, to the right."""
    lines = [columns, ["---", *["---:"] * (len(columns) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def machine() -> str:
    """One line: processor, cores, memory, versions, and how busy the machine is."""
    cores = len(os.sched_getaffinity(0))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ("tensorflow", "keras", "tfx", "apache-beam", "scikit-learn")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    gpu = "an NVIDIA GPU" if Path("/dev/nvidia0").exists() else "no GPU"
    return (
        f"Machine: {cores} cores ({_processor()}), {memory:.0f} GiB memory, {gpu}; "
        f"Python {platform.python_version()}, {versions}; "
        f"load before the first run {os.getloadavg()[0]:.1f}."
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
