"""What convolutions share: window geometry, im2col, and how far an output may overlap its input."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from toolkit.lower.ir import Step, Value
from toolkit.ops.base import Reader


@dataclass(frozen=True)
class Window:
    """A sliding window over an NHWC activation. Pads are (before, after)."""

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    kernel_h: int
    kernel_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_top: int
    pad_left: int

    @property
    def pointwise(self) -> bool:
        """True when every output pixel reads exactly one input pixel, in order."""
        return (self.kernel_h, self.kernel_w, self.stride_h, self.stride_w) == (1, 1, 1, 1) and not (
            self.pad_top or self.pad_left or (self.in_h, self.in_w) != (self.out_h, self.out_w)
        )

    @property
    def inside(self) -> bool:
        """True when no output pixel reads outside the input."""
        need_h = (self.out_h - 1) * self.stride_h + (self.kernel_h - 1) * self.dilation_h
        need_w = (self.out_w - 1) * self.stride_w + (self.kernel_w - 1) * self.dilation_w
        return not (self.pad_top or self.pad_left) and need_h < self.in_h and need_w < self.in_w

    def initialiser(self) -> str:
        """Return the C initialiser of a ``tk_window``."""
        return (
            f"{{{self.in_h}, {self.in_w}, {self.in_c}, {self.out_h}, {self.out_w}, {self.out_c}, "
            f"{self.kernel_h}, {self.kernel_w}, {self.stride_h}, {self.stride_w}, "
            f"{self.dilation_h}, {self.dilation_w}, {self.pad_top}, {self.pad_left}}}"
        )


def window_of(step: Step) -> Window:
    """Return the geometry of a convolution step in device layout: weights (O, KH, KW, I) or (KH, KW, C)."""
    weight = step.inputs[1].shape
    kernel = weight[:2] if len(weight) == 3 else weight[1:3]
    return convolution_window(step.inputs[0].shape, step.output.shape, kernel, step.attrs)


def convolution_window(
    x: tuple[int, ...], y: tuple[int, ...], kernel: tuple[int, ...], attrs: dict[str, Any]
) -> Window:
    """Return the geometry of a convolution from an input to an output of these shapes (1, H, W, C)."""
    _, in_h, in_w, in_c = x
    _, out_h, out_w, out_c = y
    kernel_h, kernel_w = kernel
    (top, _), (left, _) = attrs["pads"]
    stride_h, stride_w = attrs["stride"]
    dilation_h, dilation_w = attrs["dilation"]
    sizes = (in_h, in_w, in_c, out_h, out_w, out_c, kernel_h, kernel_w)
    return Window(*sizes, stride_h, stride_w, dilation_h, dilation_w, top, left)


def read_convolution(node: Any, reader: Reader) -> tuple[list[Any], dict[str, Any], int]:
    """Return values, attributes and groups of any ``aten`` convolution node over one axis or two.

    A constant weight over one axis gets a height of 1; see ``lower.layout.as_images`` for what is known at run time.
    """
    names: tuple[str, ...] = ("input", "weight", "bias", "stride", "padding", "dilation")
    if "convolution" in str(node.target):
        names += ("transposed", "output_padding")
    elif "transpose" in str(node.target):
        names = (*names[:5], "output_padding", "groups", "dilation")
    args = {**dict(zip((*names, "groups"), node.args, strict=False)), **node.kwargs}
    values = [reader.value(args[name]) for name in names[:3] if args.get(name) is not None]
    axes = len(values[1].shape) - 2
    if axes not in (1, 2) or len(values[0].shape) != axes + 2:
        raise reader.unsupported(f"{axes}-d convolution of {len(values[0].shape)} axes")
    if values[0].shape[0] != 1:
        raise reader.unsupported("a batch size other than 1: export with one sample")
    values[1] = with_height(values[1])
    dilation, padding = per_axis(args.get("dilation", 1), axes, 1), args.get("padding", 0)
    if padding == "same":
        extents = [d * (k - 1) for k, d in zip(values[1].shape[2:], dilation, strict=True)]
        pads = tuple((e // 2, e - e // 2) for e in extents)
    else:
        pads = tuple((p, p) for p in per_axis(0 if padding == "valid" else padding, axes, 0))
    attrs = {"stride": per_axis(args.get("stride", 1), axes, 1), "dilation": dilation, "pads": pads}
    return values, attrs, int(args.get("groups", 1))


def per_axis(value: Any, axes: int, other: int) -> tuple[int, int]:
    """Return (height, width) of an argument that is one number or one per axis; ``other`` is a lacking height's."""
    items = [int(v) for v in value] if isinstance(value, (list, tuple)) else [int(value)]
    return (items[0] if axes == 2 else other, items[-1])


def with_height(weight: Value) -> Value:
    """Return a constant weight over one axis as one over two; see ``read_convolution``."""
    if len(weight.shape) == 4 or weight.data is None:
        return weight
    shape = (*weight.shape[:2], 1, weight.shape[2])
    return replace(weight, shape=shape, data=weight.data.reshape(shape))


def patches(x: np.ndarray, w: Window, fill: float) -> np.ndarray:
    """Return (out_h, out_w, kernel_h, kernel_w, channels) windows of one (1, H, W, C) sample, padded with ``fill``."""
    need_h = (w.out_h - 1) * w.stride_h + (w.kernel_h - 1) * w.dilation_h + 1
    need_w = (w.out_w - 1) * w.stride_w + (w.kernel_w - 1) * w.dilation_w + 1
    padded = np.full((need_h, need_w, w.in_c), fill, x.dtype)
    rows, columns = min(w.in_h, need_h - w.pad_top), min(w.in_w, need_w - w.pad_left)
    padded[w.pad_top : w.pad_top + rows, w.pad_left : w.pad_left + columns] = x[0, :rows, :columns]
    h = np.arange(w.out_h)[:, None] * w.stride_h + np.arange(w.kernel_h) * w.dilation_h
    v = np.arange(w.out_w)[:, None] * w.stride_w + np.arange(w.kernel_w) * w.dilation_w
    return padded[h[:, None, :, None], v[None, :, None, :]]


def widened_pair_bytes(w: Window, unit: int) -> int:
    """Scratch bytes of two pixels' windows widened to 16 bits, with their bytes where channels come odd.

    ``unit``: the depth is rounded up to it.
    """
    padded = -(-w.kernel_h * w.kernel_w * w.in_c // unit) * unit
    return 4 * padded + (padded if w.in_c % 4 else 0)


def overlap_bytes(w: Window, itemsize_in: int, itemsize_out: int, unit: int = 2) -> int:
    """Return how far below its input the output must start so that no write reaches what is still to be read.

    Kernels make output pixels in order, up to ``unit`` at a time, and may mix reads and writes within a unit. Writing
    up to byte ``e`` of the output is safe when every byte that this unit or a later one reads lies at or above it
    (diagonal memory optimisation, Blacker et al. 2020). Exact, by looking at every pixel.
    """
    y, x = np.divmod(np.arange(w.out_h * w.out_w), w.out_w)
    top = np.clip(y * w.stride_h - w.pad_top, 0, w.in_h - 1)
    left = np.clip(x * w.stride_w - w.pad_left, 0, w.in_w - 1)
    first = (top * w.in_w + left) * w.in_c * itemsize_in
    written = (np.arange(len(first)) + 1) * w.out_c * itemsize_out
    return bytes_below(first, written, unit)


def bytes_below(first: np.ndarray, written: np.ndarray, unit: int) -> int:
    """Return how far below its input an output must start: see ``overlap_bytes``.

    For each of its pixels ``first`` is the first byte that is read for it, ``written`` how many are written after it.
    """
    still_needed = np.minimum.accumulate(first[::-1])[::-1]  # by this pixel or a later one
    pixels = np.arange(len(first))
    unit_start = pixels // unit * unit  # conservative: pairs may also start at any row
    needed = np.minimum(still_needed[unit_start], still_needed[np.maximum(pixels - unit + 1, 0)])
    return int(max(0, (written - needed).max()))
