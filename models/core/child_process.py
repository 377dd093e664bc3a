"""Child processes that run a module of ours."""

import sys

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
