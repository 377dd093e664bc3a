"""The model of the last run in an output folder, whether it passed its gates or not."""

import os
from dataclasses import dataclass

from tidegate.components.files import is_local
from tidegate.pipeline.run.summary import finished_summary, not_pushed
from tidegate.tables.errors import InputError


@dataclass(frozen=True)
class Candidate:
    """A model that a run has trained.

    Attributes:
      path: the folder of its SavedModel.
      name: the one that it has, or would have, on a server.
      failed: which gates it did not pass, in words; empty where it was pushed.
    """

    path: str
    name: str
    failed: str


def read_candidate(output: str) -> Candidate:
    """The model of the last run that was finished in an output folder.

    Args:
      output: the folder, a path or a URI.

    Raises:
      InputError: no run was finished there.
    """
    summary = finished_summary(output)
    if "candidate" not in summary:
        raise InputError(
            f"{output}: its run is of an earlier version of tidegate; run it again: what is "
            "unchanged is not done again"
        )
    failed = ""
    if not summary["pushed"]:
        failed = f"the last run in {output} did not pass: {not_pushed(summary)}"
    name = summary["settings"]["serving"]["model_name"] or summary["task"]
    return Candidate(os.path.join(output, summary["candidate"]), name, failed)


def why_not_there(models: str) -> str:
    """What is to be said where a folder of models, `OUTPUT/serving`, lacks one: that a run failed.

    Args:
      models: the folder, which need not exist; a path or a URI.

    Returns:
      A sentence; empty where the folder is none of a run's, or the run was pushed.
    """
    folder = models.rstrip("/")
    output = os.path.dirname(os.path.abspath(folder) if is_local(folder) else folder)
    try:
        failed = read_candidate(output).failed
    except InputError:
        return ""
    return f"{failed}; --candidate {output} asks its model all the same" if failed else ""
