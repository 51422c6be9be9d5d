"""Copies that only pick where to read next: a start in the input, and a stride per output axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from toolkit.errors import ToolkitError
from toolkit.lower.ir import Step
from toolkit.ops.base import Call, Emitter

KERNEL_AXES = 6
KERNELS = {"int8": "tk_copy_s8", "int16": "tk_copy_s16", "float32": "tk_copy_f32"}


def strides_of(shape: Sequence[int]) -> list[int]:
    """Return how far apart neighbours along each axis lie in an array of ``shape``."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def strided_copy(step: Step, start: int, axes: Iterable[tuple[int, int]], emitter: Emitter) -> Call:
    """Return the call that copies (size, stride) ``axes`` of the step's input, from value ``start`` on."""
    merged: list[tuple[int, int]] = []
    for size, stride in axes:
        if size == 1:
            continue
        if merged and merged[-1][1] == size * stride:
            merged[-1] = (merged[-1][0] * size, stride)
        else:
            merged.append((size, stride))
    if len(merged) > KERNEL_AXES:
        raise ToolkitError(f"{step.op} moves more than {KERNEL_AXES} axes apart", at=step.name)
    if step.output.dtype not in KERNELS:
        raise ToolkitError(f"{step.op} of {step.output.dtype} values has no kernel", at=step.name)
    filled = [(1, 0)] * (KERNEL_AXES - len(merged)) + merged
    fields = ", ".join("{" + ", ".join(map(str, part)) + "}" for part in zip(*filled, strict=True))
    source = emitter.pointer(step.inputs[0])
    strided = emitter.local("tk_strided", "strided", f"{{{fields}}}")
    return Call(
        KERNELS[step.output.dtype],
        [f"({source}) + {start}" if start else source, emitter.pointer(step.output), strided],
    )
