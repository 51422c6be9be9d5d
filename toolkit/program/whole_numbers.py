"""Weights that training made whole numbers, times a scale per output channel: the program holds exactly those."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx, nn

from quantize.int8 import VANISHING, WEIGHT_RANGES
from toolkit.errors import CHECK_FAILED, ToolkitError


@dataclass(frozen=True)
class WholeNumbers:
    """One layer's weights, ``integers * scale``, the scale ``(channels,)``, and the narrowest type that stores them."""

    integers: Tensor
    scale: Tensor
    stored: str

    @property
    def weight(self) -> Tensor:
        """The weights as float32."""
        return self.integers * self.scale.reshape(-1, *(1,) * (self.integers.dim() - 1))


def whole_numbers(
    graph: fx.GraphModule, names: Mapping[str, str], integers: Mapping[str, Tensor]
) -> dict[str, WholeNumbers]:
    """Find the scales of the layers in ``integers``, and round the weights in ``graph`` to exactly those numbers.

    Args:
        graph: batch normalization is folded in it, which gives every channel a factor of its own, a negative one
            sometimes.
        names: the weights' names by node.
        integers: by layer (``features.0``), in -127..127, first axis the channels.

    Raises:
        ToolkitError: a layer's weights are not those numbers.
    """
    found: dict[str, WholeNumbers] = {}
    for name in dict.fromkeys(names.values()):
        owner, _, own_name = name.rpartition(".")
        if owner not in integers:
            continue
        module = graph.get_submodule(owner)
        found[name] = _fit(getattr(module, own_name).detach(), integers[owner].float(), name)
        setattr(module, own_name, nn.Parameter(found[name].weight, requires_grad=False))
    return found


def _fit(weight: Tensor, expected: Tensor, name: str) -> WholeNumbers:
    largest = expected.flatten(1).abs().amax(1)
    scale = weight.flatten(1).abs().amax(1) / largest.clamp_min(1)
    vanishing = scale < scale.max() * VANISHING
    scale = torch.where(vanishing | (largest == 0), 1.0, scale)
    broadcast = scale.reshape(-1, *(1,) * (weight.dim() - 1))
    rounded = (weight / broadcast).round()
    kept = ~vanishing
    close = torch.allclose((rounded * broadcast)[kept], weight[kept], rtol=1e-5, atol=0)
    if not close or not torch.equal(rounded.abs()[kept], expected.abs()[kept]) or largest.max() > 127:
        raise ToolkitError(
            "the weights are not the whole numbers that training made of them",
            at=name,
            fix="report this: whole numbers must survive folding to the bit",
            exit_code=CHECK_FAILED,
        )
    rounded[vanishing] = 0
    stored = next(key for key in ("ternary", "int4", "int8") if largest.max() <= WEIGHT_RANGES[key][1])
    return WholeNumbers(rounded, scale, stored)
