"""How weights that learn are kept from step to step: whole or a slice of their channels, in float32 or int8.

The sparse update and the quantization-aware scaling of "On-Device Training Under 256KB Memory", Lin et al. 2022, arXiv
2206.15472.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.autograd import Function

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.program.noise import stochastic_step

if TYPE_CHECKING:
    from toolkit.training.forward import Forward
    from toolkit.training.settings import StepSettings

METHOD = Method(
    slug="tiny-training",
    title="A sparse update that fits: some layers, some of their channels, weights that learn in int8",
    paper="On-Device Training Under 256KB Memory, Lin et al. 2022, arXiv 2206.15472",
    kind="device",
    cost="what stays frozen learns nothing; int8 weights move in whole steps, at random where the change is smaller",
)
INTEGERS = (1.0, 0, -127, 127, torch.int8)  # quantization of a number that is an int8 already
DRAW = "draw"  # the state that counts draws of noise
_integers = torch.ops.quantized_decomposed
_aten = torch.ops.aten


@dataclass(frozen=True)
class Kept:
    """A weight of which a slice learns, or whose state is int8; ``constants`` is what does not learn, by name.

    The first ``count`` channels along ``axis`` learn: of what a layer takes, or whole groups of a grouped convolution.
    """

    name: str
    axis: int
    count: int
    integers: bool  # the state is int8
    first: Tensor  # the state's first content
    constants: dict[str, Tensor] = field(default_factory=dict)

    def whole(self, learnt: Tensor, constants: dict[str, Tensor], rounding: Rounding | None) -> Tensor:
        """Return the layer's weight; its gradient goes to ``learnt``, as far as that learns.

        Args:
            learnt: what learns: reals, or of an int8 state the integers as reals.
            constants: all constants by name.
            rounding: how the layer's integers stand for reals; None for a float layer.
        """
        rest = constants.get(_rest(self.name))
        return _Whole.apply(learnt, rest, self, rounding)  # type: ignore[no-any-return, no-untyped-call]


@dataclass(frozen=True)
class Rounding:
    """How a layer's integers are made and what they stand for; ``parameters`` of both operators after the tensor."""

    quantize: Any
    dequantize: Any
    parameters: list[Any]

    def of_first(self, count: int) -> list[Any]:
        """Return the parameters of the first ``count`` output channels."""
        return [p[:count] if isinstance(p, Tensor) and p.dim() else p for p in self.parameters]


class _Whole(Function):
    @staticmethod
    def forward(
        ctx: Any, learnt: Tensor, rest: Tensor | None, kept: Kept, rounding: Rounding | None
    ) -> Tensor:
        ctx.kept, ctx.sliced = kept, rest is not None
        part = learnt
        if kept.integers:
            part = _integers.quantize_per_tensor.default(learnt, *INTEGERS)
        elif rounding is not None:
            parameters = rounding.of_first(kept.count) if kept.axis == 0 else rounding.parameters
            part = rounding.quantize(learnt, *parameters)
        whole = part if rest is None else torch.cat([part, rest], kept.axis)
        return whole if rounding is None else rounding.dequantize(whole, *rounding.parameters)  # type: ignore[no-any-return]

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        kept: Kept = ctx.kept
        # By an int8 weight it is s times this, which quantization-aware scaling multiplies by s^-2. moved() divides by
        # s instead, after the optimizer, which so sees what it would see in float32.
        return gradient.narrow(kept.axis, 0, kept.count) if ctx.sliced else gradient, None, None, None


def keep(forward: Forward, chosen: list[str], settings: StepSettings) -> dict[str, Kept]:
    """Return how those of the weights ``chosen`` are kept that are not kept whole in float32.

    Raises:
        ToolkitError: a pattern names no layer that learns, a layer cannot be cut, or no weight that learns is int8.
    """
    layers = {name.rpartition(".")[0] for name in chosen}
    for pattern, share in settings.channels.items():
        if not 0.0 < share <= 1.0:
            raise ToolkitError(
                f"a share of {share:g} of the channels of {pattern!r}",
                at="channels",
                fix="give a share above 0, up to 1",
            )
        if not any(fnmatchcase(layer, pattern) for layer in layers):
            raise ToolkitError(
                f"no layer that learns is called {pattern!r}",
                at="channels",
                fix=f"layers that learn are: {', '.join(sorted(layers))}",
            )
    found = {}
    for node in forward.layers:
        name = forward.weight_of(node)
        if name in chosen:
            share = next((s for p, s in settings.channels.items() if fnmatchcase(_layer(name), p)), 1.0)
            kept = _kept(forward, name, share, settings.weights == "int8")
            if kept.integers or kept.constants:
                found[name] = kept
    if settings.weights == "int8" and not any(kept.integers for kept in found.values()):
        raise ToolkitError(
            "no weight that learns is int8, so that none can be kept in it",
            at="weights",
            fix="quantize the model first, choose other layers, or keep weights in float32",
        )
    return found


def moved(
    name: str, states: dict[str, Tensor], rate: Tensor, direction: Tensor, seed: int, stream: int
) -> Tensor:
    """Return the state ``name`` of a weight that moves by ``- rate * direction``, in reals.

    An int8 state is rounded up as often as the fraction says, so that steps of less than a half are not lost on
    average.

    Args:
        name: of the weight.
        states: all states and constants, by name.
        rate: of all weights, (1,).
        direction: of the state's shape.
        seed: of the rounding.
        stream: the state's number among those that draw.
    """
    state = states[name]
    if state.is_floating_point():
        return state - rate * direction
    change = direction * rate * states[inverse_scale(name)]  # each product in the place of the gradient
    return stochastic_step(state, change, states[DRAW], seed, stream, *INTEGERS[2:4])  # type: ignore[no-any-return]


def real(state: Tensor) -> Tensor:
    """Return a state as float32: integers as the numbers that they are."""
    if state.is_floating_point():
        return state
    return _integers.dequantize_per_tensor.default(state, *INTEGERS)  # type: ignore[no-any-return]


def _kept(forward: Forward, name: str, share: float, as_integers: bool) -> Kept:
    rounding = forward.rounding(name)
    stored, weight = forward.tensors[name], forward.weights[name]
    integers = as_integers and rounding is not None and stored.dtype == torch.int8
    constants: dict[str, Tensor] = {}
    if integers:
        scale, *_, low, high, _ = (forward.argument(arg) for arg in rounding.args[1:])  # type: ignore[union-attr]
        if (low, high) not in ((-127, 127), (-128, 127)):
            raise ToolkitError(
                f"its weights are integers from {low} to {high}, which are too coarse to learn in",
                at=_layer(name),
                fix="keep weights in float32",
            )
        scale = torch.as_tensor(scale, dtype=torch.float32)
        constants[inverse_scale(name)] = (1.0 / scale).reshape(-1, *(1,) * (weight.dim() - 1))
    part = cut(forward, name, share)
    if part is None:
        raise ToolkitError(
            "channels of a transposed convolution cannot be left out",
            at=_layer(name),
            fix="train the layer whole, or not at all",
        )
    axis, count = part.axis, part.count
    first = stored if integers else weight
    if count < weight.shape[axis]:
        constants[_rest(name)] = stored.narrow(axis, count, weight.shape[axis] - count).contiguous()
        first = first.narrow(axis, 0, count).contiguous()
        inverse = constants.get(inverse_scale(name))
        if inverse is not None and axis == 0 and len(inverse) > 1:
            constants[inverse_scale(name)] = inverse[:count].contiguous()
    return Kept(name, axis, count, integers, first.clone(), constants)


@dataclass(frozen=True)
class Part:
    """The first ``count`` channels along ``axis`` of a weight, ``values`` numbers in all."""

    axis: int
    count: int
    values: int


def cut(forward: Forward, name: str, share: float) -> Part | None:
    """Return the part of a weight that learns with a share of the channels, or None where it cannot be cut.

    Biases learn whole.
    """
    weight = forward.weights[name]
    node = next((node for node in forward.layers if forward.weight_of(node) == name), None)
    if share == 1.0 or node is None:
        return Part(0, weight.shape[0], weight.numel())
    if node.target in (_aten.conv_transpose1d.default, _aten.conv_transpose2d.input):
        return None
    groups = int(node.args[6]) if len(node.args) > 6 else 1  # type: ignore[arg-type]
    axis = 1 if groups == 1 else 0
    per_group = 1 if groups == 1 else weight.shape[0] // groups
    channels = weight.shape[axis] // per_group
    count = max(1, round(share * channels)) * per_group
    return Part(axis, count, weight.numel() // weight.shape[axis] * count)


def _layer(name: str) -> str:
    return name.rpartition(".")[0]


def _rest(name: str) -> str:
    return f"frozen.{name}"


def inverse_scale(name: str) -> str:
    """Return the name of the constant that turns reals of a weight into its integers."""
    return f"inverse_scale.{name}"
