"""Test cases for ternary kernels: remainders of depth and channels, all zeros, all ones, the largest sums."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from toolkit.lower.ir import Step, per_channel, per_tensor
from toolkit.ops.base import Case
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.pair_cases import ROUNDINGS, SAME, Rounding

# What weights may be at worst: all zero, all of one sign, rows of either sign, columns of either sign, almost none.
_WEIGHTS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "zeros": lambda row, column: 0 * row * column,
    "ones": lambda row, column: 1 + 0 * row * column,
    "minus": lambda row, column: -1 + 0 * row * column,
    "rows": lambda row, column: 1 - 2 * (row % 2) + 0 * column,
    "columns": lambda row, column: 1 - 2 * (column % 2) + 0 * row,
    "few": lambda row, column: ((row + column) % 17 == 0) * (1 - 2 * (row % 2)),
}


def conv_cases() -> Iterator[Case]:
    """Yield convolutions: all remainders of depth, pixels and channels, edges, the largest sums both ways."""
    for rounding in ROUNDINGS:
        for depth, channels in ((1, 4), (4, 5), (29, 6), (32, 7), (36, 18), (68, 13)):
            yield _conv((2, 2 + depth % 5, depth), channels, (1, 1), rounding)
        yield _conv((7, 8, 3), 8, (3, 3), rounding, stride=(2, 2), pads=((0, 1), (0, 1)))
        yield _conv((9, 5, 1), 16, (5, 4), rounding, stride=(2, 2), pads=((2, 2), (1, 2)))
        yield _conv((6, 5, 8), 9, (3, 3), rounding, pads=SAME)
        yield _conv((7, 9, 4), 17, (3, 3), rounding, dilation=(2, 2), pads=((2, 2), (2, 2)))
    for depth, channels in ((64, 5), (300, 17), (1100, 4)):  # beyond 14, 15 and 17 bits
        yield from _worst(_conv((1, 3, depth), channels, (1, 1)), depth)
    yield from _worst(_conv((1, 2, 130), 18, (1, 1), "double"), 130)
    for channels in (1, 2, 3):
        yield _conv((3, 3, 70), channels, (1, 1))
        yield _conv((5, 4, 21), channels, (3, 3), pads=SAME)
    yield _scaled(_conv((2, 3, 3), 16, (1, 1)), 3.0)  # multipliers of one half and more
    yield _scaled(_conv((2, 3, 3), 16, (1, 1)), 2000.0)


def fully_connected_cases() -> Iterator[Case]:
    """Yield fully connected layers like ``conv_cases``."""
    for case in conv_cases():
        if case.step.inputs[1].shape[1:3] == (1, 1):
            yield _as_fully_connected(case)


def _conv(
    shape: tuple[int, int, int],
    channels: int,
    kernel: tuple[int, int],
    rounding: Rounding = "single",
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
) -> Case:
    case = conv_case("conv2d", "ternary", shape, channels, kernel, stride, dilation, pads, rounding=rounding)
    return replace(case, id=f"tiles-{case.id}")


def _worst(case: Case, depth: int) -> Iterator[Case]:
    """Yield the case with the worst weights and inputs, scaled so that outputs differ."""
    x, w = case.step.inputs[:2]
    rows, columns = np.arange(w.shape[0])[:, None], np.arange(depth)[None]
    for name, weights in _WEIGHTS.items():
        data = weights(rows, columns).reshape(w.shape).astype(np.int8)
        for value in (-128, 127):
            inputs = [x, replace(w, data=data), *case.step.inputs[2:]]
            image = np.full(x.shape, value, np.int8)
            image[..., ::2] = -1 - value if name == "columns" else value
            scale = 0.05 * depth * 1.5 * (0.1 if name in ("zeros", "few") else 1)
            output = replace(case.step.output, quant=per_tensor(scale, 3))
            step = replace(case.step, inputs=inputs, output=output)
            yield Case(f"{case.id}-{name}{value}", step, [image])


def _scaled(case: Case, factor: float) -> Case:
    """Multiply the weights' scales, and take biases away."""
    x, w, bias = case.step.inputs
    assert w.quant is not None
    assert bias.data is not None
    quant = per_channel(w.quant.scale * factor, 0, -1, 1)
    step = replace(case.step, inputs=[x, replace(w, quant=quant), replace(bias, data=0 * bias.data)])
    return replace(case, id=f"{case.id}-scaled{factor}", step=step)


def _as_fully_connected(case: Case) -> Case:
    """Return a pointwise convolution as the fully connected layer of its pixels."""
    x, w, bias = case.step.inputs
    channels, depth = w.shape[0], w.shape[-1]
    pixels = x.size // depth
    assert w.data is not None
    inputs = [
        replace(x, shape=(pixels, depth)),
        replace(w, shape=(channels, depth), data=w.data.reshape(channels, depth)),
        bias,
    ]
    output = replace(case.step.output, shape=(pixels, channels))
    attrs = {"activation": case.step.attrs["activation"]} if "activation" in case.step.attrs else {}
    step = Step("fully_connected", "fc", inputs, output, attrs, rounding=case.step.rounding)
    return Case(case.id, step, [case.inputs[0].reshape(pixels, depth)])


def sparse_conv_cases() -> Iterator[Case]:
    """Yield convolutions of few and of no weights, whole columns and rows of them zero."""
    for keep in (0.0, 0.02, 0.1, 0.4):
        for case in (_conv((3, 5, 40), 19, (1, 1)), _conv((5, 4, 6), 8, (3, 3), pads=SAME)):
            w = case.step.inputs[1]
            assert w.data is not None
            rng = np.random.default_rng(round(100 * keep))
            data = np.where(rng.random(w.shape) < keep, w.data, 0).astype(np.int8)
            data[..., 8:14] = 0
            data[5] = 0
            inputs = [case.step.inputs[0], replace(w, data=data), *case.step.inputs[2:]]
            yield replace(case, id=f"{case.id}-{keep}", step=replace(case.step, inputs=inputs))
