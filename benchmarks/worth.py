"""What default models are worth: tidegate beside what a user gets in seconds without it.

For each set and seed one default run, names of columns, the published split and the horizon alone
being given, and simple methods on the same rows or windows: for text, linear models over words and
over characters; for series, repeat-last, seasonal naive, ETS, ARIMA and Theta. What is done stays
in a file, so that a broken comparison goes on; rows of another state of the code than the latest
are marked.
"""

import argparse
import json
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import report, worth_series, worth_text

Row = dict[str, Any]
_PEERS = ("ETS", "ARIMA", "Theta", "seasonal naive", "repeat-last")


def state() -> str:
    """The state of the code, as git names it."""
    command = ["git", "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def rows_of(
    names: Iterable[str], counts: Iterable[int], seeds: Iterable[int], shared: Path, kept: Path
) -> Iterator[Row]:
    """Rows of the tables, done now or before; a new one is kept as soon as it is done."""
    done: dict[tuple[str, int, int], Row] = {}
    if kept.exists():
        for line in kept.read_text().splitlines():
            row = json.loads(line)
            done[row["set"], row["rows"], row["seed"]] = row
    now = state()
    for name in names:
        series = name in worth_series.NAMES
        for count in (0,) if series else counts:
            for seed in seeds:
                row = done.get((name, count, seed))
                if row is None:
                    row = {"set": name, "rows": count, "seed": seed, "state": now}
                    if series:
                        row |= worth_series.row(name, seed, shared)
                    else:
                        row |= worth_text.row(name, count, seed, shared)
                    with kept.open("a") as file:
                        file.write(json.dumps(row) + "\n")
                yield row


def groups(rows: Iterable[Row]) -> dict[tuple[str, int], list[Row]]:
    """The seeds of each set and number of rows."""
    found: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        found.setdefault((row["set"], row["rows"]), []).append(row)
    return found


def _named(name: str, some: list[Row], latest: str) -> str:
    """A set's name, marked where a row is of another state of the code."""
    other = sorted({row["state"] for row in some} - {latest})
    return f"{name} ({', '.join(other)})" if other else name


def series_table(rows: list[Row], latest: str) -> str:
    """MASE of all methods: the median over seeds, and its spread."""
    lines = []
    for (name, _), some in groups(rows).items():

        def shown(key: str, some: list[Row] = some) -> str:
            values = [row[key] for row in some if key in row]
            return report.spread(values, 2) if values else ""

        share = [row["tidegate"] / min(row[peer] for peer in _PEERS if peer in row) for row in some]
        coverage = [
            "/".join(f"{100 * row[f'coverage_{part}']:.0f}" for row in some) for part in (80, 95)
        ]
        lines.append(
            [
                _named(name, some, latest), shown("tidegate"), *map(shown, _PEERS),
                report.spread(share, 2), *coverage, shown("msis"), report.percent(
                    [row["smape"] / 100 for row in some], 1
                ),
                f"{sum(row['pushed'] for row in some):.0f} of {len(some)}",
                report.spread([row["seconds"] for row in some], 0),
            ]
        )  # fmt: skip
    head = [
        "series, MASE", "tidegate", *_PEERS, "share of the best", "80 % covers", "95 % covers",
        "MSIS", "sMAPE", "pushed", "s",
    ]  # fmt: skip
    return report.table(head, lines)


def text_table(rows: list[Row], latest: str) -> str:
    """Accuracy of all methods: the median over seeds, and its spread."""
    lines = []
    for (name, count), some in groups(rows).items():
        above = [100 * (row["tidegate"] - max(row["words"], row["characters"])) for row in some]
        lines.append(
            [
                _named(name, some, latest),
                str(count or "all"),
                *(report.percent([row[key] for row in some], 1) for key in worth_text.SHOWN),
                report.spread(above, 1),
                report.spread([row["lstm_share"] for row in some], 2),
                report.spread([row["seconds"] for row in some], 0),
            ]
        )
    head = ["text, accuracy %", "rows", *worth_text.SHOWN, "above the better", "LSTM's share", "s"]
    return report.table(head, lines)


def main() -> None:
    """Runs what is not done yet and prints the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sets", nargs="*", help="all of them where none is named")
    parser.add_argument("--shared", type=Path, required=True, help="holds a folder for each set")
    parser.add_argument(
        "--rows", type=int, nargs="+", default=[300, 1500, 0], help="of text; 0: all"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kept", type=Path, required=True, help="file of rows that are done")
    given = parser.parse_args()
    known = (*worth_series.NAMES, *worth_text.NAMES)
    unknown = sorted(set(given.sets) - set(known))
    if unknown:
        parser.error(f"unknown sets {', '.join(unknown)}; expected some of {', '.join(known)}")
    rows = list(rows_of(given.sets or known, given.rows, given.seeds, given.shared, given.kept))
    latest = state()
    print(f"{report.machine()} State: {latest}.\n")
    for names, table in ((worth_series.NAMES, series_table), (worth_text.NAMES, text_table)):
        some = [row for row in rows if row["set"] in names]
        if some:
            print(f"{table(some, latest)}\n")


if __name__ == "__main__":
    main()
