"""Training in half precision: activations, gradients and weights stored in 16 bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, fx
from torch.autograd import Function

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.training.methods import Layers

if TYPE_CHECKING:
    from toolkit.training.forward import Forward
    from toolkit.training.rules import Outputs, Step

METHOD = Method(
    slug="fp16-odl",
    title="Training steps in half precision",
    paper="Reduced Precision Floating-Point Optimization for Deep Neural Network On-Device Learning on "
    "MicroControllers, Nadalini et al. 2023, arXiv 2305.19167",
    kind="device",
    cost="numbers of 11 significant bits; instructions for conversions on cores that compute in float32",
)
_aten = torch.ops.aten
_DEQUANTIZE = torch.ops.quantized_decomposed.dequantize_per_tensor.default
_CONVOLUTIONS = {_aten.conv1d.default: 1, _aten.conv2d.default: 2}  # and their axes


@dataclass(frozen=True)
class Options:
    """``weights`` is what weights that learn are kept as; biases are always float32."""

    weights: Literal["float16", "float32"] = "float16"


@dataclass(frozen=True)
class _Layer:
    """A layer with weights: how it runs, and its gradients by input, weight and bias, those ``wanted`` or None.

    ``integers``: it runs in int8, and only its gradients are halves.
    """

    run: Callable[[Tensor, Tensor, Tensor | None], Tensor]
    gradients: Callable[[Tensor, Tensor, Tensor, list[bool]], list[Any]]
    integers: bool


class _Half(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, layer: _Layer) -> Tensor:
        ctx.layer = layer
        if layer.integers:  # kept as int8: halves of them are made when they are read
            ctx.save_for_backward(x, weight)
            return layer.run(x, weight, bias)
        half, own = x.half(), weight.half()
        ctx.save_for_backward(half, own)
        return _rounded(layer.run(half.float(), own.float(), bias))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        x, weight = (saved.half().float() for saved in ctx.saved_tensors)
        by_x, by_weight, by_bias = ctx.layer.gradients(
            _rounded(gradients[0]), x, weight, list(ctx.needs_input_grad[:3])
        )
        return None if by_x is None else _rounded(by_x), by_weight, by_bias, None


class Halves(Layers):
    """See ``toolkit.training.methods.Layers``."""

    def __init__(self, weights: list[str]) -> None:
        self.weights = weights
        super().__init__()

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        """See ``toolkit.training.methods.Layers``."""
        layer = _fitting(node)
        if layer is None:
            return None
        x, weight, *bias = arguments[:3]
        return _Half.apply(x, weight, bias[0] if bias else None, layer)  # type: ignore[no-any-return, no-untyped-call]


class _Stored:
    """A rule's step whose ``weights`` are kept as halves; see ``toolkit.training.rules.Step``."""

    def __init__(self, step: Step, weights: list[str]) -> None:
        self.step, self.weights = step, weights
        self.states = {**step.states, **{name: step.states[name].half() for name in weights}}

    def learn(self, states: dict[str, Tensor], sample: Tensor, target: Tensor, rate: Tensor) -> Outputs:
        """See ``toolkit.training.rules.Step``."""
        reals = {name: states[name].float() for name in self.weights}
        logits, error, new = self.step.learn({**states, **reals}, sample, target, rate)
        return logits, error, {**new, **{name: new[name].half() for name in self.weights if name in new}}


def make(forward: Forward, chosen: list[str], options: Options, seed: int) -> Halves:
    """See ``toolkit.training.methods.DeviceMethod``."""
    if not any(_fitting(node) for node in forward.layers):
        raise ToolkitError(
            "the model has neither linear layers nor convolutions that are not transposed",
            at=METHOD.slug,
            fix="train without this method",
        )
    kept = [name for name in chosen if forward.weights[name].dim() > 1 and options.weights == "float16"]
    return Halves(kept)


def stored(step: Step, layers: Halves) -> Step:
    """See ``toolkit.training.methods.DeviceMethod``."""
    return _Stored(step, [name for name in layers.weights if name in step.states])


def _rounded(value: Tensor) -> Tensor:
    return value.half().float()


def _fitting(node: fx.Node) -> _Layer | None:
    """Return the layer that ``node`` is, if its gradients can be taken in half precision."""
    source: Any = node.args[0] if node.args else None
    integers = isinstance(source, fx.Node) and source.target is _DEQUANTIZE
    if node.target is _aten.linear.default:
        return _Layer(_aten.linear.default, _linear_gradients, integers)
    axes = _CONVOLUTIONS.get(node.target)  # type: ignore[call-overload]
    if axes is None:
        return None
    given: Any = [*node.args[3:], *([None] * (7 - len(node.args)))]
    stride, padding, dilation = (_per_axis(a, d, axes) for a, d in zip(given, (1, 0, 1), strict=False))
    groups = given[3] or 1

    def run(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        return node.target(x, weight, bias, stride, padding, dilation, groups)  # type: ignore[operator, no-any-return]

    def gradients(gradient: Tensor, x: Tensor, weight: Tensor, wanted: list[bool]) -> list[Any]:
        sizes = [weight.shape[0]] if wanted[2] else None
        found = _aten.convolution_backward.default(
            gradient, x, weight, sizes, stride, padding, dilation, False, [0] * axes, groups, wanted
        )
        return [one if asked else None for one, asked in zip(found, wanted, strict=True)]

    return _Layer(run, gradients, integers)


def _linear_gradients(gradient: Tensor, x: Tensor, weight: Tensor, wanted: list[bool]) -> list[Any]:
    rows, given = gradient.reshape(-1, gradient.shape[-1]), x.reshape(-1, x.shape[-1])
    return [
        rows.mm(weight).reshape(x.shape) if wanted[0] else None,
        rows.t().mm(given) if wanted[1] else None,
        rows.sum(0) if wanted[2] else None,
    ]


def _per_axis(given: Any, default: int, axes: int) -> list[int]:
    values = [default] if not given else list(given) if isinstance(given, list | tuple) else [given]
    return [int(value) for value in values] * (axes if len(values) == 1 else 1)
