"""A Learning Framework for n-bit Quantized Neural Networks toward FPGAs (arXiv 2004.02396).

A weight is 0 or plus or minus a power of two times a scale that is a power of two itself, so that a product is a shift.
Float shadow weights take the gradients straight through.
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
    slug="shift-nbit",
    title="Weights that are powers of two",
    paper="A Learning Framework for n-bit Quantized Neural Networks toward FPGAs, Chen et al. 2020, "
    "arXiv 2004.02396",
    kind="lowbit",
    cost="stored in 4 bits per weight with 3 bits, 8 with 4; products are still products in C",
)


@dataclass(frozen=True)
class Options(Training):
    """How many powers there are.

    Args:
        bits: 3 gives 0, 1, 2, 4 and their negatives; 4 gives 0, 1, 2, ... 64.
        keep_first: the first layer in int8.
        keep_last: the last layer in int8.
    """

    bits: int = between(3, 4, 4)
    keep_first: bool = False
    keep_last: bool = False


class PowerOfTwo(nn.Module):
    """Parametrization: shadow weights in, ``scale * {0, +-1, +-2, +-4, ...}`` out."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.highest = 2 ** (bits - 1) - 2  # exponent of the largest

    def scale(self, weight: Tensor) -> Tensor:
        """Return the value of the integer 1: the largest power is the one next to the largest weight."""
        top = weight.detach().abs().max().clamp_min(SMALLEST_SCALE)
        return torch.exp2(top.log2().round() - self.highest)

    def integers(self, weight: Tensor) -> Tensor:
        """Return the powers of two, with signs, as float32."""
        magnitude = weight.abs() / self.scale(weight)
        # the nearest power in the logarithm; below half of the smallest, 0 is nearer
        power = torch.exp2(magnitude.clamp_min(0.5).log2().round().clamp(0, self.highest))
        return torch.where(magnitude < 0.5, 0.0, power) * weight.sign()

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights; gradients pass straight through."""
        return straight_through(lambda w: self.integers(w) * self.scale(w), weight)


def quantize(model: nn.Module, flow: Flow, options: Options) -> ExportedProgram:
    """Return ``model`` with powers of two as weights; see ``quantize.method.QuantizeMethod``."""
    trained = copy.deepcopy(model)
    layers = learning_layers(trained, options.keep_first, options.keep_last)
    for layer in layers.values():
        parametrize.register_parametrization(layer, "weight", PowerOfTwo(options.bits))
    flow.train(trained, options)
    return flow.program(trained, integers=bake_integers(trained, layers))
