"""A trained ReLU network as a chain of layers, whatever file or class it comes from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.export import ExportedProgram

from toolkit.errors import ToolkitError
from toolkit.program.capture import capture
from toolkit.program.clean import layer_name

_aten = torch.ops.aten
_NORM = _aten._native_batch_norm_legit_no_training.default
_CONVOLUTIONS: dict[Any, Any] = {_aten.conv1d.default: nn.Conv1d, _aten.conv2d.default: nn.Conv2d}


@dataclass
class Segment:
    """Layers that a rectifier follows, or the network's outputs.

    Args:
        layers: without a memory; ``weighted`` are those with weights, and the others keep a common factor.
        bound: the most that the rectifier lets through; None at the end of the chain.
        name: of the rectifier in the user's model.
    """

    layers: list[nn.Module] = field(default_factory=list)
    bound: float | None = None
    name: str = ""

    @property
    def weighted(self) -> list[nn.Conv1d | nn.Conv2d | nn.Linear]:
        """The layers with weights, in order."""
        return [layer for layer in self.layers if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear)]


def segments(model: nn.Module | ExportedProgram, sample: Tensor) -> list[Segment]:
    """Return copies of the layers of ``model`` between its rectifiers, batch normalization folded.

    Args:
        model: in evaluation mode.
        sample: one input, first axis 1.

    Raises:
        ToolkitError: it is no chain, or holds what is neither linear nor a rectifier; all such layers are named.
    """
    graph_module = capture(model, sample)
    reader = _Reader(graph_module)
    reader.read()
    return reader.found


class _Reader:
    def __init__(self, graph_module: fx.GraphModule) -> None:
        self.graph_module = graph_module
        self.found = [Segment()]
        self.refused: list[tuple[str, str]] = []  # layer, operator

    def read(self) -> None:
        nodes = [
            node for node in self.graph_module.graph.nodes if node.op in ("placeholder", "call_function")
        ]
        for before, node in pairwise(nodes):
            if node.args[0] is not before or sum(node in user.all_input_nodes for user in node.users) > 1:
                self.refused.append((layer_name(node), f"{node.target}, which is no link of a chain"))
            else:
                self._layer(node)
        if self.refused:
            raise self._error()
        for segment in self.found:
            if not segment.weighted:
                where = f"before {segment.name}" if segment.bound is not None else "after the last rectifier"
                raise ToolkitError(
                    f"there is no layer with weights {where}",
                    fix="convert a network whose every ReLU follows a layer",
                )

    def _layer(self, node: Any) -> None:
        target = node.target
        segment = self.found[-1]
        if target is _NORM:
            if not segment.layers or segment.layers[-1] not in segment.weighted:
                self.refused.append(
                    (layer_name(node), "batch normalization that follows no layer with weights")
                )
            else:
                _fold(segment.layers[-1], [self._value(arg) for arg in node.args[1:5]], node.args[6])
        elif target in (_aten.relu.default, _aten.hardtanh.default):
            relu = target is _aten.relu.default
            low, high = (0.0, math.inf) if relu else _given(node.args[1:], -1.0, 1.0)
            if low != 0.0:
                self.refused.append((layer_name(node), f"{target} from {low:g}"))
            segment.bound, segment.name = high, layer_name(node)
            self.found.append(Segment())
        elif target in _CONVOLUTIONS or target is _aten.linear.default:
            segment.layers.append(self._weighted(node))
        elif target in _PLAIN and (layer := _PLAIN[target](node)) is not None:
            segment.layers.append(layer)
        elif getattr(target, "__name__", "") != "getitem":
            self.refused.append((layer_name(node), str(target)))

    def _weighted(self, node: Any) -> nn.Module:
        weight, bias = self._value(node.args[1]), self._value(node.args[2] if len(node.args) > 2 else None)
        assert weight is not None
        if node.target is _aten.linear.default:
            layer: Any = nn.Linear(weight.shape[1], weight.shape[0])
        else:
            rest = _given(node.args[3:], 1, 0, 1, 1)  # stride, padding, dilation, groups
            ends = (weight.shape[1] * rest[3], weight.shape[0])
            layer = _CONVOLUTIONS[node.target](*ends, tuple(weight.shape[2:]), *rest)
        with torch.no_grad():
            layer.weight.copy_(weight)
            layer.bias.copy_(torch.zeros(len(weight)) if bias is None else bias)
        return layer  # type: ignore[no-any-return]

    def _value(self, arg: Any) -> Tensor | None:
        if arg is None:
            return None
        owner, _, name = str(arg.target).rpartition(".")
        value: Tensor = getattr(self.graph_module.get_submodule(owner), name)
        return value.detach()

    def _error(self) -> ToolkitError:
        fix = "use linear and convolutional layers, each with its BatchNorm, ReLU and average pools, one after another"
        if any("max_pool" in what for _, what in self.refused):
            fix = "pool by averages or by strides: the largest of some spikes is not the largest rate"
        names = ", ".join(f"{layer} ({what})" for layer, what in self.refused)
        return ToolkitError("this network cannot become a spiking one", at=names, fix=fix)


def _fold(layer: Any, norm: list[Tensor | None], eps: float) -> None:
    """Put a normalization (factor, offset, mean, variance) into the layer before it."""
    gamma, beta, mean, var = norm
    assert var is not None
    factor = (var + eps).rsqrt() * (1.0 if gamma is None else gamma)
    with torch.no_grad():
        layer.weight.mul_(factor.reshape(-1, *[1] * (layer.weight.dim() - 1)))
        layer.bias.sub_(mean).mul_(factor).add_(0.0 if beta is None else beta)


def _given(arguments: Sequence[Any], *defaults: Any) -> list[Any]:
    """Return a node's arguments, and the defaults of those left out."""
    return [*arguments, *defaults[len(arguments) :]]


def _average(node: Any) -> nn.Module:
    kernel, *rest = node.args[1:]
    return nn.AvgPool2d(kernel, *rest)


def _mean(node: Any) -> nn.Module | None:
    value, axes = node.args[:2]
    rank = value.meta["val"].dim()
    if rank != 4 or sorted(axis % rank for axis in axes) != [2, 3]:
        return None
    pool = nn.AvgPool2d(tuple(value.meta["val"].shape[2:]))
    return pool if len(node.args) > 2 and node.args[2] else nn.Sequential(pool, nn.Flatten())


def _adaptive(node: Any) -> nn.Module:
    return nn.AdaptiveAvgPool2d(node.args[1])


def _flatten(node: Any) -> nn.Module | None:
    return nn.Flatten() if node.meta["val"].dim() == 2 and node.meta["val"].shape[0] == 1 else None


def _pad(node: Any) -> nn.Module | None:
    amounts, mode, value = _given(node.args[1:], None, "constant", 0.0)
    return nn.ZeroPad2d(tuple(amounts)) if mode == "constant" and not value and len(amounts) == 4 else None


# operators without weights -> the layer that they are, or None where they are none of a chain
_PLAIN: dict[Any, Callable[[Any], nn.Module | None]] = {
    _aten.avg_pool2d.default: _average,
    _aten.adaptive_avg_pool2d.default: _adaptive,
    _aten.mean.dim: _mean,
    _aten.reshape.default: _flatten,
    _aten.view.default: _flatten,
    _aten.flatten.using_ints: _flatten,
    _aten.pad.default: _pad,
    _aten.constant_pad_nd.default: _pad,
}
