"""Line charts as fluid SVG: lines stretch with the page, strokes and text keep their size."""

from __future__ import annotations

from markupsafe import Markup, escape

from toolkit.report.ticks import round_values

Series = list[tuple[str, list[float]]]


def line_chart(
    title: str,
    series: Series,
    *,
    unit: str = "",
    low: float | None = None,
    ends: tuple[str, str] | None = None,
) -> Markup:
    """Return a chart of one or more series over epochs 1, 2, ….

    Args:
        title: what the values are; the picture's name for those who do not see it.
        series: label and values; lines differ in dash as well as in colour.
        unit: "%" shows fractions as percent.
        low: bottom of the value axis; the smallest value by default.
        ends: what stands under the first and the last point, where they are no epochs.
    """
    values = [value for _, points in series for value in points]
    if not values:
        return Markup("")
    ticks = round_values(min(values) if low is None else low, max(values))
    bottom, top = ticks[0], ticks[-1]
    factor = 100 if unit == "%" else 1
    lines = Markup("").join(
        Markup('<polyline class="series-{}" points="{}"/>').format(index, _points(points, bottom, top))
        for index, (_, points) in enumerate(series)
    )
    first, last = ends or ("epoch 1", str(max(len(points) for _, points in series)))
    return Markup(
        '<figure class="chart"><figcaption>{title}</figcaption><ul class="keys">{keys}</ul><div class="plot">'
        '<div class="axis" aria-hidden="true">{axis}</div>'
        '<svg class="canvas" role="img" aria-label="{spoken}">{grid}'
        '<svg viewBox="0 0 100 100" preserveAspectRatio="none" width="100%" height="100%">{lines}</svg></svg>'
        '<div class="under" aria-hidden="true"><span>{first}</span><span>{last}</span></div></div></figure>'
    ).format(
        title=title,
        keys=_keys(series, factor, unit),
        axis=_axis(ticks, factor, unit),
        grid=_grid(ticks),
        lines=lines,
        first=first,
        last=last,
        spoken=escape(f"{title}: {_spoken(series, factor, unit)}"),
    )


def _axis(ticks: list[float], factor: int, unit: str) -> Markup:
    text = Markup('<span style="bottom:{:.2f}%">{}{}</span>')
    return Markup("").join(
        text.format(100 * _share(tick, ticks), f"{tick * factor:g}", f" {unit}" if unit else "")
        for tick in ticks
    )


def _grid(ticks: list[float]) -> Markup:
    line = Markup('<line class="grid" x1="0" x2="100%" y1="{0:.2f}%" y2="{0:.2f}%"/>')
    return Markup("").join(line.format(100 - 100 * _share(tick, ticks)) for tick in ticks)


def _share(tick: float, ticks: list[float]) -> float:
    return (tick - ticks[0]) / (ticks[-1] - ticks[0])


def _keys(series: Series, factor: int, unit: str) -> Markup:
    key = Markup(
        '<li><svg class="key" width="28" height="8" aria-hidden="true">'
        '<line class="series-{}" x1="1" x2="27" y1="4" y2="4"/></svg>{} <b>{}</b></li>'
    )
    return Markup("").join(
        key.format(index, label, _last(points, factor, unit)) for index, (label, points) in enumerate(series)
    )


def _spoken(series: Series, factor: int, unit: str) -> str:
    return "; ".join(
        f"{label} from {points[0] * factor:.3g} to {points[-1] * factor:.3g}{unit}"
        for label, points in series
        if points
    )


def _last(points: list[float], factor: int, unit: str) -> str:
    if not points:
        return ""
    return f"{points[-1] * factor:.2f} {unit}" if unit else f"{points[-1]:.4f}"


def _points(points: list[float], bottom: float, top: float) -> str:
    """Return the polyline's points in a 100 by 100 box; one epoch becomes a level line."""
    shown = points * 2 if len(points) == 1 else points
    step = 100 / max(len(shown) - 1, 1)
    return " ".join(
        f"{i * step:.3f},{100 - 100 * (v - bottom) / (top - bottom):.3f}" for i, v in enumerate(shown)
    )
