"""2-d convolution in groups of channels on int8 or float32, channels last."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Case, Emitter
from toolkit.ops.conv2d import Conv2d, float_call, float_reference
from toolkit.ops.conv_cases import at_run_time, conv_case
from toolkit.ops.half import halved
from toolkit.ops.int8_value import zero_point_of
from toolkit.ops.weighted import (
    exact_matmul,
    float_bounds,
    float_parameters,
    fold,
    input_zero_point,
    requant_fields,
)
from toolkit.ops.window import patches, window_of


class GroupedConv2d(Conv2d):
    """As ``Conv2d``, where each of ``attrs["groups"]`` output blocks sees its own block of input channels.

    Device weights are (O, KH, KW, I / groups). Ternary weights are stored as int8.
    """

    name = "grouped_conv2d"  # read by conv2d, which sees the same aten operators
    aten = ()

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        window, groups, weight = window_of(step), step.attrs["groups"], step.inputs[1]
        if weight.quant is None:
            return float_reference(step, inputs, window, groups)
        folded = fold(step)
        return folded.finish(self.sums(step, inputs[0]) + folded.bias).reshape(step.output.shape)

    def sums(self, step: Step, x: np.ndarray) -> np.ndarray:
        """Return the sums of products of integers, (pixels, channels)."""
        window, groups, weight = window_of(step), step.attrs["groups"], step.inputs[1].data
        assert weight is not None
        columns = patches(x, window, zero_point_of(step.inputs[0]))
        parts = np.split(columns.reshape(window.out_h * window.out_w, -1, window.in_c), groups, -1)
        matrices = np.split(weight.reshape(window.out_c, -1), groups)
        pairs = zip(parts, matrices, strict=True)
        return np.concatenate([exact_matmul(p.reshape(len(p), -1), m.T) for p, m in pairs], -1)

    def emit(self, step: Step, emitter: Emitter) -> Call:
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        window = emitter.local("tk_window", "window", window_of(step).initialiser())
        weight, groups = step.inputs[1], str(step.attrs["groups"])
        if weight.quant is None:
            bounds = [emitter.float_literal(bound) for bound in float_bounds(step)]
            parameters = float_parameters(step, emitter)
            return float_call(step, emitter, [x, *parameters, *bounds, y, window, groups])
        assert weight.data is not None
        folded = fold(step)
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        w, bias = (
            emitter.constant("weight", weight.data),
            emitter.constant("bias", folded.bias.astype(np.int32)),
        )
        args = [x, input_zero_point(step), w, bias, requant, emitter.scratch(), y, window, groups]
        return Call("tk_grouped_conv2d_s8", args)

    def scratch_bytes(self, step: Step) -> int:
        window = window_of(step)
        return 0 if step.inputs[1].quant is None else window.kernel_h * window.kernel_w * window.in_c

    def cases(self) -> Iterable[Case]:
        for kind in ("int8", "float32"):
            yield conv_case(self.name, kind, (5, 7, 6), 4, (3, 3), pads=((1, 1), (1, 1)), groups=2)
            yield conv_case(self.name, kind, (6, 5, 9), 6, (1, 1), groups=3)
            yield conv_case(
                self.name, kind, (9, 8, 8), 16, (3, 2), stride=(2, 1), pads=((0, 1), (1, 0)), groups=4
            )
        case = at_run_time(conv_case(self.name, "float32", (6, 5, 8), 6, (2, 3), groups=2))
        yield case
        yield halved(case, 2)
        yield conv_case(self.name, "int8", (5, 7, 6), 4, (3, 3), rounding="double", groups=2)
        yield conv_case(self.name, "int8", (4, 4, 40), 4, (3, 3), extreme=True, groups=2)


OPERATOR = GroupedConv2d()
