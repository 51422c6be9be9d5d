"""A recipe as a torch module."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from toolkit.fuzz.recipe import Layer, Recipe

UNARY: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "relu": functional.relu,
    "relu6": functional.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "hardswish": functional.hardswish,
    "silu": functional.silu,
    "gelu": functional.gelu,
    "leaky_relu": functional.leaky_relu,
    "elu": functional.elu,
}
BINARY: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
}


class RecipeModule(nn.Module):
    """Computes a recipe for a batch of one, float32 in and out."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        for number in range(len(recipe.layers)):
            holder = nn.Module()
            for name, data in recipe.weights(number).items():
                tensor = torch.from_numpy(data)
                if name == "constant":
                    holder.register_buffer(name, tensor)
                else:
                    holder.register_parameter(name, nn.Parameter(tensor, requires_grad=False))
            self.add_module(f"layer{number + 1}", holder)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the last layer's output."""
        return self.every(x)[-1]

    def every(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Return the input and every layer's output."""
        tensors = [x]
        for number, layer in enumerate(self.recipe.layers, 1):
            inputs = [tensors[i] for i in layer.inputs]
            holder = getattr(self, f"layer{number}")
            constants = {**dict(holder.named_parameters()), **dict(holder.named_buffers())}
            tensors.append(compute(layer, inputs, constants))
        return tensors


def compute(layer: Layer, inputs: list[torch.Tensor], constants: dict[str, torch.Tensor]) -> torch.Tensor:
    """Return the output of one layer for a batch of one."""
    x, attrs = inputs[0], layer.attrs
    if layer.op in UNARY:
        return UNARY[layer.op](x)
    if layer.op in BINARY:
        return BINARY[layer.op](x, inputs[1])
    match layer.op:
        case "conv":
            window = (attrs["stride"], attrs["pad"], attrs["dilation"], attrs["groups"])
            return functional.conv2d(x, constants["weight"], constants["bias"], *window)
        case "linear":
            return functional.linear(x, constants["weight"], constants["bias"])
        case "add_constant":
            return x + constants["constant"]
        case "mul_constant":
            return x * constants["constant"]
        case "max_pool":
            return functional.max_pool2d(x, attrs["kernel"], attrs["stride"])
        case "avg_pool":
            return functional.avg_pool2d(x, attrs["kernel"], attrs["stride"])
        case "mean":
            return x.mean((2, 3))
        case "softmax":
            return torch.softmax(x, -1)
        case "concat":
            return torch.cat(inputs, 1)
        case "slice":
            return x.narrow(attrs["axis"] + 1, attrs["first"], attrs["last"] - attrs["first"])
        case "pad":
            (top, bottom), (left, right) = attrs["pads"]
            return functional.pad(x, (left, right, top, bottom))
        case "flatten":
            return x.flatten(1)
        case "transpose":
            return x.transpose(1, 2)
        case "tokens":
            return x.flatten(2).transpose(1, 2)
        case "resize":
            return functional.interpolate(x, scale_factor=2.0, mode="nearest")
    raise ValueError(f"no layer is called {layer.op}")
