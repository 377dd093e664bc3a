"""What a run of `tidegate run` comes to when something breaks it, and the same command after it.

    python -m benchmarks.faults --task text_classification

Runs the real command on tiny data, in processes of its own, with one fault at a time, then gives
the same command again without the fault. Prints a Markdown table:

- said: what the run with the fault said beside its ordinary progress, and its exit code (a signal
  that ended it stands as -9);
- again: the same of the command given again;
- redone: components that were finished before the fault and did work again in the run with the
  fault or after it. After damage these are the one whose work was damaged and what was built on it;
- versions: in the folder of models in the end;
- left: what is there that no undisturbed run leaves (half copies, children, open executions);
- wrong: versions that are not, weight for weight, the model of a run that nothing disturbed, at any
  time; and figures in the summary that differ from that run's.

The kills are a chain: each starts from the folder that the one before has left. Disks that are full
or read-only are made with mount, so those need root; without it they are left out, and the table
says so. `--only TEXT` takes the faults whose name holds the text; several may be given.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from benchmarks import measure, report, workplace
from benchmarks.fault_list import COMPLETE, EMPTY, OTHER_MODEL, Fault, LeftOut, faults
from benchmarks.fault_runs import SETTINGS, Ended, Workshop, redone, weights

_COLUMNS = ["fault", "said", "exit", "again", "exit", "redone", "versions", "left", "wrong"]


def _reference(shop: Workshop) -> None:
    """Runs undisturbed, and keeps what came of it."""
    shop.save(EMPTY)
    ended = shop.run()
    if ended.code != 0:
        raise measure.ChildError("\n".join([f"exit code {ended.code}", *ended.lines]))
    shop.reference = shop.summary()
    (version,) = shop.versions()
    shop.weights = weights(version)
    shop.save(COMPLETE)


def _row(shop: Workshop, fault: Fault) -> list[str]:
    """Injects a fault, gives the command again, and judges both."""
    shop.restore(fault.state)
    before = [] if fault.state == EMPTY else list(shop.summary().get("seconds", ()))
    try:
        broken = fault.inject(shop)
    except LeftOut as why:
        return [fault.name, f"left out: {why}", *["–"] * (len(_COLUMNS) - 2)]
    if fault.name.startswith("kill -9 during "):
        shop.save(f"killed in {fault.name.removeprefix('kill -9 during ')}")
    known = {shop.weights}
    if fault.settings == OTHER_MODEL:
        known.add(weights(shop.artifact("Trainer", "model") / "Format-Serving"))
    wrong = _wrong_versions(shop, known)
    first = shop.summary()
    again = shop.run(*fault.settings)
    wrong |= _wrong_versions(shop, known)
    summary = shop.summary()
    if not fault.settings and not _equal(summary.get("metrics"), shop.reference["metrics"]):
        wrong.add("figures")
    done = redone(first, [name for name in before if name in shop.reference["seconds"]])
    done = [name for name in done if name not in ("imports", "total")] if broken.code == 0 else []
    done += redone(summary, broken.finished)
    left = shop.left_behind() + (["children"] if broken.left else [])
    return [
        fault.name,
        _shown(shop, broken),
        str(broken.code),
        _shown(shop, again),
        str(again.code),
        ", ".join(dict.fromkeys(done)) or "none",
        str(len(shop.versions())),
        ", ".join(left) or "nothing",
        ", ".join(sorted(wrong)) or "none",
    ]


def _wrong_versions(shop: Workshop, known: set[str]) -> set[str]:
    # A version whose weights are right and whose graph a fault has damaged is judged by what
    # comes after it: servers load the newest.
    return {path.name for path in shop.versions() if weights(path) not in known}


def _equal(found: Any, expected: Any) -> bool:
    """The same figures, to the last digit but two of single precision."""
    if isinstance(expected, dict):
        return isinstance(found, dict) and all(
            _equal(found.get(key), value) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(found, list) and all(map(_equal, found, expected))
    if isinstance(expected, float):
        return isinstance(found, float) and (
            abs(found - expected) <= 1e-5 * max(1, abs(expected)) or found != found != expected
        )
    return bool(found == expected)


def _shown(shop: Workshop, ended: Ended) -> str:
    """What was said beside ordinary progress, with short paths, as a table's cell."""
    said = " / ".join(ended.said).replace(f"{shop.folder}/", "")
    return said.replace("|", "\\|") or "nothing"


def _table(shop: Workshop, only: Sequence[str]) -> Iterable[list[str]]:
    measure.note(f"{shop.task}: undisturbed")
    _reference(shop)
    for fault in faults(shop):
        if only and not any(text in fault.name for text in only):
            continue
        measure.note(f"{shop.task}: {fault.name}")
        row = _row(shop, fault)
        measure.note(f"  {' | '.join(row)}")
        yield row


def main() -> None:
    """Runs the faults of the tasks that were asked for and prints a table each."""
    parser = workplace.parser(__doc__, runs=None)
    parser.add_argument("--task", choices=sorted(SETTINGS), action="append", help="default: each")
    parser.add_argument(
        "--only", action="append", default=[], metavar="TEXT", help="faults whose name holds this"
    )
    arguments = parser.parse_args()
    print(report.machine(), flush=True)
    bad = False
    with workplace.workplace(arguments) as work:
        for task in arguments.task or sorted(SETTINGS):
            shop = Workshop(task, Path(work) / task)
            try:
                rows = list(_table(shop, arguments.only))
            finally:
                shop.stop()
            print(f"\n{task}\n\n{report.table(_COLUMNS, rows)}", flush=True)
            bad = bad or any(row[-1] not in ("none", "–") for row in rows)
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    measure.finish(main)
