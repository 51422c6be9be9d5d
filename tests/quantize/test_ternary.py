"""Exactly ternary tensors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantize.ternary import NotTernaryError, drop_weak_channels, one_scale, split


@given(
    codes=st.lists(st.lists(st.sampled_from([-1, 0, 1]), min_size=6, max_size=6), min_size=1, max_size=5),
    data=st.data(),
)
def test_split_recovers_codes_and_scale_exactly(codes: list[list[int]], data: st.DataObject) -> None:
    positive = st.floats(2.0**-60, 2.0**60, width=32)
    scale = torch.tensor(data.draw(st.lists(positive, min_size=len(codes), max_size=len(codes))))
    expected = torch.tensor(codes, dtype=torch.int8)
    weight = (expected * scale[:, None]).reshape(len(codes), 2, 3)
    found, found_scale = split(weight)
    assert torch.equal(found.flatten(1), expected)
    assert torch.equal(found * found_scale[:, None, None], weight)


@pytest.mark.parametrize("wrong", [0.5, 0.9999999, float("nan"), float("inf")])
def test_split_refuses_any_other_value(wrong: float) -> None:
    weight = torch.tensor([[0.0, 1.0, -1.0], [1.0, wrong, -1.0]])
    with pytest.raises(NotTernaryError, match="channel 1 holds"):
        split(weight)


def test_one_scale_ignores_channels_of_zeros() -> None:
    assert one_scale(torch.tensor([0.0, 0.5, 0.5]))
    assert one_scale(torch.zeros(3))
    assert not one_scale(torch.tensor([0.25, 0.5]))


def test_only_channels_far_below_the_strongest_are_dropped() -> None:
    weight = torch.tensor([[1.0, -1.0], [0.0, 1e-3], [1e-6, 0.0], [0.0, 0.0]])
    assert drop_weak_channels(weight, 1e-4) == 1
    assert torch.equal(weight, torch.tensor([[1.0, -1.0], [0.0, 1e-3], [0.0, 0.0], [0.0, 0.0]]))
