"""Meters of power and energy, one module each: a module with a ``METER`` is a meter by being here."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from toolkit.errors import ToolkitError, suggestion
from toolkit.measure.meters.base import Facts, Meter, Options

__all__ = ["Facts", "Meter", "Options", "facts", "make", "names"]


@cache
def names() -> tuple[str, ...]:
    """Return what the meters are called, without importing any."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return tuple(file.stem for file in modules if _has_meter(file))


def facts(name: str) -> Facts:
    """Return what there is to know of the meter ``name``; nothing needs to be installed for that."""
    return _load(name).FACTS


def make(name: str, port: str | None = None, options: Mapping[str, str] | None = None) -> Meter:
    """Return the meter ``name``, not yet open.

    Args:
        name: one of ``names()``.
        port: where it is: a serial port, an I2C bus, a file; None for the only one there is.
        options: its settings, as text.

    Raises:
        ToolkitError: there is no such meter or option, or an option's value is wrong.
    """
    meter = _load(name)
    return meter(port, Options(options or {}, meter.FACTS.options, name))


def _load(name: str) -> type[Meter]:
    if name not in names():
        raise ToolkitError(f"there is no meter called {name!r:.40}", fix=suggestion(name, names()))
    found: type[Meter] = importlib.import_module(f"{__name__}.{name}").METER
    return found


def _has_meter(file: Path) -> bool:
    """Look for an assignment to ``METER`` at the top of a module."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "METER" for target in targets):
            return True
    return False
