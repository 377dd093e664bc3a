"""What a person is told of an error that ended a run: one line."""

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from tidegate.tables.errors import InputError

# As the system, SQLite and TensorFlow (which calls it a ResourceExhaustedError) word it.
_FULL = ("No space left on device", "database or disk is full")
_READ_ONLY = ("Read-only file system", "attempt to write a readonly database")
_LITTLE = 1e9
_MEMORY_KINDS = ("ResourceExhaustedError", "MemoryError")
_MEMORY = ("Cannot allocate memory", "std::bad_alloc")


def input_error(error: BaseException) -> InputError | None:
    """The user's error that a component's failure comes from, if it is one."""
    return next((one for one in _causes(error) if isinstance(one, InputError)), None)


def failure_line(error: BaseException, output: Path, log: Path, memory: Sequence[str]) -> str:
    """Which component failed, of what, and what to do.

    Args:
      error: what ended the run; its `component`, if it has one, is named.
      output: the output folder, whose disk may be full.
      log: the file with the details.
      memory: the settings that memory grows with.
    """
    where = getattr(error, "component", "the run")
    cause, text, hint = _reason(error, output, memory)
    return (
        f"{where} failed: {type(cause).__name__}: {text[:300]}{hint}; details in {log}; the same "
        "command goes on after the last finished component"
    )


def _reason(
    error: BaseException, output: Path, memory: Sequence[str]
) -> tuple[BaseException, str, str]:
    """The error to name, its line, and a hint; a cause below that says more goes first."""
    causes = list(_causes(error))
    free = shutil.disk_usage(output).free
    # More is free where the models are on another disk, or where what failed has been removed.
    left = f" ({free / 1e6:.0f} MB free now)" if free < _LITTLE else ""
    known = (
        (_FULL, (), f"; the disk is full{left}: make room on it"),
        (_READ_ONLY, (), "; make the folder writable, or give another --output"),
        (_MEMORY, _MEMORY_KINDS, f"; out of memory: lower {' or '.join(memory)}"),
    )
    for phrases, kinds, hint in known:
        # From the root: what comes above it may be a failure to write the first one down.
        for cause in reversed(causes):
            lines = [line for line in str(cause).splitlines() if any(p in line for p in phrases)]
            if lines or type(cause).__name__ in kinds:
                return cause, (lines or [_first_line(cause)])[0].strip(), hint
    from tidegate.pipeline import beam

    for cause in causes:
        line = beam.explain(cause)
        if line is not None:
            return cause, line, ""
    cause = error.__cause__ or error
    return cause, _first_line(cause), ""


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error and all that led to it, each once."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop(0)
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [before for before in (one.__cause__, one.__context__) if before is not None]
