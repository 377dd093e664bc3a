"""`tidegate predict` against the scripted server: what it prints, writes, and says of errors."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.serving.client.scripted import FLOAT, STRING, Script, signature
from tidegate.pipeline import cli

CLASSES = {"classes": (STRING, [-1, -1]), "probabilities": (FLOAT, [-1, -1])}


@pytest.fixture
def script() -> Script:
    script = Script()
    text, x = {"text": (STRING, [-1])}, {"x": (FLOAT, [-1])}
    script.signatures = {
        "serving_default": signature({"examples": (STRING, [-1])}, {"examples": (STRING, [-1])}),
        "words": signature(text, text),
        "x": signature(x, x),
    }
    return script


class Run:
    """Runs the command line in this process.

    Attributes:
      address: of the server.
    """

    def __init__(
        self, address: str, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
    ) -> None:
        self.address = address
        self._patch = patch
        self._capture = capture

    def __call__(self, *arguments: str, stdin: bytes | None = None) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        given = ["tidegate", "predict", "--server", self.address, *arguments]
        self._patch.setattr(sys, "argv", given)
        if stdin is not None:
            self._patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        self._capture.readouterr()
        code: Any = 0
        try:
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        out, error = self._capture.readouterr()
        return code, out, error


@pytest.fixture
def run(address: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    return Run(address, monkeypatch, capsys)


def test_texts_are_answered_in_blocks(run: Run) -> None:
    assert run("echo", "--text", "a  b", "--text", "水闸") == (
        0, "a b\n  text: a b\n\n水闸\n  text: 水闸\n", "",
    )  # fmt: skip
    # A long text is named by its beginning, and its answer is whole.
    long = "tide " * 40
    assert run("echo", "--text", long)[1] == f"{long[:99]}…\n  text: {long.strip()}\n"


def test_a_detail_goes_to_a_file_alone(run: Run, tmp_path: Path) -> None:
    question = ("echo", "--text", "a", "--role", "text=detail")
    assert run(*question) == (0, "a\n", "")
    assert run(*question, "--output", str(tmp_path / "out.csv"))[0] == 0
    assert (tmp_path / "out.csv").read_text() == "text,predicted_text\na,a\n"


def test_texts_are_read_from_a_pipe(run: Run) -> None:
    code, out, _ = run("echo", stdin=b"one\r\ntwo\n\nfour")
    assert code == 0
    assert out.split("\n\n") == [
        "one\n  text: one", "two\n  text: two", "\n  text: ", "four\n  text: four\n",
    ]  # fmt: skip
    code, _, error = run("echo", stdin=b"fine\nna\xefve\n")
    assert (code, error) == (
        2,
        "tidegate: standard input:2: not utf-8 (byte 0xef at position 3 of the line)\n",
    )


def test_a_file_goes_to_the_standard_output_or_to_a_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x,label\n1,a\n2,b\n")
    assert run("echo", "--file", str(tmp_path / "a.csv")) == (
        0, "x,label,predicted_x\n1,a,1.0\n2,b,2.0\n", "",
    )  # fmt: skip
    output = tmp_path / "out.csv"
    code, out, error = run("echo", "--file", str(tmp_path / "a.csv"), "--output", str(output))
    assert (code, out, error) == (0, "", f"{output}: 2 rows\n")
    assert list(csv.reader(output.open()))[1] == ["1", "a", "1.0"]


def test_texts_go_to_a_file_too(run: Run, tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    assert run("echo", "--text", "a", "--output", str(output))[0] == 0
    assert output.read_text() == "text,predicted_text\na,a\n"


def test_rows_left_out_are_said(run: Run, tmp_path: Path) -> None:
    rows = "".join(f"{n},{n}\n" for n in range(50))
    (tmp_path / "a.csv").write_text(f"x,y\n{rows}oops,1\n")
    code, out, error = run("echo", "--file", str(tmp_path / "a.csv"))
    assert (code, len(out.splitlines())) == (0, 51)
    assert error == (
        "tidegate: left out: 1 of 51 rows cannot be used: "
        f"{tmp_path / 'a.csv'}:52: x: 'oops' is not a number\n"
    )


WRONG: dict[str, tuple[Sequence[str], str]] = {
    "no such file": (["echo", "--file", "nosuch.csv"], "no such file: nosuch.csv"),
    "two inputs": (["echo", "--file", "a.csv", "--text", "x"], "received --text and --file"),
    "version and label": (
        ["echo", "--text", "x", "--version", "1", "--label", "a"],
        "received --version and --label",
    ),
    "no such model": (["nosuch", "--text", "x"], "does not have model 'nosuch'"),
    "no such signature": (
        ["echo", "--text", "x", "--signature", "wrods"],
        "model 'echo': no signature 'wrods'. Did you mean 'words'?",
    ),
    "no text": (["echo", "--text", "x", "--signature", "x"], "does not take one text"),
    "address": (["echo", "--text", "x", "--server", "localhost"], "expected HOST:PORT"),
    "output folder": (["echo", "--text", "x", "--output", "no/a.csv"], "no such folder"),
    "output ending": (["echo", "--text", "x", "--output", "a.doc"], "cannot tell the format"),
    "column": (["echo", "--text", "x", "--column", "a"], "--column a: expected INPUT=COLUMN"),
    "column twice": (
        ["echo", "--text", "x", "--column", "a=b", "--column", "a=c"],
        "a is given twice",
    ),
    "type": (["echo", "--text", "x", "--type", "a=number"], "expected one of text, int, float"),
    "frequency": (["echo", "--text", "x", "--frequency", "often"], "--frequency 'often'"),
    "levels": (["echo", "--text", "x", "--level", "80;95"], "expected numbers, as a,b"),
    "half of mutual TLS": (["echo", "--text", "x", "--tls-cert", "c.pem"], "--tls-key, both"),
    "no certificate": (["echo", "--text", "x", "--tls-ca", "no.pem"], "no.pem: cannot be read"),
    "missing column": (["echo", "--file", "b.csv", "--signature", "words"], "Did you mean 'txt'?"),
    "no batch": (["echo", "--text", "x", "--batch-size", "0"], "--batch-size"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    case: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments, said = WRONG[case]
    (tmp_path / "b.csv").write_text("txt\na\n")
    monkeypatch.chdir(tmp_path)
    code, out, error = run(*arguments)
    assert (code, out) == (2, "")
    (line,) = error.splitlines()
    assert line.startswith("tidegate: ")
    assert said in line
    assert os.listdir(tmp_path) == ["b.csv"]


def test_no_server(run: Run) -> None:
    run.address = "localhost:1"
    code, out, error = run("echo", "--text", "x")
    assert (code, out) == (2, "")
    (line,) = error.splitlines()
    assert "no answer from a server at localhost:1 (" in line
    assert "start one with `tidegate serve --models DIR`" in line


def test_what_the_user_cannot_mend_is_exit_code_1(run: Run, script: Script) -> None:
    script.failures = [grpc.StatusCode.INTERNAL]
    code, out, error = run("echo", "--text", "x")
    assert (code, out) == (1, "")
    assert error == (
        f"tidegate: Predict of model 'echo' at {run.address}: INTERNAL: scripted INTERNAL\n"
    )
    script.seconds = 0.5
    code, _, error = run("echo", "--text", "x", "--deadline", "0.2")
    assert (code, len(error.splitlines())) == (1, 1)
    assert "DEADLINE_EXCEEDED" in error


def test_it_imports_no_tensorflow(address: str, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom tidegate.pipeline.cli import main\nmain()\n"
        "print(sorted({'tensorflow', 'pandas', 'pyarrow'} & set(sys.modules)))"
    )
    (tmp_path / "a.csv").write_text("x\n1\n")
    arguments = ["predict", "echo", "--server", address, "--file", str(tmp_path / "a.csv")]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        timeout=300,
    )
    assert done.stdout == "x,predicted_x\n1,1.0\n[]\n", done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom tidegate.pipeline.cli import cli\n"
        "cli(['predict', '--help'], standalone_mode=False)\n"
        "print(sorted({'numpy', 'grpc', 'rich', 'tensorflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        timeout=300,
    )
    assert "--tls-server-name" in done.stdout
    assert done.stdout.endswith("[]\n"), done.stdout


def test_a_terminal_shows_a_bar(address: str, tmp_path: Path) -> None:
    import pty

    (tmp_path / "a.csv").write_text("x\n" + "1\n" * 3000)
    main, terminal = pty.openpty()
    arguments = ["predict", "echo", "--server", address, "--file", str(tmp_path / "a.csv")]
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "tidegate.pipeline.cli",
            *arguments,
            "--output",
            str(tmp_path / "o.csv"),
        ],
        stderr=terminal,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
        timeout=300,
        check=True,
    )
    os.close(terminal)
    shown = b""
    while chunk := _read(main):
        shown += chunk
    os.close(main)
    assert done.returncode == 0
    assert "3,000 rows" in shown.decode() and "100%" in shown.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # How Linux ends a terminal whose other side is closed.
        return b""


def test_a_reader_that_has_seen_enough_ends_it_quietly(address: str, tmp_path: Path) -> None:
    rows = "".join(f"{number}\n" for number in range(50_000))
    (tmp_path / "a.csv").write_text(f"x\n{rows}")
    tidegate = f"{sys.executable} -m tidegate.pipeline.cli predict echo --server {address}"
    done = subprocess.run(
        ["bash", "-c", f"{tidegate} --batch-size 1000 --file {tmp_path / 'a.csv'} | head -1"],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        timeout=300,
    )
    assert (done.stdout, done.stderr) == ("x,predicted_x\n", "")
