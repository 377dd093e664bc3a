"""Child processes that run a module of ours."""

import os
import signal
import sys
import threading
import time

# As `python -m`, but without the working folder on the path: a user's own `tidegate/`, `queue.py`
# or `models/` there would be imported in place of the installed one. Python 3.11 has -P for it.
_RUN = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0); "
    "import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
)


def module_command(module: str, *arguments: str) -> list[str]:
    """The command of a Python process that runs a module as its main program.

    Args:
      module: dotted name, ``tidegate.pipeline.cli``.
      *arguments: the module's, as in ``sys.argv[1:]``.
    """
    return [sys.executable, "-c", _RUN.format(module=module), *arguments]


def await_parents_end() -> None:
    """Returns once standard input is at its end; a thread may be in here when the process ends."""
    # Not through `sys.stdin`: the interpreter aborts at its end while a thread holds its lock.
    while os.read(0, 4096):
        pass


def follow_parent(grace: float) -> None:
    """Ends this process, as SIGTERM does, once the one that started it has ended in any way.

    The parent holds the other end of this process's standard input, a pipe, and writes nothing
    more; the system closes it even where the parent is killed.

    Args:
      grace: seconds that SIGTERM's handler has; then the process ends at once.
    """

    def follow() -> None:
        await_parents_end()
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=follow, name="follow-parent", daemon=True).start()
