"""An axis as (rows, depth, inner), for operators that work along it."""

from __future__ import annotations

from math import prod

from toolkit.lower.ir import Step


def rows_of(step: Step) -> tuple[int, int, int]:
    """Return how many slices lie before ``attrs["axis"]`` of the input, its size, and the stride along it."""
    shape, axis = step.inputs[0].shape, step.attrs["axis"]
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])
