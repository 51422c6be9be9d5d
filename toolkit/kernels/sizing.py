"""An emitter that writes nothing: to learn which kernel would be called, and what its constants take."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Value


class Sizing:
    """Implements ``toolkit.ops.base.Emitter`` and counts bytes."""

    def __init__(self) -> None:
        self.constant_bytes = 0

    def pointer(self, value: Value) -> str:
        return ""

    def constant(self, suffix: str, data: np.ndarray) -> str:
        self.constant_bytes += data.nbytes
        return ""

    def function(self, suffix: str, text: str) -> str:
        return ""

    def local(self, ctype: str, name: str, initialiser: str) -> str:
        return ""

    def float_literal(self, value: float) -> str:
        return ""

    def scratch(self, ctype: str = "int8_t") -> str:
        return ""
