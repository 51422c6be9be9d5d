"""2-d convolution of spikes: for each pixel the weights of those inputs in its window that spiked are added up."""

from __future__ import annotations

from typing import Literal

from toolkit.kernels.base import Kernel
from toolkit.kernels.fully_connected_events import MOST_DENSITY, SETS
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter
from toolkit.ops.pack_events import event_call, of_events
from toolkit.ops.wide import fold_wide
from toolkit.ops.window import Window, window_of

_FEW_CHANNELS, _SPARSE = (
    16,
    0.05,
)  # below both, rows of a window are short and empty: bits are not worth being made


class Conv2dEvents(Kernel):
    """``found``: where a window's ones are looked for, "listed" among bytes, "mapped" among bits made of them once."""

    op = "conv2d_wide"
    sets = SETS

    def __init__(self, found: Literal["listed", "mapped"]) -> None:
        self.name = f"tk_conv2d_{found}_events"
        self.mapped = found == "mapped"

    def takes(self, step: Step) -> bool:
        density = step.attrs.get("density", 1.0)
        mapped = step.inputs[0].shape[-1] >= _FEW_CHANNELS or density >= _SPARSE
        return mapped == self.mapped and density <= MOST_DENSITY and of_events(step, fold_wide(step))

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y, geometry = emitter.pointer(step.inputs[0]), emitter.pointer(step.output), window_of(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        kernel, constants = event_call(self.name, step, fold_wide(step), emitter)
        return Call(kernel, [x, *constants, emitter.scratch("uint32_t"), y, window], "tk_conv2d_events")

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        depth = window.kernel_h * window.kernel_w * window.in_c
        return 2 * (depth + 1) + (_bitmap_bytes(window) if self.mapped else 0)


def _bitmap_bytes(window: Window) -> int:
    return -(-window.in_h * window.in_w * window.in_c // 32) * 4


KERNELS = [Conv2dEvents("listed"), Conv2dEvents("mapped")]
