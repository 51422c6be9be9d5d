"""Ternary weights packed for every core come back as they were, or nothing is exported."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from toolkit.kernels.tile_mve import pack_tiles
from toolkit.ops.pack_ternary import (
    pack_base3,
    pack_sparse,
    pack_ternary_tiles,
    pack_ternary_v6m,
    proven,
    unpack_base3,
    unpack_sparse,
    unpack_ternary_tiles,
    unpack_ternary_v6m,
)

SHAPES = [(1, 1), (4, 4), (5, 7), (9, 33), (64, 40), (2, 600)]


@pytest.mark.parametrize("shape", SHAPES)
def test_packing_is_proven(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(shape).integers(-1, 2, shape).astype(np.int8)
    assert np.array_equal(unpack_ternary_tiles(pack_ternary_tiles(matrix), *shape), matrix)
    assert np.array_equal(unpack_ternary_v6m(pack_ternary_v6m(matrix), *shape), matrix)
    assert np.array_equal(unpack_base3(pack_base3(matrix), *shape), matrix)
    assert np.array_equal(unpack_sparse(pack_sparse(matrix), *shape), matrix)
    pack_tiles(matrix, "ternary")  # proves it itself


def test_base_3_takes_eight_bits_for_five_weights() -> None:
    assert pack_base3(np.zeros((255, 320), np.int8)).nbytes == 256 * 64


def test_a_damaged_word_is_found() -> None:
    matrix = np.ones((4, 8), np.int8)
    packed = pack_ternary_tiles(matrix)
    for bit in range(32):
        damaged = packed.copy()
        damaged[1] ^= np.uint32(1 << bit)
        with pytest.raises(AssertionError, match="does not give back"):
            proven(damaged, unpack_ternary_tiles, matrix)


@pytest.mark.parametrize(
    "pack",
    [
        pack_ternary_tiles,
        pack_ternary_v6m,
        pack_base3,
        pack_sparse,
        lambda m: pack_tiles(m, "ternary"),
    ],
)
def test_other_weights_are_refused(pack: Callable[[np.ndarray], np.ndarray]) -> None:
    with pytest.raises(AssertionError, match="internal error"):
        pack(np.full((4, 4), 2, np.int8))
