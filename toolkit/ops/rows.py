"""A tensor as (rows, depth, inner) or as (rows, depth), for operators that work along an axis."""

from __future__ import annotations

from math import prod

from toolkit.lower.ir import Step, Value


def rows_of(step: Step) -> tuple[int, int, int]:
    """Return how many slices lie before ``attrs["axis"]`` of the input, its size, and the stride along it."""
    shape, axis = step.inputs[0].shape, step.attrs["axis"]
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])


def tokens(value: Value) -> tuple[int, int]:
    """Return how many rows a value has along its last axis, and their size."""
    return prod(value.shape[:-1]), value.shape[-1]
