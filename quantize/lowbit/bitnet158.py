"""When are 1.58 bits enough? A Bottom-up Exploration of BitNet Quantization (arXiv 2411.05882).

Weights are ``scale * {-1, 0, 1}`` with ``codes = clip(round(w / scale), -1, 1)`` and the scale the mean
(BitNet b1.58, arXiv 2402.17764) or the median of ``|w|``; activations are int8 by their largest magnitude.
Float shadow weights take the gradients straight through both roundings.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram
from torch.nn.utils import parametrize

from quantize.method import Flow, Method, MethodError, Training, between
from quantize.parametrized import make_plain
from quantize.straight_through import straight_through
from quantize.ternary import split

METHOD = Method(
    slug="bitnet158",
    title="Ternary weights with int8 activations, trained with shadow weights",
    paper="When are 1.58 bits enough? A Bottom-up Exploration of BitNet Quantization, arXiv 2411.05882",
    kind="lowbit",
    cost="2 bits per weight; training takes about 1.5 times the float time; small nets lose up to a point",
)

_SMALLEST_SCALE = 1e-8  # a layer of zeros must not divide by zero
_SMALLEST_TOKEN = 1e-5  # nor must a row of zeros; the program's operator has the same


@dataclass(frozen=True)
class Options(Training):
    """How a model is made ternary.

    Args:
        scale: statistic of ``|w|`` that becomes the scale.
        per_channel: one scale per output channel; else one per layer.
        activation_bits: width of the activations' fake quantization, at least 2; 0 leaves them float.
        activation_scale: what shares one scale: the whole "tensor", whose range is fixed on the device, or each "token"
            (a row of a linear layer's input), as the papers have it: the device finds each row's scale at run time,
            and all but the linear layers is float32 there.
        embedding: make embedding tables ternary too; they are stored as int8.
        skip: names of layers (``features.0``) whose weights stay float; int8 will do for them later.
        keep_first: leave the first layer's weights float.
        keep_last: leave the last layer's weights float.
    """

    scale: Literal["mean", "median"] = "mean"
    per_channel: bool = False
    activation_bits: int = between(0, 8, 8)
    activation_scale: Literal["tensor", "token"] = "tensor"
    embedding: bool = False
    skip: tuple[str, ...] = ()
    keep_first: bool = False
    keep_last: bool = False


class Ternary(nn.Module):
    """Parametrization: shadow weights in, ``scale * {-1, 0, 1}`` out."""

    def __init__(self, scale: Literal["mean", "median"], per_channel: bool) -> None:
        super().__init__()
        self.statistic = scale
        self.per_channel = per_channel

    def scale(self, weight: Tensor) -> Tensor:
        """Return the scale, shaped to broadcast over ``weight`` (output channels first)."""
        magnitude = weight.detach().abs()
        rows = magnitude.flatten(1) if self.per_channel else magnitude.reshape(1, -1)
        # median() takes the lower middle value of an even count
        scale = rows.mean(1) if self.statistic == "mean" else rows.median(1).values
        return scale.clamp_min(_SMALLEST_SCALE).reshape(-1, *(1,) * (weight.dim() - 1))

    def forward(self, weight: Tensor) -> Tensor:
        """Return the ternary weights; gradients pass straight through."""
        scale = self.scale(weight)
        return straight_through(lambda w: (w / scale).round().clamp(-1, 1) * scale, weight)


class AbsmaxActivation:
    """Forward pre-hook: fake-quantize the layer's inputs, symmetric, by their largest magnitude."""

    def __init__(self, bits: int, per_token: bool) -> None:
        self.largest = 2 ** (bits - 1) - 1
        self.per_token = per_token

    def __call__(self, layer: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        convolution = isinstance(layer, nn.Conv1d | nn.Conv2d)
        return tuple(self._rounded(x, convolution) for x in inputs)

    def _rounded(self, x: Tensor, convolution: bool) -> Tensor:
        magnitude = x.detach().abs()
        if self.per_token:
            axes = tuple(range(1, x.dim())) if convolution else (-1,)
            largest = magnitude.amax(axes, keepdim=True).clamp_min(_SMALLEST_TOKEN)
        else:
            largest = magnitude.amax()
        scale = (largest / self.largest).clamp_min(_SMALLEST_SCALE)
        return straight_through(lambda t: (t / scale).round() * scale, x)


def quantize(model: nn.Module, flow: Flow, options: Options) -> ExportedProgram:
    """Return ``model`` with ternary weights; see ``quantize.method.QuantizeMethod``."""
    trained = copy.deepcopy(model)
    per_token = options.activation_scale == "token" and options.activation_bits > 0
    for name, layer in _layers(trained):
        if per_token and not isinstance(layer, nn.Linear):
            raise MethodError(
                f"a scale for each token is for linear layers, and {name} is {type(layer).__name__}",
                fix='set activation_scale = "tensor"',
            )
    apply(trained, options)
    flow.train(trained, options)
    ternary = bake(trained)
    others = sparsity(trained).keys() - set(ternary)
    scale: Literal["tensor", "token"] = "token" if per_token else "tensor"
    return flow.program(trained, weights="ternary", int8_layers=others, activation_scale=scale)


def apply(model: nn.Module, options: Options | None = None) -> list[str]:
    """Make ``model``'s linear, convolution and attention layers train with ternary weights, in place.

    A layer whose weight does not learn (``requires_grad``) is a constant and stays as it is.

    Returns:
        The names of the layers whose weights are ternary, in the order of ``named_modules``.

    Raises:
        MethodError: a name in ``skip`` is no such layer, or nothing is left to make ternary, or it was done
            before.
    """
    options = options or Options()
    layers = {name: layer for name, layer in _layers(model) if _learns(layer)}
    unknown = [name for name in options.skip if name not in layers]
    if unknown:
        raise MethodError(
            f"no layer with weights is called {unknown[0]!r}",
            fix=f"correct skip; there are {', '.join(layers)}",
        )
    kept = set(options.skip)
    kept |= set(list(layers)[:1] if options.keep_first else [])
    kept |= set(list(layers)[-1:] if options.keep_last else [])
    names = [name for name in layers if name not in kept]
    if not names:
        raise MethodError("no layer is left to make ternary", fix="keep or skip fewer layers")
    if options.activation_bits == 1:
        raise MethodError("activations of one bit would all be zero", fix="use 2 to 8 activation_bits, or 0")
    if any(parametrize.is_parametrized(layer) for layer in layers.values()):
        raise MethodError("the layers are parametrized already", fix="start from a plain model")
    tables = {name: layer for name, layer in model.named_modules() if isinstance(layer, nn.Embedding)}
    if options.embedding:
        names += [name for name in tables if name not in options.skip]
    for name, layer in {**layers, **tables}.items():
        if name in names:
            ternary = Ternary(options.scale, options.per_channel)
            parametrize.register_parametrization(layer, _weight_name(layer), ternary)
    for layer in layers.values():
        if options.activation_bits:
            per_token = options.activation_scale == "token"
            layer.register_forward_pre_hook(AbsmaxActivation(options.activation_bits, per_token))
    return names


def bake(model: nn.Module) -> list[str]:
    """Undo ``apply``, leaving plain layers whose weights are exactly ternary.

    Returns:
        The names of those layers.

    Raises:
        NotTernaryError: a weight is not ternary (NaN, say).
    """
    names = []
    for name, layer in model.named_modules():
        for key, hook in list(layer._forward_pre_hooks.items()):
            if isinstance(hook, AbsmaxActivation):
                del layer._forward_pre_hooks[key]
        if _is_ternary(layer):
            make_plain(layer)
            split(getattr(layer, _weight_name(layer)))
            names.append(name)
    return names


def sparsity(model: nn.Module) -> dict[str, float]:
    """Return each linear, convolution or attention layer's fraction of zeros, in training or after ``bake``."""
    with torch.no_grad():
        return {
            name: (getattr(layer, _weight_name(layer)) == 0).float().mean().item()
            for name, layer in _layers(model)
        }


def _layers(model: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d) or (
            isinstance(module, nn.MultiheadAttention) and module.in_proj_weight is not None
        ):
            yield name, module


def _weight_name(layer: nn.Module) -> str:
    return "in_proj_weight" if isinstance(layer, nn.MultiheadAttention) else "weight"


def _learns(layer: nn.Module) -> bool:
    return parametrize.is_parametrized(layer) or getattr(layer, _weight_name(layer)).requires_grad


def _is_ternary(layer: nn.Module) -> bool:
    steps: Any = getattr(layer, "parametrizations", {})
    return any(isinstance(step[0], Ternary) for step in steps.values())
