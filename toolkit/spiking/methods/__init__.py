"""Published methods for spiking networks; one file each."""

from __future__ import annotations

from functools import cache
from typing import Any

from quantize.method import carried


@cache
def methods() -> dict[str, Any]:
    """Return the modules that carry a ``METHOD``, by slug."""
    return carried(__name__, __path__)
