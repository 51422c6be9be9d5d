"""The one linear form that stands for an int8 addition: right for every pair, and within 32 bits on the way."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.lower.ir import Step, Value, per_tensor
from toolkit.ops import operators
from toolkit.ops.add_linear import SHORT_SHIFT, EverySum, linear_form, short_form, word_form

EVERY = np.arange(-128, 128, dtype=np.int8)
SCALES = st.floats(1e-6, 1e3)
ZERO_POINTS = st.integers(-128, 127)


def _reference(scales: tuple[float, float, float], zero_points: tuple[int, int, int]) -> np.ndarray:
    values = [
        Value(name, (256, 256), "int8", per_tensor(scale, zero_point))
        for name, scale, zero_point in zip("aby", scales, zero_points, strict=True)
    ]
    a, b = np.meshgrid(EVERY, EVERY, indexing="ij")
    return operators()["add"].reference(Step("add", "add", values[:2], values[2]), [a, b]).astype(np.int64)


@settings(max_examples=200, deadline=None)
@given(SCALES, SCALES, st.floats(2e-4, 1e3), st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS))
def test_a_form_is_right_and_fits(
    scale_a: float, scale_b: float, coarser: float, zero_points: tuple[int, int, int]
) -> None:
    scale_y = max(scale_a, scale_b) * coarser
    sums = _reference((scale_a, scale_b, scale_y), zero_points)
    form = linear_form(EverySum(sums, scale_a / scale_y, scale_b / scale_y, -128, 127))
    if form is None:
        return  # then the kernel that rounds step by step is used
    a_high, a_low, b_high, b_low, bias_high, bias_low, shift = form.fields()
    x, y = EVERY.astype(np.int64)[:, None], EVERY.astype(np.int64)
    low = x * a_low + y * b_low + bias_low
    high = x * a_high + y * b_high + bias_high + (low >> 16)
    for step in (low, x * a_high, y * b_high, x * a_high + y * b_high + bias_high, high):
        assert np.abs(step).max() < 2**31
    assert 0 < shift < 32
    np.testing.assert_array_equal(np.clip(high >> shift, -128, 127), sums)


@settings(max_examples=200, deadline=None)
@given(SCALES, SCALES, st.floats(2e-4, 1e3), st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS))
def test_a_form_of_whole_words_is_right_and_fits(
    scale_a: float, scale_b: float, coarser: float, zero_points: tuple[int, int, int]
) -> None:
    scale_y = max(scale_a, scale_b) * coarser
    sums = _reference((scale_a, scale_b, scale_y), zero_points)
    form = word_form(EverySum(sums, scale_a / scale_y, scale_b / scale_y, -128, 127))
    if form is None:
        return
    x, y = EVERY.astype(np.int64)[:, None], EVERY.astype(np.int64)
    one = form.bias + (256 * x * form.factor_a >> 16)  # as SMLAWB does
    both = one + (256 * y * form.factor_b >> 16)
    assert max(np.abs(one).max(), np.abs(both).max()) < 2**31
    assert 0 < form.shift < 32
    np.testing.assert_array_equal(np.clip(both >> form.shift, -128, 127), sums)


@settings(max_examples=200, deadline=None)
@given(SCALES, SCALES, st.floats(2e-4, 1e3), st.tuples(ZERO_POINTS, ZERO_POINTS, ZERO_POINTS))
def test_a_short_form_is_right_and_fits(
    scale_a: float, scale_b: float, coarser: float, zero_points: tuple[int, int, int]
) -> None:
    scale_y = max(scale_a, scale_b) * coarser
    sums = _reference((scale_a, scale_b, scale_y), zero_points)
    form = short_form(EverySum(sums, scale_a / scale_y, scale_b / scale_y, -128, 127))
    if form is None:
        return
    x, y = EVERY.astype(np.int64)[:, None], EVERY.astype(np.int64)
    one = form.bias + x * form.factor_a
    both = one + y * form.factor_b
    assert max(np.abs(one).max(), np.abs(both).max()) < 2**31
    assert form.shift == SHORT_SHIFT
    np.testing.assert_array_equal(np.clip(both >> form.shift, -128, 127), sums)


def test_most_residual_sums_have_a_short_form() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for i in range(50):
        a, b = rng.uniform(0.01, 0.1, 2)
        y = (a + b) * rng.uniform(0.3, 0.9)
        zero_points = (int(rng.integers(-40, 40)), -128, -128 if i % 2 else int(rng.integers(-40, 40)))
        wanted = EverySum(_reference((a, b, y), zero_points), a / y, b / y, -128, 127)
        found += short_form(wanted) is not None
    assert found >= 45


def test_most_scales_have_a_form() -> None:
    rng = np.random.default_rng(0)
    found = 0
    for _ in range(100):
        a, b = np.exp(rng.uniform(-6, 1, 2))
        y = max(a, b) * rng.uniform(0.4, 2)
        zero_points = tuple(int(z) for z in rng.integers(-128, 128, 3))
        sums = _reference((a, b, y), (zero_points[0], zero_points[1], zero_points[2]))
        wanted = EverySum(sums, a / y, b / y, -128, 127)
        found += linear_form(wanted) is not None and word_form(wanted) is not None
    assert found >= 95


def test_sums_half_way_between_integers_have_a_form() -> None:
    wanted = EverySum(_reference((0.05, 0.05, 0.1), (3, -7, 11)), 0.5, 0.5, -128, 127)
    assert linear_form(wanted) is not None
    assert word_form(wanted) is not None
