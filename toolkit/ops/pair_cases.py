"""Test cases for the Armv7E-M convolutions: every path of their tiles, and the limits of what they take."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

import numpy as np

from toolkit.lower.ir import Value, per_channel, per_tensor
from toolkit.ops.base import Case
from toolkit.ops.conv_cases import conv_case

Rounding = Literal["single", "double"]
ROUNDINGS: tuple[Rounding, ...] = ("single", "double")
SAME = ((1, 1), (1, 1))


def pair_cases() -> Iterator[Case]:
    """Yield convolutions: all remainders of depth, pixels and channels, edges, near the largest sums, dead channels."""
    for rounding in ROUNDINGS:
        depths = (4, 8, 12, 24) if rounding == "single" else (28, 32, 36, 68)
        for depth, channels in zip(depths, (2, 3, 5, 8), strict=True):
            yield _conv((3, 3 + depth % 5, depth), channels, (1, 1), rounding=rounding)
        yield _conv((1, 1, 64), 10, (1, 1), rounding=rounding)
        yield _conv((1, 2, 16), 4, (1, 1), rounding=rounding)
        yield _conv((5, 6, 8), 4, (1, 1), stride=(2, 2), rounding=rounding)
        yield _conv((7, 8, 3), 8, (3, 3), stride=(2, 2), pads=((0, 1), (0, 1)), rounding=rounding)
        yield _conv((6, 7, 3), 5, (3, 3), rounding=rounding)
        yield _conv((9, 5, 1), 6, (5, 4), stride=(2, 2), pads=((2, 2), (1, 2)), rounding=rounding)
        yield _conv((6, 5, 8), 6, (3, 3), pads=SAME, rounding=rounding)
        yield _conv((2, 2, 4), 4, (3, 3), pads=((2, 2), (2, 2)), rounding=rounding)
        yield _conv((7, 9, 4), 4, (3, 3), dilation=(2, 2), pads=((2, 2), (2, 2)), rounding=rounding)
        yield _conv((7, 9, 4), 4, (3, 1), dilation=(2, 3), rounding=rounding)
        for value, weight in ((-128, 127), (127, 127), (-128, -127), (127, -127)):
            yield _extreme((1, 3, 480), 3, value, weight, rounding)
        yield _dead_channels(_conv((4, 4, 16), 9, (1, 1), rounding=rounding))


def plain_cases() -> Iterator[Case]:
    """Yield convolutions that pairs of channels cannot take: too long sums, one channel, large multipliers."""
    for rounding in ROUNDINGS:
        for value in (-128, 127):
            yield _extreme((2, 2, 1100), 2, value, 127, rounding)
        yield _conv((4, 5, 12), 1, (3, 3), pads=SAME, rounding=rounding)
        yield _scaled(_conv((3, 5, 4), 6, (1, 1), rounding=rounding), 40.0)


def single_pixel_cases() -> Iterator[Case]:
    """Yield convolutions of the whole input to one pixel."""
    for rounding in ROUNDINGS:
        yield _conv((1, 1, 20), 6, (1, 1), rounding=rounding)
        yield _conv((3, 4, 5), 3, (3, 4), rounding=rounding)
        yield _extreme((1, 1, 1100), 2, -128, 127, rounding)


def depthwise_cases() -> Iterator[Case]:
    """Yield depthwise 3x3: strides, edges, tiles and strips with remainders, channels beyond a multiple of 4."""
    shapes = [
        ((25, 5, 8), SAME), ((13, 15, 4), SAME), ((7, 29, 5), SAME), ((3, 2, 7), SAME), ((1, 3, 4), SAME),
        ((9, 16, 4), ((0, 0), (0, 0))), ((8, 8, 6), ((0, 1), (0, 1))), ((5, 4, 4), ((2, 2), (2, 2))),
        ((6, 33, 4), SAME),
    ]  # fmt: skip
    for i, (shape, pads) in enumerate(shapes):  # both roundings in turn: they share all but the last steps
        yield _depthwise(shape, (1, 1), pads, ROUNDINGS[i % 2])
        yield _depthwise(shape, (2, 2), pads, ROUNDINGS[1 - i % 2])
    for rounding in ROUNDINGS:
        yield _dead_channels(_depthwise((5, 6, 8), (1, 1), SAME, rounding))
        yield _scaled(_depthwise((5, 7, 8), (1, 1), SAME, rounding), 40.0)
        for value in (-128, 127) if rounding == "single" else (127,):
            case = _depthwise((4, 6, 8), (1, 1), SAME, rounding)
            case.inputs[0][:] = value
            yield replace(case, id=f"{case.id}-all{value}")


def depthwise_any_cases() -> Iterator[Case]:
    """Yield depthwise kernels of other sizes: strides, multipliers, dilated rows, edges."""
    for rounding in ROUNDINGS:
        for shape, out_c, kernel, stride, pads in (
            ((9, 14, 8), 8, (5, 5), (1, 1), ((2, 2), (2, 2))),
            ((11, 13, 5), 10, (5, 5), (2, 2), ((2, 2), (1, 2))),
            ((12, 1, 6), 6, (5, 1), (1, 1), ((2, 2), (0, 0))),
            ((3, 17, 4), 12, (1, 7), (1, 2), ((0, 0), (3, 3))),
            ((5, 4, 4), 4, (2, 4), (3, 1), ((0, 1), (0, 0))),
            ((3, 3, 9), 9, (3, 3), (1, 1), ((0, 0), (0, 0))),
        ):
            case = conv_case(
                "depthwise_conv2d", "int8", shape, out_c, kernel, stride, pads=pads, rounding=rounding
            )
            yield replace(case, id=f"any-{case.id}")
        dilated = conv_case(
            "depthwise_conv2d", "int8", (9, 7, 4), 4, (3, 1), dilation=(2, 1), rounding=rounding
        )
        yield replace(dilated, id=f"any-{dilated.id}")


def _conv(
    shape: tuple[int, int, int],
    channels: int,
    kernel: tuple[int, int],
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
    rounding: Rounding = "single",
) -> Case:
    case = conv_case("conv2d", "int8", shape, channels, kernel, stride, dilation, pads, rounding=rounding)
    return replace(case, id=f"pairs-{case.id}-p{pads[0][0]}-d{dilation[0]}")


def _depthwise(
    shape: tuple[int, int, int],
    stride: tuple[int, int],
    pads: tuple[tuple[int, int], tuple[int, int]],
    rounding: Rounding,
) -> Case:
    case = conv_case(
        "depthwise_conv2d", "int8", shape, shape[2], (3, 3), stride, pads=pads, rounding=rounding
    )
    return replace(case, id=f"tile-{case.id}-p{pads[0][0]}{pads[1][1]}")


def _extreme(shape: tuple[int, int, int], channels: int, value: int, weight: int, rounding: Rounding) -> Case:
    """All inputs and weights at their limits, scaled so that outputs differ."""
    case = _conv(shape, channels, (1, 1), rounding=rounding)
    w = case.step.inputs[1]
    assert w.data is not None
    w.data[:] = weight
    case.inputs[0][:] = value
    case.step.output.quant = per_tensor(0.05 * shape[2] ** 0.5 * 12, 3)
    return replace(case, id=f"{case.id}-x{value}-w{weight}")


def _scaled(case: Case, factor: float) -> Case:
    """Multiply the weights' scales."""
    quant = case.step.inputs[1].quant
    assert quant is not None
    case.step.inputs[1] = replace(case.step.inputs[1], quant=replace(quant, scale=quant.scale * factor))
    return replace(case, id=f"{case.id}-scaled")


def _dead_channels(case: Case) -> Case:
    """Give some channels scales and weights as untrained ones have them: almost nothing, or a constant."""
    w: Value = case.step.inputs[1]
    assert w.quant is not None
    assert w.data is not None
    assert w.quant.axis is not None
    scale, data = w.quant.scale.copy(), np.moveaxis(w.data.copy(), w.quant.axis, 0)
    scale[0], scale[3] = 1e-12, 1e-7
    data[1], data[2] = 0, 0
    quant = per_channel(scale, w.quant.axis)
    case.step.inputs[1] = replace(
        w, data=np.ascontiguousarray(np.moveaxis(data, 0, w.quant.axis)), quant=quant
    )
    return replace(case, id=f"{case.id}-dead")
