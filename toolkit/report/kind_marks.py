"""The marks that say how a figure is known: the same shapes in tables and in pictures."""

from __future__ import annotations

from markupsafe import Markup

from toolkit.measure.figure import Kind

MARKS: dict[Kind, str] = {"measured": "●", "counted": "■", "estimated": "◇"}
_RADIUS = 5.5


def marker(kind: Kind, x: float, y: float) -> Markup:
    """Return the mark of how a figure is known: a disc, a square, or a hollow diamond for an estimate."""
    if kind == "measured":
        return Markup('<circle fill="currentColor" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(x, y, _RADIUS)
    if kind == "counted":
        square = Markup('<rect fill="currentColor" x="{:.1f}" y="{:.1f}" width="{}" height="{}"/>')
        return square.format(x - _RADIUS + 0.5, y - _RADIUS + 0.5, 2 * _RADIUS - 1, 2 * _RADIUS - 1)
    reach = _RADIUS + 1
    corners = ((x, y - reach), (x + reach, y), (x, y + reach), (x - reach, y))
    points = " ".join(f"{a:.1f},{b:.1f}" for a, b in corners)
    return Markup('<polygon class="hollow" stroke="currentColor" stroke-width="2" points="{}"/>').format(
        points
    )
