"""A convolution pooled strip by strip: some rows of the convolution, the pool's rows over them, and so on.

The convolution's output never lies in memory whole. Any kernel of a pool can work so, and kernels of a convolution that
say so (``strips``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

import numpy as np

from toolkit.lower.ir import ITEMSIZE, Step
from toolkit.ops.base import Call, Emitter, Loop
from toolkit.ops.window import window_of

TILE_PIXELS = 12  # whole tiles of two, three and four pixels
MOST_ROWS = 3  # of the pool's output in a strip
ALIGNMENT = 8
# What the C of a strip calls its first row of the pool's output, and how many it has; see ops.base.Loop.
FIRST, ROWS = "row", "rows"
IN_H, OUT_H, PAD_TOP = 0, 3, 12  # fields of a tk_window


class Part(Protocol):
    """What computes one of the two steps: an operator or a kernel."""

    def emit(self, step: Step, emitter: Emitter) -> Call | list[Call] | Loop:
        """Return the call."""

    def scratch_bytes(self, step: Step) -> int:
        """Return the scratch memory that the call needs."""


def parts(step: Step) -> tuple[Step, Step]:
    """Return the convolution and the pool that a ``conv2d_max_pool2d`` step is made of.

    The convolution has no rows or columns that the pool leaves out.
    """
    kernel = step.attrs["pool"]
    n, height, width, channels = step.output.shape
    between = replace(
        step.output, name=f"{step.name}_strip", shape=(n, height * kernel[0], width * kernel[1], channels)
    )
    attrs: dict[str, object] = {key: value for key, value in step.attrs.items() if key != "pool"}
    attrs["strip"] = True  # a call makes some rows only: nothing done once for all of them pays
    conv = Step("conv2d", step.name, step.inputs, between, attrs, rounding=step.rounding)
    window = {"kernel": kernel, "stride": kernel, "pad": (0, 0)}
    return conv, Step("max_pool2d", step.name, [between], step.output, window)


def strip_rows(step: Step) -> int:
    """Return how many rows of the pool's output a strip has: few, and such that its pixels make whole tiles."""
    conv, _ = parts(step)
    pixels = conv.output.shape[2] * step.attrs["pool"][0]  # for one row
    fitting = (rows for rows in range(1, MOST_ROWS) if rows * pixels % TILE_PIXELS == 0)
    return min(next(fitting, MOST_ROWS), step.output.shape[1])


def scratch_bytes(step: Step, conv: Part) -> int:
    """Return the bytes of a strip of the convolution's output behind the convolution's own scratch memory."""
    return _strip_offset(step, conv) + strip_rows(step) * _row_bytes(step)


def overlap(step: Step) -> int:
    """As ``Operator.overlap``: a strip's input is read before any of its output is written."""
    conv, _ = parts(step)
    window, rows = window_of(conv), strip_rows(step)
    starts = np.arange(rows, step.output.shape[1], rows)  # the first row of every strip but the first
    top = np.clip(starts * step.attrs["pool"][0] * window.stride_h - window.pad_top, 0, window.in_h)
    item = ITEMSIZE[step.output.dtype]
    needed = top * window.in_w * window.in_c * item
    written = starts * step.output.shape[2] * window.out_c * item
    whole = step.output.nbytes - step.inputs[0].nbytes  # what the last strip writes
    return int(max(0, whole, (written - needed).max(initial=0)))


def in_strips(step: Step, conv: Part, pool: Part, emitter: Emitter) -> Loop:
    """Return the loop over the strips of a ``conv2d_max_pool2d`` step."""
    first, second = parts(step)
    window, rows, height = window_of(first), strip_rows(step), step.output.shape[1]
    kernel_h = step.attrs["pool"][0]
    count = str(rows) if height % rows == 0 else ROWS
    conv_rows = f"{kernel_h} * {count}"
    down = kernel_h * window.stride_h  # rows of input from one row of output to the next
    strip = _pointer(emitter, step, _strip_offset(step, conv))
    source, target = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
    fields = {OUT_H: conv_rows}
    if window.pad_top:
        fields[PAD_TOP] = f"{window.pad_top} - {down} * {FIRST}"
    else:  # kernels may know that there is none
        source = f"{source} + {down * window.in_w * window.in_c} * {FIRST}"
        fields[IN_H] = conv_rows if window.pointwise else f"{window.in_h} - {down} * {FIRST}"
    pointers = {id(step.inputs[0]): source, id(first.output): strip}
    calls = [conv.emit(first, _StripEmitter(emitter, pointers, fields, "conv"))]
    target = f"{target} + {step.output.shape[2] * window.out_c} * {FIRST}"
    pointers = {id(first.output): strip, id(step.output): target}
    calls.append(pool.emit(second, _StripEmitter(emitter, pointers, {IN_H: conv_rows, OUT_H: count}, "pool")))
    made = [call for call in calls if isinstance(call, Call)]
    assert len(made) == len(calls)  # such kernels are one call each
    return Loop(height, rows, made)


def _row_bytes(step: Step) -> int:
    conv, _ = parts(step)
    return conv.output.nbytes // step.output.shape[1]


def _strip_offset(step: Step, conv: Part) -> int:
    first, _ = parts(step)
    return -(-conv.scratch_bytes(first) // ALIGNMENT) * ALIGNMENT


def _pointer(emitter: Emitter, step: Step, offset: int) -> str:
    ctype = {"int8": "int8_t", "float32": "float"}[step.output.dtype]
    return f"{emitter.scratch(ctype)} + {offset // ITEMSIZE[step.output.dtype]}"


class _StripEmitter:
    """An emitter for one of the two calls: other addresses, and the window of one strip."""

    def __init__(
        self, emitter: Emitter, pointers: Mapping[int, str], fields: Mapping[int, str], prefix: str
    ) -> None:
        self.emitter, self.pointers, self.fields, self.prefix = emitter, pointers, fields, prefix
        self.constant, self.function = emitter.constant, emitter.function
        self.float_literal = emitter.float_literal
        self.scratch = emitter.scratch

    def pointer(self, value: object) -> str:
        return self.pointers[id(value)]

    def local(self, ctype: str, name: str, initialiser: str) -> str:
        if ctype == "tk_window":
            entries = initialiser.strip("{}").split(", ")
            initialiser = f"{{{', '.join(self.fields.get(i, entry) for i, entry in enumerate(entries))}}}"
        return self.emitter.local(ctype, f"{self.prefix}_{name}", initialiser)
