"""What is counted as equal, as a step away, and as wrong."""

from __future__ import annotations

import numpy as np

from toolkit.lower.ir import Value, per_tensor
from toolkit.verify.agreement import agreement

INTEGERS = Value("y", (1, 4), "int8", per_tensor(0.1, -3))
REALS = Value("y", (1, 4))
WANT = np.array([[0, 10, 20, 30], [-128, 127, 5, 6]], np.int8)


def as_real(integers: np.ndarray) -> np.ndarray:
    return ((integers.astype(np.float32) + 3) * np.float32(0.1)).astype(np.float32)


def test_reals_on_the_grid_are_the_integers() -> None:
    found = agreement("the reference", [INTEGERS], [WANT], [as_real(WANT)])
    assert found.exact
    assert found.ok
    assert (found.samples, found.values, found.equal, found.same_class) == (2, 8, 8, 2)
    assert found.largest_steps == 0
    assert found.largest_difference is None


def test_integers_are_compared_as_they_are() -> None:
    have = WANT.copy()
    have[0] = [1, 10, 22, 30]
    found = agreement("the reference", [INTEGERS], [WANT], [have])
    assert (found.equal, found.beyond_one_step, found.largest_steps, found.same_class) == (6, 1, 2, 2)
    assert not found.exact
    assert not found.ok  # one of eight


def test_reals_between_the_steps_are_not_equal() -> None:
    have = as_real(WANT)
    have[1, 0] += 0.04
    found = agreement("the reference", [INTEGERS], [WANT], [have])
    assert found.equal == 7
    assert found.largest_steps is not None
    assert abs(found.largest_steps - 0.4) < 1e-3
    assert found.ok


def test_nan_is_never_equal() -> None:
    have = as_real(WANT)
    have[:] = np.nan
    found = agreement("the reference", [INTEGERS], [WANT], [have])
    assert (found.equal, found.beyond_one_step) == (0, 8)
    assert not found.ok


def test_float_outputs_within_a_tolerance() -> None:
    want = np.array([[0.0, 1.0, 2.0, 3.0]], np.float32)
    found = agreement("the reference", [REALS], [want], [want + np.float32(5e-5)])
    assert found.exact
    assert found.largest_steps is None
    assert found.largest_difference is not None
    assert 4e-5 < found.largest_difference < 6e-5
    wrong = agreement("the reference", [REALS], [want], [want[:, ::-1]])
    assert (wrong.equal, wrong.same_class) == (0, 0)
    assert not wrong.ok
