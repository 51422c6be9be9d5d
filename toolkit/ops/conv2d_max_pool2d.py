"""2-d convolution and the maximum over windows that do not overlap, in one: most sums are never requantized."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Step
from toolkit.ops import strips
from toolkit.ops.base import Call, Case, Emitter, Loop, Operator
from toolkit.ops.conv2d import OPERATOR as CONV
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.max_pool2d import OPERATOR as POOL
from toolkit.ops.weighted import fold, input_zero_point, is_int8, requant_fields
from toolkit.ops.window import overlap_bytes, window_of


class Conv2dMaxPool2d(Operator):
    """``output[y, x, c] = max over the window of conv2d(input)[.., .., c]``, one value for every channel.

    Attributes: those of ``conv2d``, and ``pool``, the height and width of windows that lie side by side. Requantization
    never falls, so the largest of int8 sums is found before it; other types are pooled strip by strip.
    """

    name = "conv2d_max_pool2d"
    quantization = "weighted"
    layout = "channels_last"

    def parts(self, step: Step) -> tuple[Step, ...]:
        return strips.parts(step)

    def reference(self, step: Step, inputs: list[np.ndarray]) -> np.ndarray:
        conv, pool = strips.parts(step)
        return POOL.reference(pool, [CONV.reference(conv, inputs)])

    def emit(self, step: Step, emitter: Emitter) -> Call | Loop:
        if not is_int8(step):
            return strips.in_strips(step, CONV, POOL, emitter)
        conv, _ = strips.parts(step)
        x, y = emitter.pointer(step.inputs[0]), emitter.pointer(step.output)
        geometry, folded = window_of(conv), fold(step)
        window = emitter.local("tk_window", "window", geometry.initialiser())
        requant = emitter.local("tk_requant_s8", "requant", requant_fields(folded, emitter))
        bias = emitter.constant("bias", folded.bias.astype(np.int32))
        w = emitter.constant("weight", folded.weight.reshape(geometry.out_c, -1))
        pool = map(str, step.attrs["pool"])
        arguments = [x, input_zero_point(step), w, bias, requant, emitter.scratch(), y, *pool, window]
        return Call("tk_conv2d_max_pool2d_s8", arguments)

    def macs(self, step: Step) -> int:
        return CONV.macs(strips.parts(step)[0])

    def scratch_bytes(self, step: Step) -> int:
        if not is_int8(step):
            return strips.scratch_bytes(step, CONV)
        pixels = step.attrs["pool"][0] * step.attrs["pool"][1]
        return pixels * int(np.prod(step.inputs[1].shape[1:]))

    def overlap(self, step: Step, index: int) -> int | None:
        if not is_int8(step):
            return strips.overlap(step)
        (kernel_h, kernel_w), window = step.attrs["pool"], window_of(strips.parts(step)[0])
        _, height, width, _ = step.output.shape
        pooled = replace(
            window,
            out_h=height,
            out_w=width,
            stride_h=window.stride_h * kernel_h,
            stride_w=window.stride_w * kernel_w,
        )
        return overlap_bytes(pooled, 1, 1, unit=1)

    def cases(self) -> Iterable[Case]:
        for kind in ("int8", "int4", "ternary", "float32"):
            yield _case(kind, (10, 12, 3), 8, (3, 3), (2, 2), pads=((1, 1), (1, 1)))
            yield _case(kind, (15, 9, 4), 5, (1, 1), (2, 2))
            yield _case(kind, (16, 6, 8), 6, (1, 1), (2, 3))
            yield _case(kind, (19, 11, 1), 4, (5, 3), (3, 2), stride=(1, 2), pads=((2, 2), (1, 1)))
            yield _case(kind, (14, 9, 5), 7, (2, 3), (2, 2), stride=(1, 1))
            yield _case(kind, (21, 8, 2), 4, (3, 3), (2, 2), dilation=(2, 1), pads=((1, 3), (0, 2)))
        yield _case("int8", (12, 10, 40), 4, (3, 3), (2, 2), extreme=True)
        yield _case("int8", (12, 12, 16), 6, (3, 3), (2, 2), pads=((1, 1), (1, 1)), rounding="double")


def _case(
    kind: str,
    in_shape: tuple[int, int, int],
    out_c: int,
    kernel: tuple[int, int],
    pool: tuple[int, int],
    **options: object,
) -> Case:
    """Return ``conv_case``'s convolution, pooled."""
    case = conv_case("conv2d", kind, in_shape, out_c, kernel, **options)  # type: ignore[arg-type]
    _, height, width, _ = case.step.output.shape
    output = replace(case.step.output, shape=(1, height // pool[0], width // pool[1], out_c))
    attrs = {**case.step.attrs, "pool": pool}
    step = replace(case.step, op="conv2d_max_pool2d", output=output, attrs=attrs)
    return Case(f"{case.id}-pool{pool[0]}x{pool[1]}", step, case.inputs)


OPERATOR = Conv2dMaxPool2d()
