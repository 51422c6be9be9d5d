"""Randomized linear layers: a weight's gradient from a random sketch of the layer's input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx
from torch.autograd import Function

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.program.noise import sketch
from toolkit.training.methods import Layers

if TYPE_CHECKING:
    from toolkit.training.forward import Forward

METHOD = Method(
    slug="randomized-linear",
    title="Linear layers' gradients from a sketch of their input",
    paper="Memory-Efficient Backpropagation through Large Linear Layers, Bershatsky et al. 2022, arXiv 2201.13195",
    kind="device",
    cost="noise on the weights' gradients, the more the fewer rows are kept",
)
DRAW = "sketches"  # the state that counts steps
_aten = torch.ops.aten


@dataclass(frozen=True)
class Options:
    """``share`` of a layer's input rows that its sketch has: a linear layer's tokens, an image's pixels."""

    share: float = between(0.001, 0.9, 0.25)


@dataclass(frozen=True)
class _Sketcher:
    """Makes the sketches of one layer: of its input, and the same of its output's gradient."""

    rows: int
    seed: int
    stream: int
    draw: Tensor

    def __call__(self, x: Tensor) -> Tensor:
        matrix = x if x.dim() == 4 else x.reshape(-1, x.shape[-1])
        return sketch(matrix, self.draw, self.rows, self.seed, self.stream)


class _Linear(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, sketcher: _Sketcher) -> Tensor:
        ctx.save_for_backward(sketcher(x), weight)
        ctx.sketcher = sketcher
        y: Tensor = _aten.linear.default(x, weight, bias)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        kept, weight = ctx.saved_tensors
        by_x, by_weight, by_bias, _ = ctx.needs_input_grad
        rows = gradient.reshape(-1, gradient.shape[-1])
        return (
            (rows @ weight).reshape(*gradient.shape[:-1], -1) if by_x else None,
            ctx.sketcher(gradient).t() @ kept if by_weight else None,
            rows.sum(0) if by_bias else None,
            None,
        )


class _Pointwise(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, groups: int, sketcher: _Sketcher
    ) -> Tensor:
        ctx.save_for_backward(sketcher(x), weight)
        ctx.groups, ctx.sketcher, ctx.shape = groups, sketcher, x.shape
        y: Tensor = _aten.conv2d.default(x, weight, bias, [1, 1], [0, 0], [1, 1], groups)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        kept, weight = ctx.saved_tensors
        by_x, by_weight, by_bias, *_ = ctx.needs_input_grad

        def backward(gradient: Tensor, x: Tensor, index: int) -> Tensor:
            mask = [index == 0, index == 1, False]
            found: Tensor = _aten.convolution_backward.default(
                gradient, x, weight, None, [1, 1], [0, 0], [1, 1], False, [0, 0], ctx.groups, mask
            )[index]
            return found

        return (
            # of the input only the shape matters here
            backward(gradient, gradient.new_zeros(ctx.shape), 0) if by_x else None,
            backward(ctx.sketcher(gradient), kept, 1) if by_weight else None,
            gradient.sum((0, 2, 3)) if by_bias else None,
            None,
            None,
        )


class _Rectified(Function):
    """An activation of which the gradient needs only where it did not clip: a byte for each value."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, activation: Any, bounds: tuple[float, ...]) -> Tensor:
        y: Tensor = activation(x, *bounds)
        if activation is _aten.relu.default:
            inside = y > 0.0
        else:
            low, high = bounds or (-1.0, 1.0)
            inside = torch.logical_and(y > low, y < high)
        ctx.save_for_backward(inside)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (inside,) = ctx.saved_tensors
        return torch.where(inside, gradients[0], 0.0), None, None


class Sketched(Layers):
    """See ``toolkit.training.methods.Layers``."""

    def __init__(self, rows: dict[fx.Node, int], frozen: set[fx.Node], seed: int) -> None:
        super().__init__()
        self.rows, self.seed = rows, seed
        self.keep_nothing = {*rows, *frozen}  # layers that need no input of theirs later
        self.streams = {node: stream for stream, node in enumerate(rows)}
        self.states = {DRAW: torch.zeros(1, dtype=torch.int32)}

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        """See ``toolkit.training.methods.Layers``."""
        if self._kept_for_clipping_alone(node):
            return _Rectified.apply(arguments[0], node.target, arguments[1:])  # type: ignore[no-any-return, no-untyped-call]
        if node not in self.rows:
            return None
        sketcher = _Sketcher(self.rows[node], self.seed, self.streams[node], states[DRAW])
        x, weight, bias = (*arguments, None)[:3]
        if node.target is _aten.linear.default:
            return _Linear.apply(x, weight, bias, sketcher)  # type: ignore[no-any-return, no-untyped-call]
        groups = arguments[6] if len(arguments) > 6 else 1
        return _Pointwise.apply(x, weight, bias, groups, sketcher)  # type: ignore[no-any-return, no-untyped-call]

    def renew(self, states: dict[str, Tensor]) -> dict[str, Tensor]:
        """See ``toolkit.training.methods.Layers``."""
        return {DRAW: states[DRAW] + 1}

    def _kept_for_clipping_alone(self, node: fx.Node) -> bool:
        """True for an activation whose values nothing behind it needs once more."""
        return node.target in (_aten.relu.default, _aten.hardtanh.default) and all(
            user in self.keep_nothing or user.target is _aten.add.Tensor for user in node.users
        )


def make(forward: Forward, chosen: list[str], options: Options, seed: int) -> Sketched:
    """See ``toolkit.training.methods.DeviceMethod``."""
    rows = {
        node: max(round(options.share * count), 1)
        for node in forward.layers
        if forward.weight_of(node) in chosen and (count := _rows(node)) > 1
    }
    if not rows:
        raise ToolkitError(
            "no linear layer or 1 x 1 convolution that learns has more than one row of inputs (token, pixel)",
            at=METHOD.slug,
            fix="choose other layers, or train without this method",
        )
    return Sketched(rows, {node for node in forward.layers if forward.weight_of(node) not in chosen}, seed)


def _rows(node: fx.Node) -> int:
    """Return how many rows a linear layer's or a 1 x 1 convolution's input has; 0 for all other layers."""
    shape = node.meta["val"].shape
    if node.target is _aten.linear.default:
        return int(shape[:-1].numel())
    if node.target is not _aten.conv2d.default:
        return 0
    kernel = node.args[1].meta["val"].shape[2:]  # type: ignore[union-attr]
    stride, padding = (node.args[i] if len(node.args) > i else [default] for i, default in ((3, 1), (4, 0)))
    plain = (set(kernel), set(stride), set(padding)) == ({1}, {1}, {0})  # type: ignore[arg-type]
    return int(shape[2:].numel()) if plain else 0
