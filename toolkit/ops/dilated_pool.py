"""A maximum over a window with gaps, as the largest of shifted slices: one axis after the other."""

from __future__ import annotations

import math
from typing import Any

from toolkit.lower.ir import Step, Value


def dilated_maximum(
    x: Value, out: tuple[int, ...], window: dict[str, Any], dilation: tuple[int, int]
) -> list[Step]:
    """Return the steps of a pooling of ``x`` (1, channels, ...) to shape ``out``; padding never wins.

    ``window``: kernel, stride and pad (height, width), as ``toolkit.ops.pool.read_window`` gives them.
    """
    steps: list[Step] = []
    for axis in range(2, len(x.shape)):
        place = axis - len(x.shape)  # from the end: a line has a width only
        taps, stride, gap = window["kernel"][place], window["stride"][place], dilation[place]
        before = window["pad"][place]
        reach = (out[axis] - 1) * stride + (taps - 1) * gap + 1
        x = _padded(x, axis, before, reach, steps)
        x = _largest(x, axis, out[axis], [tap * gap for tap in range(taps)], stride, steps)
    return steps


def _padded(x: Value, axis: int, before: int, reach: int, steps: list[Step]) -> Value:
    after = max(reach - before - x.shape[axis], 0)
    if before == after == 0:
        return x
    pads = tuple((before, after) if i == axis else (0, 0) for i in range(len(x.shape)))
    shape = (*x.shape[:axis], before + x.shape[axis] + after, *x.shape[axis + 1 :])
    output = Value(f"{x.name}_padded", shape, x.dtype, x.quant)
    steps.append(Step("pad", "", [x], output, {"pads": pads, "value": -math.inf}))
    return output


def _largest(x: Value, axis: int, count: int, starts: list[int], stride: int, steps: list[Step]) -> Value:
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
    best: Value | None = None
    for start in starts:
        part = Value(f"{x.name}_{axis}_{start}", shape, x.dtype, x.quant)
        each = [(start, count, stride) if i == axis else (0, size, 1) for i, size in enumerate(x.shape)]
        attrs = dict(zip(("start", "count", "step"), zip(*each, strict=True), strict=True))
        steps.append(Step("slice", "", [x], part, attrs))
        if best is None:
            best = part
            continue
        larger = Value(f"{part.name}_max", shape, x.dtype, x.quant)
        steps.append(Step("maximum", "", [best, part], larger))
        best = larger
    assert best is not None
    return best
