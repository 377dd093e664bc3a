"""A run as a notebook shows it."""

import base64
import html
from collections.abc import Mapping
from typing import Any

from tidegate.models.core.task import load_task
from tidegate.pipeline.run.summary import beside, not_pushed, number


def page(summary: Mapping[str, Any], figures: Mapping[str, Any]) -> str:
    """HTML of the figures beside the simple model's, the gates, and the pictures.

    Args:
      summary: the content of `summary.json`.
      figures: the pictures by name; each gives its bytes by `_repr_png_`.
    """
    task = load_task(summary["task"])
    headline = task.evaluation.headline
    rows = []
    for split, found in summary["metrics"].items():
        rows.append([f"{split}: {found['rows']:,} {task.examples}", *_figures(found, headline)])
        for title, other in beside(found):
            rows.append([f"{split}: {title}", *_figures(other, headline)])
    gates = [
        [
            gate["metric"],
            number(gate["value"]),
            gate["expected"],
            "passed" if gate["passed"] else "FAILED",
        ]
        for gate in summary["gates"]
    ]
    pushed = summary["pushed"]
    state = f"pushed to {pushed}" if pushed else f"not pushed: {not_pushed(summary)}"
    pictures = "".join(
        f'<img alt="{html.escape(name)}" style="max-width: 100%" '
        f'src="data:image/png;base64,{base64.b64encode(figure._repr_png_()).decode()}">'
        for name, figure in figures.items()
    )
    return (
        f"<p><b>{html.escape(summary['task'])}</b> {html.escape(state)}</p>"
        f"{_table(['', *headline], rows)}"
        f"{_table(['gate', 'value', 'expected', ''], gates)}{pictures}"
    )


def _figures(found: Mapping[str, Any], names: tuple[str, ...]) -> list[str]:
    return [number(found[name]) if found.get(name) is not None else "" for name in names]


def _table(head: list[str], rows: list[list[str]]) -> str:
    def line(tag: str, cells: list[str]) -> str:
        return f"<tr>{''.join(f'<{tag}>{html.escape(cell)}</{tag}>' for cell in cells)}</tr>"

    return f"<table>{line('th', head)}{''.join(line('td', row) for row in rows)}</table>"
