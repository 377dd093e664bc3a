"""A fingerprint of the code behind a function, for TFX's cache.

TFX's cache key holds a function's import path, not its code. A component whose `custom_config`
carries this fingerprint is run again when the code has changed, and only then.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_type_hints

from tidegate.models.core.task import Imported, RawFeature, SequenceTask, Stage

# The rooms whose code makes artifacts; code outside the project is pinned in constraints/.
ROOMS = ("tidegate.models", "tidegate.components", "tidegate.serving", "tidegate.tables")


@functools.cache
def _source(module: str) -> tuple[str, bytes] | None:
    """The file and source of one of the project's modules; None for any other."""
    if not f"{module}.".startswith(tuple(f"{room}." for room in ROOMS)):
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (
        ModuleNotFoundError
    ):  # `from tidegate.models.core.task import SequenceTask`: not a module.
        return None
    if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
        return None
    return spec.origin, Path(spec.origin).read_bytes()


@functools.cache
def _imports(module: str, origin: str, source: bytes) -> set[str]:
    """Every module that `source` may import, at any depth of its syntax tree, and its packages."""
    found = {module.rpartition(".")[0]} - {""}
    package = module if Path(origin).name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            found.add(base)
            found.update(f"{base}.{alias.name}" for alias in node.names)
    return found


def code_fingerprint(*modules: str) -> str:
    """Hashes the named modules and all of the project's modules that they import.

    Args:
      *modules: dotted module names, for example ``tidegate.models.text_classification.model``.

    Returns:
      16 hexadecimal digits; equal for equal code, wherever it is installed.

    Raises:
      ModuleNotFoundError: a named module is not one of the project's.
    """
    sources: dict[str, bytes] = {}
    todo = list(modules)
    while todo:
        module = todo.pop()
        if module in sources:
            continue
        found = _source(module)
        if found is None:
            if module in modules:
                raise ModuleNotFoundError(f"{module!r} is not a module of the project")
            continue
        sources[module] = found[1]
        todo.extend(_imports(module, *found))
    digest = hashlib.sha256()
    for module in sorted(sources):
        digest.update(module.encode() + b"\0" + sources[module] + b"\0")
    return digest.hexdigest()[:16]


def task_fingerprint(
    task: SequenceTask, stage: Stage, raw: Sequence[RawFeature], *modules: str
) -> str:
    """Hashes what a stage uses of a task: the code of functions, and plain values as they are.

    Args:
      task: the task.
      stage: the stage; `Stage` is what the fields of `SequenceTask` are annotated with.
      raw: the task's raw features.
      *modules: others that the stage runs, as `code_fingerprint` takes them.

    Returns:
      16 hexadecimal digits.
    """
    used = [*_used(task, stage)]
    for signature in task.signatures(raw).values():
        used += _used(signature, stage)
    functions = {
        part.module if isinstance(part, Imported) else part.__module__
        for part in used
        if isinstance(part, Imported) or callable(part)
    }
    values = [part for part in used if not isinstance(part, Imported) and not callable(part)]
    digest = hashlib.sha256(code_fingerprint(*modules, *functions).encode())
    digest.update(repr((values, tuple(raw))).encode())
    return digest.hexdigest()[:16]


def _used(value: Any, stage: Stage) -> Iterator[Any]:
    """What a stage uses of a dataclass and of those within it."""
    hints = get_type_hints(type(value), include_extras=True)
    for field in fields(value):
        part = getattr(value, field.name)
        if stage in getattr(hints[field.name], "__metadata__", ()):
            yield part
        elif is_dataclass(part) and not isinstance(part, type | Imported):
            yield from _used(part, stage)
