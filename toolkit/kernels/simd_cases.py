"""Test cases for the ``_simd`` kernels besides the operators' own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from toolkit.lower.ir import per_tensor
from toolkit.ops.base import Case
from toolkit.ops.conv_cases import conv_case

ROUNDINGS: tuple[Literal["single", "double"], ...] = ("single", "double")


def block_cases(op: str) -> Iterable[Case]:
    """Yield convolutions of several blocks, with full and ragged ends, in both roundings."""
    for rounding in ROUNDINGS:
        yield conv_case(op, "int8", (5, 9, 16), 16, (3, 3), pads=((1, 1), (1, 1)), rounding=rounding)
        yield conv_case(op, "int8", (7, 6, 24), 24, (3, 3), (2, 2), pads=((0, 1), (0, 1)), rounding=rounding)
        yield conv_case(op, "int8", (4, 11, 13), 26, (2, 3), rounding=rounding)
        yield large_multipliers(op, (4, 5, 16), 16, (1, 1), rounding=rounding)
        yield large_multipliers(op, (4, 5, 3), 9, (2, 2), rounding=rounding)


def large_multipliers(op: str, *args: Any, **kwargs: Any) -> Case:
    """Return an int8 convolution whose multipliers lie on both sides of 1, so that sums are shifted left as well."""
    case = conv_case(op, "int8", *args, **kwargs)
    x, w, b = case.step.inputs
    assert x.quant is not None
    assert w.quant is not None
    assert w.data is not None
    assert b.data is not None
    w.data, b.data = w.data // 40, b.data // 100
    middle = float(x.quant.scale[0] * np.median(w.quant.scale))
    case.step.output.quant = per_tensor(middle, 4)
    return replace(case, id=f"{case.id}-large")


def depthwise_cases() -> Iterable[Case]:
    """Yield windows larger than the image, runs of many pixels, and dilation."""
    op, kind = "depthwise_conv2d", "int8"
    yield conv_case(op, kind, (2, 2, 8), 8, (5, 5), pads=((2, 2), (2, 2)))
    yield conv_case(op, kind, (3, 31, 8), 8, (3, 3), pads=((1, 1), (1, 1)))
    yield conv_case(op, kind, (3, 30, 32), 32, (1, 5), stride=(1, 2), pads=((0, 0), (3, 2)))
    yield conv_case(op, kind, (12, 11, 16), 16, (3, 2), dilation=(2, 3), pads=((2, 2), (3, 0)))
    yield conv_case(op, kind, (8, 8, 8), 8, (8, 8))
    yield conv_case(op, kind, (6, 6, 16), 16, (5, 5), pads=((2, 2), (2, 2)), extreme=True)
