"""The frame of pictures that stand alone: an SVG file that follows the reader's light or dark colours."""

from __future__ import annotations

from markupsafe import Markup


def picture(
    title: str, width: float, height: float, parts: Markup, *, style: str = "", dark: str = ""
) -> Markup:
    """Return an SVG file.

    Args:
        title: what is shown; large at the top, and the picture's name for those who do not see it.
        width: of the picture, in pixels.
        height: as ``width``.
        parts: what is drawn, in these pixels; texts are filled with the reader's text colour.
        style: rules for it.
        dark: rules for a dark background, in the place of ``style``'s.
    """
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}" '
        'height="{height:g}" font-family="system-ui, sans-serif" font-size="13" role="img"><title>{title}</title>'
        "<style>svg {{ background: #fff; fill: #222 }} .grid {{ stroke: #9995 }} {style}"
        "@media (prefers-color-scheme: dark) {{ svg {{ background: #1b1b1f; fill: #ddd }} {dark}}}</style>"
        '<text x="16" y="26" font-size="16" font-weight="600">{title}</text>{parts}</svg>\n'
    ).format(
        title=title, width=width, height=height, parts=parts, style=Markup(style), dark=Markup(dark)
    )  # the rules are ours, so they need no escaping
