"""Compacting Binary Neural Networks by Sparse Kernel Selection (arXiv 2303.14470).

The 3x3 kernels of a convolution are binary, and all are taken from one small codebook out of the 512 that there are.
Both learn: which kernel each pair of channels takes, and which kernels the codebook holds. A kernel's number says it
all: with 32 of them, 5 bits for 9 weights.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from quantize.lowbit._layers import SMALLEST_SCALE, bake_integers, learning_layers
from quantize.method import Flow, Method, MethodError, Training, between

if TYPE_CHECKING:
    from torch.export import ExportedProgram

METHOD = Method(
    slug="sparse-kernel-bnn",
    title="Binary 3x3 kernels from a small codebook that is learnt",
    paper="Compacting Binary Neural Networks by Sparse Kernel Selection, Wang et al. 2023, arXiv 2303.14470",
    kind="lowbit",
    cost="less than one bit per weight of information, stored in 2 so far; some points below float",
)

_TAPS = 9


@dataclass(frozen=True)
class Options(Training):
    """How many kernels there are.

    Args:
        kernels: in the codebook of each layer; their number's logarithm is a kernel's bits.
        keep_first: the first layer in int8; all that are not 3x3 convolutions are.
    """

    kernels: int = between(2, 512, 32)
    keep_first: bool = False


class Chosen(nn.Module):
    """Parametrization: shadow weights ``(out, in, 3, 3)`` in; scaled binary kernels of the codebook out."""

    codebook: Tensor

    def __init__(self, weight: Tensor, kernels: int) -> None:
        super().__init__()
        patterns = (weight.detach().reshape(-1, _TAPS) >= 0).long()
        numbers = (patterns << torch.arange(_TAPS)).sum(1)
        # the commonest kernels of the trained network are the first choice
        commonest = numbers.bincount(minlength=2**_TAPS).argsort(descending=True, stable=True)[:kernels]
        bits = (commonest[:, None] >> torch.arange(_TAPS)) & 1
        self.codebook = nn.Parameter((2.0 * bits - 1) * weight.detach().abs().mean())

    def integers(self, weight: Tensor) -> Tensor:
        """Return the chosen kernels, -1 and 1, as float32."""
        return self._kernels()[self._choice(weight)].reshape(weight.shape)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weights; gradients go straight through to the shadow weights and to the chosen kernels."""
        scale = weight.detach().abs().flatten(1).mean(1).clamp_min(SMALLEST_SCALE)[:, None, None, None]
        soft = self.codebook[self._choice(weight)].reshape(weight.shape)
        # exactly the kernels; the differences only carry gradients, once for each of the two
        return self.integers(weight) * scale + (weight - weight.detach()) + (soft - soft.detach())

    def _kernels(self) -> Tensor:
        return torch.where(self.codebook.detach() < 0, -1.0, 1.0)

    def _choice(self, weight: Tensor) -> Tensor:
        """Return the number of the kernel nearest to each of the shadow weights'."""
        return (weight.detach().reshape(-1, _TAPS) @ self._kernels().T).argmax(1)


def bits_per_weight(kernels: int) -> float:
    """Return the bits of a kernel's number for each of its weights."""
    return math.ceil(math.log2(kernels)) / _TAPS


def quantize(model: nn.Module, flow: Flow, options: Options) -> ExportedProgram:
    """Return ``model`` with kernels of a codebook; see ``quantize.method.QuantizeMethod``."""
    trained = copy.deepcopy(model)
    layers = {
        name: layer
        for name, layer in learning_layers(trained, options.keep_first).items()
        if isinstance(layer, nn.Conv2d) and layer.kernel_size == (3, 3)
    }
    if not layers:
        raise MethodError("the model has no 3x3 convolution", fix="choose another method, bitnet158 say")
    for layer in layers.values():
        parametrize.register_parametrization(layer, "weight", Chosen(layer.weight, options.kernels))
    flow.train(trained, options)
    return flow.program(trained, integers=bake_integers(trained, layers))
