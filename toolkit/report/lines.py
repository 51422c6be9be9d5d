"""Lines over a numbered axis as one SVG file that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from toolkit.report.picture import picture

_LEFT, _TOP, _WIDTH, _HEIGHT, _RIGHT, _BELOW = 70, 56, 520, 300, 190, 56
_COLOURS = ("#4477aa", "#cc6677", "#228833", "#aa7700")
_DASHES = ("none", "7 4", "2 3", "9 3 2 3")


@dataclass(frozen=True)
class Line:
    """A line's name and its points, from left to right."""

    label: str
    x: Sequence[float]
    y: Sequence[float]


def lines(title: str, drawn: Sequence[Line], *, x: str, y: str, top: float = 1.0) -> Markup:
    """Return the picture; it follows the reader's light or dark colours, and lines differ in dash, too.

    Args:
        title: what is shown.
        drawn: at most four lines.
        x: what goes to the right, with its unit.
        y: what goes up, from 0 to ``top``, with its unit.
        top: of the upright axis.
    """
    most = max((value for line in drawn for value in line.x), default=0.0) or 1.0
    width, height = _LEFT + _WIDTH + _RIGHT, _TOP + _HEIGHT + _BELOW
    parts = [
        Markup('<text x="{}" y="{:.1f}" text-anchor="end">{:g}</text>').format(_LEFT - 8, _up(at, 4) + 4, top * at / 4)
        + Markup('<line class="grid" x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}"/>').format(
            _LEFT, _LEFT + _WIDTH, _up(at, 4), _up(at, 4)
        )
        for at in range(5)
    ]  # fmt: skip
    marks = sorted({value for line in drawn for value in line.x})
    parts += [
        Markup('<text x="{:.1f}" y="{}" text-anchor="middle">{:g}</text>').format(
            _LEFT + _WIDTH * value / most, _TOP + _HEIGHT + 20, value
        )
        for value in marks[:: max(1, len(marks) // 8)]
    ]
    for index, (line, colour, dash) in enumerate(zip(drawn, _COLOURS, _DASHES, strict=False)):
        points = " ".join(
            f"{_LEFT + _WIDTH * a / most:.1f},{_up(b, top):.1f}" for a, b in zip(line.x, line.y, strict=True)
        )
        style = Markup('fill="none" stroke="{}" stroke-width="2" stroke-dasharray="{}"').format(colour, dash)
        parts.append(Markup('<polyline {} points="{}"/>').format(style, points))
        across, down = _LEFT + _WIDTH + 16, _TOP + 14 + 24 * index
        parts.append(
            Markup('<polyline {} points="{},{} {},{}"/>').format(style, across, down, across + 28, down)
        )
        parts.append(Markup('<text x="{}" y="{}">{}</text>').format(across + 36, down + 4, line.label))
    parts.append(
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(
            _LEFT + _WIDTH / 2, height - 12, x
        )
    )
    parts.append(Markup('<text x="16" y="{}">{}</text>').format(_TOP - 12, y))
    return picture(title, width, height, Markup("").join(parts))


def _up(value: float, top: float) -> float:
    return _TOP + _HEIGHT * (1 - value / top)
