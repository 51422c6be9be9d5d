"""A permute moved behind a reshape: the values must stay where they were."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.lower.regroup import groups, sink


@st.composite
def reshapes(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """A shape, an order of its axes, and another shape for what comes out."""
    shape = tuple(draw(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=5)))
    dims = tuple(draw(st.permutations(range(len(shape)))))
    rest, after = prod(shape), []
    while rest > 1:
        factor = draw(st.sampled_from([n for n in range(2, rest + 1) if rest % n == 0]))
        after.append(factor)
        rest //= factor
    for _ in range(draw(st.integers(0, 2))):
        after.insert(draw(st.integers(0, len(after))), 1)
    return shape, dims, tuple(after)


@settings(max_examples=500, deadline=None)
@given(reshapes())
def test_moves_no_value(case: tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]) -> None:
    shape, dims, after = case
    x = np.arange(prod(shape)).reshape(shape)
    sunk = sink(shape, dims, after)
    inner = x if sunk.before is None else x.transpose(sunk.before)
    np.testing.assert_array_equal(
        inner.reshape(sunk.shape).transpose(sunk.dims), x.transpose(dims).reshape(after)
    )


def test_pixels_in_a_row_stay_channels_last() -> None:
    assert sink((1, 8, 6, 5), (0, 3, 1, 2), (1, 5, 48)).before is None
    assert sink((1, 8, 6, 5), (0, 3, 1, 2), (1, 240)).before is not None


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ((2, 3, 4), (6, 4), [([0, 1], [0]), ([2], [1])]),
        ((1, 6, 4), (2, 1, 3, 4), [([1], [0, 2]), ([2], [3])]),
        ((4, 6), (3, 8), [([0, 1], [0, 1])]),
        ((1, 1), (1,), []),
    ],
)
def test_groups(
    before: tuple[int, ...], after: tuple[int, ...], expected: list[tuple[list[int], list[int]]]
) -> None:
    assert groups(before, after) == expected
