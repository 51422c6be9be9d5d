"""How windows that hang over an image's edges are said in a ``.tflite`` file: SAME, VALID, or an operator before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from toolkit.backends.litert.graph import Graph
from toolkit.lower.ir import Value
from toolkit.program.tflite.writer import options

SAME, VALID = schema.Padding.SAME, schema.Padding.VALID


@dataclass(frozen=True)
class Axis:
    """Windows along one axis: ``before`` is how far the first one hangs over."""

    size: int
    out: int
    kernel: int
    stride: int
    dilation: int
    before: int

    @property
    def after(self) -> int:
        """How far the last window hangs over; negative where values are left."""
        return (self.out - 1) * self.stride + (self.kernel - 1) * self.dilation + 1 - self.before - self.size

    @property
    def valid(self) -> bool:
        """True when no window hangs over."""
        return self.before == 0 and -self.stride < self.after <= 0

    @property
    def same(self) -> bool:
        """True when windows hang over as SAME has it."""
        whole = max(self.before + self.after, 0)
        return self.out == -(-self.size // self.stride) and self.before == whole // 2


def padding_of(axes: list[Axis]) -> int | None:
    """Return SAME or VALID; None where windows hang over in another way."""
    if all(axis.valid for axis in axes):
        return VALID
    return SAME if all(axis.same for axis in axes) else None


def padded(graph: Graph, x: Value, axes: list[Axis], fill: float | None = None) -> Value:
    """Return an image with its edges filled so that no window hangs over; with zeros unless ``fill`` says a value.

    ``fill`` is a float, or an integer code of a quantized image.
    """
    sides = [(0, 0), *((axis.before, max(axis.after, 0)) for axis in axes), (0, 0)]
    shape = tuple(size + sum(side) for size, side in zip(x.shape, sides, strict=True))
    made = graph.between(x, shape)
    pads = graph.integers(np.array(sides))
    if fill is None:
        graph.add("PAD", [x, pads], made, options("Pad"), 2)
    else:
        graph.add("PADV2", [x, pads, graph.number(fill, x)], made, options("PadV2"), 2)
    return made
