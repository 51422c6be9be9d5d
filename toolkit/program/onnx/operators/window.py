"""What convolutions and pools share: the attributes of a sliding window. No operator is here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F

from toolkit.program.onnx.node import Node
from toolkit.program.onnx.refusal import UnsupportedError

_MAX_SIZE = 1 << 16


@dataclass(frozen=True)
class Window:
    """A window over one or two spatial axes; one axis is computed as two, the first of size 1."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    begins: tuple[int, ...]  # padding before each axis
    ends: tuple[int, ...]
    one_axis: bool

    @property
    def symmetric(self) -> bool:
        """True when as much is padded before as after."""
        return self.begins == self.ends

    def padded(self, x: torch.Tensor, value: float = 0.0) -> torch.Tensor:
        """Pad the spatial axes."""
        pads = [p for pair in reversed(list(zip(self.begins, self.ends, strict=True))) for p in pair]
        return F.pad(x, pads, value=value) if any(pads) else x

    def repeated(self, x: torch.Tensor) -> torch.Tensor:
        """Pad the spatial axes with their first and last elements."""
        for axis, before, after in zip((2, 3), self.begins, self.ends, strict=True):
            first, last = x.narrow(axis, 0, 1), x.narrow(axis, x.shape[axis] - 1, 1)
            whole = x.narrow(axis, 0, x.shape[axis])  # so that all parts are alike: they share one scale
            x = torch.cat([first] * before + [whole] + [last] * after, axis) if before or after else x
        return x

    def enter(self, x: torch.Tensor) -> torch.Tensor:
        """Return ``x`` with two spatial axes."""
        return x.unsqueeze(2) if self.one_axis else x

    def leave(self, y: torch.Tensor) -> torch.Tensor:
        """Return ``y`` with as many spatial axes as the file has."""
        return y.squeeze(2) if self.one_axis else y


def window(node: Node, kernel: tuple[int, ...]) -> Window:
    """Read a window's attributes.

    Raises:
        UnsupportedError: other than one or two spatial axes, sizes that are no sizes, an unknown ``auto_pad``.
    """
    axes = len(kernel)
    if axes not in (1, 2) or len(node.x.shape) != axes + 2:
        raise UnsupportedError(f"{len(node.x.shape) - 2} spatial axes, of which 1 and 2 are supported")
    strides = _sizes(node, "strides", axes)
    dilations = _sizes(node, "dilations", axes)
    if min((*kernel, *strides, *dilations)) < 1:
        raise UnsupportedError("a kernel, stride or dilation below 1")
    begins, ends = _pads(node, kernel, strides, dilations)
    if max((*kernel, *strides, *dilations, *begins, *ends)) > _MAX_SIZE:
        raise UnsupportedError(f"a kernel, stride, dilation or padding above {_MAX_SIZE}")
    if axes == 1:
        kernel, strides, dilations = (1, *kernel), (1, *strides), (1, *dilations)
        begins, ends = (0, *begins), (0, *ends)
    return Window(kernel, strides, dilations, begins, ends, axes == 1)


def _sizes(node: Node, name: str, axes: int) -> tuple[int, ...]:
    sizes = node.numbers(name) or [1] * axes
    if len(sizes) != axes:
        raise UnsupportedError(f"{len(sizes)} {name} for {axes} spatial axes")
    return tuple(sizes)


def _pads(node: Node, kernel: Any, strides: Any, dilations: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    axes, auto = len(kernel), node.text("auto_pad", "NOTSET")
    if auto == "NOTSET":
        pads = node.numbers("pads") or [0] * (2 * axes)
        if len(pads) != 2 * axes or min(pads) < 0:
            raise UnsupportedError(f"pads {pads} for {axes} spatial axes")
        return tuple(pads[:axes]), tuple(pads[axes:])
    if auto == "VALID":
        return (0,) * axes, (0,) * axes
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise UnsupportedError(f"auto_pad {auto}")
    begins, ends = [], []
    for size, k, s, d in zip(node.x.shape[2:], kernel, strides, dilations, strict=True):
        total = max((-(-size // s) - 1) * s + (k - 1) * d + 1 - size, 0)
        less, more = total // 2, total - total // 2
        begins.append(less if auto == "SAME_UPPER" else more)
        ends.append(more if auto == "SAME_UPPER" else less)
    return tuple(begins), tuple(ends)


RULES: dict[str, Any] = {}
