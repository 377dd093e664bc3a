"""`python_docs`: English prose about Python, from the running Python itself; nothing to download.

The documents are the topics of its reference manual (`pydoc_data.topics`) and what each module of
its standard library says of itself, the module's docstring. Those of functions and classes are
left out: many hardly differ, so that one kept for judging would have been trained on.

Topics repeat parts of each other: of equal paragraphs the first is kept. Documents stand by a hash
of their names, so that any contiguous part of the file holds some of all, and two blank lines are
between them.
"""

from __future__ import annotations

import ast
import hashlib
import importlib
import inspect
import platform
import sys
import sysconfig
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path

from tidegate.data.dataset import Dataset, DatasetError

_BETWEEN = "\n\n\n"
# Tests, parts that some distributions of Python leave out, and a hundred codecs that say the same.
_LEFT_OUT = {
    *("test", "tests", "idlelib", "tkinter", "turtle", "turtledemo", "lib2to3", "distutils"),
    *("ensurepip", "venv", "pydoc_data", "encodings"),
}


def _topics() -> Iterator[tuple[str, str]]:
    """(name, text) of the reference manual's topics."""
    try:
        topics = importlib.import_module("pydoc_data.topics").topics
    except ImportError:
        raise DatasetError(
            "python_docs: this Python lacks pydoc_data.topics; expected the whole standard library:"
            " install that of your distribution (libpython3-stdlib), or choose another data set"
        ) from None
    for name, text in topics.items():
        yield f"topic {name}", text


def _modules() -> Iterator[tuple[str, str]]:
    """(name, docstring) of the standard library's modules, read without importing them."""
    root = Path(sysconfig.get_path("stdlib"))
    for top in sorted(sys.stdlib_module_names - _LEFT_OUT):
        for path in [root / f"{top}.py", *sorted((root / top).rglob("*.py"))]:
            names = path.relative_to(root).with_suffix("").parts
            private = any(name.startswith("_") and name != "__init__" for name in names)
            if private or not _LEFT_OUT.isdisjoint(names) or not path.is_file():
                continue
            if text := _docstring(path):
                yield f"module {'.'.join(names)}", text


def _docstring(path: Path) -> str:
    """A module's docstring: its first statement, if that is a text."""
    with tokenize.open(path) as file:
        for token in tokenize.generate_tokens(file.readline):
            if token.type == tokenize.STRING:
                value = ast.literal_eval(token.string)
                return inspect.cleandoc(value) if isinstance(value, str) else ""
            if token.type not in (tokenize.COMMENT, tokenize.NL):
                break
    return ""


def _place(document: tuple[str, str]) -> bytes:
    return hashlib.sha256(document[0].encode()).digest()


def _edition() -> str:
    return f"{platform.python_implementation()} {platform.python_version()}"


def _write(folder: Path, source: Path | None) -> Mapping[str, int]:
    del source
    seen: set[str] = set()
    documents = []
    for _, text in sorted([*_topics(), *_modules()], key=_place):
        paragraphs = {" ".join(part.split()): part.strip("\n") for part in text.split("\n\n")}
        own = [part for words, part in paragraphs.items() if words and words not in seen]
        seen.update(paragraphs)
        if own:
            documents.append("\n\n".join(own))
    content = _BETWEEN.join(documents) + "\n"
    (folder / "python_docs.txt").write_text(content, encoding="utf-8", newline="\n")
    return {"train": content.count("\n")}


DATASET = Dataset(
    name="python_docs",
    task="language_model",
    title="Python's reference manual and its modules about themselves, 0.5 million characters",
    source="the running Python: pydoc_data.topics and the docstrings of the standard library",
    licence="PSF License Version 2",
    files={"train": "python_docs.txt"},
    rows={"train": 13_268},
    write=_write,
    checksums={
        "python_docs.txt": "sha256:a9d6b6cd8cb66663cf6ee9398592216ca9eab529b516171ccc3ec33350342d41"
    },
    edition="CPython 3.10.13",
    edition_at_hand=_edition,
)
