"""Poolings over windows."""

from __future__ import annotations

import numpy as np

from toolkit.backends.litert.graph import Graph, Unsupported
from toolkit.backends.litert.windows import VALID, Axis, padded, padding_of
from toolkit.lower.ir import Step, Value
from toolkit.ops.pool import pool_window
from toolkit.program.tflite.writer import options


def avg_pool2d(step: Step, graph: Graph) -> None:
    """The mean of what lies inside the image, or of all values where padding counts as zeros."""
    axes, x = _axes(step), step.inputs[0]
    kind, divisor = padding_of(axes), step.attrs.get("divisor", 0)
    if divisor not in (0, axes[0].kernel * axes[1].kernel):
        raise Unsupported(f"a divisor of {divisor} for windows of {step.attrs['kernel']}")
    if divisor and kind != VALID:
        x, kind = padded(graph, x, axes), VALID
    if kind is None:
        raise Unsupported(f"padding {step.attrs['pad']} that does not count: LiteRT knows VALID and SAME")
    _pool(step, graph, "AVERAGE_POOL_2D", x, kind)


def max_pool2d(step: Step, graph: Graph) -> None:
    """The largest value inside the image."""
    axes, x = _axes(step), step.inputs[0]
    kind = padding_of(axes)
    if kind is None:
        lowest = float(np.finfo(np.float32).min) if x.quant is None else np.iinfo(x.dtype).min
        x, kind = padded(graph, x, axes, lowest), VALID
    _pool(step, graph, "MAX_POOL_2D", x, kind)


def _pool(step: Step, graph: Graph, name: str, x: Value, padding: int) -> None:
    window, y = pool_window(step), step.output
    shape = (1, window.out_h, window.out_w, window.out_c)
    made = y if y.shape == shape else graph.between(y, shape)
    table = options("Pool2D", padding=padding, strideH=window.stride_h, strideW=window.stride_w)
    table.filterHeight, table.filterWidth = window.kernel_h, window.kernel_w
    graph.add(name, [x], made, table, 2)
    if made is not y:
        graph.reshaped(made, y)


def _axes(step: Step) -> list[Axis]:
    w = pool_window(step)
    return [
        Axis(w.in_h, w.out_h, w.kernel_h, w.stride_h, 1, w.pad_top),
        Axis(w.in_w, w.out_w, w.kernel_w, w.stride_w, 1, w.pad_left),
    ]
