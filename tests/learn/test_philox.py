"""Noise from a counter; known answers are in ``tests/runtime/test_philox.py``."""

from __future__ import annotations

import numpy as np

from toolkit.learn import philox


def test_any_part_is_made_on_its_own() -> None:
    whole = philox.words((1, 2), 2**32 - 2, 5)
    assert np.array_equal(whole[3:], philox.words((1, 2), 2**32 + 1, 2))
    assert not np.array_equal(whole, philox.words((1, 3), 2**32 - 2, 5))


def test_signs_are_even_and_normals_normal() -> None:
    signs = philox.signs((7, 0), 3, 100_000)
    assert set(np.unique(signs)) == {-1, 1}
    assert abs(signs.mean()) < 0.02
    normals = philox.normals((7, 0), 3, 100_000)
    assert abs(normals.mean()) < 0.02
    assert abs(normals.std() - 1) < 0.02
    assert not np.array_equal(signs[:64], philox.signs((7, 0), 4, 64))
