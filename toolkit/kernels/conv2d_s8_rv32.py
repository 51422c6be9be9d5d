"""int8 convolution for RV32IM: three pixels in two multiplies, six pixels by four rows at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.pack_rv32 import finish, fits, pack_four_rows, part_columns
from toolkit.ops.weighted import fold, input_zero_point, is_int8
from toolkit.ops.window import Window, window_of

_PIXELS, _ROWS = 6, 4
_MOST_WASTE = 2  # products made for each one needed; more, and portable C is faster


class Conv2dS8Rv32(Kernel):
    """Weights packed by ``pack_four_rows``; sums over ``part_columns`` at a time."""

    name = "tk_conv2d_s8_rv32"
    op = "conv2d"
    sets = ("rv32im",)
    strips = True

    def takes(self, step: Step) -> bool:
        return is_int8(step) and takes_window(step, window_of(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        return six_pixels_call(step, window_of(step), emitter)

    def scratch_bytes(self, step: Step) -> int:
        return six_pixels_scratch(window_of(step))

    def cases(self) -> Iterable[Case]:
        pads = ((1, 1), (1, 1))
        for rounding in ("single", "double"):  # 24 * 9 columns are too many for one part
            yield conv_case("conv2d", "int8", (5, 7, 24), 13, (3, 3), pads=pads, rounding=rounding)
        yield _lowest(conv_case("conv2d", "int8", (3, 4, 67), 4, (1, 1), extreme=True))


def takes_window(step: Step, w: Window) -> bool:
    """True when six pixels by four rows compute a layer of int8 weights exactly, and without much waste."""
    pixels = w.out_h * w.out_w
    made = -(-pixels // _PIXELS) * _PIXELS * -(-w.out_c // _ROWS) * _ROWS
    return w.dilation_w == 1 and made <= _MOST_WASTE * pixels * w.out_c and fits(fold(step))


def six_pixels_call(step: Step, w: Window, emitter: Emitter) -> Call:
    """Define the constants of a layer seen as a convolution with window ``w``; return its call."""
    x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
    window = emitter.local("tk_window", "window", w.initialiser())
    folded = fold(step)
    matrix = folded.weight.reshape(len(folded.bias), -1)
    weight = emitter.constant("weight", pack_four_rows(matrix))
    part, fields = str(part_columns(matrix)), finish(folded, emitter)
    inner = f"tk_six_pixels_{'twice' if step.rounding == 'double' else 'once'}_rv32"
    arguments = [
        x,
        input_zero_point(step),
        weight,
        part,
        fields,
        inner,
        emitter.scratch("uint32_t"),
        y,
        window,
    ]
    return Call("tk_conv2d_s8_rv32", arguments)


def six_pixels_scratch(w: Window) -> int:
    """Return the bytes of columns, of kernel rows that reach over the edge, and of pixels beyond the last."""
    run = w.kernel_w * w.in_c
    spare = w.out_c if w.out_h * w.out_w % _PIXELS else 0
    return 16 * w.kernel_h * run + _PIXELS * (run + spare)


def _lowest(case: Case) -> Case:
    """Return ``case`` with all weights -128."""
    x, w, *bias = case.step.inputs
    assert w.data is not None
    lowest = replace(w, data=np.full_like(w.data, -128))
    return Case(f"{case.id}-lowest", replace(case.step, inputs=[x, lowest, *bias]), case.inputs)


KERNEL = Conv2dS8Rv32()
