"""Copies that only pick where to read next: a start in the input, and a stride per output axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from toolkit.errors import ToolkitError
from toolkit.lower.ir import ITEMSIZE, Step
from toolkit.ops.base import Call, Emitter

KERNEL_AXES = 6


def itemsize(step: Step) -> str:
    """Return the bytes of one of the step's values, for a kernel that only moves them."""
    return str(ITEMSIZE[step.output.dtype])


def strides_of(shape: Sequence[int]) -> list[int]:
    """Return how far apart neighbours along each axis lie in an array of ``shape``."""
    return [prod(shape[axis + 1 :]) for axis in range(len(shape))]


def merged(axes: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return (size, stride) ``axes`` without those of size 1; axes that are read in one go are one."""
    found: list[tuple[int, int]] = []
    for size, stride in axes:
        if size == 1:
            continue
        if found and found[-1][1] == size * stride:
            found[-1] = (found[-1][0] * size, stride)
        else:
            found.append((size, stride))
    return found


def strided_copy(step: Step, start: int, axes: Iterable[tuple[int, int]], emitter: Emitter) -> Call:
    """Return the call that copies (size, stride) ``axes`` of the step's input, from value ``start`` on."""
    apart = merged(axes)
    if len(apart) > KERNEL_AXES:
        raise ToolkitError(f"{step.op} moves more than {KERNEL_AXES} axes apart", at=step.name)
    filled = [(1, 0)] * (KERNEL_AXES - len(apart)) + apart
    fields = ", ".join("{" + ", ".join(map(str, part)) + "}" for part in zip(*filled, strict=True))
    source = emitter.pointer(step.inputs[0])
    strided = emitter.local("tk_strided", "strided", f"{{{fields}}}")
    first = f"({source}) + {start}" if start else source
    return Call("tk_copy", [first, emitter.pointer(step.output), itemsize(step), strided])
