"""Packed ternary weights."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from quantize.packed import ROWS, pack_ternary, unpack_ternary
from quantize.ternary import NotTernaryError

MATRICES = st.tuples(st.integers(1, 23), st.integers(1, 70)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.integers(-1, 1))
)


@pytest.mark.parametrize("packing", ROWS)
@given(matrix=MATRICES)
def test_unpacking_gives_back_what_was_packed(packing: str, matrix: np.ndarray) -> None:
    packed = pack_ternary(matrix, packing)
    assert packed.shape == (-(-len(matrix) // ROWS[packing]), matrix.shape[1])
    assert np.array_equal(unpack_ternary(packed, packing, len(matrix)), matrix)


def test_another_packing_is_refused() -> None:
    with pytest.raises(ValueError, match="no packing 't4', only t2 and t3"):
        pack_ternary(np.zeros((2, 2), np.int8), "t4")


def test_the_bytes_are_those_of_the_specification() -> None:
    column = np.array([[-1], [0], [1], [1], [0]])  # codes 0, 1, 2, 2, 1
    assert pack_ternary(column, "t2").tolist() == [[0b10_10_01_00], [0b01_01_01_01]]
    assert pack_ternary(column, "t3").tolist() == [
        [55]
    ]  # v = 27 + 2 * 9 + 2 * 3 + 1 = 52; 256 * 52 / 243 = 54.8


@pytest.mark.parametrize("packing", ROWS)
@pytest.mark.parametrize("wrong", [2, -2, 0.5, float("nan"), -128])
def test_what_is_not_ternary_is_refused(packing: str, wrong: float) -> None:
    matrix = np.zeros((7, 3))
    matrix[5, 2] = wrong
    with pytest.raises(NotTernaryError, match=r"row 5, column 2 holds"):
        pack_ternary(matrix, packing)


@pytest.mark.parametrize(("packing", "codes", "wrong"), [("t2", 3**4, 255), ("t3", 3**5, 20)])
def test_bytes_that_stand_for_no_weights_are_refused(packing: str, codes: int, wrong: int) -> None:
    refused = 0
    for byte in range(256):
        packed = np.full((1, 1), byte, np.uint8)
        try:
            weights = unpack_ternary(packed, packing, ROWS[packing])
        except NotTernaryError:
            refused += 1
        else:
            assert np.array_equal(pack_ternary(weights, packing), packed)
    assert refused == 256 - codes
    with pytest.raises(NotTernaryError, match=f"group 1, column 2 holds byte {wrong},"):
        unpack_ternary(np.array([[0, 0, 0], [0, 0, wrong]], np.uint8), packing, 2 * ROWS[packing])
