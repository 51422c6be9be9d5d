"""Low-memory backpropagation: derivatives in 2 bits; a norm and the layers behind it share what they keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx
from torch.autograd import Function

from quantize.method import Method
from toolkit.errors import ToolkitError
from toolkit.program.levels import level_codes, level_gradient
from toolkit.training.methods import Layers

if TYPE_CHECKING:
    from toolkit.training.forward import Forward

METHOD = Method(
    slug="lowmem-bp",
    title="Derivatives in 2 bits, norms that share",
    paper="Reducing Fine-Tuning Memory Overhead by Approximate and Memory-Sharing Backpropagation, Yang et al. 2024, "
    "arXiv 2406.16282",
    kind="device",
    cost="gradients through activations are approximate; layers behind a norm hold its factors in their weights",
)
_aten = torch.ops.aten
# ``(edge, excess)``: the derivative is 0, -excess, 1 + excess, 1, and changes at -edge, 0 and edge. Its integral is the
# least-squares fit of the function on the real line (as section 4.2 of the paper has it, fitted anew here).
FITS = {
    ("gelu", "none"): (3.171322, 0.049575),
    ("gelu", "tanh"): (3.162860, 0.049787),
    ("silu", "none"): (6.319857, 0.040525),
    ("hardswish", "none"): (4.5, 0.0740741),
}
_NORMS = {_aten.layer_norm.default, _aten.rms_norm.default}


@dataclass(frozen=True)
class Options:
    """``activations``: keep derivatives of GELU, SiLU and hardswish in 2 bits. ``norms``: let norms share."""

    activations: bool = True
    norms: bool = True


class _Leveled(Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, function: Callable[[Tensor], Tensor], fit: tuple[float, float]
    ) -> Tensor:
        edge, excess = fit
        ctx.axis = 1 if x.dim() == 4 else x.dim() - 1
        ctx.levels = [0.0, -excess, 1.0 + excess, 1.0]
        ctx.save_for_backward(level_codes(x, [-edge, 0.0, edge], ctx.axis))
        return function(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (codes,) = ctx.saved_tensors
        return level_gradient(gradients[0].contiguous(), codes, ctx.levels, ctx.axis), None, None


class _Normalized(Function):
    """Rows of mean 0 (where ``centred``) and mean square 1; keeps what it gives, and a factor for each row."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, eps: float, centred: bool) -> Tensor:
        if centred:
            x = x - x.mean(-1, keepdim=True)
        factor = torch.rsqrt((x * x).mean(-1, keepdim=True) + eps)
        y = x * factor
        ctx.save_for_backward(y, factor)
        ctx.centred = centred
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        y, factor = ctx.saved_tensors
        along = (gradient * y).mean(-1, keepdim=True)
        if ctx.centred:
            gradient = gradient - gradient.mean(-1, keepdim=True)
        return (gradient - y * along) * factor, None, None


class LowMemory(Layers):
    """See ``toolkit.training.methods.Layers``."""

    def __init__(self, norms: set[fx.Node], activations: bool) -> None:
        self.norms, self.activations = norms, activations
        super().__init__()

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        """See ``toolkit.training.methods.Layers``."""
        if node in self.norms:
            centred = node.target is _aten.layer_norm.default
            return _Normalized.apply(arguments[0], _eps(node), centred)  # type: ignore[no-any-return, no-untyped-call]
        fit = _fit(node) if self.activations else None
        if fit is None:
            return None

        def function(x: Tensor) -> Tensor:
            return node.target(x, *arguments[1:], **node.kwargs)  # type: ignore[operator, no-any-return]

        return _Leveled.apply(arguments[0], function, fit)  # type: ignore[no-any-return, no-untyped-call]


def make(forward: Forward, chosen: list[str], options: Options, seed: int) -> LowMemory:
    """See ``toolkit.training.methods.DeviceMethod``. Norms' factors and offsets go into the layers behind them."""
    nodes = list(forward.graph.graph.nodes)
    norms = {node for node in nodes if options.norms and _shares(forward, node)}
    if not norms and not (options.activations and any(_fit(node) for node in nodes)):
        raise ToolkitError(
            "no GELU, SiLU or hardswish, and no norm of the last axis with linear layers of float weights alone behind",
            at=METHOD.slug,
            fix="train without this method, or let it take both activations and norms",
        )
    for norm in norms:
        _fold(forward, norm)
    forward.graph.graph.eliminate_dead_code()
    used = {str(node.target) for node in forward.graph.graph.find_nodes(op="get_attr")}
    forward.tensors = {name: tensor for name, tensor in forward.tensors.items() if name in used}
    return LowMemory(norms, options.activations)


def _fit(node: fx.Node) -> tuple[float, float] | None:
    """Return the levels of an activation's derivative, or None for what is none."""
    if not isinstance(node.target, torch._ops.OpOverload):
        return None
    return FITS.get((str(node.target).split(".")[1], str(node.kwargs.get("approximate", "none"))))


def _parameters(norm: fx.Node) -> list[Any]:
    """Return weight and bias of a norm, None where it has none."""
    values = [*norm.args[2:4], None, None][:2]
    return [values[0], values[1] if norm.target is _aten.layer_norm.default else None]


def _eps(norm: fx.Node) -> float:
    place = 4 if norm.target is _aten.layer_norm.default else 3
    given: Any = norm.args[place] if len(norm.args) > place else None
    if given is None:
        return 1e-5 if place == 4 else torch.finfo(torch.float32).eps
    return float(given)


def _shares(forward: Forward, node: fx.Node) -> bool:
    """True for a norm of the last axis whose factors and offsets the linear layers behind it can take."""
    if node.target not in _NORMS or node.kwargs or len(node.args[1]) != 1 or not node.users:  # type: ignore[arg-type]
        return False
    return all(_takes(forward, user, node) for user in node.users)


def _takes(forward: Forward, layer: fx.Node, norm: fx.Node) -> bool:
    """True for a linear layer of float weights of its own, and with a bias where the norm has one."""
    if layer.target is not _aten.linear.default or layer not in forward.layers or layer.args[0] is not norm:
        return False
    own: list[Any] = [arg for arg in layer.args[1:3] if arg is not None]
    alone = all(arg.op == "get_attr" and len(_readers(forward, arg)) == 1 for arg in own)
    return alone and (len(own) == 2 or _parameters(norm)[1] is None)


def _readers(forward: Forward, constant: fx.Node) -> list[fx.Node]:
    same = forward.graph.graph.find_nodes(op="get_attr")
    return [user for node in same if node.target == constant.target for user in node.users]


def _fold(forward: Forward, norm: fx.Node) -> None:
    """Put the norm's factors and offsets into the linear layers behind it, in place."""
    factors, offsets = (None if p is None else forward.tensors[str(p.target)] for p in _parameters(norm))
    for layer in norm.users:
        names = [str(arg.target) for arg in layer.args[1:3] if isinstance(arg, fx.Node)]
        if offsets is not None:
            _set(forward, names[1], forward.tensors[names[1]] + forward.tensors[names[0]] @ offsets)
        if factors is not None:
            _set(forward, names[0], forward.tensors[names[0]] * factors)
    norm.args = tuple(
        None if place > 1 and isinstance(arg, fx.Node) else arg for place, arg in enumerate(norm.args)
    )


def _set(forward: Forward, name: str, value: Tensor) -> None:
    forward.tensors[name] = value
    forward.weights[name] = value.clone()
