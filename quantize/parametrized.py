"""Layers whose weights are computed while they learn (``torch.nn.utils.parametrize``), and plain ones out of them."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.utils import parametrize


def make_plain(layer: nn.Module) -> None:
    """Give ``layer`` back its own class, with the weights as they are computed now as its parameters.

    ``parametrize.remove_parametrizations`` would delete the weight's property from a class that copies of the layer
    (``copy.deepcopy``) share, and break them.
    """
    names = list(layer.parametrizations)  # type: ignore[arg-type]
    weights: dict[str, Tensor] = {name: getattr(layer, name).detach().clone() for name in names}
    layer.__class__ = parametrize.type_before_parametrizations(layer)
    del layer.parametrizations
    for name, weight in weights.items():
        layer.register_parameter(name, nn.Parameter(weight))
