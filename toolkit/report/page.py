"""Draw the facts as one HTML page that loads nothing: styles and pictures stand inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from markupsafe import Markup

from toolkit import atomic
from toolkit.report.facts import Facts

_FOLDER = Path(__file__).resolve().parent


def render(facts: Facts) -> str:
    """Return the page. All text of ``facts`` is escaped: names come from strangers' models."""
    from toolkit.report.chart import line_chart
    from toolkit.report.memory_map import lifetime, memory_map

    return fill("page.html.j2", facts=facts, line_chart=line_chart, memory_map=memory_map, lifetime=lifetime)


def fill(template: str, **values: Any) -> str:
    """Return a template of this folder with ``values`` in it, all text escaped, and the pages' common style."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(share=_share, bytes=_bytes, percent=percent, number=_number, ratio=_ratio)
    style = Markup((_FOLDER / "style.css").read_text(encoding="utf-8"))  # ours, so it needs no escaping
    return environment.get_template(template).render(style=style, **values)


def write(path: Path, facts: Facts) -> Path:
    """Write the page to ``path``, whole or not at all, and return ``path``."""
    atomic.write_text(path, render(facts))
    return path


def _share(part: int | None, whole: int) -> Markup:
    """Return a thin bar that shows ``part`` of ``whole``; the number stands beside it."""
    if not part or not whole:
        return Markup("")
    return Markup('<span class="share" aria-hidden="true"><span style="width:{:.2f}%"></span></span>').format(
        100 * part / whole
    )


def _bytes(count: int) -> str:
    """Return bytes as people compare them: exact below 10 KB, else with one decimal."""
    if count < 10_240:
        return f"{count:,} B"
    return f"{count / 1024:,.1f} KB" if count < 1 << 20 else f"{count / (1 << 20):,.1f} MB"


def _number(count: int | None) -> str:
    """Return a count with thousands marked, or nothing for none."""
    return f"{count:,}" if count else ""


def _ratio(part: int | None, whole: int) -> str:
    """Return ``part`` per ``whole``, or nothing where there is no ratio."""
    return f"{part / whole:.2f}" if part and whole else ""


def percent(fraction: float, decimals: int = 1) -> str:
    """Return a share of one as percent, never rounding what is not all to 100."""
    shown = round(100 * fraction, decimals)
    if shown >= 100 and fraction < 1:
        shown = 100 - 10**-decimals
    return f"{shown:.{decimals}f} %"
