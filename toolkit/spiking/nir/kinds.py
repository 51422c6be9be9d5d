"""Every type of node that NIR has: what it needs, what shapes it takes and gives, and the module that it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from toolkit.spiking.delay import Delay
from toolkit.spiking.firing import Firing
from toolkit.spiking.layers import Input, Output, Scale, Threshold
from toolkit.spiking.neurons import IF, LI, LIF, CubaLI, CubaLIF, I
from toolkit.spiking.nir import weights
from toolkit.spiking.nir.node import Node, Shape
from toolkit.spiking.nir.settings import OURS
from toolkit.spiking.timing import Timing, Values

Own = dict[str, Any]  # settings of a node
SURROGATE = ("surrogate", "slope")
FIRING = ("reset", "fires", *SURROGATE)


@dataclass(frozen=True)
class Kind:
    """A type of node.

    Args:
        build: the module for a node, the shape that it takes and its settings.
        takes: the shape that a node takes by what it says of itself; None where it says nothing.
        gives: the shape that it gives.
        needs: the settings that its neurons need.
        required: of ``needs``, what somebody has to say.
    """

    build: Callable[[Node, Shape, Own], nn.Module]
    takes: Callable[[Node], Shape | None]
    gives: Callable[[Node, Shape], Shape] = lambda node, shape: shape
    needs: tuple[str, ...] = ()
    required: tuple[str, ...] = ()


def _elements(*names: str) -> Callable[[Node], Shape | None]:
    """Take the shape of arrays with a value for each element; arrays of one value fit any shape."""

    def takes(node: Node) -> Shape | None:
        shapes = {
            array.shape for name in names if (array := _given(node, name)) is not None and array.size != 1
        }
        if len(shapes) > 1:
            raise node.error(f"has parameters of different shapes: {', '.join(map(str, sorted(shapes)))}")
        return next(iter(shapes), None)

    return takes


def _given(node: Node, name: str) -> np.ndarray | None:
    return node.numbers(name) if name not in ("v_reset", "w_in") or node.has(name) else None


def _values(node: Node, name: str, default: float | None = None) -> Values:
    """Return a parameter: a number where all neurons have the same."""
    if default is not None and not node.has(name):
        return default
    array = node.numbers(name)
    if array.size and (array == array.flat[0]).all():
        return float(array.flat[0])
    return torch.from_numpy(array.copy())


def _time_constant(node: Node, name: str) -> Values:
    if (node.numbers(name) <= 0).any():
        raise node.error(
            f"has a {name} of {float(node.numbers(name).min()):g} s: time constants are positive"
        )
    return _values(node, name)


def _timing(own: Own) -> Timing:
    return Timing(own["dt"], own.get("discretisation", "exact"))


def _firing(node: Node, own: Own) -> Firing:
    extra = {name: own[name] for name in SURROGATE if name in own}
    threshold, v_reset = _values(node, "v_threshold"), _values(node, "v_reset", 0.0)
    return Firing(threshold, own["reset"], v_reset, fires=own["fires"], **extra)


def _initial(node: Node, shape: Shape) -> Values:
    """Return where potentials begin, for which only our metadata have a place."""
    ours = node.metadata.get(OURS)
    if not isinstance(ours, dict) or "v_initial" not in ours:
        return 0.0
    found = Node(node.name, node.type, {"v_initial": ours["v_initial"]})
    if found.numbers("v_initial").shape != shape:
        raise node.error(f"has a v_initial of shape {found.numbers('v_initial').shape} in its metadata")
    return _values(found, "v_initial")


def _li(node: Node) -> tuple[Values, Values, Values]:
    return _time_constant(node, "tau"), _values(node, "r"), _values(node, "v_leak")


def _cuba(node: Node) -> tuple[Values, Values, Values, Values, Values]:
    taus = _time_constant(node, "tau_syn"), _time_constant(node, "tau_mem")
    return *taus, _values(node, "r"), _values(node, "v_leak"), _values(node, "w_in", 1.0)


def _each(node: Node, name: str, shape: Shape) -> Tensor:
    array = node.numbers(name).astype(np.float32)
    return torch.from_numpy(array.copy() if array.shape == shape else np.full(shape, array.reshape(-1)[0]))


def _threshold(node: Node, shape: Shape, own: Own) -> nn.Module:
    extra = {name: own[name] for name in SURROGATE if name in own}
    return Threshold(_each(node, "threshold", shape), own["fires"], **extra)


_LI, _CUBA = ("tau", "r", "v_leak"), ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
_SPIKES = ("v_threshold", "v_reset")
_LEAKS = ("dt", "discretisation")

KINDS: dict[str, Kind] = {
    "Affine": Kind(weights.linear, weights.linear_takes, weights.linear_gives),
    "Linear": Kind(weights.linear, weights.linear_takes, weights.linear_gives),
    "Scale": Kind(lambda node, shape, own: Scale(_each(node, "scale", shape)), _elements("scale")),
    "Conv1d": Kind(weights.conv, weights.conv_takes, weights.conv_gives),
    "Conv2d": Kind(weights.conv, weights.conv_takes, weights.conv_gives),
    "AvgPool2d": Kind(weights.pool, lambda node: None, weights.pool_gives),
    "SumPool2d": Kind(weights.pool, lambda node: None, weights.pool_gives),
    "Flatten": Kind(weights.flatten, weights.flatten_takes, weights.flatten_gives),
    "Threshold": Kind(_threshold, _elements("threshold"), needs=("fires", *SURROGATE)),
    "Delay": Kind(
        lambda node, shape, own: Delay(Timing(own["dt"]), _values(node, "delay")),
        _elements("delay"), needs=("dt",), required=("dt",),
    ),
    "I": Kind(
        lambda node, shape, own: I(_timing(own), _values(node, "r")),
        _elements("r"), needs=("dt",), required=("dt",),
    ),
    "IF": Kind(
        lambda node, shape, own: IF(_timing(own), _firing(node, own), _values(node, "r"), _initial(node, shape)),
        _elements("r", *_SPIKES), needs=("dt", *FIRING), required=("dt", "reset"),
    ),
    "LI": Kind(
        lambda node, shape, own: LI(_timing(own), *_li(node)),
        _elements(*_LI), needs=_LEAKS, required=_LEAKS,
    ),
    "LIF": Kind(
        lambda node, shape, own: LIF(_timing(own), _firing(node, own), *_li(node)),
        _elements(*_LI, *_SPIKES), needs=(*_LEAKS, *FIRING), required=(*_LEAKS, "reset"),
    ),
    "CubaLI": Kind(
        lambda node, shape, own: CubaLI(_timing(own), *_cuba(node)),
        _elements(*_CUBA), needs=_LEAKS, required=_LEAKS,
    ),
    "CubaLIF": Kind(
        lambda node, shape, own: CubaLIF(_timing(own), _firing(node, own), *_cuba(node)),
        _elements(*_CUBA, *_SPIKES), needs=(*_LEAKS, *FIRING), required=(*_LEAKS, "reset"),
    ),
    "Input": Kind(lambda node, shape, own: Input(), lambda node: node.shape("shape")),
    "Output": Kind(
        lambda node, shape, own: Output(), lambda node: node.shape("shape") if node.has("shape") else None
    ),
}  # fmt: skip
