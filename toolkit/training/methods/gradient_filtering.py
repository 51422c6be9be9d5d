"""Gradient filtering: gradients of a convolution from patches of its output and of its input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx
from torch.autograd import Function

from quantize.method import Method, between
from toolkit.errors import ToolkitError
from toolkit.training.methods import Layers

if TYPE_CHECKING:
    from toolkit.training.forward import Forward

METHOD = Method(
    slug="gradient-filtering",
    title="Convolutions' gradients from patches",
    paper="Efficient On-device Training via Gradient Filtering, Yang et al. 2023, arXiv 2301.00330",
    kind="device",
    cost="gradients that see nothing smaller than a patch; all taps of a kernel move alike",
)
_aten = torch.ops.aten


@dataclass(frozen=True)
class Options:
    """``patch`` is a patch's side, in pixels of a convolution's output."""

    patch: int = between(2, 64, 2)


@dataclass(frozen=True)
class _Convolution:
    """A 2-d convolution whose patches are squares of ``patch`` pixels, and begin at ``first`` (y, x) of the input."""

    stride: int
    padding: tuple[int, int]
    groups: int
    patch: int
    first: tuple[int, int]

    def run(self, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        one: Tensor = _aten.conv2d.default(
            x, weight, bias, [self.stride, self.stride], list(self.padding), [1, 1], self.groups
        )
        return one

    def kept(self, x: Tensor, size: torch.Size) -> Tensor:
        """Return the means of the input's patches, of an output of ``size`` (height, width)."""
        for axis, first, pixels in zip((2, 3), self.first, size, strict=True):
            x = x.narrow(axis, first, min(pixels * self.stride, x.shape[axis] - first))
        side = self.patch * self.stride
        return torch.nn.functional.avg_pool2d(x, side, ceil_mode=True)

    def gradients(self, gradient: Tensor, means: Tensor, weight: Tensor, wanted: list[bool]) -> list[Any]:
        """Return the gradients by the input's patches and by the weight, ``wanted`` or None.

        Within a patch the output's gradient is its mean, and the input too: a kernel is the sum of its taps then.
        """
        sums = torch.nn.functional.avg_pool2d(gradient, self.patch, ceil_mode=True, divisor_override=1)
        taps = weight.sum((2, 3), keepdim=True)
        by_patch, by_taps, _ = _aten.convolution_backward.default(
            sums, means, taps, None, [1, 1], [0, 0], [1, 1], False, [0, 0], self.groups, [*wanted, False]
        )
        return [by_patch, None if by_taps is None else by_taps.expand(weight.shape)]

    def spread(self, by_patch: Tensor, size: torch.Size, given: torch.Size) -> Tensor:
        """Return the gradient by an input of ``given`` height and width; a patch's is the same everywhere in it."""
        side = self.patch * self.stride
        _, channels, high, wide = by_patch.shape
        values = (by_patch * (1.0 / side**2)).reshape(channels, high, 1, wide, 1)
        image = values.repeat(1, 1, side, 1, side).reshape(1, channels, high * side, wide * side)
        margins: list[int] = []
        for axis, first, pixels, whole in zip((2, 3), self.first, size, given, strict=True):
            seen = min(pixels * self.stride, whole - first)
            image = image.narrow(axis, 0, seen)
            margins = [first, whole - first - seen, *margins]
        return torch.nn.functional.pad(image, margins) if any(margins) else image


class _Filtered(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, conv: _Convolution) -> Tensor:
        y = conv.run(x, weight, bias)
        ctx.save_for_backward(conv.kept(x, y.shape[2:]), weight)
        ctx.conv, ctx.size, ctx.given = conv, y.shape[2:], x.shape[2:]
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,) = gradients
        means, weight = ctx.saved_tensors
        wanted = list(ctx.needs_input_grad)
        by_patch, by_weight = ctx.conv.gradients(gradient, means, weight, wanted[:2])
        by_x = None if by_patch is None else ctx.conv.spread(by_patch, ctx.size, ctx.given)
        return by_x, by_weight, gradient.sum((0, 2, 3)) if wanted[2] else None, None


class Filtered(Layers):
    """See ``toolkit.training.methods.Layers``."""

    def __init__(self, patch: int) -> None:
        self.patch = patch
        super().__init__()

    def run(self, node: fx.Node, arguments: tuple[Any, ...], states: dict[str, Tensor]) -> Tensor | None:
        """See ``toolkit.training.methods.Layers``."""
        conv = _fitting(node, self.patch)
        if conv is None:
            return None
        x, weight, *bias = arguments[:3]
        return _Filtered.apply(x, weight, bias[0] if bias else None, conv)  # type: ignore[no-any-return, no-untyped-call]


def make(forward: Forward, chosen: list[str], options: Options, seed: int) -> Filtered:
    """See ``toolkit.training.methods.DeviceMethod``."""
    if not any(_fitting(node, options.patch) for node in forward.layers):
        raise ToolkitError(
            f"no convolution gives an image of at least {options.patch} x {options.patch} pixels",
            at=METHOD.slug,
            fix="choose smaller patches, or train without this method",
        )
    return Filtered(options.patch)


def _fitting(node: fx.Node, patch: int) -> _Convolution | None:
    """Return the convolution that ``node`` is, if its output has room for patches."""
    if node.target is not _aten.conv2d.default or min(node.meta["val"].shape[2:]) < patch:
        return None
    given: Any = [*node.args[3:], *([None] * (7 - len(node.args)))]
    stride, padding, dilation = (_pair(a, d) for a, d in zip(given, (1, 0, 1), strict=False))
    kernel = node.args[1].meta["val"].shape[2:]  # type: ignore[union-attr]
    first = [(side - 1) // 2 - pad for side, pad in zip(kernel, padding, strict=True)]
    if stride[0] != stride[1] or dilation != (1, 1) or min(first) < 0:
        return None
    return _Convolution(stride[0], padding, given[3] or 1, patch, (first[0], first[1]))


def _pair(given: Any, default: int) -> tuple[int, int]:
    values = [default] if not given else list(given) if isinstance(given, list | tuple) else [given]
    return (int(values[0]), int(values[-1]))
