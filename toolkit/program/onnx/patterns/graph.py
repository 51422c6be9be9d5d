"""A model's nodes as patterns look at them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from toolkit.program.onnx.node import RawNode, Tensor, real

NEAR = 1e-4  # exporters write constants as float32 or less


@dataclass
class Graph:
    makers: dict[str, RawNode]
    tensors: dict[str, Tensor]
    readers: Counter[str] = field(default_factory=Counter)

    def maker(self, name: str, *ops: str, only_reader: bool = True) -> RawNode | None:
        """Return the node that makes a tensor, when it is one of ``ops``."""
        raw = self.makers.get(name)
        if raw is None or raw.domain or raw.op not in ops or (only_reader and self.readers[name] > 1):
            return None
        return raw

    def reals(self, name: str) -> Tensor | None:
        """Return a constant of reals, which integers may stand for."""
        tensor = self.tensors.get(name)
        return (
            tensor if tensor is not None and tensor.data is not None and tensor.dtype == "float32" else None
        )

    def array(self, name: str) -> np.ndarray | None:
        """Return a constant of reals that the file has as such."""
        tensor = self.reals(name)
        return None if tensor is None or tensor.quant is not None else tensor.data

    def number(self, name: str) -> float | None:
        """Return a constant of one element."""
        tensor = self.tensors.get(name)
        if tensor is None or tensor.data is None or tensor.data.size != 1:
            return None
        return float(real(tensor).reshape(()))

    def is_number(self, name: str, value: float) -> bool:
        """True for a constant of one element of about this value."""
        number = self.number(name)
        return number is not None and abs(number - value) <= NEAR * max(abs(value), 1)

    def add(self, like: str, data: np.ndarray) -> str:
        """Add a constant; return its name."""
        name = f"{like}/folded"
        while name in self.tensors:
            name += "_"
        self.tensors[name] = Tensor(name, data.shape, data=np.ascontiguousarray(data, np.float32))
        return name

    def split(self, raw: RawNode) -> tuple[str, str] | None:
        """Return the tensor and the constant of a node with two inputs, of which one is constant."""
        for x, c in (raw.inputs, raw.inputs[::-1]) if len(raw.inputs) == 2 else ():
            if c in self.tensors and x not in self.tensors:
                return x, c
        return None
