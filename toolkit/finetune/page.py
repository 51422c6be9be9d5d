"""All methods in one picture: an HTML page that loads nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from toolkit import atomic
from toolkit.report.chart import line_chart
from toolkit.report.page import percent
from toolkit.report.words import energy

if TYPE_CHECKING:
    from toolkit.finetune.run import Comparison

_FOLDER = Path(__file__).resolve().parent


def render(found: Comparison, dataset: str) -> str:
    """Return the page about ``found``; ``dataset`` is what it is called."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(percent=percent, energy=energy)
    style = Markup((_FOLDER.parent / "report" / "style.css").read_text(encoding="utf-8"))
    first = found.outcomes[0]
    series = [(outcome.method, list(outcome.during)) for outcome in found.outcomes]
    ends = (f"samples 1 to {first.window}", f"to {first.steps}")
    chart = line_chart("Right before it learns them", series, unit="%", low=0.0, ends=ends)
    return environment.get_template("page.html.j2").render(
        found=found,
        dataset=dataset,
        style=style,
        chart=chart,
        window=first.window,
        steps=first.steps,
        tests=first.tests,
    )


def write(path: Path, found: Comparison, dataset: str) -> Path:
    """Write the page to ``path``, whole or not at all, and return ``path``."""
    atomic.write_text(path, render(found, dataset))
    return path
