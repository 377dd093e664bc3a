"""Paths may be URIs: what opens or lists files as if all were on this disk is stated here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# The rooms that read data and artifacts, and what of the other two does.
ROOMS = ("components", "models", "tables")
FILES = (
    "pipeline/config.py",
    "pipeline/dag.py",
    "pipeline/kubeflow/runner.py",
    "pipeline/run/broken_runs.py",
    "pipeline/run/local_run.py",
    "pipeline/run/outcome.py",
    "pipeline/run/runner.py",
    "pipeline/run/seals.py",
    "serving/server/loader.py",
    "serving/server/versions.py",
    "serving/server/warmup.py",
)
# Modules whose functions know local paths alone, all of them.
LOCAL_MODULES = frozenset({"glob", "pathlib", "shutil", "tempfile"})
LOCAL_CALLS = frozenset(
    {"open", "Path", "gzip.open", "io.open", "h5py.File", "np.load", "np.save", "np.savez"}
    | {f"os.{name}" for name in ("listdir", "makedirs", "mkdir", "open", "readlink", "remove")}
    | {f"os.{name}" for name in ("rename", "replace", "rmdir", "scandir", "stat", "symlink")}
    | {f"os.{name}" for name in ("truncate", "unlink", "walk")}
    | {f"os.path.{name}" for name in ("abspath", "exists", "getmtime", "getsize", "isdir")}
    | {f"os.path.{name}" for name in ("isfile", "islink", "lexists", "realpath", "samefile")}
)
# Of pathlib's objects, whatever their variable is called.
LOCAL_METHODS = frozenset(
    {"iterdir", "read_bytes", "read_text", "rglob", "touch", "write_bytes", "write_text"}
)
# Files of which all are for this disk.
LOCAL_FILES = {
    "tables/files.py": "the opener of local files",
    "tables/ordered.py": "parts to sort, in a folder of their own",
    "tables/writing.py": "--output of tidegate predict",
}
# (file, function, call): why it is right there.
ALLOWED = {
    ("components/files.py", "absolute", "os.path.abspath"): "of local paths",
    ("components/files.py", "open_bytes", "open"): "of local paths",
    ("components/files.py", "write_whole", "open"): "of local paths",
    ("components/files.py", "write_whole", "os.replace"): "of local paths",
    ("components/files.py", "list_files", "os.path.isfile"): "of local paths",
    ("components/files.py", "list_files", "os.path.isdir"): "of local paths",
    ("components/files.py", "list_files", "os.listdir"): "of local paths",
    ("components/files.py", "size", "os.path.getsize"): "of local paths",
    ("components/serving_check/probe.py", "load", "tempfile.TemporaryDirectory"): "a copy to serve",
    ("components/serving_check/process.py", "serving", "tempfile.TemporaryDirectory"): "a link",
    ("components/serving_check/process.py", "serving", "os.symlink"): "to a folder that is local",
    ("components/serving_check/process.py", "serving", "os.path.abspath"): "of a local folder",
    ("components/kubeflow/step.py", "for_launcher", "open"): "the launcher's own local file",
    ("components/kubeflow/step.py", "for_launcher", "os.replace"): "the launcher's own local file",
    ("components/evaluator/task_metrics.py", "read_array", "np.load"): "of bytes in memory",
    ("components/evaluator/task_metrics.py", "to_proto", "np.save"): "to bytes in memory",
    (
        "components/trainer/worker_processes.py",
        "start",
        "tempfile.TemporaryDirectory",
    ): "for a child",
    ("components/trainer/worker_processes.py", "start", "Path"): "in the folder for a child",
    ("components/trainer/worker_processes.py", "start", "write_text"): "in the folder for a child",
    ("models/train/checkpoints.py", "load", "np.load"): "of bytes in memory",
    ("models/train/checkpoints.py", "save", "np.savez"): "to bytes in memory",
    ("models/core/fingerprint.py", "_source", "Path"): "the installed source code",
    ("models/core/fingerprint.py", "_source", "read_bytes"): "the installed source code",
    ("models/core/fingerprint.py", "_imports", "Path"): "the installed source code",
    ("models/core/settings.py", "_absolute", "os.path.abspath"): "of local paths",
    ("models/core/settings.py", "_absolute", "glob.escape"): "of local paths",
    ("models/core/settings.py", "_absolute", "glob.glob"): "of local paths",
    ("models/core/pretrained.py", "_unpacked", "np.load"): "of bytes in memory",
    ("models/core/pretrained.py", "write_pretrained", "np.savez"): "to bytes in memory",
    ("pipeline/config.py", "_check_prism", "Path"): "a program on this machine",
    ("pipeline/kubeflow/runner.py", "write_spec", "write_text"): "--output of tidegate compile",
    ("pipeline/kubeflow/runner.py", "write_spec", "os.replace"): "--output of tidegate compile",
}


def _name(node: ast.expr) -> str:
    """``a.b.c`` of an expression, with a question mark for what is no name."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def local_calls(source: str) -> Iterator[tuple[str, str, int]]:
    """(function, call, line) of each call that knows local paths alone."""

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, str, int]]:
        if isinstance(node, ast.FunctionDef):
            function = node.name
        if isinstance(node, ast.Call):
            name = _name(node.func)
            method = name.rpartition(".")[2]
            if name in LOCAL_CALLS or name.partition(".")[0] in LOCAL_MODULES:
                yield function, name, node.lineno
            elif isinstance(node.func, ast.Attribute) and method in LOCAL_METHODS:
                yield function, method, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function)

    return visit(ast.parse(source), "")


def _sources() -> list[Path]:
    rooms = (path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
    return sorted([*rooms, *(ROOT / name for name in FILES)])


def test_what_knows_local_paths_alone_is_on_the_list() -> None:
    found = {}
    for path in _sources():
        name = path.relative_to(ROOT).as_posix()
        if name in LOCAL_FILES:
            continue
        for function, call, line in local_calls(path.read_text(encoding="utf-8")):
            found[name, function, call] = line
    new = sorted(f"{one[0]}:{found[one]}: {one[1:]}" for one in set(found) - set(ALLOWED))
    assert not new, "would take a URI for a local path:\n" + "\n".join(new)
    assert not set(ALLOWED) - set(found), "no longer there"


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("open(path)", "open"),
        ("os.path.exists(uri)", "os.path.exists"),
        ("shutil.copytree(a, b)", "shutil.copytree"),
        ("Path(uri).joinpath('a')", "Path"),
        ("folder.iterdir()", "iterdir"),
        ("(folder / name).read_text()", "read_text"),
        ("def f():\n    return [gzip.open(p) for p in ps]", "gzip.open"),
    ],
)
def test_the_search_finds(code: str, call: str) -> None:
    assert call in [found for _, found, _ in local_calls(code)]


@pytest.mark.parametrize(
    "code",
    ["fileio.open(path)", "tf.io.gfile.listdir(path)", "os.path.join(a, b)", "server.open()"],
)
def test_the_search_passes_over(code: str) -> None:
    assert not list(local_calls(code))
