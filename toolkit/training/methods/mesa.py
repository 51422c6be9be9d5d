"""Mesa: what layers keep for their gradients is kept in 8 bits; answers stay exact."""

from __future__ import annotations

from dataclasses import dataclass
from math import log
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import torch
from torch import Tensor, fx
from torch.autograd import Function
from torch.autograd.graph import saved_tensors_hooks

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.program import noise
from toolkit.training.gradients import leaves
from toolkit.training.methods import Layers

if TYPE_CHECKING:
    from toolkit.training.forward import Forward

METHOD = Method(
    slug="mesa",
    title="What is kept for gradients, in 8 bits",
    paper="Mesa: A Memory-saving Training Framework for Transformers, Pan et al. 2021, arXiv 2111.11124",
    kind="device",
    cost="gradients from rounded activations; a few instructions for each value kept",
)
LEAST = 64  # values of a tensor that is worth rounding: smaller ones would not pay for their ranges
_aten = torch.ops.aten
_integers = torch.ops.quantized_decomposed
_COUNTS = "mesa.draw", "mesa.steps"
_SPAN = 255.0
_TINY = 1e-20  # keeps the span of equal values from being 0
_MAX_POOL = _aten.max_pool2d.default
# what moves values or sums them keeps none of them
_MOVES = {_aten.reshape.default, _aten.permute.default, _aten.transpose.int, _aten.flatten.using_ints}
_LEFT = {_aten.avg_pool2d.default, _aten.adaptive_avg_pool2d.default}


@dataclass(frozen=True)
class Options:
    """``groups``: into how many groups channels, or heads, fall at most, each with a range of its own.

    ``ranges``: "own", from the smallest to the largest value there is, or "running", the mean of those of the samples
    so far, whose weights fall by ``decay`` with each sample. ``stochastic``: round up as often as the fraction says.
    """

    groups: int = between(1, 1024, 8)
    ranges: Literal["own", "running"] = "own"
    decay: float = between(0.0, 0.9999, 0.9)
    stochastic: bool = False


class _Kept(NamedTuple):
    """Integers of a tensor: it is about ``(codes + 128) * step + low``; what has a range of its own along an axis."""

    codes: Tensor
    low: Tensor
    step: Tensor

    def restored(self) -> Tensor:
        whole: Tensor = _integers.dequantize_per_tensor(self.codes, 1.0, -128, -128, 127, torch.int8)
        return whole * self.step + self.low


class Mesa(Layers):
    """See ``toolkit.training.methods.Layers``."""

    def __init__(self, forward: Forward, options: Options, seed: int) -> None:
        self.forward, self.options, self.seed = forward, options, seed
        self.groups: dict[str, int] = {}  # of what is kept, by the name of the node that makes it
        super().__init__()
        self._new: dict[str, Tensor] = {}

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        """See ``toolkit.training.methods.Layers``."""
        if node.target in _LEFT or not isinstance(node.target, torch._ops.OpOverload):
            return None
        sources = self._sources(node, arguments)

        def pack(tensor: Tensor) -> Any:
            source = sources.get(tensor.data_ptr(), node)
            of_rows = tensor.dim() < 4 and tensor.shape[-1:] == (1,)  # statistics of norms
            worth = tensor.is_floating_point() and tensor.numel() >= LEAST and not of_rows
            return tensor if source is None or not worth else self._kept(tensor, source, states)

        with saved_tensors_hooks(pack, lambda kept: kept.restored() if isinstance(kept, _Kept) else kept):
            if node.target is _MAX_POOL:
                return _MaxPool.apply(arguments[0], arguments[1:])  # type: ignore[no-any-return, no-untyped-call]
            return node.target(*arguments, **node.kwargs)  # type: ignore[no-any-return]

    def renew(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """See ``toolkit.training.methods.Layers``."""
        counts = {name: states[name] + 1 for name in _COUNTS if name in self.states}
        return {**self._new, **counts}

    def _sources(self, node: fx.Node, arguments: tuple[Any, ...]) -> dict[int, fx.Node | None]:
        """Return the nodes that make the arguments, by their memory; None where they need no rounding.

        Weights are kept anyway, and what is made of integers is kept in 8 bits without this method.
        """
        sources: dict[int, fx.Node | None] = {}
        for place, (arg, value) in enumerate(zip(node.args, arguments, strict=True)):
            if isinstance(arg, fx.Node) and isinstance(value, Tensor):
                constant = arg.op == "get_attr" or (place > 0 and node in self.forward.layers)
                sources[value.data_ptr()] = None if constant or _of_integers(arg) else arg
        return sources

    def _kept(self, x: Tensor, source: fx.Node, states: dict[str, Tensor]) -> _Kept:
        x, name = x.detach(), source.name
        axis = {2: 1, 3: 0 if x.shape[0] > 1 else 2, 4: 1}.get(x.dim(), x.dim() - 1)
        channels = x.shape[axis]
        groups = max(n for n in range(1, self.options.groups + 1) if channels % n == 0)
        self.groups[name] = groups
        others = [other for other in range(x.dim()) if other != axis]
        low, high = (reduce(reduce(x, others).reshape(groups, -1), 1) for reduce in (torch.amin, torch.amax))
        low, high = self._mean(f"mesa.low.{name}", low, states), self._mean(f"mesa.high.{name}", high, states)
        span = high - low + _TINY
        shape = [channels if other == axis else 1 for other in range(x.dim())]

        def for_each_channel(values: Tensor) -> Tensor:
            return values.reshape(groups, 1).repeat(1, channels // groups).reshape(shape)

        low, step = for_each_channel(low), for_each_channel(span * (1.0 / _SPAN))
        places = (x - low) * for_each_channel(_SPAN / span)
        if self.options.stochastic and _COUNTS[0] in states:
            stream = list(self.groups).index(name)
            codes = noise.stochastic_round(places - 128.0, states[_COUNTS[0]], self.seed, stream, -128, 127)
        else:
            codes = _integers.quantize_per_tensor(places, 1.0, -128, -128, 127, torch.int8)
        return _Kept(codes, low, step)

    def _mean(self, name: str, now: Tensor, states: dict[str, Tensor]) -> Tensor:
        """Return the running mean, as if it had begun with the first sample, or ``now`` where there is none."""
        if self.options.ranges == "own" or name not in states:
            return now
        decay = self.options.decay
        self._new[name] = states[name] * decay + now * (1.0 - decay)
        return self._new[name] / (1.0 - torch.exp((states[_COUNTS[1]] + 1.0) * log(max(decay, 1e-30))))


class _MaxPool(Function):
    """Looks for the maxima in what is kept of the input, as devices keep no indices."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, window: tuple[Any, ...]) -> Tensor:
        ctx.save_for_backward(x)
        ctx.window = window
        y: Tensor = _MAX_POOL(x, *window)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (x,) = ctx.saved_tensors
        kernel, *rest = ctx.window
        window = [kernel, *rest, *([], 0, 1, False)[len(rest) :]]
        _, places = _aten.max_pool2d_with_indices.default(x, *window)
        by_x = _aten.max_pool2d_with_indices_backward.default(gradients[0], x, *window, places)
        return by_x, None


def make(forward: Forward, chosen: list[str], options: Options, seed: int) -> Mesa:
    """See ``toolkit.training.methods.DeviceMethod``."""
    layers = Mesa(forward, options, seed)
    forward.method, before = layers, forward.method
    forward.run(forward.sample, leaves(forward.weights, chosen))
    forward.method = before
    if not layers.groups:
        raise ToolkitError(
            "no layer keeps real numbers for its gradient that 8 bits could stand for",
            at=METHOD.slug,
            fix="train without this method: integers are kept as they are",
        )
    if options.ranges == "running":
        layers.states = {
            f"mesa.{end}.{name}": torch.zeros(groups)
            for name, groups in layers.groups.items()
            for end in ("low", "high")
        }
        layers.states[_COUNTS[1]] = torch.zeros(1)
    if options.stochastic:
        layers.states[_COUNTS[0]] = torch.zeros(1, dtype=torch.int32)
    return layers


def _of_integers(node: fx.Node) -> bool:
    """True for a value that was dequantized, and moved since."""
    while node.target in _MOVES:
        node = node.args[0]  # type: ignore[assignment]
    return str(node.target).startswith("quantized_decomposed.dequantize")
