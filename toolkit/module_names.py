"""Names of a stranger's file as names of modules, which torch writes into code."""

from __future__ import annotations

import keyword
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import nn


def module_name(name: str, owner: nn.Module) -> str:
    """Return ``name`` in letters, digits and underscores: no word of Python's, no attribute of ``owner`` yet."""
    plain = re.sub(r"\W+", "_", name, flags=re.ASCII).strip("_") or "layer"
    if keyword.iskeyword(plain):
        plain += "_"
    candidate, count = plain, 2
    while hasattr(owner, candidate):
        candidate, count = f"{plain}_{count}", count + 1
    return candidate
