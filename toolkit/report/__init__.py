"""The report: one self-contained HTML page about one model on one device."""

from toolkit.report.facts import Facts
from toolkit.report.page import render, write

__all__ = ["Facts", "render", "write"]
