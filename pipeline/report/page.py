"""The page: one file alone, readable without script, dark or light, on paper."""

import base64
import os
from collections.abc import Mapping
from typing import Any

import jinja2

from tidegate.components import files
from tidegate.models.core.shown import Cell
from tidegate.pipeline.report import view
from tidegate.pipeline.report.shown import Shown, read_shown

REPORT_FILE = "report.html"
_TEMPLATE = "page.html"
# Which section a picture or a table of the task stands in; another stands where models fail.
_OF_TRAINING = ("training",)


def page(summary: Mapping[str, Any], shown: Shown, output: str) -> str:
    """The page of a run.

    Args:
      summary: the content of its `summary.json`.
      shown: what it has drawn.
      output: its output folder, as commands name it.

    Returns:
      HTML. What users wrote, as texts, labels and names of files, is escaped.
    """
    names = sorted({*shown.svg, *shown.png})
    return render(
        _TEMPLATE,
        title=view.title(summary),
        summary=summary,
        verdict=view.verdict(summary),
        gates=view.gates(summary),
        figures=list(view.figures(summary)),
        data=list(view.data(summary)),
        failures=list(view.failures(summary)),
        tables=[shown.tables[name] for name in sorted(shown.tables)],
        training=list(view.training(summary)),
        settings=view.settings(summary),
        again=view.again(summary, output),
        calls=view.calls(summary, output),
        curves=[name for name in names if name in _OF_TRAINING],
        pictures=[name for name in names if name not in _OF_TRAINING],
        svg=shown.svg,
        png={name: base64.b64encode(content).decode() for name, content in shown.png.items()},
    )


def render(template: str, **given: Any) -> str:
    """A template of this folder; what is given to it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tidegate.pipeline.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["cell"] = cell_text
    return environment.get_template(template).render(**given)


def write_page(output: str, summary: Mapping[str, Any]) -> str:
    """Writes `report.html` into a run's output folder, whole or not at all; gives its path.

    Args:
      output: a path, or a URI.
      summary: the content of `summary.json`.

    Raises:
      OSError, tf.errors.OpError: something cannot be read, or the page not written.
    """
    path = os.path.join(output, REPORT_FILE)
    # By their names: the folder may have been moved.
    names = [os.path.basename(path) for path in (*summary["plots"], *summary.get("shown", ()))]
    html = page(summary, read_shown(os.path.join(output, "plots"), names), output)
    files.write_whole(path, html.encode())
    return path


def cell_text(value: Cell) -> str:
    """A cell's text."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
