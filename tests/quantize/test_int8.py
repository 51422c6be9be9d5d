"""Ranges by the TFLite int8 specification."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from quantize.int8 import (
    VANISHING,
    ActivationObserver,
    UnusableRangeError,
    WeightObserver,
    WeightPerChannelObserver,
    activation_spec,
    weight_spec,
)


def observer(spec: object) -> torch.nn.Module:
    """Make the spec's observer as PT2E does."""
    kwargs = {key: getattr(spec, key) for key in ("dtype", "quant_min", "quant_max", "qscheme")}
    return spec.observer_or_fake_quant_ctr(**kwargs)


@given(st.lists(st.floats(-1e6, 1e6, width=32), min_size=1, max_size=20))
def test_activation_range_holds_every_value_and_zero_exactly(values: list[float]) -> None:
    watch = observer(activation_spec(training=False))
    x = torch.tensor(values)
    watch(x)
    scale, zero_point = watch.calculate_qparams()
    assert -128 <= int(zero_point) <= 127
    codes = (x.double() / scale.double()).round() + zero_point
    # the zero point is rounded, so an end of the range may be half a step out
    assert codes.min() >= -129
    assert codes.max() <= 128
    assert float(scale) > 0


def test_silent_activation_gets_a_harmless_scale() -> None:
    watch = observer(activation_spec(training=False))
    watch(torch.zeros(4))
    assert [float(value) for value in watch.calculate_qparams()] == [1.0, 0.0]


def test_weights_are_symmetric_in_127_steps() -> None:
    weight = torch.randn(4, 3, 3, 3)
    per_channel, per_tensor = (observer(weight_spec(channel_axis=axis, training=False)) for axis in (0, None))
    per_channel(weight)
    per_tensor(weight)
    scale, zero_point = per_channel.calculate_qparams()
    assert torch.equal(scale, weight.flatten(1).abs().amax(1) / 127)
    assert zero_point.tolist() == [0, 0, 0, 0]
    assert torch.equal(per_tensor.calculate_qparams()[0], weight.abs().max()[None] / 127)


def test_ternary_scale_is_the_magnitude_itself() -> None:
    codes = torch.randint(-1, 2, (8, 20)).float()
    scale = torch.rand(8) + 0.01
    watch = observer(weight_spec(channel_axis=0, training=False, stored="ternary"))
    watch(codes * scale[:, None])
    assert torch.equal(watch.calculate_qparams()[0], scale)


def test_vanishing_channels_do_not_get_a_vanishing_scale() -> None:
    watch = observer(weight_spec(channel_axis=0, training=False))
    watch(torch.tensor([[1.27, 0.5], [0.0, 0.0], [1e-20, 0.0], [1e-3, 0.0]]))
    scale = watch.calculate_qparams()[0]
    floor = 1.27 / 127 * VANISHING
    torch.testing.assert_close(scale, torch.tensor([0.01, floor, floor, 1e-3 / 127]))
    watch(torch.zeros(2, 2))
    assert bool((watch.calculate_qparams()[0] > 1e-3).all())


def test_weight_observers_forget_while_activation_observers_remember() -> None:
    kwargs = {"dtype": torch.int8, "quant_min": -127, "quant_max": 127}
    weight = WeightObserver(qscheme=torch.per_tensor_symmetric, **kwargs)
    channel = WeightPerChannelObserver(qscheme=torch.per_channel_symmetric, **kwargs)
    activation = ActivationObserver(qscheme=torch.per_tensor_affine, **kwargs)
    for watch in (weight, channel, activation):
        watch(torch.full((2, 2), 254.0))
        watch(torch.full((2, 2), 127.0))
    assert weight.calculate_qparams()[0].tolist() == [1.0]
    assert channel.calculate_qparams()[0].tolist() == [1.0, 1.0]
    assert activation.calculate_qparams()[0].tolist() == [1.0]  # 0..254 in 254 steps


@pytest.mark.parametrize("seen", [[], [1.0, float("nan")], [float("inf")], [-float("inf"), 1.0]])
def test_range_that_means_nothing_is_refused(seen: list[float]) -> None:
    watch = observer(activation_spec(training=False))
    watch(torch.tensor(seen))
    with pytest.raises(UnusableRangeError):
        watch.calculate_qparams()
