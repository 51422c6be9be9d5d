"""Test cases of gradients, which are float32 alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.activation_cases import case_id
from toolkit.ops.base import Case


@dataclass(frozen=True)
class Convolution:
    """Input (H, W, I), output channels, kernel, and the rest as ``conv2d`` has it."""

    shape: tuple[int, int, int]
    channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int] = (1, 1)
    dilation: tuple[int, int] = (1, 1)
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0))
    groups: int = 1


CONVOLUTIONS = (
    Convolution((5, 7, 3), 5, (3, 3), pads=((1, 1), (1, 1))),
    Convolution((6, 5, 16), 8, (1, 1)),
    Convolution((3, 4, 19), 7, (1, 1)),
    Convolution((9, 8, 9), 6, (3, 3), stride=(2, 2), pads=((1, 1), (1, 1))),
    Convolution((8, 7, 5), 4, (1, 1), stride=(2, 3)),
    Convolution((11, 6, 1), 4, (5, 2), stride=(2, 1), pads=((2, 2), (0, 1))),
    Convolution((9, 9, 2), 3, (3, 3), dilation=(2, 3), pads=((2, 2), (3, 3))),
    Convolution((3, 3, 2), 4, (3, 3), dilation=(4, 4), pads=((4, 4), (4, 4))),
    Convolution((5, 7, 12), 8, (3, 3), pads=((1, 1), (1, 1)), groups=2),
    Convolution((6, 7, 9), 9, (3, 3), pads=((1, 1), (1, 1)), groups=9),
    Convolution((7, 6, 5), 10, (3, 2), stride=(2, 2), pads=((1, 1), (1, 1)), groups=5),
)


def convolution_case(given: Convolution, gradient_by: str) -> Case:
    """Return a case of ``conv2d_input_gradient`` or ``conv2d_weight_gradient``, laid out as on the device."""
    axes = zip(given.shape, given.kernel, given.stride, given.dilation, given.pads, strict=False)
    height, width = ((n + sum(pad) - d * (k - 1) - 1) // s + 1 for n, k, s, d, pad in axes)
    x, y = Value("x", (1, *given.shape)), Value("gradient", (1, height, width, given.channels))
    weight = Value("w", (given.channels, *given.kernel, given.shape[2] // given.groups))
    attrs = {name: getattr(given, name) for name in ("stride", "dilation", "pads", "groups")}
    inputs, output = ([y, weight], x) if gradient_by == "conv2d_input_gradient" else ([x, y], weight)
    step = Step(gradient_by, "gradient", inputs, output, attrs)
    name = case_id(given.shape, "k", given.kernel, "o", given.channels, "s", given.stride, "g", given.groups)
    name += "-dilated" if given.dilation != (1, 1) else ""
    return Case(name, step, [normal(value) for value in inputs])


@dataclass(frozen=True)
class Pool:
    """Input (H, W, C), the window, and the output's size where windows hang over the far edges."""

    shape: tuple[int, int, int]
    kernel: tuple[int, int]
    stride: tuple[int, int]
    pad: tuple[int, int] = (0, 0)
    size: tuple[int, int] | None = None


POOLS = (
    Pool((6, 8, 5), (2, 2), (2, 2)),
    Pool((7, 5, 3), (3, 3), (2, 1)),
    Pool((5, 6, 4), (3, 2), (1, 2), pad=(1, 1)),
    Pool((7, 7, 2), (3, 3), (2, 2), pad=(1, 0), size=(4, 4)),
    Pool((4, 3, 7), (4, 3), (4, 3)),
    Pool((9, 9, 3), (1, 2), (3, 4)),
)


def pool_case(given: Pool, op: str) -> Case:
    """Return a case of a pool's gradient, laid out as on the device."""
    axes = zip(given.shape, given.kernel, given.stride, given.pad, strict=False)
    height, width = given.size or ((n + 2 * p - k) // s + 1 for n, k, s, p in axes)
    y = Value("gradient", (1, height, width, given.shape[2]))
    attrs = {name: getattr(given, name) for name in ("kernel", "stride", "pad")}
    step = Step(op, "gradient", [y], Value("x", (1, *given.shape)), attrs)
    return Case(case_id(given.shape, "k", given.kernel, "s", given.stride), step, [normal(y)])


def normal(value: Value) -> np.ndarray:
    """Return normally distributed numbers for a float value, the same each time."""
    seed = [ord(letter) for letter in value.name]
    return np.random.default_rng([*value.shape, *seed]).normal(size=value.shape).astype(np.float32)
