"""Rows of bars as one SVG file that stands alone: several figures of each thing, one panel for each figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from toolkit.report.picture import picture

_STYLE = (
    "text { paint-order: stroke; stroke: #fff; stroke-width: 3px } .bar { fill: #4477aa } .first { fill: #999 } "
    ".line { stroke: #999; stroke-dasharray: 3 3 } "
)
_DARK = "text { stroke: #1b1b1f } .bar { fill: #77aadd } "
_ROW, _BAR, _LABEL, _PANEL, _GAP, _TOP = 26, 14, 150, 210, 84, 64


@dataclass(frozen=True)
class Panel:
    """One figure of every row; a line shows where the first row's bar ends.

    Args:
        title: what it is, with its unit.
        values: one for each row, not negative; None leaves the row empty.
        texts: the same in words.
    """

    title: str
    values: Sequence[float | None]
    texts: Sequence[str]


def bars(title: str, labels: Sequence[str], panels: Sequence[Panel]) -> Markup:
    """Return the picture; it follows the reader's light or dark colours.

    Args:
        title: what the rows are.
        labels: the rows' names.
        panels: from left to right.
    """
    width = _LABEL + len(panels) * (_PANEL + _GAP)
    height = _TOP + len(labels) * _ROW + 16
    names = Markup("").join(
        Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(_LABEL - 10, _middle(row), label)
        for row, label in enumerate(labels)
    )
    drawn = Markup("").join(
        _panel(panel, _LABEL + index * (_PANEL + _GAP), height) for index, panel in enumerate(panels)
    )
    return picture(title, width, height, names + drawn, style=_STYLE, dark=_DARK)


def _panel(panel: Panel, left: int, height: int) -> Markup:
    known = [value for value in panel.values if value is not None]
    most = max(known, default=0.0) or 1.0
    lengths = [None if value is None else _PANEL * value / most for value in panel.values]
    parts = [Markup('<text x="{}" y="52" font-weight="600">{}</text>').format(left, panel.title)]
    if lengths and lengths[0] is not None:
        line = Markup('<line class="line" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>')
        parts.append(line.format(left + lengths[0], _TOP, height - 12))
    for row, (length, text) in enumerate(zip(lengths, panel.texts, strict=True)):
        if length is not None:
            bar = Markup('<rect class="{}" x="{}" y="{}" width="{:.1f}" height="{}"/>')
            parts.append(bar.format("bar" if row else "first", left, _middle(row) - 11, length, _BAR))
            said = Markup('<text x="{:.1f}" y="{}">{}</text>')
            parts.append(said.format(left + length + 6, _middle(row), text))
    return Markup("").join(parts)


def _middle(row: int) -> int:
    """Return the base line of a row's text."""
    return _TOP + row * _ROW + 17
