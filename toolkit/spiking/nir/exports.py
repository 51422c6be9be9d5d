"""Every module that NIR has a type of node for: what the file says of it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from torch import Tensor, nn

from toolkit.errors import ToolkitError
from toolkit.spiking.delay import Delay
from toolkit.spiking.firing import Firing
from toolkit.spiking.integrate import SILENT
from toolkit.spiking.layers import Input, Output, Scale, StackedLinear, Threshold
from toolkit.spiking.neurons import IF, LI, LIF, CubaLI, CubaLIF, I, Neuron
from toolkit.spiking.nir.hdf5 import Tree
from toolkit.spiking.nir.node import Shape
from toolkit.spiking.nir.settings import OURS
from toolkit.spiking.timing import Values


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().cpu().numpy()


def _full(value: Values, shape: Shape) -> np.ndarray:
    """Return a value for each neuron; numbers in float64, so that they come back as they were."""
    if isinstance(value, Tensor):
        return np.array(np.broadcast_to(_array(value), shape))
    return np.full(shape, value, np.float64)


def _linear(module: Any, shape: Shape) -> Tree:
    if module.bias is None:
        return {"type": "Linear", "weight": _array(module.weight)}
    return {"type": "Affine", "weight": _array(module.weight), "bias": _array(module.bias)}


def _conv(module: Any, shape: Shape) -> Tree:
    if module.padding_mode != "zeros":
        raise ToolkitError(f"padding by {module.padding_mode}", fix="pad with zeros: NIR knows no other")
    one = isinstance(module, nn.Conv1d)

    def sizes(value: Any) -> Any:
        return value if isinstance(value, str) else value[0] if one else np.array(value)

    bias = np.zeros(module.out_channels, np.float32) if module.bias is None else _array(module.bias)
    return {
        "type": "Conv1d" if one else "Conv2d", "input_shape": shape[1] if one else np.array(shape[1:]),
        "weight": _array(module.weight), "stride": sizes(module.stride), "padding": sizes(module.padding),
        "dilation": sizes(module.dilation), "groups": module.groups, "bias": bias,
    }  # fmt: skip


def _pair(value: Any) -> np.ndarray:
    return np.array(value if isinstance(value, tuple) else (value, value))


def _pool(module: nn.AvgPool2d, shape: Shape) -> Tree:
    kernel, padding = _pair(module.kernel_size), _pair(module.padding)
    divisor, area = module.divisor_override, int(kernel.prod())
    if module.ceil_mode or (padding.any() and not module.count_include_pad) or divisor not in (None, 1, area):
        raise ToolkitError("a pool that rounds up, leaves padding out or divides by a number of its own")
    sizes = {"kernel_size": kernel, "stride": _pair(module.stride), "padding": padding}
    return {"type": "SumPool2d" if divisor == 1 != area else "AvgPool2d", **sizes}


def _flatten(module: nn.Flatten, shape: Shape) -> Tree:
    axes = len(shape) + 1
    first, last = module.start_dim % axes, module.end_dim % axes
    if not first:
        raise ToolkitError("it flattens samples, too", fix="begin with axis 1")
    last = -1 if last == axes - 1 else last - 1  # as others write it, and expect it
    return {"type": "Flatten", "input_type": np.array(shape), "start_dim": first - 1, "end_dim": last}


def _end(kind: str) -> Callable[[nn.Module, Shape], Tree]:
    return lambda module, shape: {"type": kind, "shape": np.array(shape)}


def _surrogate(fires: Firing | Threshold) -> Tree:
    """Return what of spikes no file has a place for."""
    slope = {} if fires.slope is None else {"slope": fires.slope}
    return {"fires": fires.fires, "surrogate": fires.surrogate, **slope}


def _threshold(module: Threshold, shape: Shape) -> Tree:
    found = {"type": "Threshold", "threshold": _array(module.threshold)}
    return {**found, "metadata": {OURS: _surrogate(module)}}


def _neuron(kind: str, *names: str, leaks: bool = True) -> Callable[[Any, Shape], Tree]:
    """Return what writes neurons whose parameters are ``names``, spikes and settings beside them."""

    def write(module: Any, shape: Shape) -> Tree:
        tree: Tree = {
            "type": kind,
            **{name: _full(getattr(module, _ATTRIBUTES.get(name, name)), shape) for name in names},
        }
        ours: Tree = {"dt": float(module.timing.dt)}
        if leaks:
            ours["discretisation"] = module.timing.discretisation
        if (firing := module.firing) is not SILENT:
            tree["v_threshold"] = _full(module.v_threshold, shape)
            tree["v_reset"] = _full(module.v_reset, shape)
            ours |= {"reset": firing.reset, **_surrogate(firing)}
        if isinstance(module, IF) and (isinstance(module.v_initial, Tensor) or module.v_initial):
            ours["v_initial"] = _full(module.v_initial, shape)
        return {**tree, "metadata": {OURS: ours}}

    return write


_ATTRIBUTES = {"tau_mem": "tau"}
_CUBA = ("tau_syn", "tau_mem", "r", "v_leak", "w_in")
EXPORTS: dict[type[nn.Module], Callable[[Any, Shape], Tree]] = {
    nn.Linear: _linear,
    StackedLinear: _linear,
    nn.Conv1d: _conv,
    nn.Conv2d: _conv,
    nn.AvgPool2d: _pool,
    nn.Flatten: _flatten,
    Scale: lambda module, shape: {"type": "Scale", "scale": _array(module.scale)},
    Threshold: _threshold,
    Delay: _neuron("Delay", "delay", leaks=False),
    I: _neuron("I", "r", leaks=False),
    IF: _neuron("IF", "r", leaks=False),
    LI: _neuron("LI", "tau", "r", "v_leak"),
    LIF: _neuron("LIF", "tau", "r", "v_leak"),
    CubaLI: _neuron("CubaLI", *_CUBA),
    CubaLIF: _neuron("CubaLIF", *_CUBA),
    Input: _end("Input"),
    Output: _end("Output"),
}


def shape_after(module: nn.Module, shape: Shape) -> Shape:
    """Return the shape that a module gives in a step."""
    import torch

    if isinstance(module, Neuron):
        return shape
    with torch.no_grad():
        found: Tensor = module(torch.zeros(1, *shape))
    if math.prod(found.shape[:1]) != 1:
        raise ToolkitError("it does not keep samples apart", fix="keep the first axis")
    return tuple(found.shape[1:])
