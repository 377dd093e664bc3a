"""What a person sees, and what goes to the log instead."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tidegate.pipeline.run.console import ConsoleReporter


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def run(code: str, log: Path) -> subprocess.CompletedProcess[str]:
    """Runs code that knows `log` in a process of its own, where output is not captured twice."""
    imports = "import ctypes, os, sys\nfrom tidegate.pipeline.run.console import output_to_file\n"
    return subprocess.run(
        [sys.executable, "-c", f"{imports}log = {str(log)!r}\n{textwrap.dedent(code)}"],
        capture_output=True,
        text=True,
        encoding="utf-8",
    )


def test_output_of_python_c_and_children_goes_to_the_file(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    log.write_text("of a former run\n")
    done = run(
        """
        libc = ctypes.CDLL(None)
        print("before")
        with output_to_file(log) as stream:
            print("python")
            print("python's error", file=sys.stderr)
            os.write(1, b"descriptor\\n")
            os.write(2, b"descriptor's error\\n")
            libc.puts(b"from C")
            libc.fflush(None)
            os.system("echo child; echo child error >&2")
            stream.write("person 水闸\\n")
        print("after")
        print("error after", file=sys.stderr)
        """,
        log,
    )
    assert done.stdout == "before\nperson 水闸\nafter\n"
    assert done.stderr == "error after\n"
    first, *rest = log.read_text().splitlines()
    assert first == "of a former run"
    errors = ["python's error", "descriptor's error", "child error"]
    assert sorted(rest) == sorted(["python", "descriptor", "from C", "child", *errors])


def test_streams_that_are_not_the_processs_go_to_the_file_and_come_back(tmp_path: Path) -> None:
    """As in a notebook: who got a stream during a run, and before, writes where it belongs."""
    log = tmp_path / "run.log"
    done = run(
        """
        import io, logging
        shown = io.StringIO()
        sys.stdout = sys.stderr = shown
        early = logging.StreamHandler()
        logging.getLogger().addHandler(early)
        logging.getLogger("mine").warning("a log before")
        with output_to_file(log) as stream:
            print("python")
            os.write(2, b"descriptor's error\\n")
            logging.getLogger("mine").warning("a log within")
            kept = sys.stdout
            late = logging.StreamHandler()
            stream.write("person 水闸\\n")
        print("after", file=kept)
        logging.getLogger("late").addHandler(late)
        logging.getLogger("late").propagate = False
        logging.getLogger("late").warning("a late log")
        logging.getLogger("mine").warning("a log after")
        assert sys.stdout is shown and early.stream is late.stream is shown
        sys.__stdout__.write(shown.getvalue())
        """,
        log,
    )
    lines = ["a log before", "person 水闸", "after", "a late log", "a log after"]
    assert (done.stdout.splitlines(), done.stderr) == (lines, "")
    assert sorted(log.read_text().splitlines()) == ["a log within", "descriptor's error", "python"]


def test_the_descriptors_are_back_after_an_error(tmp_path: Path) -> None:
    log = tmp_path / "run.log"
    done = run(
        """
        before = len(os.listdir("/proc/self/fd"))
        try:
            with output_to_file(log):
                print("inside")
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            pass
        os.write(1, b"out\\n")
        os.write(2, b"err\\n")
        print(len(os.listdir("/proc/self/fd")) - before)
        """,
        log,
    )
    assert (done.stdout, done.stderr) == ("out\n0\n", "err\n")
    assert log.read_text() == "inside\n"


def test_a_log_that_cannot_be_opened_changes_nothing(tmp_path: Path) -> None:
    done = run(
        """
        before = len(os.listdir("/proc/self/fd"))
        try:
            with output_to_file(log):
                pass
        except FileNotFoundError:
            print(len(os.listdir("/proc/self/fd")) - before)
        """,
        tmp_path / "none" / "run.log",
    )
    assert (done.stdout, done.stderr) == ("0\n", "")


@pytest.mark.parametrize("stream", [io.StringIO, Terminal])
def test_a_line_is_printed_as_it_is(stream: type[io.StringIO]) -> None:
    out = stream()
    reporter = ConsoleReporter(out)
    lines = ["[1/9] Gen: 3 s", "a [red]label[/red] called :smile:", "x" * 500, "水闸 {} %s"]
    for line in lines:
        reporter.line(line)
    assert out.getvalue() == "".join(line + "\n" for line in lines)


def test_without_a_terminal_a_state_is_not_shown() -> None:
    out = io.StringIO()
    begun: list[str] = []
    reporter = ConsoleReporter(out, begun.append)
    reporter.status("[1/9] Trainer")
    reporter.status("step 3")
    reporter.close()
    assert out.getvalue() == ""
    assert begun == ["[1/9] Trainer"]


def test_on_a_terminal_the_state_shows_component_and_step_and_goes_away() -> None:
    out = Terminal()
    reporter = ConsoleReporter(out)
    reporter.status("[1/9] Trainer")
    reporter.status("step 3/70 [b]")
    reporter.line("a line that stays")
    reporter.close()
    shown = out.getvalue()
    reporter.close()
    reporter.line("after")
    assert "[1/9] Trainer" in shown
    assert "a line that stays" in shown
    assert out.getvalue().endswith("after\n")
    assert "Trainer" not in out.getvalue().removeprefix(shown)
