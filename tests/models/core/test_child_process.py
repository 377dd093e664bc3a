"""Child processes: that they end with the one that started them."""

import signal
import subprocess

from tidegate.models.core.child_process import module_command

_FOLLOWS = "from tidegate.models.core.child_process import follow_parent; follow_parent({grace})\n"


def _started(program: str, *arguments: str) -> "subprocess.Popen[str]":
    python, *_ = module_command("any")
    return subprocess.Popen(
        [python, "-c", program, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_child_ends_by_sigterm_when_its_parent_does() -> None:
    waits = _FOLLOWS.format(grace=60) + "import threading; threading.Event().wait()"
    parent = _started(
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdin=subprocess.PIPE)\n"
        "print('started', flush=True)\n"
        "sys.stdin.read()\n",
        waits,
    )
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    parent.kill()
    # Both have this pipe open; it ends with the last of them.
    assert parent.communicate(timeout=60) == ("", None)


def test_a_child_that_ignores_sigterm_ends_too() -> None:
    ignores = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    child = _started(
        ignores + _FOLLOWS.format(grace=0.1) + "import threading; threading.Event().wait()"
    )
    child.communicate(timeout=60)
    assert child.returncode == 128 + signal.SIGTERM


def test_a_child_that_is_done_ends_well_while_its_parent_lives() -> None:
    # Its thread is to be waiting for the parent's end by then.
    child = _started(_FOLLOWS.format(grace=60) + "import time; time.sleep(0.2)")
    assert child.wait(timeout=60) == 0
    child.communicate()
