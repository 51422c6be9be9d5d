"""Points of two figures with their Pareto front; a point's shape says how its figures are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from toolkit.compare.pareto import front
from toolkit.measure.figure import Kind
from toolkit.report.kind_marks import MARKS, marker
from toolkit.report.picture import picture
from toolkit.report.scale import Scale

_LEFT, _TOP, _WIDTH, _HEIGHT, _BELOW, _KEYS = 84, 56, 460, 300, 64, 300
_ROW = 21
_COLOURS = ("#4477aa", "#cc6677", "#228833", "#aa7700", "#aa3377", "#338899")
_STYLE = (
    ".front { fill: none; stroke: #888; stroke-width: 1.5; stroke-dasharray: 5 4 } .within { stroke-width: 1.5 } "
    + "".join(f".colour-{index} {{ color: {colour} }} " for index, colour in enumerate(_COLOURS))
    + ".name { paint-order: stroke; stroke: #fff; stroke-width: 3px } .hollow { fill: #fff } .plain { color: #888 } "
)
_DARK = ".name { stroke: #1b1b1f } .hollow { fill: #1b1b1f } "
_SPOTS = (
    (8, -5),
    (-8, -5),
    (8, 15),
    (-8, 15),
    (9, 4),
    (-9, 4),
    (0, -10),
    (0, 19),
)  # of a label, from its point


@dataclass(frozen=True)
class Dot:
    """One point.

    Args:
        name: beside the picture, by its number.
        x: to the right.
        y: up.
        kind: how the less certain of the two is known.
        group: points of a group have one colour.
        told: what is said where the reader points at it.
        on_front: nothing beats it.
        within_x: uncertainty of ``x``, or None.
        within_y: as ``within_x``.
    """

    name: str
    x: float
    y: float
    kind: Kind
    group: int
    told: str
    on_front: bool = False
    within_x: float | None = None
    within_y: float | None = None


@dataclass(frozen=True)
class Axis:
    """What an axis shows: its label, ``words`` for a value, and whether more is better."""

    label: str
    words: Callable[[float], str]
    high: bool = False


def scatter(title: str, dots: Sequence[Dot], x: Axis, y: Axis, *, numbers: Sequence[int] = ()) -> Markup:
    """Return the picture as a file of its own.

    Args:
        title: what is shown.
        dots: the points, at least one.
        x: the axis to the right; in powers of ten where values differ much.
        y: the axis upwards, likewise.
        numbers: of the points; 1, 2, … by default.
    """
    width = _LEFT + _WIDTH + _KEYS
    height = max(_TOP + _HEIGHT + _BELOW, _TOP + _ROW * (len(dots) + 4) + 16)
    numbers = numbers or range(1, len(dots) + 1)
    parts = _plot(dots, x, y, numbers) + _keys(dots, numbers)
    return picture(title, width, height, parts, style=_STYLE, dark=_DARK)


def plot(title: str, dots: Sequence[Dot], x: Axis, y: Axis, *, numbers: Sequence[int]) -> Markup:
    """Return the picture for a page with rules for ``scatter`` in its style, whose table names the numbers."""
    return Markup(
        '<figure class="scatter"><figcaption>{title}</figcaption><svg class="canvas" role="img" aria-label="{title}" '
        'viewBox="0 {top} {width} {height}">{parts}</svg></figure>'
    ).format(
        title=title,
        top=_TOP - 34,
        width=_LEFT + _WIDTH + 24,
        height=_HEIGHT + _BELOW + 34,
        parts=_plot(dots, x, y, numbers),
    )


def _plot(dots: Sequence[Dot], x: Axis, y: Axis, numbers: Sequence[int]) -> Markup:
    across = Scale([(dot.x, dot.within_x) for dot in dots], _LEFT, _WIDTH)
    up = Scale([(dot.y, dot.within_y) for dot in dots], _TOP + _HEIGHT, -_HEIGHT)
    places = [(across.at(dot.x), up.at(dot.y)) for dot in dots]
    labels = _labels(places)
    parts = [*_axes(across, up, x, y), _front(dots, places, x, y)]
    parts += [_uncertainty(dot, place, across, up) for dot, place in zip(dots, places, strict=True)]
    point = Markup(
        '<g class="colour-{}"><title>{}</title>{}'
        '<text class="name" x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text></g>'
    )
    for dot, place, label, number in zip(dots, places, labels, numbers, strict=True):
        parts.append(point.format(_colour(dot), dot.told, marker(dot.kind, *place), *label, number))
    return Markup("").join(parts)


def _axes(across: Scale, up: Scale, x: Axis, y: Axis) -> list[Markup]:
    line = Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    right, bottom = _LEFT + _WIDTH, _TOP + _HEIGHT
    parts = []
    for value in across.ticks():
        at = across.at(value)
        parts += [line.format(at, at, _TOP, bottom), text.format(at, bottom + 20, "middle", x.words(value))]
    for value in up.ticks():
        at = up.at(value)
        parts += [line.format(_LEFT, right, at, at), text.format(_LEFT - 8, at + 4, "end", y.words(value))]
    parts.append(text.format(_LEFT + _WIDTH / 2, bottom + 46, "middle", _better(x)))
    parts.append(text.format(16, _TOP - 10, "start", _better(y)))
    return parts


def _better(axis: Axis) -> str:
    return f"{axis.label} ({'more' if axis.high else 'less'} is better)"


def _front(dots: Sequence[Dot], places: Sequence[tuple[float, float]], x: Axis, y: Axis) -> Markup:
    """Return the front as a staircase, by values alone: what lies behind it is beaten, but for uncertainties."""
    best, high = front([(dot.x, dot.y) for dot in dots], (x.high, y.high)), x.high
    on = sorted({place for place, here in zip(places, best, strict=True) if here})
    points = on[:1]
    for (left, lower), (right, upper) in pairwise(on):
        points += [(left, upper) if high else (right, lower), (right, upper)]
    return Markup('<polyline class="front" points="{}"/>').format(
        " ".join(f"{a:.1f},{b:.1f}" for a, b in points)
    )


def _uncertainty(dot: Dot, place: tuple[float, float], across: Scale, up: Scale) -> Markup:
    line = Markup(
        '<line class="within colour-{}" stroke="currentColor" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>'
    )
    x, y = place
    colour, parts = _colour(dot), Markup("")
    if dot.within_x:
        parts += line.format(colour, across.at(dot.x - dot.within_x), across.at(dot.x + dot.within_x), y, y)
    if dot.within_y:
        parts += line.format(colour, x, x, up.at(dot.y - dot.within_y), up.at(dot.y + dot.within_y))
    return parts


def _colour(dot: Dot) -> int:
    return dot.group % len(_COLOURS)


def _labels(places: Sequence[tuple[float, float]]) -> list[tuple[float, float, str]]:
    """Return where each point's number goes, with its anchor: beside the point, clear of others where it can be."""
    taken = list(places)
    found = []
    for x, y in places:
        spots = [(x + dx, y + dy, "start" if dx > 0 else "end" if dx < 0 else "middle") for dx, dy in _SPOTS]
        clear = (spot for spot in spots if all(_apart(spot, other) for other in taken if other != (x, y)))
        chosen = next(clear, spots[0])
        taken.append(_middle(chosen))
        found.append(chosen)
    return found


def _middle(spot: tuple[float, float, str]) -> tuple[float, float]:
    x, y, anchor = spot
    return x + {"start": 5, "end": -5, "middle": 0}[anchor], y - 4


def _apart(spot: tuple[float, float, str], other: tuple[float, float]) -> bool:
    x, y = _middle(spot)
    return abs(x - other[0]) > 13 or abs(y - other[1]) > 12


def _keys(dots: Sequence[Dot], numbers: Sequence[int]) -> Markup:
    """Return the names of the points and what the marks mean, to the right."""
    left = _LEFT + _WIDTH + 28
    rows = [
        (marker(dot.kind, left, 0), f"colour-{_colour(dot)}", f"{number}  {dot.name}")
        for dot, number in zip(dots, numbers, strict=True)
    ]
    seen = {dot.kind for dot in dots}
    rows += [(marker(kind, left, 0), "plain", kind) for kind in MARKS if kind in seen]
    if any(dot.on_front for dot in dots):
        line = Markup('<polyline class="front" points="{},0 {},0"/>').format(left - 7, left + 8)
        rows.append((line, "plain", "Pareto front"))
    row = Markup('<g class="{}" transform="translate(0 {})">{}<text x="{}" y="4.5">{}</text></g>')
    return Markup("").join(
        row.format(style, _TOP + 6 + _ROW * at, mark, left + 14, said)
        for at, (mark, style, said) in enumerate(rows)
    )
