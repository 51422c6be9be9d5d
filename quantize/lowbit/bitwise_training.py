"""Bit-wise Training of Neural Network Weights (arXiv 2202.09571).

A weight is ``scale * sign * (b0 + 2 b1 + 4 b2 + ...)``. What learns is one real number for each bit and for the sign,
which counts as 1 where it is positive. So weights are whole numbers from the first step on, of any width, and nothing
is rounded after training. The scale stays what it was at the start.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from quantize.lowbit._layers import SMALLEST_SCALE, bake_integers, learning_layers
from quantize.method import Flow, Method, Training, between
from quantize.straight_through import straight_through

if TYPE_CHECKING:
    from torch.export import ExportedProgram

METHOD = Method(
    slug="bitwise-training",
    title="Every bit of a weight learns: whole numbers of 2 to 8 bits",
    paper="Bit-wise Training of Neural Network Weights, Ivan 2022, arXiv 2202.09571",
    kind="lowbit",
    cost="a real number per bit while training; 4 bits per weight up to 4, else 8",
)

_LEAST_SURE = 0.02  # of a bit worth 1, at the start; one worth 8 takes eight times as many steps to turn over
_TRIED_SCALES = 20


@dataclass(frozen=True)
class Options(Training):
    """How wide the weights are.

    Args:
        bits: of a weight, the sign's included.
        keep_first: the first layer in int8, not trained bit by bit.
        keep_last: the last layer likewise.
    """

    bits: int = between(2, 8, 4)
    keep_first: bool = False
    keep_last: bool = False


class Bits(nn.Module):
    """Parametrization: real numbers ``(bits, *weight's shape)`` in, the sign's last; weights out."""

    scale: Tensor
    worth: Tensor

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        self.register_buffer("scale", _best_scale(weight.detach(), 2 ** (bits - 1) - 1))
        worth = 2.0 ** torch.arange(bits - 1)
        self.register_buffer("worth", worth.reshape(-1, *(1,) * weight.dim()))

    def forward(self, sureness: Tensor) -> Tensor:
        """Return the weights; gradients pass straight through the thresholds."""
        return self.integers(sureness) * self.scale

    def integers(self, sureness: Tensor) -> Tensor:
        """Return the weights as whole numbers, float32."""
        on = straight_through(lambda latent: (latent > 0).to(latent.dtype), sureness)
        return (1 - 2 * on[-1]) * (on[:-1] * self.worth).sum(0)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """Return real numbers that stand for the whole numbers nearest to ``weight``."""
        largest = 2 ** len(self.worth) - 1
        magnitude = (weight / self.scale).round().clamp(-largest, largest).abs()
        on = (magnitude / self.worth).floor() % 2
        sureness = _LEAST_SURE * self.worth * (2 * on - 1)
        sign = _LEAST_SURE * self.worth[-1] * (1 - 2 * (weight >= 0).to(weight.dtype))
        return torch.cat([sureness, sign[None]])


def quantize(model: nn.Module, flow: Flow, options: Options) -> ExportedProgram:
    """Return ``model`` with whole numbers as weights; see ``quantize.method.QuantizeMethod``."""
    trained = copy.deepcopy(model)
    layers = learning_layers(trained, options.keep_first, options.keep_last)
    for layer in layers.values():
        parametrize.register_parametrization(layer, "weight", Bits(layer.weight, options.bits))
    flow.train(trained, options)
    return flow.program(trained, integers=bake_integers(trained, layers))


def _best_scale(weight: Tensor, largest: int) -> Tensor:
    """Return the scale, among some, with which whole numbers up to ``largest`` come nearest to ``weight``."""
    top = weight.abs().max().clamp_min(SMALLEST_SCALE)
    scales = [top / largest * step / _TRIED_SCALES for step in range(1, _TRIED_SCALES + 1)]
    errors = [
        ((weight / scale).round().clamp(-largest, largest) * scale - weight).square().sum()
        for scale in scales
    ]
    return scales[int(torch.stack(errors).argmin())]
