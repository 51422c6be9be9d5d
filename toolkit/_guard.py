"""Refuse a stranger's package under the name ``quantize``, which others use too.

A stranger's ``toolkit`` is not refused: where Python finds one first, nothing of ours runs but a ``quantize`` that
somebody imports by itself, and that needs no toolkit.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path


def refuse_foreign(name: str, ours: Path) -> None:
    """Check, without importing it, that ``import <name>`` would find the package in the folder ``ours``.

    Raises:
        ImportError: another package of that name comes first; the message names its file.
    """
    try:
        spec = importlib.util.find_spec(name)
    except ValueError:  # something without a spec was put into sys.modules by hand
        spec = None
    found = Path(spec.origin).resolve().parent if spec is not None and spec.origin else None
    if found != ours.resolve():
        origin = spec.origin if spec is not None and spec.origin else "nowhere"
        raise ImportError(
            f"`import {name}` would load {origin}, not edge-toolkit's own {ours}\n"
            f"  fix: rename or move that package, or run from another folder"
        )
