"""Where benchmarks work: a temporary folder, with a home of its own for each child."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def parser(text: str | None, runs: int | None = 3) -> argparse.ArgumentParser:
    """A parser with the arguments that all benchmarks share.

    Args:
      text: the benchmark's docstring, shown by ``--help``.
      runs: default of ``--runs``; None for a benchmark whose runs are its seeds.
    """
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if runs is not None:
        parser.add_argument("--runs", type=at_least_one, default=runs, help="runs of each peer")
    parser.add_argument(
        "--work", type=Path, help="where the temporary folder is made; the system's if not given"
    )
    return parser


def add_seeds(parser: argparse.ArgumentParser) -> None:
    """``--seeds``: one run each."""
    parser.add_argument(
        "--seeds", type=int, nargs="+", default=[0, 1, 2], help="training.seed of each run"
    )


def add_rows(parser: argparse.ArgumentParser) -> None:
    """``--rows``: a part of the data, to try a benchmark."""
    parser.add_argument(
        "--rows",
        type=at_least_one,
        help="this many rows of each file, evenly spaced: to try the script",
    )


def add_settings(parser: argparse.ArgumentParser) -> None:
    """``--set``: as tidegate's own."""
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        default=[],
        metavar="SECTION.KEY=VALUE",
        help="a setting, handed to tidegate",
    )


def at_least_one(text: str) -> int:
    """A number on the command line."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: expected at least 1")
    return number


@contextmanager
def workplace(arguments: argparse.Namespace) -> Iterator[Path]:
    """A temporary folder, removed at the end."""
    with tempfile.TemporaryDirectory(prefix="benchmark-", dir=arguments.work) as folder:
        yield Path(folder).resolve()


def environment(home: Path) -> dict[str, str]:
    """This process's environment with another home, so that nothing is cached from before."""
    home.mkdir(parents=True, exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
    return {**kept, "HOME": str(home)}
