"""Ternary weights packed for every core come back as they were, or nothing is exported."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from toolkit import kernels
from toolkit.kernels.tile_mve import pack_tiles
from toolkit.ops.pack_rv32 import pack_ternary_columns, unpack_ternary_columns
from toolkit.ops.pack_ternary import (
    pack_columns5,
    pack_sparse,
    pack_ternary_tiles,
    pack_ternary_v6m,
    proven,
    unpack_columns5,
    unpack_sparse,
    unpack_ternary_tiles,
    unpack_ternary_v6m,
)
from toolkit.ops.straight_line import straight_function, weights_in

SHAPES = [(1, 1), (4, 4), (5, 7), (9, 33), (64, 40), (2, 600)]


@pytest.mark.parametrize("shape", SHAPES)
def test_packing_is_proven(shape: tuple[int, int]) -> None:
    matrix = np.random.default_rng(shape).integers(-1, 2, shape).astype(np.int8)
    assert np.array_equal(unpack_ternary_tiles(pack_ternary_tiles(matrix), *shape), matrix)
    assert np.array_equal(unpack_ternary_v6m(pack_ternary_v6m(matrix), *shape), matrix)
    assert np.array_equal(unpack_columns5(pack_columns5(matrix), *shape), matrix)
    assert np.array_equal(unpack_sparse(pack_sparse(matrix), *shape), matrix)
    assert np.array_equal(unpack_ternary_columns(pack_ternary_columns(matrix), *shape), matrix)
    straight_function(matrix, np.full(len(matrix), 8))  # reads its own code
    pack_tiles(matrix, "ternary")  # proves it itself, as t2


def test_base_3_takes_eight_bits_for_five_weights() -> None:
    assert pack_columns5(np.zeros((255, 320), np.int8)).nbytes == 256 * 64


def test_a_damaged_word_is_found() -> None:
    matrix = np.ones((4, 8), np.int8)
    packed = pack_ternary_tiles(matrix)
    for bit in range(32):
        damaged = packed.copy()
        damaged[1] ^= np.uint32(1 << bit)
        with pytest.raises(AssertionError, match="does not give back"):
            proven(damaged, unpack_ternary_tiles, matrix)


def test_code_for_other_weights_is_found() -> None:
    lines = [
        "ldr r12, [sp]",
        "ldmia lr!, {r4}",
        "ldr.w r0, [r12, #0]",
        "sadd16 r4, r4, r0",
        "addw r12, r12, #16",
        "ldmia r12!, {r0, r1, r2, r3}",
        "ssub16 r4, r4, r3",
    ]
    assert weights_in(lines, 1, 4).tolist() == [[1, 0, -1, 1]]
    with pytest.raises(AssertionError, match="does not give back"):
        proven(lines, weights_in, np.array([[1, 0, -1, -1]]))


def test_the_documentation_says_how_every_kernel_lays_weights_out() -> None:
    text = (Path(__file__).parents[2] / "docs" / "ternary.md").read_text(encoding="utf-8")
    for name, kernel in kernels.kernels().items():
        if any(word in name for word in ("_t2", "_t3", "_columns5")):
            assert f"`{name.removeprefix(f'tk_{kernel.op}')}`" in text, name


@pytest.mark.parametrize(
    "pack",
    [
        pack_ternary_tiles,
        pack_ternary_v6m,
        pack_columns5,
        pack_sparse,
        pack_ternary_columns,
    ],
)
def test_other_weights_are_refused(pack: Callable[[np.ndarray], np.ndarray]) -> None:
    with pytest.raises(AssertionError, match="internal error"):
        pack(np.full((4, 4), 2, np.int8))
