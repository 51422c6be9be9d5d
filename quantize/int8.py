"""int8 by the public TFLite specification: how ranges are observed and which integers they may use.

Weights are symmetric in -127..127, per output channel (axis 0) for convolutions and per tensor for linear
layers; activations are asymmetric in -128..127, per tensor. int4 and ternary weights are the same with the
ranges -7..7 and -1..1.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from quantize.pt2e import (
    FakeQuantize,
    FixedQParamsQuantizationSpec,
    MinMaxObserver,
    MovingAverageMinMaxObserver,
    PerChannelMinMaxObserver,
    QuantizationSpec,
)

ACTIVATION_RANGE = (-128, 127)
INT16_RANGE = (-32768, 32767)
WEIGHT_RANGE = (-127, 127)
INT4_RANGE = (-7, 7)
TERNARY_RANGE = (-1, 1)
WEIGHT_RANGES = {"int8": WEIGHT_RANGE, "int4": INT4_RANGE, "ternary": TERNARY_RANGE}
# A channel this much weaker than the layer's strongest is lost in the rounding of any int8 output, while a
# bias at its scale (input scale * weight scale) would overflow 32 bits.
VANISHING = 2.0**-16


class UnusableRangeError(ValueError):
    """A tensor that was observed held infinity or NaN, or was never observed."""


def check_range(observer: MinMaxObserver | PerChannelMinMaxObserver) -> None:
    """Raise ``UnusableRangeError`` unless the observer has seen finite values only."""
    if observer.min_val.numel() == 0 or not bool((observer.min_val <= observer.max_val).all()):
        raise UnusableRangeError("nothing was observed, or NaN")
    if not bool(torch.isfinite(observer.min_val).all() and torch.isfinite(observer.max_val).all()):
        raise UnusableRangeError("infinity or NaN was observed")


class ActivationObserver(MinMaxObserver):
    """Smallest and largest value seen. A tensor that was always zero gets scale 1, not a vanishing one."""

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return scale (float32) and zero point, one element each."""
        check_range(self)
        scale, zero_point = self._calculate_qparams(self.min_val, self.max_val)
        silent = (self.min_val == 0) & (self.max_val == 0)
        return torch.where(silent, 1.0, scale), torch.where(silent, 0, zero_point)


class SpikeObserver(MinMaxObserver):
    """Of ones and zeros: how many of them are ones. The scale is 1, the zero point 0."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.ones, self.seen = 0.0, 0

    def forward(self, x: Tensor) -> Tensor:
        """Count."""
        self.ones, self.seen = self.ones + float(x.sum()), self.seen + x.numel()
        return super().forward(x)

    @property
    def density(self) -> float:
        """The share of ones, -1 where nothing was seen."""
        return self.ones / self.seen if self.seen else -1.0

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return scale and zero point, one element each."""
        return torch.ones(1), torch.zeros(1, dtype=torch.int64)


class MovingActivationObserver(MovingAverageMinMaxObserver):
    """The same during training: ranges follow the activations slowly."""

    calculate_qparams = ActivationObserver.calculate_qparams


class WeightPerChannelObserver(PerChannelMinMaxObserver):
    """Largest magnitude per channel of the weight as it is now; vanishing channels take a larger scale.

    ``chosen`` are scales ``(channels,)`` to take instead, where they are decided.
    """

    def __init__(self, *args: Any, chosen: Tensor | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chosen = chosen

    def forward(self, weight: Tensor) -> Tensor:
        """Look at ``weight`` and forget those before: during training they shrink too."""
        self.reset_min_max_vals()
        return super().forward(weight)

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return scales (float32) and zero points (all 0), shape ``(channels,)``."""
        if self.chosen is not None:
            return self.chosen, torch.zeros(self.chosen.shape, dtype=torch.int64)
        check_range(self)
        largest = torch.maximum(-self.min_val, self.max_val)
        strongest = largest.max()
        floor = strongest * VANISHING if strongest > 0 else torch.ones(())
        scale = torch.maximum(largest, floor) / self.quant_max
        return scale, torch.zeros(scale.shape, dtype=torch.int64)


class WeightObserver(MinMaxObserver):
    """Largest magnitude of the whole weight as it is now; ``chosen`` is a scale to take instead, once decided."""

    chosen: Tensor | None = None

    def forward(self, weight: Tensor) -> Tensor:
        """Look at ``weight`` and forget those before."""
        self.reset_min_max_vals()
        return super().forward(weight)

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        """Return scale (float32) and zero point (0), one element each."""
        if self.chosen is not None:
            return self.chosen, torch.zeros(1, dtype=torch.int64)
        check_range(self)
        largest = torch.maximum(-self.min_val, self.max_val).reshape(1)
        scale = torch.where(largest > 0, largest, 1.0) / self.quant_max
        return scale, torch.zeros(1, dtype=torch.int64)


def activation_spec(*, training: bool, stored: str = "int8") -> QuantizationSpec:
    """Return an activation's specification; ``training`` asks for fake quantization instead of observing.

    ``stored``: "int8", or "int16" for symmetric ranges with zero point 0 (not for training).
    """
    if stored == "int16":
        return _spec(ActivationObserver, INT16_RANGE, torch.per_tensor_symmetric, dtype=torch.int16)
    if not training:
        return _spec(ActivationObserver, ACTIVATION_RANGE, torch.per_tensor_affine)
    fake = FakeQuantize.with_args(observer=MovingActivationObserver.with_args(averaging_constant=0.01))
    return _spec(fake, ACTIVATION_RANGE, torch.per_tensor_affine)


def weight_spec(*, channel_axis: int | None, training: bool, stored: str = "int8") -> QuantizationSpec:
    """Return the specification of a weight with a scale per index of ``channel_axis``, or one for all.

    ``stored``: a key of ``WEIGHT_RANGES``.
    """
    observer: Any = WeightObserver if channel_axis is None else WeightPerChannelObserver
    if (
        training and channel_axis is not None
    ):  # torchao hands the axis to classes called ...PerChannel... only
        observer = observer.with_args(ch_axis=channel_axis)
    constructor = FakeQuantize.with_args(observer=observer) if training else observer
    scheme = torch.per_tensor_symmetric if channel_axis is None else torch.per_channel_symmetric
    return _spec(constructor, WEIGHT_RANGES[stored], scheme, ch_axis=channel_axis)


def known_weight_spec(scale: Tensor, *, channel_axis: int, stored: str) -> QuantizationSpec:
    """Return the specification of a weight whose scales ``(channels,)`` are known beforehand."""
    observer = WeightPerChannelObserver.with_args(chosen=scale)
    return _spec(observer, WEIGHT_RANGES[stored], torch.per_channel_symmetric, ch_axis=channel_axis)


def fixed_spec(scale: float, zero_point: int, stored: str = "int8") -> FixedQParamsQuantizationSpec:
    """Return the specification of an activation whose range is known beforehand (softmax: 1/256, -128)."""
    low, high = INT16_RANGE if stored == "int16" else ACTIVATION_RANGE
    dtype = torch.int16 if stored == "int16" else torch.int8
    return FixedQParamsQuantizationSpec(
        dtype, scale, zero_point, quant_min=low, quant_max=high, qscheme=torch.per_tensor_affine
    )


def spike_spec() -> QuantizationSpec:
    """Return the specification of zeros and ones, which counts them."""
    return _spec(SpikeObserver, ACTIVATION_RANGE, torch.per_tensor_affine)


def _spec(
    constructor: Any,
    bounds: tuple[int, int],
    scheme: torch.qscheme,
    ch_axis: int | None = None,
    dtype: torch.dtype = torch.int8,
) -> QuantizationSpec:
    low, high = bounds
    return QuantizationSpec(
        dtype, constructor, quant_min=low, quant_max=high, qscheme=scheme, ch_axis=ch_axis
    )
