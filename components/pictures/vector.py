"""A figure as SVG for a page: it takes the page's colours, and its points have titles."""

import io
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

_SVG = "http://www.w3.org/2000/svg"
_LINK = "http://www.w3.org/1999/xlink"


def as_svg(figure: Figure, name: str) -> str:
    """The figure's SVG element.

    Black becomes the colour of the page's text, white that of its paper, so that a dark page has a
    dark picture. Letters stay letters, in the page's fonts. A marked point has a title: the line's
    label, and both values.

    Args:
      figure: the figure.
      name: of the picture; its ids begin with it, as several pictures share a page.
    """
    marked = _mark(figure)
    stored = io.StringIO()
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(stored, format="svg", transparent=True, metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _LINK)
    root = ElementTree.fromstring(stored.getvalue())
    for metadata in root.findall(f"{{{_SVG}}}metadata"):
        root.remove(metadata)
    for identity, titles in marked.items():
        points = root.findall(f".//*[@id='{identity}']//{{{_SVG}}}use")
        if len(points) == len(titles):  # Else some lie outside, and which ones is not known.
            for point, title in zip(points, titles, strict=True):
                ElementTree.SubElement(point, f"{{{_SVG}}}title").text = title
    for element in root.iter():
        for key, value in element.items():
            element.set(key, _in_page(key, value, name))
    return ElementTree.tostring(root, encoding="unicode")


def _in_page(key: str, value: str, name: str) -> str:
    """An attribute with the page's colours, and ids that are this picture's alone."""
    if key == "id":
        return f"{name}-{value}"
    if key in ("href", f"{{{_LINK}}}href"):
        return value.replace("#", f"#{name}-", 1)
    value = value.replace("url(#", f"url(#{name}-")
    return value.replace("#000000", "currentColor").replace("#ffffff", "var(--paper)")


def _mark(figure: Figure) -> dict[str, list[str]]:
    """Gives the lines that have markers ids; the titles of their points, by id."""
    titles: dict[str, list[str]] = {}
    for axes in figure.axes:
        for line in axes.get_lines():
            if line.get_marker() in ("None", "none", "", " ", None):
                continue
            identity = f"points-{len(titles)}"
            line.set_gid(identity)
            titles[identity] = list(_titles(axes, line))
    return titles


def _titles(axes: Any, line: Line2D) -> Iterator[str]:
    label = str(line.get_label())
    begin = "" if label.startswith("_") else f"{label}: "
    ticks = {
        float(place): tick.get_text()
        for place, tick in zip(axes.get_xticks(), axes.get_xticklabels(), strict=False)
    }
    named = axes.get_xaxis().get_major_formatter().__class__.__name__ == "FixedFormatter"
    along = axes.get_xlabel()
    data: tuple[Any, Any] = line.get_xdata(orig=False), line.get_ydata(orig=False)
    for x, y in np.column_stack(data).astype(float).tolist():
        if np.isfinite(y):
            place = ticks.get(x, "") if named else _place(axes, x)
            yield f"{begin}{along} {place}, {y:.4g}".replace("  ", " ").strip()


def _place(axes: Any, x: float) -> str:
    """A number along the axis, or the date that it stands for."""
    text = str(axes.format_xdata(x)).strip()
    try:
        float(text)
    except ValueError:
        return text
    return f"{x:g}"
