"""Depthwise 2-d convolution of spikes: four channels' weights are chosen by the bits of their inputs."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.kernels.base import Kernel
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.wide import fold_wide, wide_cases, wide_fields
from toolkit.ops.window import window_of

_MOST_TAPS = 256  # of which 16 bits hold any sum
_FUNCTION = "tk_depthwise_conv2d_events"


class DepthwiseConv2dEvents(Kernel):
    """Where four channels' inputs are 0 nothing is added."""

    op = "depthwise_conv2d_wide"

    def __init__(self, name: str, sets: tuple[str, ...], most_density: float) -> None:
        self.name, self.sets, self.most_density = name, sets, most_density

    def takes(self, step: Step) -> bool:
        window = window_of(step)
        return (
            step.attrs.get("density", 2.0) <= self.most_density
            and zero_point_of(step.inputs[0]) == 0
            and window.in_c == window.out_c
            and window.in_c % 4 == 0
            and window.kernel_h * window.kernel_w <= _MOST_TAPS
        )

    def emit(self, step: Step, emitter: Emitter) -> Call:
        wide = fold_wide(step, channel_axis=2)
        weight = emitter.constant("weight", np.ascontiguousarray(wide.weight))
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        return Call(_FUNCTION, [x, weight, wide_fields(wide, emitter), y, window])

    def cases(self) -> Iterable[Case]:
        edges = ((1, 2), (0, 1))
        case = conv_case("depthwise_conv2d", "int8", (7, 6, 12), 12, (3, 2), (2, 1), (1, 2), edges)
        return wide_cases([case], self.op)


KERNELS = [
    DepthwiseConv2dEvents(_FUNCTION, ("armv7em", "helium", "neon", "avx2"), 1.0),
    # cores that load byte by byte, and have no instruction that adds bytes to lanes
    DepthwiseConv2dEvents("tk_depthwise_conv2d_few_events", ("armv6m", "rv32im"), 0.1),
]
