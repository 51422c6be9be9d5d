"""Test cases for the ``_simd`` kernels of ternary layers besides the operators' own."""

from __future__ import annotations

from collections.abc import Iterable

from toolkit.kernels.simd_cases import ROUNDINGS
from toolkit.ops.base import Case
from toolkit.ops.conv_cases import conv_case
from toolkit.ops.fully_connected import fully_connected_case


def fully_connected_cases() -> Iterable[Case]:
    """Yield several blocks of rows, ends of every width, and sums longer than a 16-bit lane holds."""
    for rounding in ROUNDINGS:
        yield fully_connected_case(5, 67, 330, "ternary", rounding=rounding)
    yield fully_connected_case(9, 128, 64, "ternary")
    yield fully_connected_case(1, 2100, 13, "ternary", extreme=True)
    yield fully_connected_case(4, 1025, 6, "ternary", extreme=True)
    yield fully_connected_case(2, 33000, 3, "ternary", extreme=True)  # in parts of 16384 columns


def convolution_cases(op: str) -> Iterable[Case]:
    """Yield convolutions of several blocks of channels, with full and ragged ends, in both roundings."""
    for rounding in ROUNDINGS:
        yield conv_case(op, "ternary", (5, 9, 16), 16, (3, 3), pads=((1, 1), (1, 1)), rounding=rounding)
        yield conv_case(op, "ternary", (4, 3, 7), 141, (2, 3), rounding=rounding)
        yield conv_case(op, "ternary", (4, 5, 64), 26, (1, 1), rounding=rounding)
