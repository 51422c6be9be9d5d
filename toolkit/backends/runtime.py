"""The runtime's headers that a model needs."""

from __future__ import annotations

import re
from pathlib import Path

from toolkit import paths


def runtime_headers(names: list[str]) -> list[Path]:
    """Return the runtime headers ``names`` need, ``tk.h`` and what they include in turn among them."""
    include = paths.runtime_dir() / "include"
    found: dict[str, Path] = {}
    todo = ["tk.h", *names]
    while todo:
        name = todo.pop()
        if name not in found:
            found[name] = include / name
            todo += re.findall(r'#include "(tk\w*\.h)"', found[name].read_text(encoding="utf-8"))
    return [found[name] for name in sorted(found)]
