"""Which layers a method changes, and the whole numbers that come out of them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from quantize.method import MethodError
from quantize.parametrized import make_plain

Layer = nn.Linear | nn.Conv1d | nn.Conv2d
SMALLEST_SCALE = 1e-8  # a layer of zeros must not divide by zero


def learning_layers(model: nn.Module, keep_first: bool = False, keep_last: bool = False) -> dict[str, Layer]:
    """Return the linear and convolution layers whose weights learn, by name, in the order of ``named_modules``.

    Raises:
        MethodError: there is none, or one has parametrized weights already.
    """
    layers: dict[str, Layer] = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, Layer) and (parametrize.is_parametrized(module) or module.weight.requires_grad)
    }
    names = list(layers)[int(keep_first) : len(layers) - int(keep_last)]
    if not names:
        raise MethodError("no linear or convolution layer is left to change", fix="keep fewer layers")
    if any(parametrize.is_parametrized(layers[name]) for name in names):
        raise MethodError("the layers are parametrized already", fix="start from a plain model")
    return {name: layers[name] for name in names}


def bake_integers(model: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """Make the layers plain again and return the whole numbers of each (``integers`` of its parametrization)."""
    found: dict[str, Tensor] = {}
    for name in names:
        layer = model.get_submodule(name)
        rule: Any = layer.parametrizations["weight"]  # type: ignore[index]
        with torch.no_grad():
            found[name] = rule[0].integers(rule.original).to(torch.int8)
        make_plain(layer)
    return found
