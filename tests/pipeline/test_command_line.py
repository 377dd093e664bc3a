"""The command line in a process of its own: quick answers, and one line for each wrong input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# Runs the command, then says which heavy packages it imported.
_SNIPPET = """
import sys
from tidegate.pipeline.cli import main
try:
    code = main()
except SystemExit as end:
    code = end.code
heavy = {"tensorflow", "tfx", "apache_beam", "keras", "sklearn", "pandas", "numpy"}
print("HEAVY", *sorted(heavy & set(sys.modules)))
sys.exit(code)
"""
# Runs each command that it reads in a child of its own, which need not import again what every
# command imports.
_FORKS = f"""
import json, os, sys
import tidegate.models.text_classification.task
from tidegate.pipeline import config, datasets
from tidegate.pipeline.run import console
from tidegate.pipeline.run import local_run
for line in sys.stdin:
    folder, arguments, out, error = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    os.chdir(folder)
    for stream, path in ((1, out), (2, error)):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), stream)
    sys.argv = ["tidegate", *arguments]
    exec({_SNIPPET!r})
"""
TASK = "text_classification"
Said = tuple[int, str, str, list[str]]
Tidegate = Callable[..., Said]


ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "COLUMNS": "100"}


def said_by(code: int, out: str, error: str) -> Said:
    """Exit code, standard output, standard error, heavy packages imported."""
    out, _, heavy = out.rpartition("HEAVY")
    return code, out, error, heavy.split()


def fresh(*arguments: str) -> Said:
    """What the command says in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", _SNIPPET, *arguments],
        capture_output=True,
        text=True,
        env=ENVIRONMENT,
        timeout=120,
    )
    return said_by(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def tidegate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tidegate]:
    """What the command says in a folder: a process for each call, forked from one."""
    said = tmp_path_factory.mktemp("said")
    with subprocess.Popen(
        [sys.executable, "-c", _FORKS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def call(*arguments: str, folder: Path) -> Said:
            out, error = said / "out", said / "error"
            out.write_text("")
            error.write_text("")
            print(
                json.dumps([str(folder), arguments, str(out), str(error)]),
                file=process.stdin,
                flush=True,
            )
            assert process.stdout is not None
            return said_by(int(process.stdout.readline()), out.read_text(), error.read_text())

        yield call
        process.stdin.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--help"], ["run", "tasks", "data", "doctor"]),
        (["run", "--help"], ["--data", "--test", "--output", "--set", "--fresh"]),
        (["--version"], ["tidegate"]),
        (["tasks"], [TASK, "model.units = ", "training.epochs = ", "[tuned: 32 to 256 step 32]"]),
        (["tasks", TASK], [TASK, "data.label_column = label  (str)"]),
        (["data", "list"], ["languages", "imdb-small", "imdb", "tidegate data get"]),
    ],
)
def test_what_only_informs_imports_nothing_heavy(arguments: list[str], said: list[str]) -> None:
    code, out, error, heavy = fresh(*arguments)
    assert (code, error, heavy) == (0, "", [])
    for text in said:
        assert text in out


def rows(path: Path, content: str | bytes) -> str:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path.name


# What is wrong, as (arguments after `run`, what the line must say); `w` writes a file.
Case = Callable[[Path], tuple[list[str], str]]
GOOD = "text,label\n" + "".join(f"text {n},{'ab'[n % 2]}\n" for n in range(40))


def data(name: str, content: str | bytes, said: str, *more: str) -> Case:
    return lambda folder: ([TASK, "--data", rows(folder / name, content), *more], said)


def good(said: str, *more: str) -> Case:
    return data("good.csv", GOOD, said, *more)


def folder_of_two_formats(folder: Path) -> tuple[list[str], str]:
    (folder / "two").mkdir()
    rows(folder / "two" / "a.csv", GOOD)
    rows(folder / "two" / "b.jsonl", "{}\n")
    return [TASK, "--data", "two"], "two: files of several formats (csv, jsonl); expected one"


def broken_configuration(folder: Path) -> tuple[list[str], str]:
    rows(folder / "bad.yaml", "model:\n  units: [\n")
    return [TASK, "--data", rows(folder / "g.csv", GOOD), "--config", "bad.yaml"], "bad.yaml:3: not"


CASES: dict[str, Case] = {
    "no such file": lambda _: ([TASK, "--data", "none.csv"], "no such file or folder: none.csv"),
    "no such name": lambda _: ([TASK, "--data", "langauges"], "Did you mean 'languages'?"),
    "an empty file": data("e.csv", "", "e.csv: the file is empty"),
    "a header alone": data("h.csv", "text,label\n", "h.csv: no record in this file"),
    "a missing column": data("c.csv", "txt,label\nx,a\n", "no column 'text'. Did you mean 'txt'?"),
    "an encoding": data("l.csv", b"text,label\nna\xefve,a\n", "l.csv:2: not utf-8"),
    "an unknown encoding": good("'klingon'", "--set", "data.encoding=klingon"),
    "broken quoting": data("q.csv", 'text,label\n"x"y,a\n', "q.csv:2: broken quoting"),
    "no JSON": data("j.jsonl", "text\n", "j.jsonl:1: not JSON"),
    "no Parquet": data("p.parquet", "text\n", "p.parquet: not a Parquet file"),
    "no gzip": data("g.csv.gz", GOOD, "g.csv.gz: cannot be read: Not a gzipped file"),
    "an unknown ending": data("rows.xlsx", GOOD, "rows.xlsx: cannot tell the format"),
    "two formats": folder_of_two_formats,
    "a missing test file": good("no such file or folder: no.csv", "--test", "no.csv"),
    "no split column": good("no column 'part'", "--set", "data.split_column=part"),
    "a long delimiter": good("data.delimiter", "--set", "data.delimiter=;;"),
    "an unknown setting": good("unknown setting 'model.unit'", "--set", "model.unit=3"),
    "a wrong value": good("model.units='many': expected int", "--set", "model.units=many"),
    "no assignment": good("--set units: expected section.key=value", "--set", "units"),
    "no configuration": good("no such configuration file: no.yaml", "--config", "no.yaml"),
    "a broken configuration": broken_configuration,
    "an unknown task": lambda _: (["text_clasification", "--data", "x"], f"Did you mean '{TASK}'?"),
    "data twice": good("good.csv: named twice", "--data", "good.csv"),
    "no data": lambda _: ([TASK], "Missing option '--data'"),
    "an unknown option": good("No such option", "--nosuch"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_at_first_sight_is_one_line_and_leaves_nothing(
    tidegate: Tidegate, tmp_path: Path, case: str
) -> None:
    arguments, said = CASES[case](tmp_path)
    before = sorted(tmp_path.rglob("*"))
    code, out, error, heavy = tidegate("run", *arguments, "--output", "out/new", folder=tmp_path)
    assert code == 2
    assert out == ""
    (line,) = error.splitlines()
    assert line.startswith("tidegate: ")
    assert said in line
    assert "tensorflow" not in heavy and "tfx" not in heavy
    assert sorted(tmp_path.rglob("*")) == before


def test_an_output_that_is_a_file_is_refused_and_left_as_it_is(
    tidegate: Tidegate, tmp_path: Path
) -> None:
    rows(tmp_path / "good.csv", GOOD)
    (tmp_path / "out").write_text("mine")
    for output in ("out", "out/below"):
        code, _, error, heavy = tidegate(
            "run", TASK, "--data", "good.csv", "--output", output, folder=tmp_path
        )
        assert (code, heavy.count("tensorflow")) == (2, 0)
        assert error.startswith(f"tidegate: --output {output}: cannot be written: ")
        assert len(error.splitlines()) == 1
    assert (tmp_path / "out").read_text() == "mine"


def test_a_second_run_into_the_same_folder_is_refused(tidegate: Tidegate, tmp_path: Path) -> None:
    import fcntl

    rows(tmp_path / "good.csv", GOOD)
    (tmp_path / "out").mkdir()
    with open(tmp_path / "out" / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, _, error, _ = tidegate(
            "run", TASK, "--data", "good.csv", "--output", "out", folder=tmp_path
        )
    assert code == 2
    assert error.startswith("tidegate: --output out: another run is at work there")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["tasks", "text_clasification"], f"Did you mean '{TASK}'?"),
        (["data", "get", "langauges"], "did you mean 'languages'?"),
        (["data", "get", "imdb", "--from", "none.tar.gz"], "none.tar.gz, which does not exist"),
    ],
)
def test_other_wrong_arguments_are_one_line_too(
    tidegate: Tidegate, tmp_path: Path, arguments: list[str], said: str
) -> None:
    code, out, error, heavy = tidegate(*arguments, folder=tmp_path)
    assert (code, out, heavy) == (2, "", [])
    (line,) = error.splitlines()
    assert said in line
