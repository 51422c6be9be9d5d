"""Philox4x32-10 against the known answers that come with Random123, and its uses."""

from __future__ import annotations

import numpy as np

from toolkit.learn import philox


def test_known_answer() -> None:
    assert [f"{word:08x}" for word in philox.words((0, 0), 0, 1)[0]] == [
        "6627e8d5", "e169c58d", "bc57ac4c", "9b00dbd8",
    ]  # fmt: skip


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
