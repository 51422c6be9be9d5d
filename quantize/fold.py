"""Fold batch normalization into the layer before it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import fx, nn

_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d)
_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)


class CannotFoldError(ValueError):
    """A model's data flow cannot be followed, so nobody knows which layer a batch normalization follows."""


def fold_batchnorm(model: nn.Module) -> list[str]:
    """Fold every batch normalization that follows a linear or convolution layer into it, in place.

    The normalization's running statistics are used, whatever mode the model is in. A folded normalization
    becomes ``nn.Identity``; other names stay. A weight of ``codes * scale`` stays exactly so: each channel is
    multiplied by one factor (negative ones turn the codes' signs).

    Returns:
        The names of the layers that took one in. A normalization of anything else is left alone.

    Raises:
        CannotFoldError: ``torch.fx`` cannot trace the model.
    """
    folded = []
    for layer_name, norm_name in _pairs(model):
        _fold(model.get_submodule(layer_name), model.get_submodule(norm_name))
        parent, _, child = norm_name.rpartition(".")
        setattr(model.get_submodule(parent), child, nn.Identity())
        folded.append(layer_name)
    return folded


def _pairs(model: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield (layer, normalization) where both run once and nothing else reads the layer.

    In a model that cannot be traced, those are the neighbours in an ``nn.Sequential``.
    """
    if not any(isinstance(module, _NORMS) for module in model.modules()):
        return
    try:
        graph = fx.Tracer().trace(model)
    except Exception as error:  # fx raises what the model's own code raises on symbols
        neighbours = list(_neighbours(model))
        if not neighbours:
            raise CannotFoldError(f"the model's data flow depends on its data ({error})") from error
        yield from neighbours
        return
    calls = [node for node in graph.nodes if node.op == "call_module"]
    runs = Counter(str(node.target) for node in calls)
    for node in calls:
        source = node.args[0]
        if not isinstance(source, fx.Node) or source.op != "call_module" or len(source.users) != 1:
            continue
        layer, norm = str(source.target), str(node.target)
        if (
            isinstance(model.get_submodule(norm), _NORMS)
            and isinstance(model.get_submodule(layer), _LAYERS)
            and runs[norm] == runs[layer] == 1
        ):
            yield layer, norm


def _neighbours(model: nn.Module) -> Iterator[tuple[str, str]]:
    for name, module in list(model.named_modules()):
        if type(module) is not nn.Sequential:
            continue
        children = list(module.named_children())
        for (first, layer), (second, norm) in pairwise(children):
            if isinstance(layer, _LAYERS) and isinstance(norm, _NORMS):
                yield f"{name}.{first}".lstrip("."), f"{name}.{second}".lstrip(".")


def _fold(layer: nn.Module, norm: nn.Module) -> None:
    assert isinstance(layer, _LAYERS)
    assert isinstance(norm, _NORMS)
    # Ioffe and Szegedy 2015: y = (x - mean) / sqrt(var + eps) * gamma + beta
    mean, var = norm.running_mean, norm.running_var
    if mean is None or var is None:
        raise CannotFoldError("a batch normalization without running statistics cannot be folded")
    with torch.no_grad():
        factor = torch.rsqrt(var + norm.eps)
        factor = factor if norm.weight is None else factor * norm.weight
        bias = -mean if layer.bias is None else layer.bias - mean
        bias = bias * factor if norm.bias is None else bias * factor + norm.bias
        layer.weight.mul_(factor.reshape(-1, *(1,) * (layer.weight.dim() - 1)))
        layer.bias = nn.Parameter(bias.detach().clone())
