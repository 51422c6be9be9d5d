"""int8 depthwise convolution on Helium: a window of one channel is one run of bytes, four channels at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.kernels.fine_cases import finer
from toolkit.kernels.tile_mve import CHANNELS, LANES, are_large, constants, rounded_up
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.weighted import Folded, fold_depthwise, input_zero_point
from toolkit.ops.window import Window, window_of

_MOST_TAPS = 256  # the order of weights is in bytes
_STEPS = (3, 6)  # bytes between windows for which there is a function: 3x3 with strides 1 and 2
_LARGEST_PITCH = 0xFFFF // 7  # eight planes are reached with 16-bit offsets


class DepthwiseConv2dS8Mve(Kernel):
    """Rows are turned into planes of one channel each as they come (``tk_planes_mve.h``)."""

    name = "tk_depthwise_conv2d_s8_mve"
    op = "depthwise_conv2d"
    sets = ("helium",)
    rank = 2

    def takes(self, step: Step) -> bool:
        if step.inputs[1].quant is None:
            return False
        w = window_of(step)
        fits = w.kernel_h * w.kernel_w <= _MOST_TAPS and _pitch(w) <= _LARGEST_PITCH
        dense = (w.dilation_h, w.dilation_w) == (1, 1)
        return fits and dense and w.out_c >= CHANNELS

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        w = window_of(step)
        window = emitter.local("tk_window", "window", w.initialiser())
        folded = fold_depthwise(step)
        weight = emitter.constant("weight", pack_groups(folded))
        order = emitter.constant("order", slot_order(w.kernel_h, w.kernel_w))
        taps, bounds = w.kernel_h * w.kernel_w, f"{folded.zero_point}, {folded.low}, {folded.high}"
        sizes = f"{taps}, {-(-taps // LANES)}, {w.out_c}, {40 if are_large(folded) else 36}"
        fields = f"{{(const int8_t *){weight}, {order}, {sizes}, {bounds}}}"
        layer = emitter.local("tk_depthwise_mve", "depthwise", fields)
        twice, size = str(int(step.rounding == "double")), str(_plane_bytes(w))
        arguments = [
            x,
            input_zero_point(step),
            layer,
            twice,
            _row_function(step),
            emitter.scratch(),
            size,
            y,
            window,
        ]
        return Call(self.name, arguments)

    def scratch_bytes(self, step: Step) -> int:
        w = window_of(step)
        turned = CHANNELS * rounded_up(w.kernel_h * w.kernel_w, LANES) if _row_function(step) == "0" else 0
        return _plane_bytes(w) + turned

    def cases(self) -> Iterable[Case]:
        name = self.op
        yield conv_case(
            name, "int8", (8, 7, 4), 4, (3, 3), stride=(2, 2), pads=((1, 1), (1, 1)), rounding="double"
        )
        yield conv_case(name, "int8", (9, 8, 13), 13, (3, 3), pads=((1, 1), (1, 1)))
        yield conv_case(name, "int8", (9, 5, 6), 6, (5, 5), stride=(2, 1), pads=((2, 2), (2, 2)))
        yield conv_case(name, "int8", (7, 6, 8), 8, (2, 2), stride=(3, 3), rounding="double")
        yield conv_case(name, "int8", (12, 4, 1), 8, (10, 3), pads=((4, 5), (1, 1)))
        for times in (500, 1e6):
            yield finer(conv_case(name, "int8", (4, 3, 9), 9, (3, 3), rounding="double"), times)


def pack_groups(folded: Folded) -> np.ndarray:
    """Return for every four channels their weights, kernel columns first, and their constants, as uint32.

    The last four overlap those before where the number of channels is no multiple of four.
    """
    channels = len(folded.bias)
    runs = folded.weight.transpose(0, 2, 1).reshape(channels, -1).astype(np.int8)
    groups = []
    for start in range(0, channels, CHANNELS):
        some = slice(min(start, channels - CHANNELS), min(start, channels - CHANNELS) + CHANNELS)
        multiplier, shift = (np.broadcast_to(n, channels)[some] for n in (folded.multiplier, folded.shift))
        part = replace(folded, bias=folded.bias[some], multiplier=multiplier, shift=shift)
        groups.append(np.concatenate([runs[some].ravel(), constants(part, are_large(folded)).ravel()]))
    return np.concatenate(groups).view("<u4").astype(np.uint32)


def slot_order(kernel_h: int, kernel_w: int) -> np.ndarray:
    """Return uint8 (kernel_h, taps rounded up to 16): where the weight of each byte of a window is.

    Row t is for windows whose top row lies in slot t of its columns.
    """
    taps = kernel_h * kernel_w
    column, slot = np.divmod(np.arange(taps), kernel_h)
    rows = [column * kernel_h + (slot - top) % kernel_h for top in range(kernel_h)]
    return np.pad(np.array(rows), [(0, 0), (0, -taps % LANES)]).astype(np.uint8)


def _row_function(step: Step) -> str:
    """Return the C function for rows of four channels at a time, or 0 where none fits."""
    w = window_of(step)
    apart = w.kernel_h * w.stride_w
    fits = w.in_c == w.out_c and apart in _STEPS and w.kernel_h * w.kernel_w <= LANES
    if not fits or are_large(fold_depthwise(step)):
        return "0"
    return f"tk_depthwise_row_{'twice' if step.rounding == 'double' else 'once'}_{apart}_mve"


def _pitch(w: Window) -> int:
    return ((w.out_w - 1) * w.stride_w + w.kernel_w) * w.kernel_h


def _plane_bytes(w: Window) -> int:
    return rounded_up(w.in_c * _pitch(w) + rounded_up(w.kernel_h * w.kernel_w, LANES), LANES)


KERNEL = DepthwiseConv2dS8Mve()
